"""Roles on the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from pymailcore.base.errors import InvalidValue, MailError, NotFound

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("config")


def test_roles_come_change_and_go(run: Run) -> None:
    assert run("role", "add", "helpdesk", "account.read", "session.end").output == "added helpdesk\n"
    assert run("role", "show", "helpdesk").output == (
        "role: helpdesk\nbuilt_in: no\nof_tenant: no\npermissions: account.read\npermissions: session.end\n"
    )
    run("role", "set", "helpdesk", "account.read")
    assert "helpdesk\tno\taccount.read\n" in run("role", "list").output
    assert isinstance(run("role", "add", "other", "account.fly").exception, InvalidValue)
    assert run("role", "remove", "helpdesk").output == "removed helpdesk\n"
    assert isinstance(run("role", "show", "helpdesk").exception, NotFound)


def test_roles_are_granted_and_revoked(run: Run) -> None:
    run("account", "add", "anna@example.test")
    granted = run("role", "grant", "anna@example.test", "domain-admin", "--domain", "example.test")
    assert granted.output == "granted domain-admin to anna@example.test\n"
    run("role", "grant", "anna@example.test", "tenant-admin", "--tenant", "default")
    held = json.loads(run("role", "holders", "--json").output)
    assert {(one["role"], one["scope"], one["on"]) for one in held} == {
        ("domain-admin", "domain", "example.test"),
        ("tenant-admin", "tenant", "default"),
    }
    run("role", "revoke", "anna@example.test", "domain-admin", "--domain", "example.test")
    assert len(run("role", "holders", "anna@example.test").output.splitlines()) == 1
    assert isinstance(run("role", "grant", "anna@example.test", "nobody").exception, MailError)


def test_every_single_permission_is_listed(run: Run) -> None:
    assert "account.export\n" in run("role", "permissions").output
