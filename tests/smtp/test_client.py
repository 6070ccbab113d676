import contextlib
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from tests.support.certificates import contexts
from tests.support.smtp import FakeConnection, FakeContexts, FakeRole, server_of

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import TemporaryFailure
from pymailcore.smtp.client import Connect, Endpoint, Outcome, connect_anywhere, open_connection
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings

A, B = Address("a", "client.example"), Address("b", "host.example")
UNKNOWN = Address("unknown", "host.example")
ENVELOPE = Envelope(reverse_path=A, recipients=(B, UNKNOWN))
EHLO = b"250-x\r\n250-PIPELINING\r\n250 STARTTLS\r\n"

Script = Callable[[trio.abc.Stream], Awaitable[None]]


async def run(
    nursery: trio.Nursery,
    script: Script,
    *,
    octets: bytes = b"Subject: x\r\n\r\nx\r\n",
    tls: ssl.SSLContext | None = None,
    tls_required: bool = False,
) -> Outcome:
    """Deliver to a server that is a function; each connection begins it anew."""

    async def connect(_host: str, _port: int) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()

        async def play() -> None:
            with contextlib.suppress(trio.BrokenResourceError):  # our client may leave at any time
                async with theirs:
                    await script(theirs)

        nursery.start_soon(play)
        return ours

    return await deliver(Endpoint(host="mx.example", tls=tls, tls_required=tls_required), connect, octets)


async def deliver(endpoint: Endpoint, connect: Connect = connect_anywhere, octets: bytes = b"") -> Outcome:
    """Open a connection, deliver one message over it, and close it."""
    connection = await open_connection(endpoint, hello="us.example", settings=SmtpSettings(), connect=connect)
    try:
        return await connection.deliver(ENVELOPE, octets, now_ms=0)
    finally:
        await connection.aclose()


def said(*answers: bytes) -> Script:
    """Say one thing after each read."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 x\r\n")
        for answer in answers:
            await stream.receive_some()
            await stream.send_all(answer)
        await stream.receive_some()

    return script


@pytest.mark.parametrize("offers_tls", [True, False])
async def test_our_client_and_our_server_understand_each_other(
    offers_tls: bool, nursery: trio.Nursery
) -> None:
    """RFC 5321 section 3.3; RFC 3207 section 4; RFC 2920 section 3.1."""
    role = FakeRole()
    server = server_of(role, tls="starttls" if offers_tls else "none", contexts=FakeContexts(contexts()[0]))

    async def script(stream: trio.abc.Stream) -> None:
        await server.serve_connection(FakeConnection(stream))

    outcome = await run(nursery, script, octets=b"Subject: x\n\n.\n" + b"x" * 200_000, tls=contexts()[1])
    assert outcome.replies == {
        B: Reply(250, "2.0.0", "Accepted"),
        UNKNOWN: Reply(550, "5.1.1", "No such recipient here"),
    }
    assert outcome.tls.startswith("TLSv1.") is offers_tls
    ((envelope, octets),) = role.messages
    assert envelope.recipients == (B,)
    assert octets == b"Subject: x\r\n\r\n.\r\n" + b"x" * 200_000 + b"\r\n"


@pytest.mark.parametrize(
    "script",
    [
        said(b""),
        said(b"421 busy\r\n"),
        said(EHLO, b"250 x\r\n"),
        said(EHLO, b"250 x\r\n" * 3 + b"354 x\r\n"),
        said(b"nonsense\r\n"),
        said(b"250-x\r\n" * 200),
        said(b"250 " + b"x" * 5_000),
    ],
)
async def test_trouble_is_temporary(
    script: Script, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.5.4.1."""
    with pytest.raises(TemporaryFailure):
        await run(nursery, script)


async def test_no_connection_is_temporary() -> None:
    """RFC 5321 section 5.1."""

    async def connect(_host: str, _port: int) -> trio.abc.Stream:
        raise ConnectionRefusedError

    with pytest.raises(TemporaryFailure):
        await deliver(Endpoint(host="mx.example"), connect)


async def test_a_refused_port_is_temporary() -> None:
    """RFC 5321 section 5.1; a real socket."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(TemporaryFailure):
        await deliver(Endpoint(host="127.0.0.1", port=port))


async def test_a_silent_server_is_left(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """RFC 5321 section 4.5.3.2.1: five minutes for the greeting."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.receive_some()

    with pytest.raises(TemporaryFailure):
        await run(nursery, script)
    assert trio.current_time() == pytest.approx(300.0)


async def test_a_server_that_drips_is_left(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.5.3.2: the deadline is for a whole reply."""

    async def script(stream: trio.abc.Stream) -> None:
        while True:
            await stream.send_all(b"2")
            await trio.sleep(20)

    with pytest.raises(TemporaryFailure):
        await run(nursery, script)
    assert trio.current_time() <= 300.0
    nursery.cancel_scope.cancel()


async def test_a_server_that_does_not_answer_quit_costs_ten_seconds(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.1.1.10; the result stands."""

    async def script(stream: trio.abc.Stream) -> None:
        await said(EHLO, b"250 x\r\n" * 2 + b"550 x\r\n354 x\r\n", b"250 x\r\n")(stream)
        await trio.sleep(100)

    outcome = await run(nursery, script)
    assert outcome.replies[B].code == 250
    assert trio.current_time() == pytest.approx(10.0)
    nursery.cancel_scope.cancel()


# TLS


async def test_injected_replies_before_tls_end_the_attempt(nursery: trio.Nursery) -> None:
    """RFC 3207 section 6; nothing is sent in clear instead."""
    with pytest.raises(TemporaryFailure, match="STARTTLS"):
        await run(nursery, said(EHLO, b"220 go\r\n250 x\r\n"), tls=contexts()[1])


@pytest.mark.parametrize("required", [True, False])
async def test_a_broken_handshake_goes_on_in_clear_unless_tls_is_required(
    required: bool, nursery: trio.Nursery
) -> None:
    """RFC 7435 section 3."""
    attempts = 0

    async def script(stream: trio.abc.Stream) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await said(EHLO, b"220 go\r\n", b"this is not TLS\r\n")(stream)
        else:
            await said(EHLO, b"250 x\r\n" * 2 + b"550 x\r\n354 x\r\n", b"250 x\r\n", b"221 x\r\n")(stream)

    if required:
        with pytest.raises(TemporaryFailure, match="TLS"):
            await run(nursery, script, tls=contexts()[1], tls_required=True)
        assert attempts == 1
    else:
        outcome = await run(nursery, script, tls=contexts()[1])
        assert outcome.replies[B].positive
        assert outcome.tls == ""
        assert attempts == 2


async def test_required_tls_that_is_not_offered_is_temporary(nursery: trio.Nursery) -> None:
    """RFC 3207 section 4.1."""
    with pytest.raises(TemporaryFailure, match="required"):
        await run(nursery, said(b"250 x\r\n"), tls=contexts()[1], tls_required=True)
