"""Mail that goes round, and mail about mail: both end (S15 and S16 of docs/develop/threats.md)."""

import contextlib
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from tests.support.raw_sink import RawSink, raw_sink
from tests.support.sending_scene import PASSWORD, Scene, route
from tests.support.waiting import block_until

from pymailcore.base.address import Address
from pymailcore.directory.actors import SYSTEM
from pymailcore.testing.server import MailServer

pytestmark = pytest.mark.slow

FORGED = "victim@remote.test"
MESSAGE = b"From: <victim@remote.test>\r\nSubject: hi\r\n\r\ntext\r\n"


class Doorway:
    """A port that leads to another one, which is told later: so two servers have routes to each other."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.to = 0
        self.passed = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.passed += 1
                server = socket.create_connection(("127.0.0.1", self.to))
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(65_536):
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


def alias(server: MailServer, name: str, to: str) -> None:
    """Make an address that leads to another one."""
    address, target = Address.parse(name), Address.parse(to)
    assert address is not None
    assert target is not None
    server.run(lambda core: core.directory.addresses.add(SYSTEM, address, target))


def inject(server: MailServer, sender: str, octets: bytes, *recipients: str) -> list[int]:
    """Deliver as a stranger; gives the codes of RCPT and, where one was taken, of the message."""
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], "client.remote.test") as client:
        client.ehlo()
        client.mail(sender)
        codes = [client.rcpt(recipient)[0] for recipient in recipients]
        if 250 in codes:
            codes.append(client.data(octets)[0])
        return codes


def _more(sink: RawSink, before: int) -> bool:
    return len(sink.messages) > before


@dataclass
class Round:
    """Two servers that forward to each other, and where mail for everybody else goes."""

    first: Scene
    second: Scene
    sink: RawSink
    doors: tuple[Doorway, Doorway]


@pytest.fixture
def ring() -> Iterator[Round]:
    """Two whole servers."""
    doors = (Doorway(), Doorway())
    with raw_sink("PIPELINING") as sink:
        elsewhere = "[connections]\ndrain_seconds = 0.1\n" + route("remote.test", sink.port)
        with (
            MailServer(domain="a.test", settings=elsewhere + route("b.test", doors[1].port)) as first,
            MailServer(domain="b.test", settings=elsewhere + route("a.test", doors[0].port)) as second,
        ):
            doors[0].to, doors[1].to = first.ports["smtp"], second.ports["smtp"]
            yield Round(Scene(first, sink), Scene(second, sink), sink, doors)
    for door in doors:
        door.close()


def test_two_servers_that_forward_to_each_other_come_to_an_end(ring: Round) -> None:
    """RFC 9228 section 4, RFC 5321 section 6.3: one round, or fifty hops; one report, and empty queues.

    A message for one recipient says who got it; one for two does not, and is stopped by its length of way.
    """
    for name in ("one", "two", "three"):
        alias(ring.first.server, f"{name}@a.test", f"{name}@b.test")
        alias(ring.second.server, f"{name}@b.test", f"{name}@a.test")
    for recipients, least, most in ((("one@a.test",), 2, 3), (("two@a.test", "three@a.test"), 40, 52)):
        before = len(ring.sink.messages)
        assert set(inject(ring.first.server, FORGED, MESSAGE, *recipients)) == {250}
        block_until(partial(_more, ring.sink, before), seconds=60)
        ring.first.until_sent()
        ring.second.until_sent()
        (report,) = ring.sink.messages[before:]
        assert b"MAIL FROM:<>" in b"".join(ring.sink.commands)
        assert b"Status: 5.4.6" in report
        hops = report.count(b"\r\nReceived: from") + report.count(b"\r\n Received: from")
        assert least <= hops <= most


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A server with routes to a host that takes everything and to one that refuses everybody."""
    with raw_sink("PIPELINING") as sink, raw_sink("PIPELINING") as refusing:
        refusing.refusal = b"550 5.1.1 nobody here\r\n"
        settings = "[smtp]\nmax_message_octets = 100_000\n" + route("dead.test", refusing.port)
        with MailServer(settings=settings + route("remote.test", sink.port)) as server:
            server.add_account("anna", PASSWORD)
            server.add_account("full", PASSWORD)
            alias(server, "dead@example.test", "x@dead.test")
            alias(server, "deadtoo@example.test", "y@dead.test")
            alias(server, "self@example.test", "anna@example.test")
            yield Scene(server, sink)


HOPS = b"Received: from x by y; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
REPORT = b"From: <mailer-daemon@remote.test>\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x--\r\n"

# What is sent in under a name that may be forged, and how many messages leave because of it.
MATRIX: dict[str, tuple[Callable[[MailServer], list[int]], list[int], int]] = {
    "nobody here": (lambda s: inject(s, FORGED, MESSAGE, "nobody@example.test"), [550], 0),
    "another domain": (lambda s: inject(s, FORGED, MESSAGE, "x@dead.test"), [550], 0),
    "delivered": (lambda s: inject(s, FORGED, MESSAGE, "anna@example.test"), [250, 250], 0),
    "too many hops": (lambda s: inject(s, FORGED, HOPS * 51 + MESSAGE, "anna@example.test"), [250, 554], 0),
    "too large": (lambda s: inject(s, FORGED, MESSAGE + b"x" * 101_000, "anna@example.test"), [250, 552], 0),
    "some of them": (
        lambda s: inject(s, FORGED, MESSAGE, "anna@example.test", "nobody@example.test"),
        [250, 550, 250],
        0,
    ),
    "forwarded in vain": (lambda s: inject(s, FORGED, MESSAGE, "dead@example.test"), [250, 250], 1),
    "forwarded in vain, twice": (
        lambda s: inject(s, FORGED, MESSAGE, "dead@example.test", "deadtoo@example.test"),
        [250, 250, 250],
        1,
    ),
    "a report, forwarded in vain": (lambda s: inject(s, "", REPORT, "dead@example.test"), [250, 250], 0),
    "in vain, from one here": (
        lambda s: inject(s, "nobody@example.test", MESSAGE, "dead@example.test"),
        [250, 250],
        0,
    ),
    "in vain, from the forward itself": (
        lambda s: inject(s, "dead@example.test", MESSAGE, "dead@example.test"),
        [250, 250],
        0,
    ),
}


@pytest.mark.parametrize("point", list(MATRIX))
def test_a_forged_sender_hears_at_most_once(scene: Scene, point: str) -> None:
    """RFC 5321 section 6.1, RFC 3834: refused while the peer waits; never a report on a report."""
    work, codes, leaving = MATRIX[point]
    before = len(scene.sink.messages)
    assert work(scene.server) == codes
    scene.until_sent()
    block_until(lambda: len(scene.sink.messages) >= before + leaving)
    assert len(scene.sink.messages) == before + leaving
    if leaving:
        assert any(line.startswith(b"MAIL FROM:<>") for line in scene.sink.commands[-6:])
