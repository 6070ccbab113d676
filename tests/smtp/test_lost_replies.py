"""RFC 1047: the reply to a message is lost, and the client sends the same again."""

import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest
import trio
import trio.testing
from tests.support.logs import captured
from tests.support.smtp import (
    DIGEST,
    ENVELOPE,
    FakeConnection,
    FakeRole,
    read_codes,
    server_of,
)

from pymailcore.base.address import Address
from pymailcore.base.envelope import DeliverBy, Envelope, ReportTerms, Terms
from pymailcore.base.errors import TemporaryFailure
from pymailcore.smtp.lost_replies import Hearing, LostReplies
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import ACCEPTED, Reply
from pymailcore.smtp.server import SmtpServer

A, B, C = Address("a", "x.example"), Address("b", "host.example"), Address("c", "host.example")
PLAIN = Envelope(reverse_path=A, recipients=(B, C))
DATA = b"Subject: x\r\n\r\n.\r\n"
PEER = "192.0.2.1"
YES = Reply(250, "2.0.0", "Accepted as c1.1")


def hear(lost: LostReplies, peer: str = PEER, login: str = "", way: str = "mx") -> Hearing:
    hearing = Hearing(lost, way=way, peer=peer)
    hearing.signed_in(login)
    return hearing


@pytest.fixture
async def lost() -> LostReplies:
    """One reply was lost."""
    lost = LostReplies(3, 600.0)
    hearing = hear(lost)
    hearing.said(PLAIN, DIGEST, YES)
    hearing.gone()
    return lost


async def test_the_same_again_gets_the_same_reply_once(lost: LostReplies) -> None:
    hearing = hear(lost)
    assert hearing.answer_again(PLAIN, DIGEST) is YES
    hearing.received(b"QUIT\r\n")
    hearing.gone()
    assert hear(lost).answer_again(PLAIN, DIGEST) is None


async def test_a_reply_may_be_lost_twice(lost: LostReplies) -> None:
    for _ in range(3):
        hearing = hear(lost)
        assert hearing.answer_again(PLAIN, DIGEST) is YES
        hearing.gone()


@pytest.mark.parametrize(
    ("envelope", "digest"),
    [
        (PLAIN, "1" * 64),
        (replace(PLAIN, reverse_path=None), DIGEST),
        (replace(PLAIN, reverse_path=B), DIGEST),
        (replace(PLAIN, recipients=(B,)), DIGEST),
        (replace(PLAIN, recipients=(B, C, A)), DIGEST),
        (replace(PLAIN, terms=Terms(envid="q")), DIGEST),
        (replace(PLAIN, terms=Terms(priority=1)), DIGEST),
        (replace(PLAIN, report_terms={C: ReportTerms(notify=frozenset({"SUCCESS"}))}), DIGEST),
    ],
)
async def test_what_differs_is_another_transaction(
    lost: LostReplies, envelope: Envelope, digest: str
) -> None:
    assert hear(lost).answer_again(envelope, digest) is None
    assert len(lost) == 1


@pytest.mark.parametrize(
    ("peer", "login", "way"),
    [("192.0.2.2", "", "mx"), (PEER, "ann@host.example", "mx"), (PEER, "", "submission")],
)
async def test_who_differs_is_another_client(lost: LostReplies, peer: str, login: str, way: str) -> None:
    assert hear(lost, peer, login, way).answer_again(PLAIN, DIGEST) is None


async def test_order_of_recipients_and_times_that_run_are_no_difference(lost: LostReplies) -> None:
    """RFC 2852 section 4, RFC 4865 section 4: a client counts them from when it speaks."""
    later = Terms(hold_until_ms=5, deliver_by=DeliverBy(at_ms=7, give_up=True))
    assert hear(lost).answer_again(replace(PLAIN, recipients=(C, B), terms=later), DIGEST) is YES


async def test_hosts_of_one_network_are_one_client_of_ipv6() -> None:
    lost = LostReplies()
    hearing = hear(lost, "2001:db8::1")
    hearing.said(PLAIN, DIGEST, None)
    hearing.gone()
    assert hear(lost, "2001:db8:0:1::1").answer_again(PLAIN, DIGEST) is None
    assert hear(lost, "2001:db8::2").answer_again(PLAIN, DIGEST) is ACCEPTED


@pytest.mark.parametrize("answer", [Reply(452, "4.3.1", "Full"), Reply(550, "5.7.1", "No"), [YES, YES]])
async def test_only_one_yes_for_all_is_remembered(answer: Reply | Sequence[Reply]) -> None:
    lost = LostReplies()
    hearing = hear(lost)
    hearing.said(PLAIN, DIGEST, answer)
    hearing.gone()
    assert not lost


@pytest.mark.parametrize(("count", "known"), [(0, 0), (1, 1), (3, 3), (4, 3)])
async def test_few_are_remembered(count: int, known: int) -> None:
    lost = LostReplies(count, 600.0)
    for number in range(3):
        lost.note(bytes((number,)), YES)
    assert len(lost) == known
    assert [lost.take(bytes((number,))) for number in range(3)] == [None] * (3 - known) + [YES] * known


async def test_not_for_long(autojump_clock: trio.testing.MockClock) -> None:
    lost = LostReplies(3, 600.0)
    for seconds, expected in ((599.0, YES), (600.0, None)):
        lost.note(b"x", YES)
        await trio.sleep(seconds)
        assert lost.take(b"x") is expected


# On a server


def reset(stream: trio.SocketStream) -> None:
    """Let the end be an RST."""
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))


class Sockets:
    """A server and connections to it over TCP."""

    def __init__(self, server: SmtpServer, port: int) -> None:
        self.server = server
        self.port = port
        self.ended = trio.Event()

    async def send(
        self, *ends: bytes, hang_up: Callable[[trio.SocketStream], None] | None = None
    ) -> list[bytes]:
        """Bring the message, say something more or nothing, and hang up; give the codes behind 354."""
        ended = self.ended
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        hello = ENVELOPE.replace(b"EHLO", b"LHLO") if self.server.lmtp else ENVELOPE
        async with stream:
            await read_codes(stream, 1)
            await stream.send_all(hello + b"DATA\r\n")
            await read_codes(stream, 4)
            await stream.send_all(DATA)
            codes = await read_codes(stream, 1)
            for end in ends:
                await stream.send_all(end)
                codes += await read_codes(stream, 1)
            if hang_up is not None:
                hang_up(stream)
        await ended.wait()
        return codes


@contextlib.asynccontextmanager
async def listening(server: SmtpServer) -> AsyncIterator[Sockets]:
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        sockets = Sockets(server, listeners[0].socket.getsockname()[1])

        async def handle(stream: trio.SocketStream) -> None:
            async with stream:
                await server.serve_connection(FakeConnection(stream))
            sockets.ended.set()
            sockets.ended = trio.Event()

        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield sockets
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("hang_up", [None, reset])
@pytest.mark.parametrize("lmtp", [False, True])
async def test_who_goes_away_without_a_word_is_answered_again(
    hang_up: Callable[[trio.SocketStream], None] | None, lmtp: bool
) -> None:
    """Nothing is filed twice, the log says so; and what was heard then is forgotten."""
    role = FakeRole(answer=lambda _envelope, _octets: YES)
    async with listening(server_of(role, lmtp=lmtp)) as sockets:
        assert await sockets.send(hang_up=hang_up) == [b"250"]
        with captured() as seen:
            assert await sockets.send(b"QUIT\r\n") == [b"250", b"221"]
        assert [line["reply"] for line in seen if line["event"].startswith("sent again")] == [str(YES)]
        assert len(role.messages) == 1
        assert await sockets.send(b"QUIT\r\n") == [b"250", b"221"]
        assert len(role.messages) == 2


@pytest.mark.parametrize("word", [b"QUIT\r\n", b"NOOP\r\n", b"RSET\r\n", b"nonsense\r\n"])
async def test_who_said_a_word_has_heard(word: bytes) -> None:
    """He sends the same on purpose."""
    role = FakeRole()
    async with listening(server_of(role)) as sockets:
        for _ in range(2):
            assert (await sockets.send(word))[0] == b"250"
    assert len(role.messages) == 2


async def test_what_was_not_taken_is_decided_anew() -> None:
    """RFC 5321 section 4.2.1: a refusal was no promise."""
    answers: list[Reply | None] = [Reply(451, "4.3.0", "Later"), None, None]

    def decide(_envelope: Envelope, _octets: bytes) -> Reply | None:
        return answers.pop(0)

    role = FakeRole(answer=decide)
    async with listening(server_of(role)) as sockets:
        assert [await sockets.send() for _ in range(2)] == [[b"451"], [b"250"]]
        assert len(role.messages) == 1


async def test_a_reply_that_could_not_be_written_was_not_heard() -> None:
    """The client gave up while the message was filed: an RST is there before the reply."""
    filed, left = trio.Event(), trio.Event()

    class Slow(FakeRole):
        async def message(
            self, envelope: Envelope, octets: bytes, digest: str
        ) -> Reply | Sequence[Reply] | None:
            await super().message(envelope, octets, digest)
            filed.set()
            await left.wait()
            return None

    role = Slow()
    async with listening(server_of(role)) as sockets:
        ended = sockets.ended
        stream = await trio.open_tcp_stream("127.0.0.1", sockets.port)
        await read_codes(stream, 1)
        await stream.send_all(ENVELOPE + b"DATA\r\n")
        await read_codes(stream, 4)
        await stream.send_all(DATA)
        await filed.wait()
        reset(stream)
        await stream.aclose()
        left.set()
        await ended.wait()
        assert await sockets.send() == [b"250"]
    assert len(role.messages) == 1


async def test_a_client_that_falls_silent_has_not_heard(autojump_clock: trio.testing.MockClock) -> None:
    """Its network is gone: nobody says so, and the time of the connection runs out."""
    role = FakeRole()
    server = server_of(role)
    for _ in range(2):
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve_connection, FakeConnection(ours))
            await theirs.send_all(ENVELOPE + b"DATA\r\n")
            await read_codes(theirs, 5)
            await theirs.send_all(DATA)
            assert await read_codes(theirs, 1) == [b"250"]
    assert len(role.messages) == 1


async def test_a_fault_of_ours_is_no_yes() -> None:
    def fail(_envelope: Envelope, _octets: bytes) -> Reply | None:
        raise TemporaryFailure("busy")

    role = FakeRole(answer=fail)
    async with listening(server_of(role)) as sockets:
        assert await sockets.send() == [b"451"]
        role.answer = lambda _envelope, _octets: None
        assert await sockets.send() == [b"250"]
    assert len(role.messages) == 1


async def test_who_is_signed_in_belongs_to_it() -> None:
    """What one account has sent says nothing about another's mail."""
    from_ann = Hearing(lost := LostReplies(), way="submission", peer=PEER)
    from_ann.signed_in("ann@host.example")
    from_ann.said(PLAIN, DIGEST, YES)
    from_ann.gone()
    assert hear(lost, login="bob@host.example", way="submission").answer_again(PLAIN, DIGEST) is None
    assert hear(lost, login="ann@host.example", way="submission").answer_again(PLAIN, DIGEST) is YES


async def test_however_it_is_cut_it_is_the_same_message() -> None:
    """RFC 3030 section 2: in chunks of other sizes, or by DATA."""
    role = FakeRole()
    server = server_of(role, extensions=Extensions(chunking=True))
    ways = (
        (b"BDAT 3 LAST\r\nx\r\n",),
        (b"BDAT 2\r\nx\r", b"BDAT 1 LAST\r\n\n"),
        (b"DATA\r\n", b"x\r\n.\r\n"),
    )
    for way in ways:
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve_connection, FakeConnection(ours))
            await theirs.send_all(ENVELOPE)
            await read_codes(theirs, 4)
            for octets in way:
                await theirs.send_all(octets)
                codes = await read_codes(theirs, 1)
            assert codes == [b"250"]
            await theirs.send_eof()
    assert len(role.messages) == 1
