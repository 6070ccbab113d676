"""S3 for tests: moto's server in a process of its own, and a TCP proxy that breaks what goes through it."""

import contextlib
import http.client
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from pymailcore.store.objects.settings import ObjectSettings

_SERVER = """\
import logging, sys
from moto.server import ThreadedMotoServer
logging.disable(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def moto_server() -> Iterator[int]:
    """Run moto's server; gives its port. It ends with the block, or with this process."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.kill()


def make_bucket(port: int, bucket: str) -> None:
    """Make a bucket; moto asks nobody who he is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("PUT", f"/{bucket}")
    assert connection.getresponse().status == 200
    connection.close()


def object_settings(
    port: int, bucket: str, folder: Path, *, timeout_seconds: float = 10.0, prefix: str = "mail"
) -> ObjectSettings:
    """Settings for a bucket on loopback."""
    path = folder / "s3.credentials"
    path.write_text("access_key_id = test\nsecret_access_key = test\n")
    path.chmod(0o600)
    return ObjectSettings(bucket, prefix, f"http://127.0.0.1:{port}", "us-east-1", path, timeout_seconds)


class FaultProxy:
    """Passes connections on to a port of this machine until it is told otherwise.

    Attributes:
        refuse: new connections are closed at once.
        stall: nothing is passed on in either direction any more.
        cut_after: a connection is cut after so many octets from the client.
        cut_answer_after: a connection is cut after so many octets from the server.
        failures: so many requests are answered with 500 without being passed on.
        requests: stretches of octets from clients so far.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.refuse = False
        self.stall = False
        self.cut_after: int | None = None
        self.cut_answer_after: int | None = None
        self.failures = 0
        self.connections = 0
        self.closing = False
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self.closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refuse or self.closing:
                client.close()
                continue
            self._held.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if self.failures:
                self.failures -= 1
                self._fail(client)
                return
            with socket.create_connection(("127.0.0.1", self._target), timeout=20) as server:
                self._held.append(server)
                self._pass(client, server)

    def _fail(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        client.sendall(
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        left = {client: self.cut_after, server: self.cut_answer_after}
        other = {client: server, server: client}
        while True:
            ready, _, _ = select.select([client, server], [], [], 30)
            for source in ready:
                octets = source.recv(65536)
                if not octets or self.refuse:
                    return
                while self.stall and not self.closing:
                    select.select([], [], [], 0.02)
                limit = left[source]
                if limit is not None:
                    other[source].sendall(octets[:limit])
                    left[source] = limit - len(octets)
                    if limit <= len(octets):
                        return
                else:
                    other[source].sendall(octets)

    def cut(self) -> None:
        """End all connections that there are."""
        held, self._held = self._held, []
        for one in held:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Pass everything on again, on new connections."""
        self.refuse = self.stall = False
        self.cut_after = self.cut_answer_after = None
        self.failures = 0
        self.cut()

    def close(self) -> None:
        """End; for good."""
        self.closing = True
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
