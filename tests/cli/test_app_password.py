"""App passwords on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from tests.cli.test_account import may_log_in

from pymailcore.base.errors import NotFound

Run = Callable[..., Result]


def test_app_passwords_come_and_go_and_are_told_once(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    made = run("app-password", "add", "anna@example.test", "phone", "--protocol", "imap")
    number, secret = (line.split(": ")[1] for line in made.output.splitlines())
    assert may_log_in(config, "anna@example.test", secret)
    (listed,) = json.loads(run("app-password", "list", "anna@example.test", "--json").output)
    assert (listed["id"], listed["name"], listed["protocols"]) == (number, "phone", ["imap"])
    assert secret not in run("audit", "list", "--json").output
    shown = json.loads(run("app-password", "show", "anna@example.test", number, "--json").output)
    assert shown == listed
    assert run("app-password", "remove", "anna@example.test", number).output == f"removed {number}\n"
    assert not may_log_in(config, "anna@example.test", secret)
    for verb in ("show", "remove"):
        gone = run("app-password", verb, "anna@example.test", number).exception
        assert isinstance(gone, NotFound)
        assert "pymailcore app-password list anna@example.test" in str(gone)
