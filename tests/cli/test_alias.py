import json
from collections.abc import Callable
from pathlib import Path

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
