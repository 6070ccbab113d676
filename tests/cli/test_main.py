"""Exit statuses, help, and where the configuration comes from; DESIGN section 6."""

import re
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import Result

from pymailcore.cli.main import COMMANDS, LazyGroup, cli

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def leaves() -> list[list[str]]:
    found = []
    context = click.Context(cli)
    assert isinstance(cli, LazyGroup)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            found += [[name, inner] for inner in command.commands]
        else:
            found.append([name])
    return found


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_command_has_help_with_an_example(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Examples:\n" in result.output
    assert re.search("  pymailcore " + " (?:.* )?".join(words), result.output)  # a group may have options
    if words not in (["init"], ["keys", "create"]):  # these come before there is a configuration
        assert "--config FILE" in result.output


@pytest.mark.parametrize("words", [words for words in leaves() if words[-1] == "list"], ids=" ".join)
def test_every_list_can_be_json(run: Run, config: Path, tmp_path: Path, words: list[str]) -> None:
    of_account = words[0] in ("app-password", "session")
    if of_account:
        run("account", "add", "anna@example.test")
    whose = {"backup": [tmp_path / "none"]}.get(words[0], ["anna@example.test"] if of_account else [])
    result = run(*words, *whose, "--json")
    assert result.output.strip()[0] == "["


def test_the_overview_names_every_command(run: Run) -> None:
    output = run("--help").output
    for name in COMMANDS:
        assert f"\n  {name} " in output


def test_version(run: Run) -> None:
    assert run("--version").output == f"pymailcore, version {version('pymailcore')}\n"


def test_the_configuration_may_be_named_in_three_ways(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("domain", "list").exit_code == 0
    monkeypatch.delenv("PYMAILCORE_CONFIG")
    assert run("domain", "list", "--config", config).exit_code == 0
    assert run("--config", config, "domain", "list").exit_code == 0
    result = run("domain", "list")
    assert result.exit_code == 2
    assert "Give --config FILE, or set PYMAILCORE_CONFIG" in result.output


@pytest.mark.slow
def test_a_failure_is_one_line_and_status_1(process: Process, config: Path) -> None:
    ended = process("domain", "remove", "example.org", "--config", config)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("pymailcore: ")
    assert ended.stderr.count("\n") == 1


def test_wrong_usage_is_status_2(run: Run) -> None:
    for words in (
        ["nonsense"],
        ["domain"],
        ["account", "add", "not an address"],
        ["serve", "--processes", "0"],
    ):
        assert run(*words).exit_code == 2, words


@pytest.mark.slow
def test_wrong_usage_is_told_on_standard_error(process: Process) -> None:
    ended = process("domain", "add")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Missing argument 'NAME'" in ended.stderr


@pytest.mark.slow
def test_each_fault_of_a_configuration_is_a_line(process: Process, tmp_path: Path) -> None:
    path = tmp_path / "pymailcore.toml"
    path.write_text('hostnme = "x"\n')
    ended = process("check", "--config", path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"pymailcore: {path}: listener: there is none; a server needs at least one [[listener]]",
        f"pymailcore: {path}: hostnme: unknown key; did you mean 'hostname'?",
        f"pymailcore: {path}: hostname: is missing",
        f"pymailcore: {path}: data: is missing",
    ]


@pytest.mark.slow
def test_a_file_that_is_not_there_is_named(process: Process, tmp_path: Path) -> None:
    ended = process("serve", "--config", tmp_path / "none.toml")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"pymailcore: {tmp_path / 'none.toml'}: No such file or directory\n"
