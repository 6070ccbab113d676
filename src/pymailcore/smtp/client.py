"""Trio driver of the SMTP client: brings one message to one host.

Standards: RFC 5321 section 4.5.3.2 (timeouts), RFC 3207 section 4.1, RFC 7435 section 3 (opportunistic TLS).

Theory of operation. The core decides what is said; this module connects, writes, reads and counts the time. A
deadline stands for a whole reply, so a server that sends one octet at a time gains nothing, and the whole
conversation has one too. Where TLS is opportunistic and its handshake fails, the host is tried once more
in clear: mail to a host with broken TLS would otherwise be worse off than mail to one without.
"""

import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import trio

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import LocalProtocolError, TemporaryFailure
from pymailcore.smtp.protocol.client import (
    ClientEvent,
    ClientState,
    Finished,
    HandshakeDue,
    SmtpClientProtocol,
    TlsPolicy,
    Unusable,
)
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.smtp.tls import describe

READ_OCTETS: Final = 16_384
_BLOCK_OCTETS: Final = 65_536
_QUIT_SECONDS: Final = 10.0

Connect = Callable[[str, int], Awaitable[trio.abc.Stream]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a host has said.

    Attributes:
        replies: one for each recipient; a positive one means that the host answers for the message.
        tls: version and cipher, "" when it was in clear.
    """

    replies: Mapping[Address, Reply]
    tls: str


class _HandshakeFailed(Exception):
    """TLS could not be had."""


async def connect_tcp(host: str, port: int) -> trio.abc.Stream:
    """Connect to a host by name or address."""
    return await trio.open_tcp_stream(host, port)


async def deliver(
    host: str,
    port: int,
    envelope: Envelope,
    octets: bytes,
    *,
    hello: str,
    settings: SmtpSettings,
    tls: ssl.SSLContext | None = None,
    tls_required: bool = False,
    tls_name: str | None = None,
    deadline_seconds: float = 3_600.0,
    connect: Connect = connect_tcp,
) -> Outcome:
    """Run one mail transaction with one host.

    Cancellation: the connection is closed; whether the host took the message is unknown then.

    Args:
        octets: the message; it leaves with CRLF line ends only, and without NUL.
        hello: our own name.
        tls: context for STARTTLS; None does not ask for it.
        tls_required: do not go on in clear.
        tls_name: the name that the certificate is for; the host when None.
        deadline_seconds: for everything together.

    Raises:
        TemporaryFailure: no connection, no SMTP, no sense, or no end; another host or time may be better.
    """
    policy: TlsPolicy = "none" if tls is None else "required" if tls_required else "opportunistic"
    attempt = _Attempt(envelope, octets, hello, settings, tls, tls_name or host)
    try:
        with trio.fail_after(deadline_seconds):
            try:
                return await attempt.run(host, port, policy, connect)
            except _HandshakeFailed as failure:
                if tls_required:
                    raise TemporaryFailure(f"TLS handshake failed: {failure}") from failure
            return await attempt.run(host, port, "none", connect)
    except trio.TooSlowError:
        raise TemporaryFailure("the server takes too long") from None
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as failure:
        raise TemporaryFailure(f"no connection: {failure}") from failure


@dataclass(slots=True)
class _Attempt:
    envelope: Envelope
    octets: bytes
    hello: str
    settings: SmtpSettings
    context: ssl.SSLContext | None
    tls_name: str

    async def run(self, host: str, port: int, policy: TlsPolicy, connect: Connect) -> Outcome:
        with trio.fail_after(self.settings.connect_seconds):
            stream = await connect(host, port)
        try:
            event, stream = await self._converse(stream, policy)
        finally:
            await trio.aclose_forcefully(stream)
        if isinstance(event, Finished):
            return Outcome(replies=MappingProxyType(dict(event.replies)), tls=describe(stream))
        reason = event.reason if isinstance(event, Unusable) else "the conversation came to no end"
        said = event.reply if isinstance(event, Unusable) else None
        raise TemporaryFailure(f"{reason}: {said}" if said is not None else reason)

    async def _converse(
        self, stream: trio.abc.Stream, policy: TlsPolicy
    ) -> tuple[ClientEvent, trio.abc.Stream]:
        protocol = SmtpClientProtocol(self.envelope, self.octets, hello=self.hello, tls=policy)
        event = await self._next(protocol, stream)
        if not isinstance(event, HandshakeDue):
            return event, stream
        stream = await self._shake_hands(stream)
        protocol = SmtpClientProtocol(
            self.envelope, self.octets, hello=self.hello, tls=policy, encrypted=True
        )
        return await self._next(protocol, stream), stream

    async def _next(self, protocol: SmtpClientProtocol, stream: trio.abc.Stream) -> ClientEvent:
        """Converse until the core has something to say to us; say goodbye when that is all."""
        count = -1
        deadline = 0.0
        while True:
            event = protocol.next_event()
            if event is not None:
                if protocol.state is ClientState.QUIT:
                    await self._quit(protocol, stream)
                return event
            octets = protocol.bytes_to_send()
            await self._send(stream, octets)
            if octets or protocol.replies_count != count:
                count = protocol.replies_count
                final = protocol.state is ClientState.FINAL
                patience = self.settings.final_reply_seconds if final else self.settings.reply_seconds
                deadline = trio.current_time() + patience
            with trio.fail_at(deadline):
                protocol.receive_data(bytes(await stream.receive_some(READ_OCTETS)))

    async def _send(self, stream: trio.abc.Stream, octets: bytes) -> None:
        for start in range(0, len(octets), _BLOCK_OCTETS):
            with trio.fail_after(self.settings.block_seconds):
                await stream.send_all(octets[start : start + _BLOCK_OCTETS])

    async def _quit(self, protocol: SmtpClientProtocol, stream: trio.abc.Stream) -> None:
        """Take leave as RFC 5321 section 4.1.1.10 asks; what goes wrong here changes nothing."""
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(_QUIT_SECONDS):
            await stream.send_all(protocol.bytes_to_send())
            while protocol.state is not ClientState.CLOSED:
                protocol.receive_data(bytes(await stream.receive_some(READ_OCTETS)))
                protocol.next_event()

    async def _shake_hands(self, stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream]:
        if self.context is None:
            raise LocalProtocolError("a handshake without a TLS context")
        tls = trio.SSLStream(stream, self.context, server_hostname=self.tls_name)
        try:
            with trio.fail_after(self.settings.tls_handshake_seconds):
                await tls.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError) as failure:
            raise _HandshakeFailed(str(failure.__cause__ or failure)) from failure
        return tls
