"""hints: what helps stands behind the fault, and the commands that it names exist."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from pymailcore.cli.hints import with_hint
from pymailcore.cli.main import cli

Process = Callable[..., "subprocess.CompletedProcess[str]"]

FAULTS = (
    "no domain a.test",
    "no account a@a.test",
    "no group a@a.test",
    "no alias a@a.test for b@a.test",
    "no tenant acme",
    "no role desk",
    "nobody has a@a.test",
    "'x.read' is no permission that a role can have",
    "a@a.test is taken",
    "a@a.test is an alias",
    "a@a.test is an group",
    "'7' is no id of the queue",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_commands_of_a_hint_exist(fault: str) -> None:
    said = with_hint(fault)
    assert said.startswith(f"{fault}; `pymailcore ")
    for words in re.findall(r"`(?:pymailcore )?([^`]+)`", said):
        name, inner = words.split()
        group = cli.get_command(click.Context(cli), name)
        assert isinstance(group, click.Group)
        assert inner in group.commands


def test_other_faults_stay_as_they_are() -> None:
    assert with_hint("the domain may have 3 accounts") == "the domain may have 3 accounts"


def test_a_command_says_what_helps(process: Process, config: Path) -> None:
    done = process("account", "add", "anna@nowhere.test", "--config", config)
    assert done.returncode == 1
    assert done.stderr == (
        "pymailcore: no domain nowhere.test; `pymailcore domain list` has those that are kept here,"
        " `domain add` adds one\n"
    )
