"""The process family, with a small app in its workers; DESIGN section 3."""

import contextlib
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.hub import DIRECTORY
from pymailcore.runtime.hub_link import announce
from pymailcore.runtime.self_signed import serial_of
from pymailcore.runtime.settings import TlsSettings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SECONDS = 20.0


class Server:
    """A supervisor with small workers; used as a context manager."""

    def __init__(self, folder: Path, *, more: str = "", fronts: int = 2, tls: str = "none") -> None:
        self.folder = folder
        self.config = folder / "pymailcore.toml"
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        self.fronts = fronts
        more += "" if "[metrics]" in more else '\n[metrics]\nbind = ""\n'
        self.config.write_text(
            f'hostname = "one.test"\ndata = "{self.data}"\n{more}\n'
            f'[[listener]]\nprotocol = "imap"\nbind = "127.0.0.1:0"\ntls = "{tls}"\n'
        )
        self.ports: dict[str, int] = {}
        self.errors = folder / "stderr"

    def start(self) -> "subprocess.Popen[str]":
        arguments = ["serve", str(self.config), str(self.fronts)]
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        with self.errors.open("w") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.support.small_worker", *arguments],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": path},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> "Server":
        self.process = self.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready"), self.errors.read_text()
        for place in line.removeprefix("ready: ").split(", "):
            name, _, bind = place.strip().partition(" ")
            self.ports[name] = int(bind.rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        assert self.process.stdout is not None
        self.process.wait(SECONDS)
        self.process.stdout.close()

    def refused(self) -> str:
        """Start where it must fail; gives the one line on standard error that says why."""
        process = self.start()
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.read() == ""
        assert process.wait(SECONDS) == 1
        lines = [line for line in self.errors.read_text().splitlines() if line.startswith("pymailcore: ")]
        assert len(lines) == 1, self.errors.read_text()
        return lines[0]

    def connect(self) -> "Client":
        return Client(self.ports["imap"])

    def until(self, word: int, value: str) -> None:
        """Connect again and again until the greeting has a value."""
        for _ in range(2_000):
            with self.connect() as client:
                if client.greeting[word] == value:
                    return
        raise AssertionError(f"never {value}")


class Client:
    """A connection to a small worker."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.file = self.socket.makefile("rb")
        self.greeting = self.line().split()

    def line(self) -> str:
        try:
            return self.file.readline().decode()
        except ConnectionResetError:
            return ""

    @property
    def pid(self) -> int:
        return int(self.greeting[0])

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], SECONDS)[0], f"{pid} lives"
    finally:
        os.close(descriptor)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


def test_both_workers_accept_and_one_that_dies_is_replaced(server: Server) -> None:
    clients = [server.connect()]
    while len({client.pid for client in clients}) < 2:
        clients.append(server.connect())
    first = {client.pid for client in clients}
    clients[0].socket.sendall(b"die\n")
    assert clients[0].line() == ""
    wait_for_end(clients[0].pid)
    while clients[-1].pid in first:
        clients.append(server.connect())
    survivors = [client for client in clients if client.pid != clients[0].pid]
    for client in survivors:
        client.socket.sendall(b"still here\n")
        assert client.line() == "still here\n"
    for client in clients:
        client.__exit__()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_drains_when_it_is_told_to_end(server: Server, number: signal.Signals) -> None:
    with server.connect() as client:
        server.process.send_signal(number)
        assert client.line() == "bye\n"
        assert client.line() == ""
    assert server.process.wait(SECONDS) == 0
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_workers_end_when_their_supervisor_is_killed(server: Server) -> None:
    with server.connect() as client:
        server.process.kill()
        assert client.line() == "bye\n"
        wait_for_end(client.pid)


def test_a_new_server_takes_over_after_a_kill(server: Server) -> None:
    with server.connect():
        server.process.kill()
        server.process.wait()
        with Server(server.folder) as again, again.connect() as client:
            assert client.greeting[2] == "one.test"


def serial_served(port: int) -> int:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain) as stream,
    ):
        octets = stream.getpeercert(binary_form=True)
    assert octets is not None
    return x509.load_der_x509_certificate(octets).serial_number


def test_sighup_brings_a_new_certificate_and_configuration(tmp_path: Path) -> None:
    made = [load_material(TlsSettings(), tmp_path / name, "one.test") for name in "ab"]
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def put(name: str) -> None:
        shutil.copy(tmp_path / name / "self-signed.pem", certificate)
        shutil.copy(tmp_path / name / "self-signed.key", key)

    put("a")
    more = f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"'
    with Server(tmp_path, more=more, tls="implicit") as server:
        assert serial_served(server.ports["imap"]) == serial_of(made[0])
        put("b")
        server.process.send_signal(signal.SIGHUP)
        for _ in range(2_000):
            if serial_served(server.ports["imap"]) == serial_of(made[1]):
                break
        else:
            raise AssertionError("the old certificate is still served")


def test_sighup_with_a_fault_changes_nothing(server: Server) -> None:
    with server.connect() as client:
        good = server.config.read_text()
        server.config.write_text(good.replace("one.test", "two.test") + "wrong = 1\n")
        server.process.send_signal(signal.SIGHUP)
        server.config.write_text(good.replace("one.test", "three.test"))
        server.process.send_signal(signal.SIGHUP)
        server.until(2, "three.test")
        client.socket.sendall(b"still here\n")
        assert client.line() == "still here\n", "a reload drops no connection"


def test_a_notice_from_the_command_line_reaches_workers(server: Server) -> None:
    assert announce(server.data / "run" / "hub.sock", DIRECTORY, 7)
    server.until(3, "7")


def test_a_second_server_on_the_same_data_is_refused(server: Server) -> None:
    second = Server(server.folder)
    second.errors = server.folder / "stderr-2"
    assert f"in use by a server that runs already (process {server.process.pid})" in second.refused()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server(tmp_path)
        server.config.write_text(server.config.read_text().replace(":0", f":{port}"))
        assert server.refused() == f"pymailcore: 127.0.0.1:{port}: Address already in use"


def test_data_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.config.write_text(server.config.read_text().replace(str(server.data), "/proc"))
    assert "data: /proc cannot be used" in server.refused()


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.data.rmdir()
    assert "is no folder; `pymailcore init` makes one" in server.refused()


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    for name in "ab":
        load_material(TlsSettings(), tmp_path / name, "one.test")
    more = f'[tls]\ncertificate = "{tmp_path}/a/self-signed.pem"\nkey = "{tmp_path}/b/self-signed.key"\n'
    assert "cannot be used together" in Server(tmp_path, more=more).refused()


def test_a_worker_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    server = Server(tmp_path)
    (server.data / "refuse").touch()
    assert server.refused() == "pymailcore: the store was refused"


def test_the_metrics_of_all_workers_are_on_one_page(tmp_path: Path) -> None:
    with Server(tmp_path, more='[metrics]\nbind = "127.0.0.1:0"') as server:
        clients = [server.connect()]
        while len({client.pid for client in clients}) < 2:
            clients.append(server.connect())
        with urllib.request.urlopen(f"http://127.0.0.1:{server.ports['metrics']}/metrics") as answer:
            text = answer.read().decode()
        assert f'pymailcore_connections_total{{listener="imap-0"}} {float(len(clients))}' in text
        with urllib.request.urlopen(f"http://127.0.0.1:{server.ports['metrics']}/healthz") as answer:
            assert answer.read() == b"ok\n"
        for client in clients:
            client.__exit__()


@pytest.mark.needs_root
def test_workers_give_up_root(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o111)
    server = Server(tmp_path, more='user = "nobody"')
    assert "must belong to 'nobody'" in server.refused()
    shutil.chown(server.data, "nobody")
    with server, server.connect() as client:
        assert client.greeting[1] != "0"
        assert (server.data / "run" / "hub.sock").stat().st_uid == int(client.greeting[1])
