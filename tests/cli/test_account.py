import json
from collections.abc import Callable
from pathlib import Path

import trio
from click.testing import Result

from pymailcore.base.errors import AlreadyExists, Forbidden, NotFound
from pymailcore.cli.common import Failure
from pymailcore.cli.installation import open_installation

Run = Callable[..., Result]


def may_log_in(config: Path, address: str, password: str) -> bool:
    async def work() -> bool:
        async with open_installation(config) as core:
            try:
                await core.directory.authenticate(address, password, peer="192.0.2.1", protocol="test")
            except Forbidden:
                return False
            return True

    return trio.run(work)


def test_accounts_come_change_and_go(run: Run, config: Path) -> None:
    added = run("account", "add", "Anna@example.test", "--password-stdin", text="long enough\n")
    assert added.output == "added Anna@example.test\n"
    assert may_log_in(config, "anna@example.test", "long enough")
    listed = json.loads(run("account", "list", "--json").output)
    assert [(entry["address"], entry["admin"]) for entry in listed] == [("Anna@example.test", False)]
    changed = run("account", "set", "anna@example.test", "--admin", "--password-stdin", text="another one\n")
    assert changed.output == "changed anna@example.test\n"
    assert may_log_in(config, "anna@example.test", "another one")
    assert not may_log_in(config, "anna@example.test", "long enough")
    assert json.loads(run("account", "list", "--json").output)[0]["admin"]
    assert run("account", "remove", "anna@example.test").output == "removed anna@example.test\n"
    assert run("account", "list").output == ""


def test_the_password_is_one_line_whatever_ends_it(run: Run, config: Path) -> None:
    for number, text in enumerate(["long enough", "long enough\n", "long enough\r\n", "long enough\nmore\n"]):
        run("account", "add", f"user{number}@example.test", "--password-stdin", text=text)
        assert may_log_in(config, f"user{number}@example.test", "long enough"), repr(text)


def test_without_a_terminal_a_password_is_made_and_printed(run: Run, config: Path) -> None:
    output = run("account", "add", "anna@example.test").output
    password = output.splitlines()[1].removeprefix("password ")
    assert may_log_in(config, "anna@example.test", password)


def test_what_cannot_be(run: Run, config: Path) -> None:
    assert isinstance(run("account", "add", "a@elsewhere.test").exception, NotFound)
    assert isinstance(run("account", "add", "a@example.test", "--password-stdin").exception, Failure)
    run("account", "add", "a@example.test")
    assert isinstance(run("account", "add", "A@example.test").exception, AlreadyExists)
    assert isinstance(run("account", "remove", "b@example.test").exception, NotFound)
    assert run("account", "set", "a@example.test").exit_code == 2
