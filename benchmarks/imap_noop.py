"""NOOP round trips on one connection: a server in this process, a blocking client in another.

python benchmarks/imap_noop.py [--seconds 3] [--connections 1] [--tls]
"""

import argparse
import contextlib
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import trio

from benchmarks.store_support import account_with_mailboxes
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint
from pymailcore.directory.types import Principal
from pymailcore.imap.server import serve_connection
from pymailcore.imap.settings import ImapSettings
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Connection
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts
from pymailcore.sasl.steps import ScramKeys
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store

ACCOUNT = AccountId(1)

CLIENT = """
import socket, ssl, sys, time
port, seconds, tls = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "tls"
peer = socket.create_connection(("127.0.0.1", port))
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
if tls:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    peer = context.wrap_socket(peer)
def ask(line):
    peer.sendall(line)
    octets = b""
    while b"x OK" not in octets:
        octets += peer.recv(65536)
peer.recv(65536)
ask(b"x LOGIN a b\\r\\n")
ask(b"x SELECT INBOX\\r\\n")
count, begun = 0, time.perf_counter()
while time.perf_counter() - begun < seconds:
    ask(b"x NOOP\\r\\n")
    count += 1
print(count / (time.perf_counter() - begun))
"""


class Anybody:
    """A directory where every login is good."""

    async def scram_keys(self, *_: object, **__: object) -> ScramKeys:
        """Nobody asks."""
        raise NotImplementedError

    async def authenticate(self, *_: object, **__: object) -> Principal:
        """Let everybody in."""
        return Principal(account=ACCOUNT, tenant=DEFAULT_TENANT, name="a")

    def failure_pause_seconds(self, *_: object, **__: object) -> float:
        """Nobody fails."""
        return 0.0

    async def administers(self, *_: object) -> bool:
        """Nobody does."""
        return False

    def here(self, *_: object, **__: object) -> AbstractContextManager[None]:
        """Nobody is sent away."""
        return contextlib.nullcontext()


@asynccontextmanager
async def imap_server(
    folder: Path, tls_mode: Literal["none", "implicit"] = "none"
) -> AsyncIterator[tuple[int, Store]]:
    """Serve a store with one account; gives the port and the store."""
    hub = ChangeHub()
    metrics = Metrics()
    tls = TlsContexts(load_material(TlsSettings(), folder, "imap.example.test"))
    ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    draining = trio.Event()
    settings = StoreSettings(data=folder / "store")
    async with open_store(settings, notify=hub.publish, ids=ids, maintain=True) as store:
        await account_with_mailboxes(store, ACCOUNT)

        async def handle(stream: trio.SocketStream) -> None:
            async with stream:
                connection = Connection(
                    stream=stream, peer="127.0.0.1", peer_port=1, local="127.0.0.1", local_port=1, id="bench",
                    log=get_logger(), draining=draining,
                )  # fmt: skip
                await serve_connection(
                    connection, store=store, directory=Anybody(), hub=hub, settings=ImapSettings(),
                    metrics=metrics, tls=tls.for_logins(), tls_mode=tls_mode, plaintext_login=True,
                )  # fmt: skip

        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, handle, [listener])
            yield listener.socket.getsockname()[1], store
            nursery.cancel_scope.cancel()


async def main(arguments: argparse.Namespace) -> None:
    """Run clients at once and add up."""
    with tempfile.TemporaryDirectory() as folder:
        mode: Literal["none", "implicit"] = "implicit" if arguments.tls else "none"
        async with imap_server(Path(folder), mode) as (port, _):
            command = [
                sys.executable,
                "-c",
                CLIENT,
                str(port),
                str(arguments.seconds),
                "tls" if arguments.tls else "",
            ]
            rates: list[float] = []

            async def client() -> None:
                done = await trio.run_process(command, capture_stdout=True)
                rates.append(float(done.stdout))

            begun = time.process_time()
            async with trio.open_nursery() as nursery:
                for _ in range(arguments.connections):
                    nursery.start_soon(client)
            cpu = time.process_time() - begun
            total = sum(rates)
            print(
                f"{arguments.connections} connections: {total:8.0f} round trips/s,"
                f" {cpu / (total * arguments.seconds) * 1e6:.0f} us CPU of the server each"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--tls", action="store_true")
    trio.run(main, parser.parse_args())
