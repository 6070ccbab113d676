import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from pymailcore.base.errors import AlreadyExists, NotEmpty, NotFound

Run = Callable[..., Result]


def test_domains_come_and_go(run: Run, config: Path) -> None:
    assert run("domain", "add", "Example.ORG").output == "added example.org\n"
    listed = json.loads(run("domain", "list", "--json").output)
    assert [entry["domain"] for entry in listed] == ["example.org", "example.test"]
    assert run("domain", "remove", "example.org").output == "removed example.org\n"
    assert [line.split("\t")[0] for line in run("domain", "list").output.splitlines()] == ["example.test"]


def test_what_cannot_be(run: Run, config: Path) -> None:
    assert isinstance(run("domain", "add", "example.test").exception, AlreadyExists)
    assert isinstance(run("domain", "remove", "example.net").exception, NotFound)
    run("account", "add", "anna@example.test", "--password-stdin", text="long enough\n")
    assert isinstance(run("domain", "remove", "example.test").exception, NotEmpty)
