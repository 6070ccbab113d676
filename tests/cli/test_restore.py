import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.test_backup import put_mail
from tests.support.postgres import cluster

Run = Callable[..., Result]


def test_a_whole_server_from_a_backup(run: Run, config: Path, tmp_path: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config, "one")
    place = tmp_path / "backup"
    assert run("backup", place).exit_code == 0
    refused = run("restore", "--from", place)
    assert "has a store already" in str(refused.exception)
    shutil.rmtree(config.parent / "data")
    restored = run("restore", "--from", place, "--json")
    assert json.loads(restored.output)["emails"] == 1
    assert run("verify", "--messages").exit_code == 0
    assert "anna@example.test" in run("account", "list").output
    put_mail(config, "two")
    assert run("verify", "--messages").exit_code == 0


def test_one_accounts_mail_into_a_server_that_is_there(run: Run, config: Path, tmp_path: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config, "one")
    place = tmp_path / "backup"
    run("backup", place)
    run("account", "remove", "anna@example.test", "--yes")
    run("account", "add", "anna@example.test")
    again = run("restore", "--from", place, "--account", "anna@example.test", "--json")
    assert json.loads(again.output) == {"restored": 1, "there": 0, "damaged": []}
    one = run("restore", "--from", place, "--account", "anna@example.test", "--message", "<one@x>")
    assert one.output == "0 messages came back, 1 were there already\n"
    nobody = run("restore", "--from", place, "--account", "carl@example.test")
    assert nobody.exit_code == 1


def test_a_backup_is_checked(run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config, "one")
    place = tmp_path / "backup"
    run("backup", place)
    assert "is whole" in run("restore", "--from", place, "--verify").output
    monkeypatch.delenv("PYMAILCORE_CONFIG")
    assert "is whole" in run("restore", "--from", place, "--verify").output
    assert run("restore", "--from", place).exit_code == 2
    (pack,) = place.rglob("*/packs/*")
    octets = bytearray(pack.read_bytes())
    octets[-1] ^= 1
    pack.write_bytes(octets)
    checked = run("restore", "--from", place, "--verify", "--json")
    assert checked.exit_code == 1
    assert len(json.loads(checked.output)["faults"]) == 1


def test_a_backup_of_one_engine_into_the_other(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config, "one")
    place = tmp_path / "backup"
    run("backup", place)
    with cluster().database() as url:
        made = run(
            "init", tmp_path / "other", "--hostname", "mx.example.test", "--domain", "other.test",
            "--loopback", "--metadata", url,
        )  # fmt: skip
        assert made.exit_code == 0, made.output
        monkeypatch.setenv("PYMAILCORE_CONFIG", str(tmp_path / "other" / "pymailcore.toml"))
        restored = run("restore", "--from", place, "--json")
        assert restored.exit_code == 0, restored.exception
        assert json.loads(restored.output)["emails"] == 1
        assert "anna@example.test" in run("account", "list").output
        assert "other.test" not in run("domain", "list").output
        checked = run("verify", "--messages")
        assert checked.exit_code == 0, checked.exception
        back = run("backup", tmp_path / "back", "--json")
        assert json.loads(back.output)[0]["emails"] == 1
        assert run("restore", "--from", tmp_path / "back", "--verify").exit_code == 0
        again = run("restore", "--from", place)
        assert "in use already" in str(again.exception)


def test_expunged_mail_from_the_store_itself(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config, "one")
    dry = run("restore", "--account", "anna@example.test", "--at", "0m", "--dry-run", "--json")
    assert (dry.exit_code, json.loads(dry.output)) == (0, [])
    assert run("restore", "--account", "anna@example.test", "--at", "yesterday").exit_code == 1


def test_what_does_not_go_together_is_wrong_usage(run: Run, config: Path, tmp_path: Path) -> None:
    for arguments in (
        [],
        ["--verify"],
        ["--from", str(tmp_path), "--at", "3h"],
        ["--from", str(tmp_path), "--mailbox", "INBOX"],
        ["--account", "anna@example.test", "--verify"],
    ):
        assert run("restore", *arguments).exit_code == 2
    assert str(run("restore", "--from", tmp_path).exception) == "there is no backup"
