import dataclasses
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from tests.support.imap_client import PASSWORD, USER, ImapWorld

from pymailcore.imap import client as driver
from pymailcore.imap.client import (
    Examined,
    ImapClient,
    ImapPlace,
    ServerGone,
    ServerRefused,
    Tls,
    client_context,
    open_client,
)
from pymailcore.imap.protocol.client_responses import Fetched, Response

PLACE = ImapPlace(host="127.0.0.1", port=1, tls="none", user="u", password="p")


def place(port: int, tls: Tls = "none", *, insecure: bool = False, password: str = PASSWORD) -> ImapPlace:
    return ImapPlace(host="127.0.0.1", port=port, tls=tls, user=USER, password=password, insecure=insecure)


async def opened(where: ImapPlace) -> ImapClient:
    return await open_client(where, message_octets=100_000)


@pytest.mark.parametrize("mode", ["none", "starttls", "implicit"])
async def test_it_logs_in_and_reads(world: ImapWorld, mode: Tls) -> None:
    """RFC 3501 sections 6.1.1, 6.2.1 and 6.2.2; RFC 8314 section 3."""
    filed = await world.deliver(b"Subject: x\r\n\r\ntext\r\n")
    port = await world.listen(mode, plaintext_login=mode == "none")
    found: list[Response] = []

    async def listen(event: Response) -> None:
        found.append(event)

    async with await opened(place(port, mode, insecure=True)) as client:
        assert "IMAP4REV1" in client.capabilities
        assert await client.examine(b"INBOX") == Examined(1, filed.uid_validity)
        await client.run(b"UID FETCH", b"1:*", b"(UID BODY.PEEK[])", listen=listen)
    bodies = [event.body for event in found if isinstance(event, Fetched)]
    assert bodies == [b"Subject: x\r\n\r\ntext\r\n"]


async def test_a_wrong_password_is_said_so(world: ImapWorld) -> None:
    port = await world.listen("none")
    with pytest.raises(ServerRefused):
        await opened(place(port, password="wrong"))


async def test_a_certificate_that_is_not_the_host_s_is_refused(world: ImapWorld) -> None:
    """RFC 8314 section 3; no password goes out before."""
    port = await world.listen("implicit")
    with pytest.raises(ServerRefused, match="certificate"):
        await opened(place(port, "implicit"))
    port = await world.listen("starttls")
    with pytest.raises(ServerRefused, match="certificate"):
        await opened(place(port, "starttls"))
    assert world.directory.asked == []


async def test_a_server_without_starttls_gets_no_password(world: ImapWorld) -> None:
    """RFC 3207 section 6 of another protocol names the attack: STARTTLS taken out of the list."""
    port = await world.listen("none")
    with pytest.raises(ServerRefused):
        await opened(place(port, "starttls", insecure=True))
    assert world.directory.asked == []


async def test_a_closed_port() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    with pytest.raises(ServerGone, match=str(port)):
        await opened(place(port))


def test_the_password_is_in_no_repr() -> None:
    assert PASSWORD not in repr(place(1))


def test_a_context_verifies_unless_told_otherwise() -> None:
    assert client_context(insecure=False).verify_mode is ssl.CERT_REQUIRED
    assert client_context(insecure=False).check_hostname
    assert client_context(insecure=True).verify_mode is ssl.CERT_NONE


Script = Callable[[trio.abc.Stream], Awaitable[None]]


async def play(nursery: trio.Nursery, script: Script) -> ImapClient:
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(script, theirs)
    return ImapClient(ours, 1_000)


async def test_a_server_that_is_silent_is_left(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"* PREAUTH hello\r\n")
        await trio.sleep_forever()

    client = await play(nursery, script)
    with pytest.raises(ServerGone, match="silent"):
        await client.greet(PLACE, client_context(insecure=True))
    assert trio.current_time() == driver.READ_SECONDS
    nursery.cancel_scope.cancel()


async def test_a_login_in_words_where_there_is_nothing_better(nursery: trio.Nursery) -> None:
    """RFC 3501 section 6.2.3; capabilities are asked for where the greeting has none."""
    seen = bytearray()

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"* OK hello\r\n")
        for answer in (
            b"* CAPABILITY IMAP4rev1\r\nA1 OK\r\n",
            b"A2 OK in\r\n",
            b"* CAPABILITY IMAP4rev1 X\r\nA3 OK\r\n",
        ):
            octets = bytes(await stream.receive_some(1_000))
            seen.extend(octets)
            await stream.send_all(answer)

    client = await play(nursery, script)
    await client.greet(PLACE, client_context(insecure=True))
    assert bytes(seen) == b'A1 CAPABILITY\r\nA2 LOGIN "u" "p"\r\nA3 CAPABILITY\r\n'
    assert client.capabilities == {"IMAP4REV1", "X"}


async def test_a_login_that_is_disabled_is_not_tried(nursery: trio.Nursery) -> None:
    """RFC 3501 section 6.2.3."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hello\r\n")
        assert await stream.receive_some(100) == b""

    client = await play(nursery, script)
    with pytest.raises(ServerRefused, match="no login"):
        await client.greet(PLACE, client_context(insecure=True))
    await client.close()


@pytest.mark.parametrize(("answer", "fault"), [(b"A1 OK in\r\n", None), (b"+ eyJ\r\n", "not you")])
async def test_an_access_token(nursery: trio.Nursery, answer: bytes, fault: str | None) -> None:
    """RFC 4959 section 3; a refusal is asked for with an empty line."""
    seen = bytearray()

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n")
        seen.extend(await stream.receive_some(1_000))
        await stream.send_all(answer)
        seen.extend(await stream.receive_some(1_000))
        await stream.send_all(b"A1 NO not you\r\n" if fault else b"* CAPABILITY IMAP4rev1\r\nA2 OK\r\n")

    client = await play(nursery, script)
    where = dataclasses.replace(PLACE, token=True)
    if fault is None:
        await client.greet(where, client_context(insecure=True))
        assert bytes(seen).endswith(b"\r\nA2 CAPABILITY\r\n")
    else:
        with pytest.raises(ServerRefused, match=fault):
            await client.greet(where, client_context(insecure=True))
        assert bytes(seen).endswith(b"\r\n\r\n")
    assert bytes(seen).startswith(b"A1 AUTHENTICATE XOAUTH2 dXNlcj11AWF1dGg9QmVhcmVyIHABAQ==\r\n")


async def test_nonsense_ends_the_conversation(nursery: trio.Nursery) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 smtp.example.org\r\n")

    client = await play(nursery, script)
    with pytest.raises(ServerGone):
        await client.greet(PLACE, client_context(insecure=True))
