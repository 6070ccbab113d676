"""Quotas on the command line."""

import json
from collections.abc import Callable

import pytest
from click import UsageError
from click.testing import Result

from pymailcore.base.errors import NotFound
from pymailcore.cli.quotas import quota_changes

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("0", 0),
        ("1000", 1000),
        ("1k", 1024),
        ("500M", 500 << 20),
        ("5G", 5 << 30),
        ("2T", 2 << 40),
        ("None", None),
    ],
)
def test_sizes(text: str, octets: int | None) -> None:
    assert quota_changes(text, None, None) == {"octets": octets}


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5G", "5 G", "5GB", "9" * 16, "٣"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        quota_changes(text, None, None)
    with pytest.raises(UsageError):
        quota_changes(None, text, None)


def test_a_number_of_emails_has_no_unit() -> None:
    assert quota_changes(None, "5", "none") == {"emails": 5, "mailboxes": None}
    with pytest.raises(UsageError):
        quota_changes(None, "5K", None)


@pytest.mark.usefixtures("config")
def test_an_account_gets_limits_and_keeps_what_is_not_named(run: Run) -> None:
    run("account", "add", "Anna@example.test")
    assert run("account", "set", "anna@example.test", "--quota", "1M", "--quota-emails", "7").output == (
        "changed anna@example.test\n"
    )
    run("account", "set", "anna@example.test", "--quota", "none", "--quota-mailboxes", "9")
    assert json.loads(run("account", "quota", "--json").output) == [
        {
            "name": "anna@example.test",
            "octets": 0, "of_octets": None,
            "emails": 0, "of_emails": 7,
            "mailboxes": 6, "of_mailboxes": 9,
        }
    ]  # fmt: skip
    assert isinstance(run("account", "set", "eve@example.test", "--quota", "1").exception, NotFound)
    assert run("account", "set", "anna@example.test", "--quota", "x").exit_code == 2


@pytest.mark.usefixtures("config")
def test_a_domain_gets_limits_and_loses_them(run: Run) -> None:
    run("account", "add", "anna@example.test")
    assert run("domain", "quota").output == ""
    assert run("domain", "set", "Example.Test", "--quota", "5K").output == "changed example.test\n"
    assert run("domain", "quota").output == "example.test\t0\t5120\t0\t\t6\t\n"
    run("domain", "set", "example.test", "--quota", "none")
    assert run("domain", "quota").output == ""
    assert isinstance(run("domain", "set", "other.test", "--quota", "1").exception, NotFound)
    assert run("domain", "set", "example.test").exit_code == 2
    assert run("domain", "set", "..", "--quota", "1").exit_code == 2
