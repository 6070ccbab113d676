"""Sessions on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import trio
from click.testing import Result
from tests.cli.test_account import may_log_in

from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.cli.installation import open_installation
from pymailcore.cli.operating import call, items_of

Run = Callable[..., Result]


def begin(config: Path, count: int) -> list[str]:
    async def work() -> list[str]:
        async with open_installation(config) as core:
            account = await core.directory.accounts.get(Address("anna", "example.test"))
            return [
                await core.directory.create_session(account.id, user_agent=f"browser {n}", peer="192.0.2.1")
                for n in range(count)
            ]

    return trio.run(work)


def test_sessions_are_listed_and_end(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="long enough\n")
    tokens = begin(config, 3)
    listed = json.loads(run("session", "list", "anna@example.test", "--json").output)
    assert {one["user_agent"] for one in listed} == {"browser 0", "browser 1", "browser 2"}
    assert not any(token in json.dumps(listed) for token in tokens)
    ended = run("session", "end", "anna@example.test", listed[0]["session"])
    assert ended.output == f"ended {listed[0]['session']} of anna@example.test\n"
    assert len(run("session", "list", "anna@example.test").output.splitlines()) == 2
    assert isinstance(run("session", "end", "anna@example.test", "ab" * 16).exception, NotFound)
    assert run("session", "end", "anna@example.test").output == "ended all of anna@example.test\n"
    assert run("session", "list", "anna@example.test", "--json").output == "[]\n"


def test_sign_ins_are_listed(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="long enough\n")
    assert may_log_in(config, "anna@example.test", "long enough")
    (row,) = run("session", "sign-ins", "anna@example.test").output.splitlines()
    assert row.split("\t")[:3] == ["imap", "password", "192.0.2.1"]


def test_one_session_is_named_by_its_beginning(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="long enough\n")
    begin(config, 2)
    names = [
        one["session"] for one in json.loads(run("session", "list", "anna@example.test", "--json").output)
    ]
    shown = json.loads(run("session", "show", "anna@example.test", names[0][:12].upper(), "--json").output)
    assert shown["session"] == names[0]
    assert "user_agent: browser" in run("session", "show", "anna@example.test", names[1]).output
    ended = run("session", "end", "anna@example.test", names[0][:12], "--json")
    assert json.loads(ended.output) == {"ended": names[0], "account": "anna@example.test"}
    gone = run("session", "show", "anna@example.test", "zz").exception
    assert "session list anna@example.test" in str(gone)
    begin(config, 40)
    assert "give more of it" in str(run("session", "end", "anna@example.test", "").exception)


def test_open_connections_are_listed(run: Run, config: Path) -> None:
    """With the server down there are none; whose sessions are wanted has to be said otherwise."""
    run("account", "add", "anna@example.test", "--password-stdin", text="long enough\n")
    assert run("session", "list", "--live", "--json").output == "[]\n"
    missing = run("session", "list")
    assert (missing.exit_code, "--live" in missing.output) == (2, True)

    async def connect() -> list[dict[str, object]]:
        async with open_installation(config) as core:
            account = await core.directory.accounts.get(Address("anna", "example.test"))
            principal = await core.directory.principal(account.id)
            with core.directory.here(
                principal, lambda: None, protocol="imap", peer="192.0.2.1", client="mutt"
            ):
                await core.presence.keep()
                found = await call(core, "session.live", account="anna@example.test")
                everybody = await call(core, "session.live")
                assert everybody["items"] == found["items"]
                return items_of(found)

    (one,) = trio.run(connect)
    assert (one["account"], one["protocol"], one["peer"], one["client"]) == (
        "anna@example.test",
        "imap",
        "192.0.2.1",
        "mutt",
    )
    assert run("session", "list", "anna@example.test", "--live").output == ""
