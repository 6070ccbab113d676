"""The command line, called in this process."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pymailcore.cli.main import cli

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call a command; gives click's result, whose exception is what `main` turns into a line and 1."""
    monkeypatch.delenv("PYMAILCORE_CONFIG", raising=False)

    def call(*arguments: str | Path, text: str | None = None) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=text)

    return call


def with_cheap_hashes(path: Path) -> Path:
    """Let a configuration hash passwords as weakly as it can: tests hash often."""
    cheap = (
        "[directory]\nargon2_memory_kib = 64\nargon2_time_cost = 1\nscram_iterations_count = 64\n[[listener]]"
    )
    path.write_text(path.read_text().replace("[[listener]]", cheap, 1))
    return path


@pytest.fixture
def config(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server that was just made, with the domain example.test; PYMAILCORE_CONFIG names it."""
    made = run(
        "init", tmp_path / "mail", "--hostname", "mx.example.test", "--domain", "example.test", "--loopback"
    )
    assert made.exit_code == 0, made.output
    path = with_cheap_hashes(tmp_path / "mail" / "pymailcore.toml")
    monkeypatch.setenv("PYMAILCORE_CONFIG", str(path))
    return path


@pytest.fixture
def filled(run: Run, config: Path, tmp_path: Path) -> Path:
    """That server with anna@example.test and five messages in her Inbox; its configuration."""
    run("account", "add", "anna@example.test")
    mails = [b"From a Tue Sep  1 10:00:00 2020\nSubject: %d\n\n%s\n\n" % (n, b"x" * 5_000) for n in range(5)]
    (tmp_path / "old").write_bytes(b"".join(mails))
    arguments = ("--account", "anna@example.test", "mbox", tmp_path / "old", "--mailbox", "INBOX")
    assert run("import", *arguments).exit_code == 0
    return config


@pytest.fixture
def process() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the command line as a process of its own, as people do."""

    def call(*arguments: str | Path, text: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "pymailcore", *map(str, arguments)],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call
