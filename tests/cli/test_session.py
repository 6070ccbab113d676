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
