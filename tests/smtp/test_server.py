import contextlib
import smtplib
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import trio
import trio.testing
from tests.support.certificates import contexts
from tests.support.smtp import (
    ENVELOPE,
    FakeConnection,
    FakeContexts,
    FakeRole,
    codes,
    read_codes,
    server_of,
)

from pymailcore.base.address import Address
from pymailcore.base.budget import MailDataBudget
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import InsufficientStorage, MailError, OverQuota, TemporaryFailure
from pymailcore.smtp.mail_data_spool import MailDataSpool
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.role import RoleFault
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings

Pair = tuple[trio.abc.Stream, trio.abc.Stream]
PAIRS: list[Callable[[], Pair]] = [trio.testing.memory_stream_pair, trio.testing.lockstep_stream_pair]
A, B = Address("a", "client.example"), Address("b", "host.example")


@pytest.fixture(params=PAIRS, ids=["buffered", "lockstep"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Streams with and without a buffer behave differently; a driver must not care."""
    made: Pair = request.param()
    return made


async def serve(server: SmtpServer, connection: FakeConnection) -> None:
    """What the accept loop does."""
    async with connection.stream:
        await server.serve_connection(connection)


async def say(stream: trio.abc.Stream, octets: bytes, count: int) -> list[bytes]:
    """Send, and read so many replies."""
    await stream.send_all(octets)
    return await read_codes(stream, count)


async def read_all(stream: trio.abc.Stream) -> list[bytes]:
    """Read to the end."""
    octets = b""
    while more := await stream.receive_some():
        octets += more
    return codes(octets)


async def test_a_message_reaches_the_role(
    pair: Pair, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 3.3."""
    ours, theirs = pair
    role = FakeRole()
    server = server_of(role)
    nursery.start_soon(serve, server, FakeConnection(ours))
    assert await read_codes(theirs, 1) == [b"220"]
    assert await say(theirs, ENVELOPE, 3) == [b"250", b"250", b"250"]
    assert await say(theirs, b"DATA\r\n", 1) == [b"354"]
    assert await say(theirs, b"Subject: hi\r\n\r\n", 0) == []
    assert await say(theirs, b"..x\r\n.\r\n", 1) == [b"250"]
    assert await say(theirs, b"QUIT\r\n", 1) == [b"221"]
    assert await read_all(theirs) == []
    assert role.messages == [(Envelope(reverse_path=A, recipients=(B,)), b"Subject: hi\r\n\r\n.x\r\n")]
    assert server.budget.free_octets == server.settings.max_mail_data_memory_octets
    assert b"pymailcore_messages_accepted" in _metrics(server)


def _metrics(server: SmtpServer) -> bytes:
    return server.metrics.snapshot()


async def test_pipelined_commands_are_answered_in_one_write(nursery: trio.Nursery) -> None:
    """RFC 2920 section 3.2."""
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, server_of(FakeRole()), FakeConnection(ours))
    assert len(codes(bytes(await theirs.receive_some()))) == 1
    await theirs.send_all(ENVELOPE + b"DATA\r\n")
    assert codes(bytes(await theirs.receive_some())) == [b"250", b"250", b"250", b"354"]


async def test_silence_is_a_421(
    pair: Pair, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.5.3.2.7; five quiet minutes pass in no real time."""
    ours, theirs = pair
    nursery.start_soon(serve, server_of(FakeRole()), FakeConnection(ours))
    assert await read_all(theirs) == [b"220", b"421"]
    assert trio.current_time() == pytest.approx(300.0)


class _SlowRole(FakeRole):
    async def message(self, envelope: Envelope, octets: bytes, digest: str) -> Reply | Sequence[Reply] | None:
        await trio.sleep(400)
        return await super().message(envelope, octets, digest)


async def test_a_store_that_takes_its_time_is_waited_for(
    pair: Pair, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Only what the peer is waited for has an end, not what is done with its message."""
    ours, theirs = pair
    role = _SlowRole()
    nursery.start_soon(serve, server_of(role), FakeConnection(ours))
    await read_codes(theirs, 1)
    await say(theirs, ENVELOPE, 3)
    await say(theirs, b"DATA\r\n", 1)
    assert await say(theirs, b"x\r\n.\r\n", 1) == [b"250"]
    assert len(role.messages) == 1
    assert await say(theirs, b"QUIT\r\n", 1) == [b"221"]


@pytest.mark.parametrize("quiet", [1.9, 2.0, 2.1, 299.0])
async def test_a_peer_may_be_quiet_for_a_while(
    quiet: float, pair: Pair, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.5.3.2.7; after two seconds another wait takes over, and nothing is lost between."""
    ours, theirs = pair
    role = FakeRole()
    nursery.start_soon(serve, server_of(role), FakeConnection(ours))
    await read_codes(theirs, 1)
    for octets, count in ((ENVELOPE, 3), (b"DATA\r\n", 1), (b"x\r\n.\r\n", 1), (b"QUIT\r\n", 1)):
        await trio.sleep(quiet)
        assert all(code[:1] in b"23" for code in await say(theirs, octets, count))
    assert len(role.messages) == 1


async def test_a_command_that_drips_in_has_no_more_time(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Slowloris: the deadline is for the whole command."""
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, server_of(FakeRole()), FakeConnection(ours))

    async def drip() -> None:
        while True:
            await trio.sleep(10)
            await theirs.send_all(b"x")

    nursery.start_soon(drip)
    assert await read_all(theirs) == [b"220", b"421"]
    assert trio.current_time() == pytest.approx(300.0)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("pause", "completes"), [(0.5, True), (1.5, False)])
async def test_mail_data_must_keep_up_a_rate(
    pause: float, completes: bool, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """500 octets a second, measured over the transaction."""
    ours, theirs = trio.testing.memory_stream_pair()
    role = FakeRole()
    nursery.start_soon(serve, server_of(role), FakeConnection(ours))
    await say(theirs, ENVELOPE + b"DATA\r\n", 5)

    async def drip() -> None:
        for _ in range(2_000):
            await trio.sleep(pause)
            await theirs.send_all(b"x" * 498 + b"\r\n")
        await theirs.send_all(b".\r\nQUIT\r\n")

    nursery.start_soon(drip)
    assert await read_all(theirs) == ([b"250", b"221"] if completes else [b"421"])
    assert len(role.messages) == completes
    nursery.cancel_scope.cancel()


async def test_a_peer_that_stops_reading_is_left(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A write has a deadline too."""
    ours, _theirs = trio.testing.lockstep_stream_pair()
    await serve(server_of(FakeRole()), FakeConnection(ours))
    assert trio.current_time() == pytest.approx(180.0)


@pytest.mark.parametrize("octets", [b"", b"EHL", ENVELOPE, ENVELOPE + b"DATA\r\nabc"])
async def test_a_peer_that_vanishes_is_an_ordinary_end(
    octets: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 3.8."""
    ours, theirs = trio.testing.memory_stream_pair()
    role = FakeRole()
    server = server_of(role)
    with trio.fail_after(1):
        async with trio.open_nursery() as inner:
            inner.start_soon(serve, server, FakeConnection(ours))
            await theirs.send_all(octets)
            await theirs.aclose()
    assert role.messages == []
    assert server.budget.free_octets == server.settings.max_mail_data_memory_octets


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (TemporaryFailure("busy"), [b"451", b"221"]),
        (InsufficientStorage("disk"), [b"452", b"221"]),
        (OverQuota(), [b"452", b"221"]),
    ],
)
async def test_outcomes_of_the_role_are_replies(
    outcome: MailError, expected: list[bytes], nursery: trio.Nursery
) -> None:
    """RFC 5321 section 4.2.1."""

    def fail(_envelope: Envelope, _octets: bytes) -> Reply | None:
        raise outcome

    ours, theirs = trio.testing.memory_stream_pair()
    role = FakeRole(answer=fail)
    nursery.start_soon(serve, server_of(role), FakeConnection(ours))
    await say(theirs, ENVELOPE + b"DATA\r\n", 5)
    assert await say(theirs, b"x\r\n.\r\nQUIT\r\n", 2) == expected


@pytest.mark.parametrize(
    "fault", [RuntimeError("bug"), OSError("a disk"), ConnectionResetError(), trio.BrokenResourceError()]
)
async def test_a_fault_of_ours_is_a_421_and_goes_to_the_accept_loop(fault: Exception) -> None:
    """STYLE: anything else is 421 4.3.0 and close; what breaks behind a role is not the peer's."""

    def fail(_envelope: Envelope, _octets: bytes) -> Reply | None:
        raise fault

    ours, theirs = trio.testing.memory_stream_pair()
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, server_of(FakeRole(answer=fail)), FakeConnection(ours))
            await say(theirs, ENVELOPE + b"DATA\r\n", 5)
            assert await say(theirs, b"x\r\n.\r\n", 1) == [b"421"]
    (raised,) = caught.value.exceptions
    assert isinstance(raised, RoleFault)
    assert raised.__cause__ is fault


async def test_a_spool_that_cannot_be_read_back_is_a_452(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The disk of the spool, not the role, nor the network: the client comes again."""

    def fail(_: MailDataSpool, _rest: bytes) -> bytes:
        raise OSError("bad sector")

    monkeypatch.setattr(MailDataSpool, "_read", fail)
    ours, theirs = trio.testing.memory_stream_pair()
    role = FakeRole()
    server = server_of(role, SmtpSettings(spool_memory_octets=10), spool_folder=tmp_path)
    nursery.start_soon(serve, server, FakeConnection(ours))
    await say(theirs, ENVELOPE + b"DATA\r\n", 5)
    assert await say(theirs, b"x" * 100_000 + b"\r\n.\r\nQUIT\r\n", 2) == [b"452", b"221"]
    assert role.messages == []


async def test_a_peer_with_many_errors_waits(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """S9; Postfix: soft limit 10, hard limit 20. The waits grow, up to a limit."""
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, server_of(FakeRole()), FakeConnection(ours))
    await read_codes(theirs, 1)
    for number in range(1, 20):
        began = trio.current_time()
        assert await say(theirs, b"NOPE\r\n", 1) == [b"500"]
        assert trio.current_time() - began == (min(2.0 ** (number - 10), 8.0) if number >= 10 else 0.0)
    assert await say(theirs, b"NOPE\r\n", 2) == [b"500", b"421"]
    assert await read_all(theirs) == []


async def test_memory_for_mail_data_is_bounded(nursery: trio.Nursery) -> None:
    """RFC 5321 section 4.2.2: 452; two connections share one budget."""
    settings = SmtpSettings(max_message_octets=200_000, max_mail_data_memory_octets=200_000)
    budget = MailDataBudget(200_000)
    server = server_of(FakeRole(), settings, budget=budget)
    first_ours, first = trio.testing.memory_stream_pair()
    second_ours, second = trio.testing.memory_stream_pair()
    nursery.start_soon(serve, server, FakeConnection(first_ours))
    nursery.start_soon(serve, server, FakeConnection(second_ours))
    assert (await say(first, ENVELOPE + b"DATA\r\n", 5))[-1] == b"354"
    assert (await say(second, ENVELOPE + b"DATA\r\n", 5))[-1] == b"354"
    await first.send_all(b"x" * 150_000)
    await trio.testing.wait_all_tasks_blocked()
    assert budget.free_octets <= 50_000
    await second.send_all(b"y" * 60_000)
    await trio.testing.wait_all_tasks_blocked()
    # A third transaction does not even begin, and the second is refused at its end.
    assert await say(second, b"\r\n.\r\n", 1) == [b"452"]
    assert await say(second, ENVELOPE + b"DATA\r\n", 4) == [b"250", b"250", b"250", b"452"]
    assert await say(first, b"\r\n.\r\n", 1) == [b"250"]
    assert budget.free_octets == 200_000


# Draining


@pytest.mark.parametrize("quiet", [0.0, 100.0])
async def test_a_connection_without_transaction_ends_when_the_server_drains(
    quiet: float, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 3.8."""
    ours, theirs = trio.testing.memory_stream_pair()
    connection = FakeConnection(ours)
    nursery.start_soon(serve, server_of(FakeRole()), connection)
    await say(theirs, b"EHLO c.example\r\n", 2)
    await trio.sleep(quiet)
    connection.draining.set()
    assert await read_all(theirs) == [b"421"]
    assert trio.current_time() <= quiet + 2.0


async def test_a_transaction_is_finished_before_the_server_drains(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What was promised is kept."""
    ours, theirs = trio.testing.memory_stream_pair()
    connection = FakeConnection(ours)
    role = FakeRole()
    nursery.start_soon(serve, server_of(role), connection)
    await say(theirs, ENVELOPE, 4)
    connection.draining.set()
    await trio.sleep(20)
    assert await say(theirs, b"DATA\r\n", 1) == [b"354"]
    assert await say(theirs, b"x\r\n.\r\n", 2) == [b"250", b"421"]
    assert len(role.messages) == 1


# TLS


async def secured(stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream]:
    tls = trio.SSLStream(stream, contexts()[1], server_hostname="mx.example")
    await tls.do_handshake()
    return tls


async def test_starttls_begins_a_new_conversation(nursery: trio.Nursery) -> None:
    """RFC 3207 section 4.2."""
    ours, theirs = trio.testing.memory_stream_pair()
    role = FakeRole(takes_logins=True)
    server = server_of(role, tls="starttls", contexts=FakeContexts(contexts()[0]))
    nursery.start_soon(serve, server, FakeConnection(ours))
    assert await say(theirs, b"EHLO c.example\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n", 3) == [
        b"220",
        b"250",
        b"538",
    ]
    assert await say(theirs, b"STARTTLS\r\n", 1) == [b"220"]
    tls = await secured(theirs)
    assert await say(tls, b"MAIL FROM:<>\r\nEHLO d.example\r\n", 2) == [b"503", b"250"]
    assert await say(tls, b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nSTARTTLS\r\n", 2) == [b"235", b"503"]
    assert await say(tls, b"QUIT\r\n", 1) == [b"221"]
    assert [session.tls[:3] for session in role.sessions] == ["", "TLS"]
    assert role.hellos == ["c.example", "d.example"]


@pytest.mark.parametrize("cut", [9, 10, 11, 20, 41])
async def test_octets_after_starttls_never_run_inside_tls(cut: int, nursery: trio.Nursery) -> None:
    """CVE-2021-38542: in the same segment, split inside CRLF, and in the next segment."""
    ours, theirs = trio.testing.memory_stream_pair()
    role = FakeRole()
    server = server_of(role, tls="starttls", contexts=FakeContexts(contexts()[0]))
    nursery.start_soon(serve, server, FakeConnection(ours))
    await say(theirs, b"EHLO c.example\r\n", 2)
    octets = b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<>\r\n"
    await theirs.send_all(octets[:cut])
    await trio.testing.wait_all_tasks_blocked()
    with contextlib.suppress(trio.BrokenResourceError):  # closed on the first piece
        await theirs.send_all(octets[cut:])
    assert (await read_all(theirs))[0] in {b"220", b"421"}
    assert role.hellos == ["c.example"]


async def test_tls_from_the_first_octet(nursery: trio.Nursery) -> None:
    """RFC 8314 section 3.3."""
    ours, theirs = trio.testing.memory_stream_pair()
    role = FakeRole(takes_logins=True)
    server = server_of(role, tls="implicit", contexts=FakeContexts(contexts()[0]))
    nursery.start_soon(serve, server, FakeConnection(ours))
    tls = await secured(theirs)
    assert await say(tls, b"EHLO c.example\r\nSTARTTLS\r\n", 3) == [b"220", b"250", b"502"]
    assert await say(tls, b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nQUIT\r\n", 2) == [b"235", b"221"]


@pytest.mark.parametrize("octets", [b"EHLO c.example\r\n", b"", b"\x16\x03\x01" * 30])
async def test_a_handshake_that_fails_is_an_ordinary_end(
    octets: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 8314 section 3.3; a peer that says nothing has 30 seconds."""
    ours, theirs = trio.testing.memory_stream_pair()
    server = server_of(FakeRole(), tls="implicit", contexts=FakeContexts(contexts()[0]))
    await theirs.send_all(octets)
    await serve(server, FakeConnection(ours))
    assert trio.current_time() <= 30.0


async def test_login_in_clear_only_where_the_listener_allows_it(nursery: trio.Nursery) -> None:
    """RFC 4954 section 4."""
    for allowed, expected in ((True, b"235"), (False, b"502")):
        ours, theirs = trio.testing.memory_stream_pair()
        server = server_of(FakeRole(takes_logins=True), plaintext_login=allowed)
        nursery.start_soon(serve, server, FakeConnection(ours))
        login = b"EHLO c.example\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n"
        assert (await say(theirs, login, 3))[-1] == expected


# A foreign client over a real socket


@pytest.fixture
async def port(nursery: trio.Nursery) -> AsyncIterator[tuple[int, FakeRole]]:
    role = FakeRole(takes_logins=True)
    server = server_of(role, tls="starttls", contexts=FakeContexts(contexts()[0]))
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        await serve(server, FakeConnection(stream))

    nursery.start_soon(trio.serve_listeners, handle, listeners)
    yield listeners[0].socket.getsockname()[1], role
    nursery.cancel_scope.cancel()


async def test_a_peer_that_reads_slowly_gets_every_octet(port: tuple[int, FakeRole]) -> None:
    """What the socket's buffer does not take at once follows when there is room."""
    stream = await trio.open_tcp_stream("127.0.0.1", port[0])
    await read_codes(stream, 1)
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4_096)
    await stream.send_all(b"EHLO c.example\r\n" + b"MAIL FROM:<>\r\nRSET\r\n" * 50)
    async with stream:
        assert (await read_codes(stream, 101))[-1] == b"250"


async def test_a_peer_that_resets_is_an_ordinary_end(port: tuple[int, FakeRole]) -> None:
    """RFC 5321 section 3.8."""
    stream = await trio.open_tcp_stream("127.0.0.1", port[0])
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.send_all(b"EHLO c.example\r\nNOPE\r\n")
    await stream.aclose()
    await trio.testing.wait_all_tasks_blocked(0.01)
    other = await trio.open_tcp_stream("127.0.0.1", port[0])
    async with other:
        assert await read_codes(other, 1) == [b"220"]


def _converse_with_smtplib(port: int, context: ssl.SSLContext) -> tuple[dict[str, str], dict[str, object]]:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=10) as client:
        client.ehlo()
        before = dict(client.esmtp_features)
        client._host = "mx.example"  # type: ignore[attr-defined]
        client.starttls(context=context)
        client.ehlo()
        client.login("tim", "tanstaaf")
        message = "Subject: grüße\r\n\r\n.dot\r\n" + "x" * 70_000 + "\r\n"
        refused = client.sendmail(
            "a@client.example",
            ["b@host.example", "unknown@host.example"],
            message.encode(),
            mail_options=["BODY=8BITMIME", "SMTPUTF8"],
        )
        after = dict(client.esmtp_features)
    return {**before, "after": str(sorted(after))}, dict(refused)


@pytest.mark.slow
async def test_smtplib_with_tls_and_login(port: tuple[int, FakeRole]) -> None:
    """RFC 5321 section 3.3, RFC 3207 section 4, RFC 4954 section 4, with another's client."""
    number, role = port
    features, refused = await trio.to_thread.run_sync(_converse_with_smtplib, number, contexts()[1])
    assert {"pipelining", "size", "8bitmime", "smtputf8", "enhancedstatuscodes", "starttls"} <= set(features)
    assert "auth" not in features
    assert "'auth'" in features["after"]
    assert "starttls" not in features["after"]
    assert refused == {"unknown@host.example": (550, b"5.1.1 No such recipient here")}
    ((envelope, octets),) = role.messages
    assert envelope == Envelope(reverse_path=A, recipients=(B,), smtputf8=True, eight_bit=True)
    assert octets.startswith("Subject: grüße\r\n\r\n.dot\r\n".encode())
    assert len(octets) > 70_000
