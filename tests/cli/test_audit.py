"""The audit log on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from click.testing import Result

from pymailcore.cli.common import Failure
from pymailcore.config.read import read_file

Run = Callable[..., Result]


def spoil(config: Path) -> None:
    """Change a record behind the server's back."""
    connection = apsw.Connection(str(read_file(config).data / "store.sqlite"))
    connection.execute("UPDATE audit SET subject = 'ben@example.test' WHERE action = 'account.add'")
    connection.close()


@pytest.mark.usefixtures("config")
def test_what_was_done_is_listed_newest_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "olga")
    run("account", "add", "anna@example.test", "--full-name", "Anna")
    run("domain", "add", "example.org")
    lines = [line.split("\t") for line in run("audit", "list").output.splitlines()]
    assert [(line[2], line[4], line[5]) for line in lines[:2]] == [
        ("operator:olga@cli", "domain.add", "example.org"),
        ("operator:olga@cli", "account.add", "anna@example.test"),
    ]
    (only,) = json.loads(run("audit", "list", "--action", "account", "--json").output)
    assert only["new"]["full_name"] == "Anna"
    assert json.loads(run("audit", "show", str(only["seq"]), "--json").output) == only
    assert '"full_name": "Anna"' in run("audit", "show", str(only["seq"])).output
    assert isinstance(run("audit", "show", "999").exception, Failure)
    first = run("audit", "list", "--limit", "1")
    assert first.stderr == f"there may be more: --after '{lines[0][0]}'\n"
    assert run("audit", "list", "--after", lines[0][0]).output.startswith(lines[1][0])
    assert run("audit", "list", "--after", "x").exit_code == 2


def test_a_changed_record_is_found(run: Run, config: Path, tmp_path: Path) -> None:
    run("account", "add", "anna@example.test")
    seq, digest = run("audit", "head").output.split()
    assert run("audit", "verify").output.endswith(f"records are as they were written; the last is {seq}\n")
    assert run("audit", "verify", "--seq", seq, "--digest", digest).exit_code == 0
    assert isinstance(run("audit", "verify", "--seq", seq, "--digest", "00" * 32).exception, Failure)
    exported = tmp_path / "audit.jsonl"
    assert run("audit", "export", exported).stderr == f"exported {seq} records\n"
    assert run("audit", "verify", "--file", exported).exit_code == 0
    assert isinstance(run("audit", "export", exported).exception, FileExistsError)
    exported.write_text(exported.read_text().replace("anna@", "ben@"))
    assert isinstance(run("audit", "verify", "--file", exported).exception, Failure)
    spoil(config)
    broken = run("audit", "verify", "--json")
    assert isinstance(broken.exception, Failure)
    assert json.loads(broken.output)["broken"] == int(seq)


@pytest.mark.usefixtures("config")
def test_an_export_can_go_to_standard_output(run: Run) -> None:
    first, *rest = run("audit", "export", "-").stdout.splitlines()
    assert json.loads(first)["whole"]
    assert [json.loads(line)["action"] for line in rest] == ["domain.add"]
