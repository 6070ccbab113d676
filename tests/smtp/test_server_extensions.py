"""Chunks, LMTP, early talkers, XCLIENT and slow peers, through the driver."""

import itertools
import math
import smtplib
from ipaddress import IPv4Network

import pytest
import trio
import trio.testing
from tests.support.said import Say
from tests.support.smtp import ENVELOPE, FakeConnection, FakeRole, codes, read_codes, server_of

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import ACCEPTED, Reply
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings

A, B, C = Address("a", "client.example"), Address("b", "host.example"), Address("c", "host.example")
CHUNKING = Extensions(chunking=True)
FULL = Reply(452, "4.2.2", "full")


async def begin(nursery: trio.Nursery, server: SmtpServer, *, peer: str = "192.0.2.1") -> trio.abc.Stream:
    """Serve one connection; give the client's end."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def serve() -> None:
        async with ours:
            await server.serve_connection(FakeConnection(ours, peer=peer))

    nursery.start_soon(serve)
    return theirs


async def talk(stream: trio.abc.Stream, octets: bytes, count: int) -> list[bytes]:
    """Send, and read so many replies."""
    await stream.send_all(octets)
    return await read_codes(stream, count)


async def test_a_message_in_chunks_reaches_the_role(nursery: trio.Nursery) -> None:
    """RFC 3030 section 2; what was begun before EHLO is not in it."""
    role = FakeRole()
    stream = await begin(nursery, server_of(role, extensions=CHUNKING))
    await talk(stream, ENVELOPE + b"BDAT 4\r\nlost", 5)
    await talk(stream, ENVELOPE + b"BDAT 4\r\nSubj", 4)
    assert await talk(stream, b"BDAT 7 LAST\r\nect: x\rQUIT\r\n", 2) == [b"554", b"221"]
    stream = await begin(nursery, server_of(role, extensions=CHUNKING))
    await talk(stream, ENVELOPE + b"BDAT 4\r\nlost", 5)
    await talk(stream, ENVELOPE + b"BDAT 4\r\nSubj", 4)
    assert await talk(stream, b"BDAT 8 LAST\r\nect: x\r\nQUIT\r\n", 2) == [b"250", b"221"]
    assert role.messages == [(Envelope(reverse_path=A, recipients=(B,)), b"Subject: x\r\n")]


async def test_lmtp_answers_for_each_recipient(nursery: trio.Nursery) -> None:
    """RFC 2033 section 4.2; one reply for each RCPT that was accepted, also for one given twice."""
    role = FakeRole(answer=lambda envelope, _octets: [FULL, ACCEPTED][: len(envelope.recipients)])
    stream = await begin(nursery, server_of(role, lmtp=True))
    assert (await talk(stream, b"EHLO c.example\r\nHELO c.example\r\n", 3))[1:] == [b"500", b"500"]
    await talk(stream, b"LHLO c.example\r\nMAIL FROM:<>\r\n", 2)
    recipients = b"RCPT TO:<b@host.example>\r\nRCPT TO:<unknown@host.example>\r\nRCPT TO:<c@host.example>\r\n"
    answers = await talk(stream, recipients + b"RCPT TO:<b@host.example>\r\nDATA\r\n", 5)
    assert answers == [b"250", b"550", b"250", b"250", b"354"]
    assert await talk(stream, b"x\r\n.\r\nNOOP\r\n", 4) == [b"452", b"250", b"452", b"250"]
    assert role.messages[0][0].recipients == (B, C)


@pytest.mark.parametrize("chunked", [False, True])
async def test_lmtp_refuses_a_bad_message_for_each_recipient(chunked: bool, nursery: trio.Nursery) -> None:
    """RFC 2033 section 4.2: also where the core decides."""
    stream = await begin(nursery, server_of(FakeRole(way="lmtp"), lmtp=True, extensions=CHUNKING))
    envelope = b"LHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\nRCPT TO:<c@host.example>\r\n"
    message = b"BDAT 2 LAST\r\n\n." if chunked else b"DATA\r\n\n.\r\n.\r\n"
    answers = await talk(stream, envelope + message + b"NOOP\r\n", 8 - chunked)
    assert answers[-3:] == [b"554", b"554", b"250"]


async def test_lmtp_without_recipients_takes_no_data(nursery: trio.Nursery) -> None:
    """RFC 2033 section 4.2: 503 where no RCPT succeeded."""
    stream = await begin(nursery, server_of(FakeRole(), lmtp=True))
    answers = await talk(stream, b"LHLO c.example\r\nMAIL FROM:<>\r\nDATA\r\n", 4)
    assert answers == [b"220", b"250", b"250", b"503"]


async def test_one_answer_of_the_role_is_that_of_all(nursery: trio.Nursery) -> None:
    """RFC 2033 section 4.2."""
    stream = await begin(nursery, server_of(FakeRole(), lmtp=True))
    envelope = b"LHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\nRCPT TO:<c@host.example>\r\n"
    await talk(stream, envelope + b"DATA\r\n", 6)
    assert await talk(stream, b"x\r\n.\r\nQUIT\r\n", 3) == [b"250", b"250", b"221"]


# Early talkers (S8)


@pytest.mark.parametrize("refuse", [True, False])
async def test_who_speaks_before_the_greeting(refuse: bool, nursery: trio.Nursery) -> None:
    """RFC 5321 section 3.1."""
    settings = SmtpSettings(refuse_early_talkers=refuse, greeting_delay_seconds=5.0)
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(b"EHLO c.example\r\n")
    nursery.start_soon(server_of(FakeRole(), settings).serve_connection, FakeConnection(ours))
    assert await read_codes(theirs, 1 if refuse else 2) == ([b"554"] if refuse else [b"220", b"250"])


async def test_who_waits_for_the_greeting_gets_it_late(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """The delay is what early talkers do not wait for."""
    stream = await begin(nursery, server_of(FakeRole(), SmtpSettings(greeting_delay_seconds=5.0)))
    assert await read_codes(stream, 1) == [b"220"]
    assert trio.current_time() == pytest.approx(5.0)


@pytest.mark.parametrize(("way", "expected"), [("mx", b"554"), ("submission", b"250")])
async def test_who_sends_a_message_before_data_is_answered(
    way: str, expected: bytes, nursery: trio.Nursery
) -> None:
    """RFC 2920 section 3.1: DATA is the last command of a group."""
    role = FakeRole(way=way)
    stream = await begin(nursery, server_of(role))
    answers = await talk(stream, ENVELOPE + b"DATA\r\nx\r\n.\r\n", 5 if way == "mx" else 6)
    assert answers[-1] == expected
    assert len(role.messages) == (way != "mx")


# XCLIENT


@pytest.mark.parametrize(("peer", "expected"), [("127.0.0.1", b"220"), ("192.0.2.1", b"500")])
async def test_a_filter_of_ours_speaks_for_a_client(
    peer: str, expected: bytes, nursery: trio.Nursery
) -> None:
    """S13: XCLIENT from strangers; the conversation begins anew."""
    role = FakeRole()
    server = server_of(role, filters=[IPv4Network("127.0.0.0/8")])
    stream = await begin(nursery, server, peer=peer)
    await talk(stream, ENVELOPE + b"RSET\r\n", 5)
    assert (await talk(stream, b"XCLIENT ADDR=198.51.100.7 NAME=spike.example\r\n", 1))[0] == expected
    if expected == b"220":
        assert await talk(stream, b"MAIL FROM:<>\r\n", 1) == [b"503"]
        assert (role.sessions[-1].peer, role.sessions[-1].peer_name) == ("198.51.100.7", "spike.example")
    else:
        assert [session.peer for session in role.sessions] == ["192.0.2.1"]


# A foreign client and slow ones, over real sockets


def _deliver_with_smtplib(port: int) -> dict[str, tuple[int, bytes]]:
    with smtplib.LMTP("127.0.0.1", port, local_hostname="client.example") as client:
        return client.sendmail("a@client.example", ["b@host.example", "unknown@host.example"], b"x\r\n")


async def test_smtplib_speaks_lmtp(nursery: trio.Nursery) -> None:
    """RFC 2033, with another's client."""
    role = FakeRole()
    server = server_of(role, lmtp=True)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        await server.serve_connection(FakeConnection(stream))

    nursery.start_soon(trio.serve_listeners, handle, listeners)
    port = listeners[0].socket.getsockname()[1]
    refused = await trio.to_thread.run_sync(_deliver_with_smtplib, port)
    assert refused == {"unknown@host.example": (550, b"5.1.1 No such recipient here")}
    assert role.messages == [(Envelope(reverse_path=A, recipients=(B,)), b"x\r\n")]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("slow", "deliveries", "seconds"),
    [(60, 10, 0.02), pytest.param(500, 120, 1.0, marks=[pytest.mark.long, pytest.mark.timeout(400)])],
)
async def test_slow_peers_do_not_keep_an_honest_one_waiting(
    slow: int, deliveries: int, seconds: float, nursery: trio.Nursery, say: Say
) -> None:
    """S10: peers with an octet every ten seconds, in a command or in mail data; a delivery each second."""
    role = FakeRole()
    server = server_of(role)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1_024)

    there: set[trio.SocketStream] = set()

    async def handle(stream: trio.SocketStream) -> None:
        there.add(stream)
        await server.serve_connection(FakeConnection(stream))
        there.discard(stream)

    nursery.start_soon(trio.serve_listeners, handle, listeners)
    port = listeners[0].socket.getsockname()[1]
    slow_ones = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(slow)]
    for stream in slow_ones:
        await read_codes(stream, 1)
    for stream in slow_ones[::2]:
        await talk(stream, ENVELOPE + b"DATA\r\n", 4)

    async def drip() -> None:
        with dripping:
            for octet in itertools.cycle(b"NOOPS"):
                for stream in slow_ones:
                    await stream.send_all(bytes((octet,)))
                    await trio.sleep(10 * seconds / slow)

    dripping = trio.CancelScope()
    nursery.start_soon(drip)
    times = []
    first = trio.current_time()
    for number in range(deliveries):
        await trio.sleep_until(first + number * seconds)
        began = trio.current_time()
        async with await trio.open_tcp_stream("127.0.0.1", port) as honest:
            await read_codes(honest, 1)
            await talk(honest, ENVELOPE + b"DATA\r\n", 4)
            assert await talk(honest, b"x\r\n.\r\nQUIT\r\n", 3) == [b"250", b"221"]  # and the end
        times.append(trio.current_time() - began)
    times.sort()
    median, p99 = times[len(times) // 2], times[math.ceil(0.99 * deliveries) - 1]
    say(f"S10: {slow} slow peers, {deliveries} deliveries: p50 {median:.4f}, p99 {p99:.4f} s")
    assert p99 < 2.0
    assert len(role.messages) == deliveries
    assert len(role.sessions) == slow + deliveries
    assert len(there) == slow
    dripping.cancel()
    for stream in slow_ones:
        await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_whole_transaction_of_lines_is_one_group(nursery: trio.Nursery) -> None:
    """RFC 3030 section 4.2: BDAT may be pipelined with its octets, the next command too."""
    role = FakeRole()
    stream = await begin(nursery, server_of(role, extensions=CHUNKING))
    await read_codes(stream, 1)
    await stream.send_all(ENVELOPE + b"BDAT 3 LAST\r\nx\r\n" + ENVELOPE + b"BDAT 3 LAST\r\ny\r\nQUIT\r\n")
    assert codes(bytes(await stream.receive_some())) == [b"250"] * 8 + [b"221"]
    assert [octets for _, octets in role.messages] == [b"x\r\n", b"y\r\n"]
