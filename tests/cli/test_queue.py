import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from click.testing import Result

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.cli import operating
from pymailcore.cli.installation import open_installation
from pymailcore.runtime.clock import now_ms
from pymailcore.submission.submission import Origin

Run = Callable[..., Result]


def put(config: Path, *recipients: str) -> None:
    async def work() -> None:
        async with open_installation(config) as core:
            envelope = Envelope(
                reverse_path=Address("anna", "example.test"),
                recipients=tuple(Address(*recipient.split("@")) for recipient in recipients),
            )
            await core.delivery.accept(
                envelope, b"Subject: x\r\n\r\nx\r\n", tenant=DEFAULT_TENANT, received_ms=now_ms()
            )

    trio.run(work)


def test_what_waits_is_listed_tried_and_dropped(run: Run, config: Path) -> None:
    put(config, "a@example.net", "b@example.org")
    listed = json.loads(run("queue", "list", "--json").output)
    assert {(entry["sender"], entry["recipient"], entry["state"]) for entry in listed} == {
        ("anna@example.test", "a@example.net", "waiting"),
        ("anna@example.test", "b@example.org", "waiting"),
    }
    assert run("queue", "retry", "--domain", "example.net").output == "1 to be tried now\n"
    assert run("queue", "drop", "--domain", "example.net").output == "1 dropped\n"
    assert run("queue", "drop", listed[0]["id"]).output == "1 dropped\n"
    assert run("queue", "list").output == ""
    assert isinstance(run("queue", "retry", "--all").exception, NotFound)


def test_what_is_held_is_shown_released_and_dropped(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="correct horse battery\n")

    async def send() -> None:
        async with open_installation(config) as core:
            account = await core.directory.accounts.get(Address("anna", "example.test"))
            octets = b"From: <anna@example.test>\r\n\r\nx\r\n"
            for name in ("a", "b", "c"):
                envelope = Envelope(
                    reverse_path=Address("anna", "example.test"), recipients=(Address(name, "example.net"),)
                )
                await core.submission.submit(
                    await core.directory.principal(account.id), envelope, octets,
                    origin=Origin(hello="x", peer="192.0.2.1"),
                )  # fmt: skip

    trio.run(send)
    put(config, "x@example.org")
    run("account", "block-sending", "anna@example.test")

    def states() -> dict[str, str]:
        listed = json.loads(run("queue", "list", "--json").output)
        return {entry["recipient"].partition("@")[0]: entry["state"] for entry in listed}

    assert states() == {"a": "held", "b": "held", "c": "held", "x": "waiting"}
    first = json.loads(run("queue", "list", "--json").output)[0]
    assert run("queue", "release", first["id"]).output == "1 released\n"
    assert list(states().values()).count("held") == 2
    assert isinstance(run("queue", "release", "--account", "nobody@example.test").exception, NotFound)
    run("account", "allow-sending", "anna@example.test")
    assert set(states().values()) == {"waiting"}
    assert run("queue", "drop", "--account", "anna@example.test").output == "3 dropped\n"
    assert states() == {"x": "waiting"}


def test_a_long_list_comes_page_by_page(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "PAGE_ITEMS", 2)
    names = [f"{letter}@example.net" for letter in "abcde"]
    put(config, *names)
    assert [entry["recipient"] for entry in json.loads(run("queue", "list", "--json").output)] == names


def test_what_is_meant_is_said_once(run: Run, config: Path) -> None:
    assert isinstance(run("queue", "drop", "not-an-id").exception, InvalidValue)
    for words in ([], ["--all", "--domain", "example.net"], ["q5", "--account", "a@example.net"]):
        assert run("queue", "drop", *words).exit_code == 2
