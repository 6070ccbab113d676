"""Many accounts from a table, in a real store."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.test_account import may_log_in

from pymailcore.cli.common import Failure

Run = Callable[..., Result]

TABLE = """\
address,full_name,password,quota,aliases,groups
anna@example.test,Anna Arnold,long enough,5G,sales@example.test info@example.test,team@example.test
ben@example.test,,also long enough,,sales@example.test,
cem@example.test,,,,,
"""


def test_accounts_with_all_that_they_have(run: Run, config: Path, tmp_path: Path) -> None:
    run("group", "add", "team@example.test")
    table = tmp_path / "people.csv"
    table.write_text("\ufeff" + TABLE)
    dry = run("account", "import-csv", table, "--dry-run")
    assert dry.output.splitlines()[0] == (
        "+ anna@example.test (password, octets 5368709120, alias sales@example.test, alias info@example.test,"
        " group team@example.test)"
    )
    assert dry.output.splitlines()[-1].startswith("3 would be added, 0 would be left alone")
    assert "long enough" not in dry.output
    assert run("account", "list").output == ""
    done = run("account", "import-csv", table)
    assert done.output.startswith("3 added, 0 left alone: they exist (")
    assert may_log_in(config, "anna@example.test", "long enough")
    assert not may_log_in(config, "cem@example.test", "")
    assert "info@example.test\tanna@example.test\tyes\n" in run("alias", "list").output
    assert len(run("alias", "list").output.splitlines()) == 3
    assert run("group", "members", "team@example.test").output == "anna@example.test\tyes\n"
    assert "octets\t5368709120\t0\n" in run("limit", "show", "anna@example.test").output
    again = run("account", "import-csv", table)
    assert again.output.startswith("0 added, 3 left alone: they exist (")


def test_accounts_that_exist_are_updated_when_told(run: Run, config: Path, tmp_path: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="the first one\n")
    table = tmp_path / "people.csv"
    table.write_text("address,full_name,password,aliases\nanna@example.test,Anna,the second,a@example.test\n")
    assert run("account", "import-csv", table, "--dry-run").output.startswith("= anna@example.test\n")
    run("account", "import-csv", table)
    assert may_log_in(config, "anna@example.test", "the first one")
    assert run("account", "import-csv", table, "--update", "--dry-run").output.startswith("~ anna@")
    for _ in range(2):
        updated = run("account", "import-csv", table, "--update", "--json")
        assert json.loads(updated.output)["known"] == ["anna@example.test"]
    assert may_log_in(config, "anna@example.test", "the second")
    assert "full_name: Anna\n" in run("account", "show", "anna@example.test").output


@pytest.mark.usefixtures("config")
def test_nothing_is_done_while_there_is_a_fault(run: Run, tmp_path: Path) -> None:
    run("alias", "add", "taken@example.test", "x@example.net")
    table = tmp_path / "people.csv"
    table.write_text(
        "address,aliases,groups\nanna@example.test,,\nben@elsewhere.test,,\ntaken@example.test,,\n"
        "cem@example.test,x@elsewhere.test,team@example.test\nnobody,,\n"
    )
    result = run("account", "import-csv", table)
    assert isinstance(result.exception, Failure)
    assert result.stderr.splitlines() == [
        "line 3: no domain elsewhere.test",
        "line 4: taken@example.test is an alias already",
        "line 5: alias x@elsewhere.test: no domain elsewhere.test",
        "line 5: no group team@example.test",
        "line 6: 'nobody' is no mail address",
    ]
    assert run("account", "list").output == ""


@pytest.mark.usefixtures("config")
def test_what_only_the_store_finds_wrong_hinders_no_other(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text(
        "address,password,password_hash\nanna@example.test,short,\nben@example.test,,$x$\n"
        "cem@example.test,long enough,\n"
    )
    result = run("account", "import-csv", table, "--json")
    assert [fault["line"] for fault in json.loads(result.stdout)["faults"]] == [2, 3]
    assert "$x$" not in result.output
    assert [line.split("\t")[0] for line in run("account", "list").output.splitlines()] == [
        "cem@example.test"
    ]


@pytest.mark.usefixtures("config")
def test_a_file_in_another_charset_is_named(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_bytes(b"address,full_name\nanna@example.test,Andr\xe9\n")
    assert str(run("account", "import-csv", table).exception).endswith("is not in UTF-8; save it so")


@pytest.mark.long
@pytest.mark.usefixtures("config")
def test_ten_thousand_accounts(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    with table.open("w") as file:
        file.write("address,full_name,password_hash,quota\n")
        hashed = "$2b$04$" + "abcdefghijklmnopqrstuu" + "x" * 31
        for number in range(10_000):
            file.write(f"user{number}@example.test,User {number},{hashed},1G\n")
    begun = time.monotonic()
    done = run("account", "import-csv", table)
    assert done.output.startswith("10000 added"), done.output[-300:]
    assert time.monotonic() - begun < 120
