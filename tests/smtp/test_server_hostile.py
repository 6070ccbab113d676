"""Peers that send what no line and no command is, through the driver; each known attack has its name here.

The rows of docs/develop/threats.md say what each of them proves.
"""

import contextlib
import resource
from pathlib import Path

import pytest
import trio
import trio.testing
from tests.support.certificates import contexts
from tests.support.smtp import ENVELOPE, FakeConnection, FakeContexts, FakeRole, codes, read_codes, server_of

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings

MIB = 2**20
CHUNKING = Extensions(chunking=True)
NO_MAIL = Reply(554, "5.3.2", "No mail here")


async def begin(nursery: trio.Nursery, server: SmtpServer) -> trio.abc.Stream:
    """Serve one connection; give the client's end, which nothing is buffered in, behind the greeting."""
    ours, theirs = trio.testing.lockstep_stream_pair()

    async def serve() -> None:
        async with ours:
            await server.serve_connection(FakeConnection(ours))

    nursery.start_soon(serve)
    assert len(await read_codes(theirs, 1)) == 1
    return theirs


async def say(stream: trio.abc.Stream, octets: bytes, count: int) -> list[bytes]:
    """Send, and read so many replies."""
    await stream.send_all(octets)
    return await read_codes(stream, count)


def memory_octets() -> int:
    """What this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


async def flood(stream: trio.abc.Stream, mebibytes: int) -> int:
    """Send so much without a line end, or until we are left; give by how much memory has grown at most.

    The first MiB is what the reading costs anyway.
    """
    piece, grown, before = b"x" * 65_536, 0, 0

    async def read() -> None:
        while await stream.receive_some():
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        with contextlib.suppress(trio.BrokenResourceError):
            for number in range(16 * mebibytes):
                await stream.send_all(piece)
                if number == 16:
                    before = memory_octets()
                elif number > 16:
                    grown = max(grown, memory_octets() - before)
        nursery.cancel_scope.cancel()
    return grown


# What a client says before it floods, and how many replies that has.
STATES: dict[str, tuple[bytes, int]] = {
    "greeted": (b"NOOP\r\n", 1),
    "ready": (b"EHLO c.example\r\n", 1),
    "mail": (b"EHLO c.example\r\nMAIL FROM:<>\r\n", 2),
    "recipients": (ENVELOPE, 3),
    "response": (b"EHLO c.example\r\nAUTH LOGIN\r\n", 2),
    "data": (ENVELOPE + b"DATA\r\n", 4),
    "chunk": (ENVELOPE + b"BDAT 104857601 LAST\r\n", 3),
    "between chunks": (ENVELOPE + b"BDAT 1\r\nx", 4),
    "refused": (b"NOOP\r\n", 1),
}


@pytest.mark.parametrize("mebibytes", [6, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("state", list(STATES))
async def test_a_line_without_end_takes_no_memory_in_any_state(
    state: str, mebibytes: int, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """S7: chasquid's lines of any length, CVE-2020-7046, CVE-2020-10967."""
    settings = SmtpSettings(spool_memory_octets=65_536, max_message_octets=200 * MIB)

    def decide(event: events.Event) -> Reply | None:
        return NO_MAIL if state == "refused" and isinstance(event, events.Opened) else None

    role = FakeRole(decision=decide, takes_logins=True)
    server = server_of(role, settings, plaintext_login=True, extensions=CHUNKING, spool_folder=tmp_path)
    stream = await begin(nursery, server)
    said, count = STATES[state]
    answers = await say(stream, said, count)
    assert answers[-1][:1] in {b"2", b"3"} or state == "refused"
    assert await flood(stream, mebibytes) < MIB
    assert server.budget.free_octets >= settings.max_mail_data_memory_octets - 2 * 65_536
    assert role.messages == []
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("extra", "held"), [(-1, True), (0, True), (1, False)])
async def test_a_message_of_one_line_is_held_to_its_limit(
    extra: int, held: bool, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """S7: mail data is read as a stream; RFC 1870 section 6.3."""
    settings = SmtpSettings(spool_memory_octets=10_000, max_message_octets=MIB)
    role = FakeRole()
    stream = await begin(nursery, server_of(role, settings, spool_folder=tmp_path))
    await say(stream, ENVELOPE, 3)
    await say(stream, b"DATA\r\n", 1)
    message = b"x" * (MIB - 2 + extra) + b"\r\n"
    assert await say(stream, message + b".\r\n", 1) == [b"250" if held else b"552"]
    assert [octets for _, octets in role.messages] == ([message] if held else [])
    nursery.cancel_scope.cancel()


# Known attacks, each with what it sent; none of them may leave anything but refusals behind, and the honest
# client that comes next is served.
HOSTILE: dict[str, bytes] = {
    # Dovecot: an endless line of a client that has not signed in
    "CVE-2020-7046": b"EHLO c.example\r\n" + b"NOOP " + b"x" * 500_000 + b"\r\n",
    # Dovecot: a command that is cut off by NUL
    "CVE-2020-10967": b"EHLO c.example\r\nRCPT TO:<\0>\r\nMAIL FROM:<\0@c.example>\r\n",
    # Dovecot: an empty quoted local part crashed submission and lmtp
    "CVE-2020-10957": b'EHLO c.example\r\nMAIL FROM:<""@c.example>\r\nMAIL FROM:<@c.example>\r\n',
    # Exim: a sign-in that ends in the middle of base64
    "CVE-2018-6789": b"EHLO c.example\r\nAUTH PLAIN " + b"QUFB" * 400 + b"Q\r\n",
    # Exim: BDAT after which the parser went on at the wrong place
    "CVE-2017-16943": b"EHLO c.example\r\nBDAT 1\r\n\x7fMAIL FROM:<>\r\nBDAT \x7f\r\n",
    # Exim: BDAT and a single dot made it wait for ever
    "CVE-2017-16944": b"EHLO c.example\r\nMAIL FROM:<>\r\nBDAT 10\r\n.\r\n3456789",
    # Exim: a new line in the value of AUTH=, xtext or not
    "CVE-2020-28021": b"EHLO c.example\r\nMAIL FROM:<a@c.example> AUTH=x+0Ax\r\n",
    # Exim: a line that is longer than the spool's
    "CVE-2020-28026": b"EHLO c.example\r\nMAIL FROM:<> ENVID=" + b"x" * 4_000 + b"\r\n",
    # Exim: an EHLO of any length
    "CVE-2019-16928": b"EHLO " + b"x" * 12_000 + b"\r\n",
    # Exim: commands in a local part
    "CVE-2019-10149": b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<${run{\\x2Fbin\\x2Fsh}}@host.example>\r\n",
    # OpenSMTPD: commands in a local part with a space and a semicolon
    "CVE-2020-7247": b"EHLO c.example\r\nMAIL FROM:<;sleep 66;>\r\nMAIL FROM:<;sleep 66;@>\r\n",
    # Postfix, Sendmail, Exim: ends of mail data that are none
    "CVE-2023-51764": ENVELOPE + b"DATA\r\nx\n.\r\nMAIL FROM:<forged@host.example>\r\n\r\n.\r\n",
    "CVE-2023-51765": ENVELOPE + b"DATA\r\nx\r.\r\nMAIL FROM:<forged@host.example>\r\n\r\n.\r\n",
    "CVE-2023-51766": ENVELOPE + b"DATA\r\nx\r\n.\nMAIL FROM:<forged@host.example>\r\n\r\n.\r\n",
    # James, chasquid
    "CVE-2023-51747": ENVELOPE + b"DATA\r\nx\n.\nMAIL FROM:<forged@host.example>\r\n\r\n.\r\n",
    "CVE-2023-52354": ENVELOPE + b"DATA\r\nx\r\n.\rMAIL FROM:<forged@host.example>\r\n\r\n.\r\n",
    # aiosmtpd
    "CVE-2024-27305": ENVELOPE + b"DATA\r\nx\r\n\n.\r\nMAIL FROM:<forged@host.example>\r\n\r\n.\r\n",
    # Postfix 20260724: DATA after a chunk that failed
    "Postfix 20260724": ENVELOPE + b"BDAT 1\r\n\nDATA\r\nx\r\n.\r\n",
    # Stalwart 0.16.16: BDAT before MAIL
    "Stalwart 0.16.16": b"EHLO c.example\r\nBDAT 3 LAST\r\nx\r\nMAIL FROM:<>\r\nBDAT 3 LAST\r\nx\r\n",
}


@pytest.mark.parametrize("name", list(HOSTILE))
async def test_a_known_attack_leaves_nothing_behind(name: str, nursery: trio.Nursery) -> None:
    """S1, S5, S7, S17: nothing was stored, nobody forged is in an envelope, and the next one is served."""
    role = FakeRole(takes_logins=True)
    server = server_of(role, plaintext_login=True, extensions=CHUNKING)
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as inner:

        async def serve() -> None:
            async with ours:
                await server.serve_connection(FakeConnection(ours))

        inner.start_soon(serve)
        await theirs.send_all(HOSTILE[name])
        await theirs.send_stream.aclose()
        said = b""
        while more := await theirs.receive_some():
            said += more
    assert any(code[:1] in {b"5", b"4"} for code in codes(said))
    assert role.messages == []
    assert server.budget.free_octets == server.settings.max_mail_data_memory_octets
    stream = await begin(nursery, server)
    await say(stream, ENVELOPE, 3)
    await say(stream, b"DATA\r\n", 1)
    assert await say(stream, b"x\r\n.\r\nQUIT\r\n", 2) == [b"250", b"221"]
    nursery.cancel_scope.cancel()


# Commands that are none (S7)


@pytest.mark.parametrize("command", [b"MAIL FROM", b"RCPT TO", b"VRFY", b"EHLO", b"NOPE"])
@pytest.mark.parametrize(
    "text",
    [
        b'<""@host.example>',
        b"<a\xc3@host.example>",
        b"<a@host.example\xe2\x82>",
        b"<\xed\xa0\x80@host.example>",
        b"<a\0b@host.example>",
        b"<a@[IPv6:fe80::1%eth0]>",
        b"<a@[IPv6:fe80::1%25eth0]>",
        b"<a@[fe80::1%1]>",
        b"<a\x7f@host.example>",
        b"<a\x1b[2J@host.example>",
    ],
)
async def test_what_no_command_may_hold_is_refused(
    command: bytes, text: bytes, nursery: trio.Nursery
) -> None:
    """S7: refused, and the conversation goes on in sync; RFC 5321 section 4.1.2, RFC 6531 section 3.3."""
    stream = await begin(nursery, server_of(FakeRole()))
    await say(stream, b"EHLO c.example\r\n", 1)
    mark = b" SMTPUTF8" if command == b"MAIL FROM" else b""
    if command == b"RCPT TO":
        await say(stream, b"MAIL FROM:<> SMTPUTF8\r\n", 1)
    between = b":" if b" " in command else b" "
    answer = await say(stream, command + between + text + mark + b"\r\n", 1)
    assert answer[0] in ({b"252", b"501", b"500", b"553"} if command == b"VRFY" else {b"501", b"500", b"553"})
    assert await say(stream, b"RSET\r\nNOOP\r\n", 2) == [b"250", b"250"]
    nursery.cancel_scope.cancel()


# STARTTLS (S3), with a real handshake


@pytest.mark.parametrize(
    "injected",
    [
        b"NOOP\r\n" * 11_000,
        b"STARTTLS\r\n",
        b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<>\r\n",
        b"EHLO evil.example\r\n",
        b"\r\n",
        b"X",
    ],
    ids=["64 KiB", "twice", "twice and more", "a command", "an empty line", "an octet"],
)
@pytest.mark.parametrize("apart", [False, True], ids=["with it", "behind it"])
@pytest.mark.parametrize("way", ["mx", "submission"])
async def test_nothing_said_in_clear_is_done_inside_tls(
    way: str, apart: bool, injected: bytes, nursery: trio.Nursery
) -> None:
    """CVE-2021-33515, CVE-2021-38542 and the NO STARTTLS study: in one segment, and before the handshake."""
    role = FakeRole(takes_logins=True, way=way)
    server = server_of(role, tls="starttls", contexts=FakeContexts(contexts()[0]))
    ours, theirs = trio.testing.memory_stream_pair()
    done = trio.Event()

    async def serve() -> None:
        async with ours:
            await server.serve_connection(FakeConnection(ours))
        done.set()

    nursery.start_soon(serve)
    await say(theirs, b"EHLO c.example\r\n", 2)
    if apart:
        assert await say(theirs, b"STARTTLS\r\n", 1) == [b"220"]
        await theirs.send_all(injected)
        await theirs.send_stream.aclose()
    else:
        assert await say(theirs, b"STARTTLS\r\n" + injected, 1) == [b"421"]
    with trio.fail_after(5):
        await done.wait()
    assert role.hellos == ["c.example"]
    assert len(role.sessions) == 1
