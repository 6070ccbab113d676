"""Keys for programs on the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from pymailcore.base.errors import NotFound

Run = Callable[..., Result]


@pytest.mark.usefixtures("config")
def test_keys_come_and_go_and_are_told_once(run: Run) -> None:
    made = run(
        "apikey",
        "add",
        "monitor",
        "--role",
        "support",
        "--network",
        "192.0.2.0/24",
        "--expires",
        "2099-01-31",
    )
    number, secret = (line.split(": ")[1] for line in made.output.splitlines())
    (listed,) = json.loads(run("apikey", "list", "--json").output)
    assert (listed["id"], listed["name"], listed["networks"]) == (number, "monitor", ["192.0.2.0/24"])
    assert listed["expires"] == "2099-01-31T00:00:00Z"
    assert secret not in run("apikey", "list", "--json").output + run("audit", "list", "--json").output
    assert "role: support\n" in run("apikey", "show", number).output
    assert run("apikey", "remove", number).output == f"removed {number}\n"
    for verb in ("show", "remove"):
        gone = run("apikey", verb, number).exception
        assert isinstance(gone, NotFound)
        assert "pymailcore apikey list" in str(gone)
    full = json.loads(
        run("apikey", "add", "all", "--role", "tenant-admin", "--tenant", "default", "--json").output
    )
    assert full["scope"] == "tenant"
    removed = run("apikey", "remove", full["id"], "--json")
    assert json.loads(removed.output) == {"removed": full["id"]}
