"""Forwards and rights to write as somebody else."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from pymailcore.base.errors import InvalidValue, NotFound

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("config")


def test_forwards_come_and_go(run: Run) -> None:
    run("account", "add", "anna@example.test")
    assert run("account", "forward", "anna@example.test", "anna@example.net", "--no-copy").output == (
        "anna@example.test forwards to anna@example.net\n"
    )
    run("account", "forward", "anna@example.test", "ben@example.net")
    assert (
        run("account", "forwards", "anna@example.test").output
        == "anna@example.net\tno\nben@example.net\tyes\n"
    )
    run("account", "unforward", "anna@example.test", "ben@example.net")
    assert json.loads(run("account", "forwards", "anna@example.test", "--json").output) == [
        {"target": "anna@example.net", "keep_copy": False}
    ]
    run("account", "unforward", "anna@example.test")
    assert run("account", "forwards", "anna@example.test", "--json").output == "[]\n"
    assert isinstance(run("account", "unforward", "anna@example.test").exception, NotFound)
    assert isinstance(
        run("account", "forward", "anna@example.test", "anna@example.test").exception, InvalidValue
    )


def test_rights_are_granted_and_revoked(run: Run) -> None:
    for name in ("anna@example.test", "boss@example.test"):
        run("account", "add", name)
    assert run("account", "send-as", "anna@example.test", "boss@example.test").output == (
        "anna@example.test may write as boss@example.test\n"
    )
    assert run("account", "send-rights", "anna@example.test").output == "boss@example.test\tsend-as\n"
    run("account", "send-as", "anna@example.test", "boss@example.test", "--revoke")
    assert run("account", "send-rights", "anna@example.test").output == ""
