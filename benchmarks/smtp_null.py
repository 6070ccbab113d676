"""Cost of the SMTP server alone: the driver with a role that takes everything and keeps nothing.

Run: python benchmarks/smtp_null.py [--messages 3000] [--octets 8192] [--connections 20] [--profile FILE]

The server runs in a process of its own; blocking client threads speak to it without pipelining, as most mail
programs do. Reported for 1 and for 10 messages a connection: messages per second, and CPU seconds of the
server per 1,000 messages. With `--serve FOLDER` it only serves, with STARTTLS (the certificate is in the
folder), says its port and ends when its standard input does.
"""

# ruff: noqa: ARG002 - a role that looks at nothing

import argparse
import cProfile
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import trio

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.envelope import Envelope
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Acceptor, serve_sockets
from pymailcore.runtime.settings import ServeSettings, TlsSettings
from pymailcore.runtime.tls import TlsContexts, TlsLogins
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.role import Session
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings


class NullRole:
    """Accepts everything."""

    way = "mx"
    takes_logins = False
    lookups: frozenset[str] = frozenset()

    def begin(self, session: Session) -> "NullRole":
        """One conversation is like another."""
        return self

    async def opened(self) -> Reply | None:
        """Accept."""
        return None

    async def hello(self, event: events.Hello) -> Reply | None:
        """Accept."""
        return None

    async def mail(self, event: events.Mail) -> Reply | None:
        """Accept."""
        return None

    async def recipient(self, mail: events.Mail, event: events.Recipient) -> Reply | None:
        """Accept."""
        return None

    def withdraw(self, event: events.Recipient) -> None:
        """Nothing is kept."""

    async def data(self, event: events.DataRequested) -> Reply | None:
        """Let it come."""
        return None

    async def verify(self, event: events.Verify) -> Reply | None:
        """Tell nothing."""
        return None

    async def message(self, envelope: Envelope, octets: bytes, digest: str) -> Reply | None:
        """Accept and forget."""
        return None

    async def scram_keys(self, event: events.KeysNeeded) -> Reply:
        """Nobody asks."""
        return reply.NOT_IMPLEMENTED

    async def authenticate(self, event: events.Authenticate) -> Reply | None:
        """Accept."""
        return None


async def _serve(listening: socket.socket, stop: int, tls: TlsLogins | None = None) -> None:
    metrics = Metrics()
    settings = ServeSettings(connections_count=10_000)
    acceptor = Acceptor(settings, metrics)
    server = SmtpServer(
        role=NullRole(),
        settings=SmtpSettings(),
        hostname="mx.example",
        budget=MailDataBudget(1 << 30),
        metrics=metrics,
        tls="none" if tls is None else "starttls",
        contexts=tls,
    )
    async with trio.open_nursery() as nursery:
        sockets = [trio.socket.from_stdlib_socket(listening)]
        await nursery.start(
            lambda task_status: serve_sockets(
                server.serve_connection, sockets, acceptor, name="bench", task_status=task_status
            )
        )
        await trio.lowlevel.wait_readable(stop)
        nursery.cancel_scope.cancel()


def _run_server(listening: socket.socket, stop: int, report: int, profile: str | None) -> None:
    profiler = cProfile.Profile() if profile else None
    if profiler:
        profiler.enable()
    trio.run(_serve, listening, stop)
    if profiler:
        profiler.disable()
        profiler.dump_stats(profile or "")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    os.write(report, f"{usage.ru_utime + usage.ru_stime}".encode())
    os._exit(0)


def _lines(connection: socket.socket) -> Iterator[bytes]:
    pending = b""
    while True:
        while b"\n" not in pending:
            octets = connection.recv(4096)
            if not octets:
                return
            pending += octets
        line, _, pending = pending.partition(b"\n")
        if line[3:4] != b"-":
            yield line


def _client(port: int, message: bytes, connections: int, per_connection: int) -> None:
    for _ in range(connections):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            replies = _lines(connection)

            def say(
                octets: bytes, code: bytes, on: socket.socket = connection, to: Iterator[bytes] = replies
            ) -> None:
                on.sendall(octets)
                line = next(to)
                assert line.startswith(code), line

            assert next(replies).startswith(b"220")
            say(b"EHLO client.example\r\n", b"250")
            for _ in range(per_connection):
                say(b"MAIL FROM:<sender@client.example> SIZE=8192 BODY=8BITMIME\r\n", b"250")
                say(b"RCPT TO:<recipient@host.example>\r\n", b"250")
                say(b"DATA\r\n", b"354")
                say(message, b"250")
            say(b"QUIT\r\n", b"221")


def _measure(messages: int, octets: int, threads: int, per_connection: int, profile: str | None) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setblocking(False)
    port = listening.getsockname()[1]
    stop_read, stop_write = os.pipe()
    report_read, report_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run_server(listening, stop_read, report_write, profile)
    line = b"x" * 74 + b"\r\n"
    message = b"Subject: bench\r\n\r\n" + line * (octets // len(line)) + b".\r\n"
    share = messages // per_connection // threads
    workers = [
        threading.Thread(target=_client, args=(port, message, share, per_connection)) for _ in range(threads)
    ]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    os.write(stop_write, b"x")
    cpu = float(os.read(report_read, 100))
    os.waitpid(pid, 0)
    done = share * per_connection * threads
    print(
        f"{per_connection:3} messages a connection: {done} messages, {done / seconds:7.0f}/s, "
        f"server CPU {cpu / done * 1000:.3f} s per 1,000"
    )


def _serve_only(folder: Path) -> None:
    contexts = TlsContexts(load_material(TlsSettings(), folder, "mx.bench.test"))
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setblocking(False)
    print(listening.getsockname()[1], flush=True)
    trio.run(_serve, listening, sys.stdin.fileno(), contexts.for_logins())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--octets", type=int, default=8192)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--profile")
    parser.add_argument("--serve", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.serve:
        _serve_only(options.serve)
        return
    for per_connection in (1, 10):
        _measure(options.messages, options.octets, options.connections, per_connection, options.profile)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
