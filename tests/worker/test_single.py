"""The whole server as one process, and as a family, started as people start it."""

import contextlib
import imaplib
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
ANNA = "anna@example.test"
LISTENERS = "".join(
    f'[[listener]]\nprotocol = "{protocol}"\nbind = "127.0.0.1:0"\ntls = "starttls"\nplaintext_login = true\n'
    for protocol in ("smtp", "imap")
)


def pymailcore(*arguments: str | Path, text: str = "") -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "pymailcore", *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def config(tmp_path: Path) -> Path:
    words = ("--hostname", "mx.example.test", "--domain", "example.test", "--admin", ANNA, "--password-stdin")
    pymailcore("init", tmp_path, *words, text=PASSWORD)
    path = tmp_path / "pymailcore.toml"
    text = path.read_text().partition("[[listener]]")[0]
    path.write_text(text + '[metrics]\nbind = ""\n' + LISTENERS)
    return path


@contextlib.contextmanager
def serving(config: Path, processes: int) -> Iterator[tuple["subprocess.Popen[str]", dict[str, int]]]:
    with (config.parent / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "pymailcore", "serve", "--config", config, "--processes", str(processes)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
        assert line.startswith("ready: "), (config.parent / "stderr").read_text()
        places = [place.split(" ") for place in line.removeprefix("ready: ").strip().split(", ")]
        try:
            yield process, {name: int(bind.rpartition(":")[2]) for name, bind in places}
        finally:
            process.terminate()
            assert process.wait(30) == 0


def subjects(port: int, address: str = ANNA) -> set[str]:
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(address, PASSWORD)
        client.select("INBOX", readonly=True)
        found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return {item[1].decode().strip() for item in found if isinstance(item, tuple)}


def send(port: int, subject: str, to: str = ANNA) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("ben@example.net", [to], f"Subject: {subject}\r\n\r\nHello\r\n")


@pytest.mark.parametrize("processes", [1, 2])
def test_what_was_accepted_is_there_after_a_restart(config: Path, processes: int) -> None:
    with serving(config, processes) as (_, ports):
        send(ports["smtp"], "first")
        assert subjects(ports["imap"]) == {"Subject: first"}
    with serving(config, processes) as (_, ports):
        assert subjects(ports["imap"]) == {"Subject: first"}


@pytest.mark.parametrize("processes", [1, 2])
def test_accounts_can_be_made_while_it_runs(config: Path, processes: int) -> None:
    with serving(config, processes) as (_, ports):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(ports["smtp"], "too early", "ben@example.test")
        pymailcore(
            "account", "add", "ben@example.test", "--password-stdin", "--config", config, text=PASSWORD
        )
        send(ports["smtp"], "now", "ben@example.test")
        assert subjects(ports["imap"], "ben@example.test") == {"Subject: now"}


def test_one_process_reloads(config: Path) -> None:
    with serving(config, 1) as (process, ports):
        text = config.read_text()
        config.write_text(text.replace("mx.example.test", "two.example.test"))
        process.send_signal(signal.SIGHUP)
        for _ in range(1_000):
            with smtplib.SMTP("127.0.0.1", ports["smtp"]) as client:
                if b"two.example.test" in client.ehlo()[1]:
                    break
        else:
            raise AssertionError("the old name is still said")
        config.write_text("nonsense")
        process.send_signal(signal.SIGHUP)
        send(ports["smtp"], "goes on")


def test_one_process_refuses_a_second(config: Path) -> None:
    with serving(config, 1):
        second = subprocess.run(
            [sys.executable, "-m", "pymailcore", "serve", "--config", config, "--processes", "1"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 1
    complaints = [line for line in second.stderr.splitlines() if line.startswith("pymailcore: ")]
    assert len(complaints) == 1
    assert "in use by a server that runs already" in complaints[0]


def test_nothing_acknowledged_is_lost_by_a_kill(config: Path) -> None:
    with contextlib.suppress(AssertionError), serving(config, 1) as (process, ports):
        send(ports["smtp"], "kept")
        os.kill(process.pid, signal.SIGKILL)
    with serving(config, 1) as (_, ports):
        assert subjects(ports["imap"]) == {"Subject: kept"}
