"""Expunged mail comes back from the command line."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.support.directories import address
from tests.support.stores import a_message

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT, EMAIL, EmailId, encode_id
from pymailcore.cli.common import Failure
from pymailcore.cli.installation import open_installation
from pymailcore.cli.installation import run as work_of
from pymailcore.cli.restore_undelete import parse_moment, undelete
from pymailcore.store.types import Target

Run = Callable[..., Result]
NOW_MS = 1_800_000_000_000
ANNA = "anna@example.test"


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-11-20T10:00:00Z", 1_795_168_800_000),
        ("2026-11-20T11:00:00+01:00", 1_795_168_800_000),
        ("2026-11-20 10:00Z", 1_795_168_800_000),
        ("90m", NOW_MS - 90 * 60_000),
        ("3h", NOW_MS - 3 * 3_600_000),
        (" 2d ", NOW_MS - 2 * 86_400_000),
    ],
)
def test_moments(text: str, at_ms: int) -> None:
    assert parse_moment(text, NOW_MS) == at_ms


def test_a_moment_without_a_zone_is_local_time() -> None:
    local = time.localtime(NOW_MS / 1000 - 3600)
    assert parse_moment(time.strftime("%Y-%m-%d %H:%M:%S", local), NOW_MS) == NOW_MS - 3_600_000


@pytest.mark.parametrize(
    "text", ["", "yesterday", "3w", "-3h", "2026-13-01", "9999-01-01", "2030-01-01T00:00:00Z"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(Failure):
        parse_moment(text, NOW_MS)


def restored(config: Path, **how: object) -> list[tuple[object, ...]]:
    """What `undelete` brought back: path, messages, whether the Mailbox was made."""
    arguments: dict[str, object] = {"account": ANNA, "at": None, "mailbox": None, "message": None, **how}

    async def work() -> list[dict[str, object]]:
        async with open_installation(config) as core:
            return await undelete(core, **arguments)  # type: ignore[arg-type]

    return [tuple(row.values()) for row in work_of(work)]


@pytest.fixture
def lost(run: Run, config: Path) -> EmailId:
    """Anna had a message in the Inbox an hour ago, which went half an hour ago."""
    run("account", "add", ANNA)
    now_ms = time.time_ns() // 1_000_000

    async def work() -> EmailId:
        async with open_installation(config) as core:
            account = await core.directory.accounts.get(address(ANNA))
            store = core.store
            store.engine.now_ms = lambda: now_ms - 3_600_000
            filed = await store.deliver(
                await store.prepare(a_message("lost")), [Target(account.id, "inbox")], tenant=DEFAULT_TENANT,
                received_ms=5,
            )  # fmt: skip
            store.engine.now_ms = lambda: now_ms - 1_800_000
            await store.destroy_emails(account.id, [filed[0].email])
            return filed[0].email

    return work_of(work)


@pytest.mark.usefixtures("lost")
def test_a_mailbox_as_of_a_moment(config: Path) -> None:
    for early in ("2h", "10m"):
        assert restored(config, at=early) == []
    assert restored(config, at="45m", dry_run=True) == [("INBOX", 1, False)]
    assert restored(config, at="45m", only_deleted=True, mailbox="inbox") == [("INBOX", 1, False)]
    assert restored(config, at="45m") == []


@pytest.mark.usefixtures("lost")
def test_that_there_is_nothing_is_said(run: Run) -> None:
    assert run("restore", "--account", ANNA, "--at", "10m").output == "there is nothing to restore\n"
    assert run("restore", "--account", ANNA, "--at", "10m", "--json").output == "[]\n"


@pytest.mark.usefixtures("lost")
@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ({}, Failure),
        ({"at": "45m", "mailbox": "none"}, Failure),
        ({"at": "45m", "message": "x"}, Failure),
        ({"at": "45m", "account": "eve"}, Failure),
        ({"at": "45m", "account": "eve@example.test"}, NotFound),
    ],
)
def test_what_is_not_there(config: Path, how: dict[str, str], fault: type[Exception]) -> None:
    with pytest.raises(fault):
        restored(config, **how)


def test_one_message(config: Path, lost: EmailId) -> None:
    message = encode_id(EMAIL, lost)
    with pytest.raises(Failure, match="no Mailbox"):
        restored(config, message=message, mailbox="none")
    assert restored(config, message=message, mailbox="Archive") == [("Archive", 1, False)]
    with pytest.raises(Failure, match="cannot be brought back"):
        restored(config, message=message)


def test_expunged_mail_goes_at_once_when_told(run: Run, config: Path, lost: EmailId) -> None:
    assert run("account", "purge").exit_code == 2
    assert run("account", "purge", ANNA, "--all").exit_code == 2
    assert isinstance(run("account", "purge", "eve@example.test").exception, NotFound)
    assert run("account", "purge", ANNA).output == "let go 1\n"
    assert run("account", "purge", "--all").output == "let go 0\n"
    assert restored(config, at="45m") == []
    with pytest.raises(Failure):
        restored(config, message=encode_id(EMAIL, lost))
