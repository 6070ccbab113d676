"""Two nodes over one PostgreSQL database and one bucket, each a whole family with a folder of its own."""

import contextlib
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import trio
from tests.support.family import PASSWORD, Family
from tests.support.objects import make_bucket, moto_server, object_settings
from tests.support.postgres import cluster

from pymailcore.app.core import open_core
from pymailcore.base.address import Address
from pymailcore.config.read import read_file
from pymailcore.directory.actors import SYSTEM
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics

LEASE_SECONDS: Final = 2.0
"""Of the queue: so long after a node's death its entries are taken by another."""

_EXTRA: Final = """
[store]
s3_endpoint = "{endpoint}"
s3_credentials_file = "{credentials}"
s3_cache_octets = 0

[queue]
attempt_seconds = {attempt}
lease_seconds = {lease}
poll_seconds = 0.5
retry_minutes = [0.02]

[directory]
argon2_memory_kib = 64
argon2_time_cost = 1
scram_iterations_count = 64
cache_seconds = 3600

[metrics]
bind = ""

[[route]]
domain = "*"
host = "127.0.0.1"
port = {sink}
"""
"""Look-ups are remembered for an hour, so that only a notice can make a node forget them."""


class Sink:
    """A host that takes mail, or says nothing at all to whoever connects.

    Attributes:
        silent: see above; looked at when somebody connects.
        connected: somebody has.
        taken: the messages.
    """

    def __init__(self) -> None:
        self.silent = True
        self.connected = threading.Event()
        self.taken: list[bytes] = []
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    sink._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _serve(self, talk: socketserver.StreamRequestHandler) -> None:
        self.connected.set()
        if self.silent:
            talk.rfile.read()
            return
        talk.wfile.write(b"220 sink\r\n")
        for line in talk.rfile:
            if line.upper().startswith(b"DATA"):
                talk.wfile.write(b"354 go on\r\n")
                octets = b""
                for more in talk.rfile:
                    if more == b".\r\n":
                        break
                    octets += more
                self.taken.append(octets)
            talk.wfile.write(b"250 sink\r\n")

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._server.server_close()


class Idle:
    """An IMAP connection that is told what happens in INBOX."""

    def __init__(self, node: "Node", name: str = "anna") -> None:
        self._socket = socket.create_connection(("127.0.0.1", node.family.ports["imap"]), 20)
        self._file = self._socket.makefile("rb")
        self._file.readline()
        for command in (f'LOGIN {node.family.address(name)} "{PASSWORD}"', "SELECT INBOX"):
            self._socket.sendall(f"a {command}\r\n".encode())
            while not (line := self._file.readline()).startswith(b"a "):
                assert line
            assert line.startswith(b"a OK"), line
        self._socket.sendall(b"i IDLE\r\n")
        assert self._file.readline().startswith(b"+")

    def heard(self, pattern: bytes) -> float:
        """Wait for a line; gives how long that took."""
        begun = time.monotonic()
        while not re.search(pattern, line := self._file.readline()):
            assert line, "the server ended"
        return time.monotonic() - begun

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


class Node:
    """One node: its family, and where its mail for other domains goes."""

    def __init__(self, family: Family, sink: Sink) -> None:
        self.family = family
        self.sink = sink

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.family.folder / "serve.log").read_text("utf-8")


class Nodes:
    """Both nodes, running."""

    def __init__(self, a: Node, b: Node, database: str) -> None:
        self.a, self.b = a, b
        self.database = database

    def sql(self, sql: str) -> str:
        """Ask the database beside the servers."""
        return cluster().sql(sql, self.database)

    def housekeepers(self) -> list[Node]:
        """The nodes, the one first that has begun to keep house last; those that never did are not in it."""
        begun = re.compile(r'"event":"keeping house".*"timestamp":"([^"]+)"')
        last = {node: max(begun.findall(node.log), default="") for node in (self.a, self.b)}
        return sorted((node for node in last if last[node]), key=lambda node: last[node], reverse=True)


def until(what: Callable[[], bool], seconds: float = 30.0) -> float:
    """Ask again until it is so; gives how long that took."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() < begun + seconds, "it never came to be"
        time.sleep(0.02)
    return time.monotonic() - begun


@contextlib.contextmanager
def two_nodes(folder: Path, *, processes: tuple[int, int]) -> Iterator[Nodes]:
    """Set two nodes up and start them; the account anna was made on the first."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(moto_server())
        make_bucket(port, "mail")
        database = cluster().new_database()
        stack.callback(lambda: cluster().sql(f"DROP DATABASE {database} WITH (FORCE)"))

        def make(name: str, count: int) -> Node:
            sink = Sink()
            stack.callback(sink.close)
            place = folder / name
            place.mkdir()
            objects = object_settings(port, "mail", place)
            extra = _EXTRA.format(
                endpoint=objects.endpoint, credentials=objects.credentials_file, sink=sink.port,
                attempt=LEASE_SECONDS - 0.5, lease=LEASE_SECONDS,
            )  # fmt: skip
            family = Family(
                place, processes=count, extra=extra, hostname=f"{name}.test", blobs="s3://mail/blobs",
                metadata=cluster().url(database), accounts=(),
            )  # fmt: skip
            stack.callback(_end, family)
            family.launch()
            return Node(family, sink)

        with ThreadPoolExecutor() as pool:  # both at once, as it may be
            nodes = list(pool.map(make, "ab", processes))
            trio.run(_add_anna, nodes[0].family)
            list(pool.map(lambda node: node.family.wait_ready(), nodes))
        yield Nodes(nodes[0], nodes[1], database)


async def _add_anna(family: Family) -> None:
    """Make the first account; a process of its own for that takes a second."""
    address = Address.parse(family.address("anna"))
    assert address is not None
    async with open_core(read_file(family.config), ChangeHub(), Metrics(), maintain=False) as core:
        await core.directory.accounts.add(SYSTEM, address, PASSWORD)


def _end(family: Family) -> None:
    with contextlib.suppress(AssertionError):  # it was killed already
        family.kill()
