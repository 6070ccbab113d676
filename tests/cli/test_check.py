import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.lock import FolderLock
from pymailcore.runtime.settings import TlsSettings

Run = Callable[..., Result]


@pytest.fixture
def free(config: Path) -> Path:
    """A configuration with one listener, on a port that is free."""
    text = config.read_text().partition("[[listener]]")[0]
    config.write_text(text + '[metrics]\nbind = ""\n[[listener]]\nprotocol = "imap"\nbind = "127.0.0.1:0"\n')
    return config


def states(run: Run) -> dict[str, str]:
    output = run("check", "--json").output
    return {entry["check"]: entry["state"] for entry in json.loads(output)}


def test_a_server_that_can_start(run: Run, free: Path) -> None:
    assert states(run) == {
        "configuration": "ok",
        "data": "ok",
        "certificate": "note",
        "imap 127.0.0.1:0": "ok",
    }
    assert run("check").exit_code == 0


def test_a_port_in_use(run: Run, free: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        free.write_text(free.read_text().replace("127.0.0.1:0", bind))
        result = run("check")
    assert str(result.exception) == f"imap {bind}: {bind}: Address already in use"


def test_a_server_that_runs_has_its_ports(run: Run, free: Path) -> None:
    lock = FolderLock(free.parent / "data")
    assert states(run) == {"configuration": "ok", "data": "note", "certificate": "note", "ports": "note"}
    lock.close()


def test_data_that_is_not_there(run: Run, free: Path) -> None:
    shutil.rmtree(free.parent / "data")
    assert states(run)["data"] == "fault"
    assert not (free.parent / "data").exists(), "a check makes nothing"


def test_a_certificate_that_cannot_be_used(run: Run, free: Path) -> None:
    other = free.parent / "other"
    load_material(TlsSettings(), other, "mx.example.test")
    data = free.parent / "data"
    tls = f'[tls]\ncertificate = "{other}/self-signed.pem"\nkey = "{data}/tls/self-signed.key"\n'
    free.write_text(free.read_text().replace("[[listener]]", tls + "[[listener]]"))
    assert states(run)["certificate"] == "fault"


def test_a_user_that_is_not_there(run: Run, free: Path) -> None:
    free.write_text(free.read_text().replace("data =", 'user = "no-such-user"\ndata =', 1))
    assert states(run)["user"] == "fault"
