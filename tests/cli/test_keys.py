import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from click.testing import Result

from pymailcore.cli.installation import open_installation
from pymailcore.store.keyfile import read_key_file

Run = Callable[..., Result]


@pytest.fixture
def encrypted(run: Run, config: Path, tmp_path: Path) -> Path:
    """A server that encrypts; gives its key file."""
    path = tmp_path / "master.keys"
    made = run("keys", "create", path)
    assert made.exit_code == 0
    assert "keep a copy" in made.output
    table = f'[store]\nencryption_key_file = "{path}"\n[directory]'
    config.write_text(config.read_text().replace("[directory]", table, 1))
    return path


def listed(run: Run) -> dict[str, bool]:
    return {row["key"]: row["in_use"] for row in json.loads(run("keys", "list", "--json").output)}


def test_a_server_that_encrypts_from_the_first_hour(run: Run, tmp_path: Path) -> None:
    key_file, folder = tmp_path / "keys", tmp_path / "mail"
    names = ("--hostname", "mx.example.test", "--domain", "example.test")
    made = run("init", folder, *names, "--encryption-key-file", key_file)
    assert made.exit_code == 0, made.output
    assert (folder / "pymailcore.toml").read_text().count(f'encryption_key_file = "{key_file}"') == 1
    shown = run("keys", "list", "--config", folder / "pymailcore.toml").output
    assert shown == f"master\t{read_key_file(key_file)[0].id}\tyes\t0\t\n"


def test_a_key_file_that_is_there_is_taken_and_a_spoilt_one_refused(run: Run, tmp_path: Path) -> None:
    names = ("--hostname", "mx.example.test", "--domain", "example.test")
    run("keys", "create", tmp_path / "keys")
    (key,) = read_key_file(tmp_path / "keys")
    assert run("init", tmp_path / "a", *names, "--encryption-key-file", tmp_path / "keys").exit_code == 0
    assert read_key_file(tmp_path / "keys") == (key,)
    (tmp_path / "keys").write_text("nonsense")
    refused = run("init", tmp_path / "b", *names, "--encryption-key-file", tmp_path / "keys")
    assert "put its copy there" in str(refused.exception)
    assert not (tmp_path / "b" / "pymailcore.toml").exists()


def test_rotation_and_what_it_leaves(run: Run, encrypted: Path) -> None:
    (old,) = read_key_file(encrypted)
    result = run("keys", "rotate")
    assert result.exit_code == 0, result.output
    fresh, kept = read_key_file(encrypted)
    assert kept == old
    assert fresh.id in result.output
    assert listed(run) == {fresh.id: True, old.id: False}
    assert "is in use: rotate first" in str(run("keys", "forget", fresh.id).exception)
    assert run("keys", "forget", old.id).exit_code == 0
    assert read_key_file(encrypted) == (fresh,)
    assert run("verify").output.startswith("no faults")


def test_a_prepared_master_key_is_used_when_all_nodes_have_it(run: Run, encrypted: Path) -> None:
    (old,) = read_key_file(encrypted)
    for _ in range(2):  # once more does no harm
        assert "not in use yet" in run("keys", "rotate", "--prepare").output
        fresh, kept = read_key_file(encrypted)
        assert kept == old
        assert listed(run) == {fresh.id: False, old.id: True}
    assert f"{fresh.id} is in use" in run("keys", "rotate").output
    assert read_key_file(encrypted) == (fresh, old)
    assert listed(run) == {fresh.id: True, old.id: False}


def test_a_new_data_key_is_for_tenants_that_have_one(run: Run, encrypted: Path, config: Path) -> None:
    assert run("keys", "renew").output == ""
    assert "tenant 9 has no data key" in str(run("keys", "renew", "--tenant", "9").exception)

    async def meet_tenant() -> None:
        async with open_installation(config) as core:
            await core.store.data_keys.sealer(1)

    trio.run(meet_tenant)
    assert run("keys", "renew").output == "made data key 1/2\n"
    assert run("keys", "renew", "--tenant", "1").output == "made data key 1/3\n"
    keys = listed(run)
    assert [keys[f"1/{number}"] for number in (1, 2, 3)] == [False, False, True]


def test_without_encryption_there_are_no_keys(run: Run, config: Path) -> None:
    assert run("keys", "list", "--json").output == "[]\n"
    for command in (("rotate",), ("renew",), ("forget", "0" * 16)):
        assert "nothing is encrypted" in str(run("keys", *command).exception)


def test_a_command_without_its_key_file_says_what_to_do(
    run: Run, encrypted: Path, process: Callable[..., object]
) -> None:
    run("keys", "list")  # the store is encrypted from the first opening on
    encrypted.unlink()
    ended = process("account", "list")
    assert getattr(ended, "returncode", None) == 1
    assert f"the key file {encrypted} is missing: put its copy there" in getattr(ended, "stderr", "")
