import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from pymailcore.config.read import read_file

Run = Callable[..., Result]

NAMES = ("--hostname", "mx.example.test", "--domain", "example.test")


def test_a_folder_with_all_that_is_needed(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mail"
    result = run("init", folder, *NAMES)
    assert (result.exit_code, result.output) == (0, f"made {folder}/pymailcore.toml\n")
    configuration = read_file(folder / "pymailcore.toml")
    assert configuration.hostname == "mx.example.test"
    assert configuration.data == folder / "data"
    assert {listener.address[1] for listener in configuration.listeners} == {25, 143, 443, 465, 587, 993}
    assert run("domain", "list", "--config", folder / "pymailcore.toml").output.startswith("example.test\t")
    assert (folder / "data" / "tls" / "self-signed.key").stat().st_mode & 0o077 == 0
    assert (folder / "pymailcore.toml").stat().st_mode & 0o077 == 0


def test_its_listener_tables_come_last(run: Run, tmp_path: Path) -> None:
    run("init", tmp_path, *NAMES)
    text = (tmp_path / "pymailcore.toml").read_text()
    assert set(re.findall(r"^\[.*", text, re.MULTILINE)) == {"[[listener]]"}


def test_an_account_whose_password_is_printed_once(run: Run, tmp_path: Path) -> None:
    result = run("init", tmp_path, *NAMES, "--admin", "anna@example.test")
    assert re.search(r"^password \S{20}$", result.output, re.MULTILINE)
    config = tmp_path / "pymailcore.toml"
    assert run("account", "list", "--config", config).output.startswith("anna@example.test\tactive\t")
    assert run("role", "holders", "--config", config).output.startswith("anna@example.test\toperator\t")


def test_an_account_whose_password_is_given(run: Run, tmp_path: Path) -> None:
    result = run(
        "init", tmp_path, *NAMES, "--admin", "anna@example.test", "--password-stdin", text="long enough\n"
    )
    assert result.output == f"made {tmp_path}/pymailcore.toml\naccount anna@example.test\n"


def test_a_folder_that_was_made_is_left_alone(run: Run, config: Path) -> None:
    before = config.read_text()
    result = run("init", config.parent, *NAMES)
    assert str(result.exception) == f"{config} is there already"
    assert config.read_text() == before


def test_a_failure_half_way_can_be_repeated(run: Run, tmp_path: Path) -> None:
    words = ("init", tmp_path, *NAMES, "--admin", "anna@example.test", "--password-stdin")
    assert run(*words, text="short\n").exit_code == 1
    assert not (tmp_path / "pymailcore.toml").exists()
    assert run(*words, text="long enough\n").exit_code == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--hostname", "mx.example.test", "--domain", "not a domain"), 2),
        (("--hostname", "mx.example.test", "--domain", "example.test", "--admin", "anna"), 2),
        (("--domain", "example.test"), 2),
        (("--hostname", "mx_", "--domain", "example.test"), 1),
        (("--hostname", "mx.test", "--domain", "example.test", "--user", "no-such-user"), 1),
    ],
)
def test_what_cannot_be(run: Run, tmp_path: Path, words: tuple[str, ...], status: int) -> None:
    assert run("init", tmp_path / "mail", *words).exit_code == status
    assert not (tmp_path / "mail" / "pymailcore.toml").exists()


@pytest.mark.needs_root
def test_the_folder_is_given_to_the_user(run: Run, tmp_path: Path) -> None:
    assert run("init", tmp_path / "mail", *NAMES, "--user", "nobody").exit_code == 0
    uid = pwd.getpwnam("nobody").pw_uid
    data = tmp_path / "mail" / "data"
    assert {path.stat().st_uid for path in [data, *data.rglob("*")]} == {uid}
    assert (tmp_path / "mail" / "pymailcore.toml").stat().st_uid == os.getuid()
    assert read_file(tmp_path / "mail" / "pymailcore.toml").user == "nobody"
