import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from click.testing import Result
from tests.support.postgres import cluster

from pymailcore.cli.installation import open_installation
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.lock import FolderLock
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.settings import TlsSettings
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House

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
        "store": "ok",
    }
    assert run("check").exit_code == 0


def test_plug_ins_that_are_asked_and_those_that_cannot_be_loaded(run: Run, free: Path) -> None:
    text = free.read_text()
    free.write_text(text.replace('"imap"', '"smtp"') + "[plugins.odd]\n[plugins.greylist]\nenabled = false\n")
    found = states(run)
    assert found["plug-in ratelimit"] == "ok"
    assert found["plug-in odd"] == "fault"
    assert "plug-in greylist" not in found
    assert "no such plug-in is installed" in str(run("check").exception)


def test_a_port_in_use(run: Run, free: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        free.write_text(free.read_text().replace("127.0.0.1:0", bind))
        result = run("check")
    assert str(result.exception) == f"imap {bind}: {bind}: Address already in use"


def test_the_folder_of_a_unix_socket(run: Run, free: Path, tmp_path: Path) -> None:
    """Nothing is bound: the socket may be that of a server that runs."""
    text = free.read_text().partition("[[listener]]")[0]
    for folder, state in ((tmp_path, "ok"), (tmp_path / "none", "fault")):
        free.write_text(f'{text}[[listener]]\nprotocol = "lmtp"\nbind = "unix:{folder}/lmtp"\n')
        assert states(run)[f"lmtp unix:{folder}/lmtp"] == state


def test_a_server_that_runs_has_its_ports(run: Run, free: Path) -> None:
    lock = FolderLock(free.parent / "data")
    assert states(run) == {
        "configuration": "ok",
        "data": "note",
        "certificate": "note",
        "ports": "note",
        "reserve": "note",
    }
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


def test_what_housekeeping_has_found_is_told(run: Run, free: Path) -> None:
    async def work() -> None:
        async with open_installation(free) as core:
            house = House(core.store.engine, Metrics())
            await house.alarms(
                alarms.SCRUB, [alarms.Alarm(alarms.SCRUB, "00000000000000ff:16", "it is damaged")]
            )
            await house.alarms(alarms.JOB, [alarms.Alarm(alarms.JOB, "collect", "it failed")])
            await house.alarms(alarms.SENDING, [alarms.Alarm(alarms.SENDING, "7", "ann@a.example: too many")])

    trio.run(work)
    found = states(run)
    assert (found["scrub 00000000000000ff:16"], found["job collect"]) == ("fault", "note")
    assert found["sending 7"] == "note"
    assert str(run("check").exception) == "scrub 00000000000000ff:16: it is damaged"


def test_a_disk_that_is_nearly_full_is_told(run: Run, free: Path) -> None:
    free.write_text(free.read_text() + f"[store]\nwatermark_octets = {2**62}\n")
    assert states(run)["disk"] == "fault"


def test_a_key_file_that_is_missing_or_wrong(run: Run, free: Path, tmp_path: Path) -> None:
    key_file = tmp_path / "master.keys"
    free.write_text(free.read_text() + f'[store]\nencryption_key_file = "{key_file}"\n')
    assert "is missing: put its copy there" in str(run("check").exception)
    run("keys", "create", key_file)
    assert states(run)["key file"] == "ok"


def test_a_bucket_that_does_not_answer(run: Run, free: Path, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("access_key_id = x\n")
    credentials.chmod(0o600)
    store = f'[store]\ns3_endpoint = "http://127.0.0.1:9"\ns3_credentials_file = "{credentials}"\n'
    free.write_text(f'metadata = "postgresql://x/x"\nblobs = "s3://bucket"\n{free.read_text()}{store}')
    assert "has no line secret_access_key" in str(run("check").exception)
    credentials.write_text("access_key_id = x\nsecret_access_key = y\n")
    assert "bucket: S3 does not do it" in str(run("check").exception)


def test_what_housekeeping_has_found_is_told_on_postgresql_too(run: Run, free: Path) -> None:
    async def work() -> None:
        async with open_installation(free) as core:
            house = House(core.store.engine, Metrics())
            await house.alarms(alarms.COUNTERS, [alarms.Alarm(alarms.COUNTERS, "7:0", "counts 1, has 2")])

    with cluster().database() as url:
        free.write_text(f'metadata = "{url}"\n{free.read_text()}')
        trio.run(work)
        assert "counters 7:0" not in states(run), "nothing is opened that no server has brought up to date"
        lock = FolderLock(free.parent / "data")
        found = states(run)
        lock.close()
    assert found["counters 7:0"] == "fault"
