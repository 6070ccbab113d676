import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from pymailcore.base.errors import AlreadyExists, Forbidden, MailError, NotEmpty, NotFound

Run = Callable[..., Result]


def test_domains_come_and_go(run: Run, config: Path) -> None:
    assert run("domain", "add", "Example.ORG").output == "added example.org\n"
    listed = json.loads(run("domain", "list", "--json").output)
    assert [entry["domain"] for entry in listed] == ["example.org", "example.test"]
    assert run("domain", "remove", "example.org").output == "removed example.org\n"
    assert [line.split("\t")[0] for line in run("domain", "list").output.splitlines()] == ["example.test"]


def test_what_cannot_be(run: Run, config: Path) -> None:
    assert isinstance(run("domain", "add", "example.test").exception, AlreadyExists)
    assert isinstance(run("domain", "add", "x.test", "--tenant", "none").exception, NotFound)
    assert isinstance(run("domain", "remove", "example.net").exception, NotFound)
    run("account", "add", "anna@example.test", "--password-stdin", text="long enough\n")
    assert isinstance(run("domain", "remove", "example.test").exception, NotEmpty)


@pytest.mark.usefixtures("config")
def test_a_claim_shows_the_record_that_proves_it(run: Run) -> None:
    record = run("domain", "claim", "Example.org").output
    (claim,) = json.loads(run("domain", "claims", "--json").output)
    assert record == (
        "_pymailcore-challenge.example.org. 3600 IN TXT"
        f' "pymailcore-domain-verification={claim["challenge"]}"\n'
    )
    assert run("domain", "claim", "example.org").output == record  # a second time it is the same
    assert isinstance(run("domain", "show", "example.org").exception, NotFound)
    assert run("domain", "verify", "example.org", "--operator").output == "verified example.org\n"
    assert json.loads(run("domain", "show", "example.org", "--json").output)["verified_by"] == "operator"
    assert run("domain", "claims").output == ""


@pytest.mark.usefixtures("config")
def test_a_claim_without_its_record_is_none(run: Run) -> None:
    run("domain", "claim", "claimed.invalid")
    fault = run("domain", "verify", "claimed.invalid").exception
    assert isinstance(fault, MailError)
    assert isinstance(fault, Forbidden) or "DNS" in str(fault) or "claimed.invalid" in str(fault)
    assert run("domain", "withdraw", "claimed.invalid").output == "withdrew claimed.invalid\n"
    assert isinstance(run("domain", "verify", "claimed.invalid").exception, NotFound)


@pytest.mark.usefixtures("config")
def test_a_domain_may_have_the_addresses_of_another(run: Run) -> None:
    run("domain", "add", "example.net")
    assert run("domain", "set", "example.net", "--alias-of", "example.test").output == "changed example.net\n"
    assert json.loads(run("domain", "show", "example.net", "--json").output)["alias_of"] == "example.test"
    run("domain", "set", "example.net", "--alias-of", "none")
    assert json.loads(run("domain", "show", "example.net", "--json").output)["alias_of"] is None


@pytest.mark.usefixtures("config")
def test_a_domain_is_suspended_and_resumed(run: Run) -> None:
    run("domain", "suspend", "example.test")
    assert "state: suspended\n" in run("domain", "show", "example.test").output
    run("domain", "resume", "example.test")
    assert "state: active\n" in run("domain", "show", "example.test").output
