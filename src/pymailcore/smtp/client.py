"""Trio driver of the SMTP and LMTP client: one connection to one host, and the messages that go over it.

Standards: RFC 5321 section 4.5.3.2 (timeouts), RFC 3207 section 4.1, RFC 7435 section 3 (opportunistic TLS),
RFC 9422 section 4.

Theory of operation. The core decides what is said; this module connects, writes, reads and counts the time. A
deadline stands for a whole reply, so a server that sends one octet at a time gains nothing. Where TLS is
opportunistic and its handshake fails, the host is tried once more in clear: mail to a host with broken TLS
would otherwise be worse off than mail to one without.
"""

import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import trio

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import LocalProtocolError, TemporaryFailure
from pymailcore.runtime.threads import compute
from pymailcore.smtp.protocol.capabilities import NOTHING_OFFERED, Capabilities
from pymailcore.smtp.protocol.client import (
    ClientEvent,
    ClientState,
    Finished,
    HandshakeDue,
    Ready,
    SmtpClientProtocol,
    TlsPolicy,
    Unusable,
)
from pymailcore.smtp.protocol.outgoing import Outgoing, batches, fit
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.smtp.tls import describe

READ_OCTETS: Final = 16_384
_BLOCK_OCTETS: Final = 65_536
_QUIT_SECONDS: Final = 10.0
_IN_THREAD_OCTETS: Final = 1_048_576
_UNIX: Final = "unix:"

Connect = Callable[[str, int], Awaitable[trio.abc.Stream]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where messages go, and how. Connections to equal endpoints stand for each other.

    Attributes:
        host: name, address, or `unix:` and the path of a socket.
        tls: context for STARTTLS; None does not ask for it.
        tls_required: do not go on in clear.
        tls_name: the name that the certificate is for; the host when "".
        verified: with TLS by this context it is certain who is there.
        lmtp: speak LMTP (RFC 2033).
        chunking: use CHUNKING where it is offered.
    """

    host: str
    port: int = 25
    tls: ssl.SSLContext | None = None
    tls_required: bool = False
    tls_name: str = ""
    verified: bool = False
    lmtp: bool = False
    chunking: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a host has said.

    Attributes:
        replies: by recipient; a positive one means that the host answers for the message. For those who are
            not in it the host could not be asked.
        tls: version and cipher, "" when it was in clear.
        offered: what the host offers.
    """

    replies: Mapping[Address, Reply]
    tls: str
    offered: Capabilities = NOTHING_OFFERED


class HostTakesNoMail(TemporaryFailure):
    """The host says that it never takes mail (RFC 7504)."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"the host takes no mail: {reply}")
        self.reply = reply


class TlsUnavailable(TemporaryFailure):
    """TLS was required and could not be had: not offered, or the host did not prove its name."""


class ChunkingUnknown(TemporaryFailure):
    """The host offers CHUNKING and does not know BDAT; without it, over a new connection, it may do."""


class _HandshakeFailed(Exception):
    """TLS could not be had."""


async def connect_anywhere(host: str, port: int) -> trio.abc.Stream:
    """Connect to a host by name or address, or to the socket whose path follows `unix:`."""
    if host.startswith(_UNIX):
        return await trio.open_unix_socket(host.removeprefix(_UNIX))
    return await trio.open_tcp_stream(host, port)


@contextlib.contextmanager
def _as_temporary() -> Iterator[None]:
    try:
        yield
    except trio.TooSlowError:
        raise TemporaryFailure("the server takes too long") from None
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as failure:
        raise TemporaryFailure(f"no connection: {failure}") from failure


class Connection:
    """An open connection whose server takes messages, one after the other; made by `open_connection`."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        protocol: SmtpClientProtocol,
        endpoint: Endpoint,
        settings: SmtpSettings,
    ) -> None:
        self._stream = stream
        self._protocol = protocol
        self._endpoint = endpoint
        self._settings = settings

    @property
    def is_usable(self) -> bool:
        """Whether it takes one more message."""
        most = self._protocol.capabilities.transactions_count
        return self._protocol.state is ClientState.READY and (
            most is None or self._protocol.messages_count < most
        )

    @property
    def messages_count(self) -> int:
        """How many transactions it has had."""
        return self._protocol.messages_count

    @property
    def has_sent_data(self) -> bool:
        """Whether the server may have taken the last message although it did not say so."""
        return self._protocol.has_sent_data

    @property
    def tls(self) -> str:
        """Version and cipher; "" in clear."""
        return describe(self._stream)

    async def deliver(self, envelope: Envelope, octets: bytes, *, now_ms: int) -> Outcome:
        """Run one mail transaction, or several where the server wants fewer recipients at a time.

        Cancellation: the connection is of no more use, and what became of the message is unknown.

        Args:
            octets: the message; it leaves with CRLF line ends only, and without NUL, unless it is binary.
            now_ms: milliseconds since 1970.

        Raises:
            TemporaryFailure: the server did not answer for anybody; another host or time may be better.
        """
        offered = self._protocol.capabilities
        outgoing = await self._fit(envelope, octets, now_ms)
        replies: dict[Address, Reply] = dict(outgoing.refused)
        served = 0
        try:
            for batch in batches(tuple(outgoing.recipients), offered):
                if not self.is_usable:
                    break
                commands = {address: outgoing.recipients[address] for address in batch}
                replies.update(await self._transact(replace(outgoing, recipients=commands, refused={})))
                served += 1
        except TemporaryFailure:
            if not served:
                raise
        return Outcome(replies=MappingProxyType(replies), tls=self.tls, offered=offered)

    async def _fit(self, envelope: Envelope, octets: bytes, now_ms: int) -> Outgoing:
        verified = self._endpoint.verified and bool(self.tls)

        def work() -> Outgoing:
            return fit(envelope, octets, self._protocol.capabilities, verified=verified, now_ms=now_ms)

        return await compute(work) if len(octets) > _IN_THREAD_OCTETS else work()

    async def _transact(self, outgoing: Outgoing) -> Mapping[Address, Reply]:
        self._protocol.send(outgoing)
        with _as_temporary():
            event = await _next(self._protocol, self._stream, self._settings)
        if isinstance(event, Finished):
            return event.replies
        raise _failure(event)

    async def until_spoken_to(self) -> None:
        """Wait until the server says something or leaves, after which the connection is of no use.

        Safe to cancel at any time.
        """
        octets = b""
        with contextlib.suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            octets = bytes(await self._stream.receive_some(READ_OCTETS))
        self._protocol.receive_data(octets)
        self._protocol.next_event()

    async def aclose(self) -> None:
        """Take leave as RFC 5321 section 4.1.1.10 asks, and close; what goes wrong here changes nothing."""
        try:
            self._protocol.quit()
            with (
                contextlib.suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError),
                trio.move_on_after(_QUIT_SECONDS),
            ):
                await self._stream.send_all(self._protocol.bytes_to_send())
                while self._protocol.state is ClientState.QUIT:
                    self._protocol.receive_data(bytes(await self._stream.receive_some(READ_OCTETS)))
                    self._protocol.next_event()
        finally:
            await self.close_at_once()

    async def close_at_once(self) -> None:
        """Close without a word."""
        await trio.aclose_forcefully(self._stream)


async def open_connection(
    endpoint: Endpoint, *, hello: str, settings: SmtpSettings, connect: Connect = connect_anywhere
) -> Connection:
    """Connect to a host, with TLS where it can be had, up to the moment when it takes messages.

    Cancellation: nothing is left open.

    Args:
        hello: our own name.

    Raises:
        HostTakesNoMail: it never does.
        TemporaryFailure: no connection, no SMTP, no sense; another host or time may be better.
    """
    policy: TlsPolicy = (
        "none" if endpoint.tls is None else "required" if endpoint.tls_required else "opportunistic"
    )
    opening = _Opening(endpoint, hello, settings, connect)
    with _as_temporary():
        try:
            return await opening.run(policy)
        except _HandshakeFailed as failure:
            if endpoint.tls_required:
                raise TlsUnavailable(f"TLS handshake failed: {failure}") from failure
        return await opening.run("none")


@dataclass(slots=True)
class _Opening:
    endpoint: Endpoint
    hello: str
    settings: SmtpSettings
    connect: Connect

    async def run(self, policy: TlsPolicy) -> Connection:
        with trio.fail_after(self.settings.connect_seconds):
            stream = await self.connect(self.endpoint.host, self.endpoint.port)
        connection: Connection | None = None
        try:
            connection = Connection(*await self._converse(stream, policy), self.endpoint, self.settings)
        finally:
            if connection is None:
                await trio.aclose_forcefully(stream)
        return connection

    async def _converse(
        self, stream: trio.abc.Stream, policy: TlsPolicy
    ) -> tuple[trio.abc.Stream, SmtpClientProtocol]:
        lmtp, chunking = self.endpoint.lmtp, self.endpoint.chunking
        protocol = SmtpClientProtocol(hello=self.hello, tls=policy, lmtp=lmtp, chunking=chunking)
        event = await _next(protocol, stream, self.settings)
        if isinstance(event, HandshakeDue):
            stream = await self._shake_hands(stream)
            protocol = SmtpClientProtocol(
                hello=self.hello, tls=policy, encrypted=True, lmtp=lmtp, chunking=chunking
            )
            event = await _next(protocol, stream, self.settings)
        if not isinstance(event, Ready):
            raise _failure(event)
        return stream, protocol

    async def _shake_hands(self, stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream]:
        if self.endpoint.tls is None:
            raise LocalProtocolError("a handshake without a TLS context")
        name = self.endpoint.tls_name or self.endpoint.host
        tls = trio.SSLStream(stream, self.endpoint.tls, server_hostname=name)
        try:
            with trio.fail_after(self.settings.tls_handshake_seconds):
                await tls.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError) as failure:
            raise _HandshakeFailed(str(failure.__cause__ or failure)) from failure
        return tls


def _failure(event: ClientEvent) -> TemporaryFailure:
    if not isinstance(event, Unusable):
        return TemporaryFailure("the conversation came to no end")
    if event.for_good and event.reply is not None:
        return HostTakesNoMail(event.reply)
    if event.lacks_tls:
        return TlsUnavailable(event.reason)
    if event.lacks_chunking:
        return ChunkingUnknown(f"{event.reason}: {event.reply}")
    return TemporaryFailure(f"{event.reason}: {event.reply}" if event.reply is not None else event.reason)


async def _next(protocol: SmtpClientProtocol, stream: trio.abc.Stream, settings: SmtpSettings) -> ClientEvent:
    """Converse until the core has something to say to us."""
    count = -1
    deadline = 0.0
    while True:
        event = protocol.next_event()
        if event is not None:
            return event
        octets = protocol.bytes_to_send()
        for start in range(0, len(octets), _BLOCK_OCTETS):
            with trio.fail_after(settings.block_seconds):
                await stream.send_all(octets[start : start + _BLOCK_OCTETS])
        if octets or protocol.replies_count != count:
            count = protocol.replies_count
            deadline = trio.current_time() + _patience(protocol.state, settings)
        del octets
        with trio.fail_at(deadline):
            protocol.receive_data(bytes(await stream.receive_some(READ_OCTETS)))


def _patience(state: ClientState, settings: SmtpSettings) -> float:
    """How long a reply may take (RFC 5321 section 4.5.3.2)."""
    if state is ClientState.FINAL:
        return settings.final_reply_seconds
    return settings.data_reply_seconds if state is ClientState.DATA else settings.reply_seconds
