import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from pymailcore.base.errors import NotFound

Run = Callable[..., Result]


def test_aliases_come_and_go(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    assert (
        run("alias", "add", "sales@example.test", "anna@example.test").output
        == "added sales@example.test to anna@example.test\n"
    )
    run("alias", "add", "sales@example.test", "ben@example.net")
    listed = json.loads(run("alias", "list", "--json").output)
    assert [(entry["address"], entry["target"], entry["local"]) for entry in listed] == [
        ("sales@example.test", "anna@example.test", True),
        ("sales@example.test", "ben@example.net", False),
    ]
    assert run("alias", "remove", "sales@example.test", "ben@example.net").exit_code == 0
    assert run("alias", "list").output == "sales@example.test\tanna@example.test\tyes\n"
    assert run("alias", "remove", "sales@example.test").output == "removed sales@example.test\n"
    assert run("alias", "list").output == ""
    assert isinstance(run("alias", "remove", "sales@example.test").exception, NotFound)


@pytest.mark.usefixtures("config")
def test_an_alias_gets_other_targets(run: Run) -> None:
    run("account", "add", "anna@example.test")
    run("alias", "add", "sales@example.test", "anna@example.test", "ben@example.net", "cem@example.net")
    assert run("alias", "set", "sales@example.test", "Ben@example.net", "dora@example.net").exit_code == 0
    shown = json.loads(run("alias", "show", "sales@example.test", "--json").output)
    assert sorted(target.lower() for target in shown["targets"]) == ["ben@example.net", "dora@example.net"]
    assert isinstance(run("alias", "show", "sale@example.test").exception, NotFound)
    assert isinstance(run("alias", "set", "sale@example.test", "x@example.net").exception, NotFound)


@pytest.mark.usefixtures("config")
def test_wildcards_and_the_catch_all_are_aliases(run: Run) -> None:
    run("account", "add", "anna@example.test")
    for pattern in ("*@example.test", "sales-*@example.test"):
        assert run("alias", "add", pattern, "anna@example.test").exit_code == 0
        assert run("alias", "show", pattern).output == f"address: {pattern}\ntargets: anna@example.test\n"


@pytest.mark.usefixtures("config")
def test_a_list_of_pairs_goes_on_where_it_was_cut(run: Run) -> None:
    run("alias", "add", "a@example.test", *(f"{letter}@example.net" for letter in "xyz"))
    first = run("alias", "list", "--limit", "2")
    assert first.stderr == "there may be more: --after 'a@example.test y@example.net'\n"
    rest = run("alias", "list", "--after", "a@example.test y@example.net")
    assert rest.output == "a@example.test\tz@example.net\tno\n"
