"""Tenants on the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotFound

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("config")


def test_tenants_come_change_and_go(run: Run) -> None:
    assert run("tenant", "add", "acme", "--display", "Acme Ltd.").output == "added acme\n"
    assert isinstance(run("tenant", "add", "acme").exception, AlreadyExists)
    assert isinstance(run("tenant", "add", "No Name").exception, InvalidValue)
    assert [one["tenant"] for one in json.loads(run("tenant", "list", "--json").output)] == [
        "acme",
        "default",
    ]
    run("tenant", "set", "acme", "--display", "Acme plc")
    run("tenant", "suspend", "acme", "--reason", "unpaid")
    lines = run("tenant", "show", "acme").output.splitlines()
    assert lines[:4] == ["tenant: acme", "display: Acme plc", "state: suspended", "reason: unpaid"]
    run("tenant", "resume", "acme")
    assert json.loads(run("tenant", "show", "acme", "--json").output)["state"] == "active"
    assert run("tenant", "remove", "acme").output == "removed acme\n"
    assert isinstance(run("tenant", "show", "acme").exception, NotFound)
    assert isinstance(run("tenant", "remove", "default").exception, Forbidden)


def test_a_tenant_goes_with_all_that_it_has(run: Run) -> None:
    run("tenant", "add", "acme")
    run("domain", "add", "acme.test", "--tenant", "acme")
    run("account", "add", "anna@acme.test")
    run("tenant", "remove", "acme", "--yes")
    assert "acme" not in run("account", "list").output + run("domain", "list").output
