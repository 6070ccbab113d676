"""Groups on the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from pymailcore.base.errors import AlreadyExists, NotFound

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("config")


def test_groups_come_change_and_go(run: Run) -> None:
    run("account", "add", "anna@example.test")
    added = run(
        "group", "add", "Team@example.test", "anna@example.test", "ben@example.net", "--posting", "members"
    )
    assert added.output.splitlines() == [
        "added Team@example.test",
        "added anna@example.test to Team@example.test",
        "added ben@example.net to Team@example.test",
    ]
    assert isinstance(run("group", "add", "team@example.test").exception, AlreadyExists)
    assert (
        run("group", "members", "team@example.test").output == "anna@example.test\tyes\nben@example.net\tno\n"
    )
    run("group", "set", "team@example.test", "--posting", "tenant")
    assert json.loads(run("group", "show", "team@example.test", "--json").output)["posting"] == "tenant"
    assert run("group", "join", "team@example.test", "cem@example.net").output == (
        "added cem@example.net to team@example.test\n"
    )
    assert run("group", "leave", "team@example.test", "ben@example.net", "anna@example.test").output == (
        "removed ben@example.net from team@example.test\nremoved anna@example.test from team@example.test\n"
    )
    assert run("group", "members", "team@example.test", "--limit", "1").output == "cem@example.net\tno\n" + (
        "there may be more: --after 'cem@example.net'\n"
    )
    assert run("group", "list", "--domain", "example.test").output.startswith("Team@example.test\ttenant\t")
    assert run("group", "remove", "team@example.test").output == "removed team@example.test\n"
    assert isinstance(run("group", "leave", "team@example.test", "cem@example.net").exception, NotFound)
    assert run("group", "set", "team@example.test", "--posting", "nobody").exit_code == 2
