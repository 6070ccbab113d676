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


def test_a_long_list_comes_page_by_page(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "PAGE_ITEMS", 2)
    names = [f"{letter}@example.net" for letter in "abcde"]
    put(config, *names)
    assert [entry["recipient"] for entry in json.loads(run("queue", "list", "--json").output)] == names


def test_what_is_meant_is_said_once(run: Run, config: Path) -> None:
    assert isinstance(run("queue", "drop", "not-an-id").exception, InvalidValue)
    for words in ([], ["--all", "--domain", "example.net"], ["q5", "--all"]):
        assert run("queue", "drop", *words).exit_code == 2
