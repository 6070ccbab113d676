"""Send mail by SMTP on many connections for some seconds, and tell how it went: a generator of load.

    python -m benchmarks.smtp_load PORT POOL [--seconds 3] [--connections 20] [--per-connection 1] [--tls]

One thread over epoll, without an event loop and without parsing more than the codes of replies: 0.1 to 0.3 ms
of CPU for a small mail. Commands are pipelined where the server offers it. When the time is up, each
connection ends the mail that it is at. A line of JSON tells what came of it; `smtp_peers` reads it.
"""

import argparse
import json
import resource
import select
import socket
import ssl
import sys
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.smtp_mails import read_pool

RECIPIENTS: Final = 10
_READ_OCTETS: Final = 65_536
_STALL_SECONDS: Final = 60.0
_STARTTLS: Final = b"STARTTLS\r\n"

Replies = list[bytes]
Talk = Generator[tuple[bytes, int], Replies, None]
"""Octets to send and how many replies to wait for; is given these."""


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        first: number of the next mail that nobody has sent.
        octets: of mail data that was accepted.
        seconds: from the first connection to the last reply.
        p50_ms: from the last octet of the mail data to its reply.
        cpu: of the generator, in seconds.
    """

    mails: int = 0
    failed: int = 0
    sessions: int = 0
    first: int = 0
    octets: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu: float = 0.0


class Refused(Exception):
    """A reply that nobody hoped for."""


def _codes(replies: Replies, *wanted: bytes) -> None:
    for line, code in zip(replies, wanted, strict=True):
        if not line.startswith(code):
            raise Refused(line.decode("utf-8", "replace"))


class Generating:
    """The connections and what they share."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.port: int = given.port
        self.per_connection: int = given.per_connection
        self.tls = _context() if given.tls else None
        self.pipelined: bool = not given.one_by_one
        self.pool = read_pool(given.pool)
        self.outcome = Outcome(first=given.first)
        self.waits: list[float] = []
        self.epoll = select.epoll()
        self.peers: dict[int, _Peer] = {}
        self.ends = time.perf_counter() + given.seconds

    def run(self, connections: int) -> Outcome:
        """Send until the time is up."""
        begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(connections):
            self.open()
        while self.peers:
            ready = self.epoll.poll(_STALL_SECONDS)
            if not ready:
                raise TimeoutError(f"{len(self.peers)} connections have stalled")
            for descriptor, events in ready:
                peer = self.peers.get(descriptor)
                if peer is not None and not peer.goes_on(events):
                    self.close(peer)
        outcome, now = self.outcome, resource.getrusage(resource.RUSAGE_SELF)
        outcome.seconds = time.perf_counter() - begun
        outcome.cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        self.waits.sort()
        outcome.mails = len(self.waits)
        if self.waits:
            outcome.p50_ms, outcome.p99_ms = (
                self.waits[int((len(self.waits) - 1) * part)] * 1000 for part in (0.5, 0.99)
            )
        return outcome

    def open(self) -> None:
        """Make one more connection."""
        peer = _Peer(self)
        self.peers[peer.descriptor] = peer
        self.epoll.register(peer.descriptor, select.EPOLLIN | select.EPOLLOUT)

    def close(self, peer: "_Peer") -> None:
        """End a connection, and make another one in its place while there is time."""
        del self.peers[peer.descriptor]
        peer.socket.close()
        if time.perf_counter() < self.ends:
            self.open()

    def take(self) -> tuple[int, bytes]:
        """The next mail and its number."""
        number = self.outcome.first
        self.outcome.first += 1
        return number, (b"%08d" % number).join(self.pool[number % len(self.pool)])


class _Peer:
    """One connection."""

    def __init__(self, load: Generating) -> None:
        self._load = load
        self.socket: socket.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", load.port))
        self.descriptor = self.socket.fileno()
        self._in = b""
        self._replies: Replies = []
        self._out = memoryview(b"")
        self._sent = 0.0
        self._shaking = False
        self._watched = select.EPOLLIN | select.EPOLLOUT
        self._keywords: set[bytes] = set()
        self._talk = self._conversation()
        _, self._wanted = next(self._talk)

    def goes_on(self, events: int) -> bool:
        """Do what can be done now; False when the connection is over."""
        try:
            if self._shaking:
                self._shake()
            elif self._out and events & select.EPOLLOUT:
                self._write()
            elif events & ~select.EPOLLOUT:
                self._read()
            if not self._out and not self._shaking:
                self._watch(select.EPOLLIN)
        except StopIteration:
            return False
        except (OSError, Refused) as fault:
            self._load.outcome.failed += 1
            if self._load.outcome.failed <= 3:
                print(repr(fault), file=sys.stderr)
            return False
        return True

    def _watch(self, events: int) -> None:
        if events != self._watched:
            self._watched = events
            self._load.epoll.modify(self.descriptor, events)

    def _read(self) -> None:
        try:
            while True:
                octets = self.socket.recv(_READ_OCTETS)
                if not octets:
                    if b"\n" in self._in:
                        break  # the end came with the last reply
                    raise ConnectionResetError("closed by the server")
                self._in += octets
                if self._load.tls is None:
                    break  # what comes later wakes us again
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        *lines, self._in = self._in.split(b"\n")
        for line in lines:
            if line[3:4] == b"-":
                self._keywords.add(line[4:].strip())
            else:
                self._replies.append(line)
        if len(self._replies) >= self._wanted:
            replies, self._replies = self._replies, []
            self._say(*self._talk.send(replies))

    def _say(self, octets: bytes, replies: int) -> None:
        self._wanted = replies
        self._out = memoryview(octets)
        self._write()

    def _write(self) -> None:
        try:
            while self._out:
                self._out = self._out[self.socket.send(self._out) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._watch(select.EPOLLIN | select.EPOLLOUT)
            return
        self._sent = time.perf_counter()

    def _shake(self) -> None:
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(select.EPOLLIN)
        except ssl.SSLWantWriteError:
            self._watch(select.EPOLLOUT)
        else:
            self._shaking = False
            self._say(*self._talk.send([]))

    def _conversation(self) -> Talk:
        load = self._load
        _codes((yield b"", 1), b"220")
        _codes((yield b"EHLO client.example\r\n", 1), b"250")
        if load.tls is not None:
            _codes((yield _STARTTLS, 1), b"220")
            self.socket = load.tls.wrap_socket(self.socket, do_handshake_on_connect=False)
            self._shaking = True
            self._watch(select.EPOLLIN | select.EPOLLOUT)
            yield b"", 0
            _codes((yield b"EHLO client.example\r\n", 1), b"250")
        for _ in range(load.per_connection):
            number, mail = load.take()
            yield from self._transaction(number)
            _codes((yield mail, 1), b"250")
            load.waits.append(time.perf_counter() - self._sent)
            load.outcome.octets += len(mail) - 3
            if time.perf_counter() >= load.ends:
                break
        _codes((yield b"QUIT\r\n", 1), b"221")
        load.outcome.sessions += 1

    def _transaction(self, number: int) -> Talk:
        commands = [
            b"MAIL FROM:<sender%d@example.net>\r\n" % (number % 97),
            b"RCPT TO:<user%d@bench.test>\r\n" % (number % RECIPIENTS),
            b"DATA\r\n",
        ]
        codes = (b"250", b"250", b"354")
        if self._load.pipelined and b"PIPELINING" in self._keywords:
            _codes((yield b"".join(commands), 3), *codes)
            return
        for command, code in zip(commands, codes, strict=True):
            _codes((yield command, 1), code)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def main() -> None:
    """Send and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int, help="on 127.0.0.1")
    parser.add_argument("pool", type=Path, help="file of mails (smtp_mails.write_pool)")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--per-connection", type=int, default=1, help="mails before QUIT")
    parser.add_argument("--first", type=int, default=0, help="number of the first mail")
    parser.add_argument("--tls", action="store_true", help="STARTTLS, without looking at the certificate")
    parser.add_argument("--one-by-one", action="store_true", help="never pipeline")
    given = parser.parse_args()
    outcome = Generating(given).run(given.connections)
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
