"""Limits on the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.cli.limit import whose
from pymailcore.directory.errors import OverLimit

Run = Callable[..., Result]


@pytest.mark.usefixtures("config")
def test_limits_are_set_shown_and_taken_away(run: Run) -> None:
    run("account", "add", "anna@example.test")
    assert run("limit", "set", "default", "accounts=1", "octets=5G").output == "changed default\n"
    run("limit", "set", "anna@example.test", "messages_per_day=200")
    assert isinstance(run("account", "add", "ben@example.test").exception, OverLimit)
    listed = json.loads(run("limit", "list", "--accounts", "--json").output)
    assert [(one["of"], one["name"], one["limit"], one["value"]) for one in listed] == [
        ("tenant", "default", "octets", 5 << 30),
        ("tenant", "default", "accounts", 1),
        ("account", "anna@example.test", "messages_per_day", 200),
    ]
    assert "accounts\t1\t1\n" in run("limit", "show", "default").output
    run("limit", "set", "default", "octets=none")
    run("limit", "remove", "default", "accounts")
    assert run("limit", "list").output == ""
    assert run("account", "add", "ben@example.test").exit_code == 0


@pytest.mark.usefixtures("config")
def test_what_cannot_be(run: Run) -> None:
    assert run("limit", "set", "default", "accounts").exit_code == 2
    assert run("limit", "set", "default", "accounts=5G").exit_code == 2
    assert isinstance(run("limit", "set", "default", "horses=5").exception, InvalidValue)
    assert isinstance(run("limit", "show", "none").exception, NotFound)


def test_what_is_meant() -> None:
    assert whose("anna@example.org") == {"account": "anna@example.org"}
    assert whose("example.org") == {"domain": "example.org"}
    assert whose("acme") == {"tenant": "acme"}
    assert whose("domain:localhost") == {"domain": "localhost"}
