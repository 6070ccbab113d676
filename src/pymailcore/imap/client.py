"""Trio driver of the IMAP client: connects, logs in, runs commands.

Standards: RFC 3501 sections 6.1.1, 6.2 and 6.3.2, RFC 8314 section 3 (TLS), RFC 6154 section 5 (SPECIAL-USE).

A deadline stands for each read and each write. TLS is verified unless the caller's context says otherwise; a
password goes out in clear only if the caller asked for no TLS at all.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Self

import trio

from pymailcore.base.errors import PermanentFailure, TemporaryFailure
from pymailcore.imap.protocol.client import (
    Broken,
    ClientState,
    ImapClientProtocol,
    plain_response,
    text,
    token_response,
)
from pymailcore.imap.protocol.client_responses import (
    Capabilities,
    Condition,
    Exists,
    Response,
    capabilities_in,
    code_number,
)

Tls = Literal["implicit", "starttls", "none"]

READ_OCTETS: Final = 262_144
CONNECT_SECONDS: Final = 30.0
READ_SECONDS: Final = 120.0
SEND_SECONDS: Final = 60.0


class ServerGone(TemporaryFailure):
    """The connection cannot be had, or has broken; another may do."""


class ServerRefused(PermanentFailure):
    """The server said NO or BAD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapPlace:
    """A server, and who we are there.

    Attributes:
        insecure: the certificate is not verified.
        token: the password is an access token of OAuth 2.0.
    """

    host: str
    port: int
    tls: Tls
    user: str
    password: str = field(repr=False)
    insecure: bool = False
    token: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """A folder that was opened for reading."""

    messages: int
    uid_validity: int


Listener = Callable[[Response], Awaitable[None]]


class ImapClient:
    """One connection. Made by `open_client`."""

    def __init__(self, stream: trio.abc.Stream, message_octets: int) -> None:
        self._stream = stream
        self._message_octets = message_octets
        self._protocol = ImapClientProtocol(message_octets=message_octets)
        self.capabilities: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End without a farewell."""
        await trio.aclose_forcefully(self._stream)

    async def greet(self, place: ImapPlace, context: ssl.SSLContext) -> None:
        """Read the greeting, take TLS up if it is to be had by STARTTLS, log in.

        Raises:
            ServerRefused: the server does not want us, or has no TLS.
            ServerGone: the connection broke.
        """
        greeting = await self._next()
        assert isinstance(greeting, Condition)  # noqa: S101 - for the type checker
        self._learn(greeting)
        if place.tls == "starttls":
            await self.run(b"STARTTLS")
            self._stream = await shake_hands(self._stream, context, place.host)
            self._protocol = ImapClientProtocol(message_octets=self._message_octets, greeted=True)
            self.capabilities = frozenset()
        if greeting.kind != "PREAUTH":
            await self._log_in(place)
        if not self.capabilities:
            await self.run(b"CAPABILITY")

    async def _log_in(self, place: ImapPlace) -> None:
        if not self.capabilities:
            await self.run(b"CAPABILITY")
        known, self.capabilities = self.capabilities, frozenset()
        if place.token:
            if not {"AUTH=XOAUTH2", "SASL-IR"} <= known:
                raise ServerRefused("the server takes no access tokens (XOAUTH2)")
            # asked why it refuses, a client sends an empty line
            await self.run(b"AUTHENTICATE XOAUTH2", token_response(place.user, place.password), then=b"")
        elif "AUTH=PLAIN" in known:
            response = plain_response(place.user, place.password)
            if "SASL-IR" in known:
                await self.run(b"AUTHENTICATE PLAIN", response)
            else:
                await self.run(b"AUTHENTICATE PLAIN", then=response)
        elif "LOGINDISABLED" in known:
            raise ServerRefused("the server has no login that we know")
        else:
            await self.run(b"LOGIN", text(place.user.encode()), text(place.password.encode()))

    async def run(
        self, *arguments: bytes, then: bytes | None = None, listen: Listener | None = None
    ) -> Condition:
        """Run a command to its end; what the server says besides goes to `listen`.

        Raises:
            ServerRefused: NO or BAD.
            ServerGone: the connection broke, or the server talks nonsense.
        """
        self._protocol.start(*arguments, then=then)
        while True:
            event = await self._next()
            if isinstance(event, Capabilities):
                self.capabilities = event.names
            elif isinstance(event, Condition):
                self._learn(event)
                if event.tag:
                    if event.kind != "OK":
                        raise ServerRefused(event.text or event.kind)
                    return event
            if listen is not None:
                await listen(event)

    async def examine(self, name: bytes) -> Examined:
        """Open a folder for reading only.

        Raises:
            ServerRefused, ServerGone: as their names say.
        """
        messages = validity = 0

        async def listen(event: Response) -> None:
            nonlocal messages, validity
            if isinstance(event, Exists):
                messages = event.count
            elif isinstance(event, Condition):
                validity = code_number(event.code, b"UIDVALIDITY") or validity

        await self.run(b"EXAMINE", text(name), listen=listen)
        return Examined(messages, validity)

    def _learn(self, event: Condition) -> None:
        names = capabilities_in(event.code)
        if names is not None:
            self.capabilities = names

    async def _next(self) -> Response:
        protocol = self._protocol
        try:
            while True:
                octets = protocol.bytes_to_send()
                if octets:
                    with trio.fail_after(SEND_SECONDS):
                        await self._stream.send_all(octets)
                event = protocol.next_event()
                if isinstance(event, Broken):
                    raise ServerGone(event.reason)
                if event is not None:
                    return event
                if protocol.state is ClientState.CLOSED:
                    raise ServerGone("the conversation is over")
                with trio.fail_after(READ_SECONDS):
                    protocol.receive_data(bytes(await self._stream.receive_some(READ_OCTETS)))
        except trio.TooSlowError:
            raise ServerGone("the server is silent for too long") from None
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as fault:
            raise ServerGone(f"the connection broke: {fault.__cause__ or fault}") from fault


async def shake_hands(
    stream: trio.abc.Stream, context: ssl.SSLContext, host: str
) -> trio.SSLStream[trio.abc.Stream]:
    """Take TLS up on a stream.

    Raises:
        ServerRefused: the certificate is not the host's.
        ServerGone: no TLS.
    """
    tls = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        with trio.fail_after(CONNECT_SECONDS):
            await tls.do_handshake()
    except trio.TooSlowError:
        raise ServerGone("the TLS handshake takes too long") from None
    except trio.BrokenResourceError as fault:
        if isinstance(fault.__cause__, ssl.SSLCertVerificationError):
            raise ServerRefused(f"the certificate: {fault.__cause__.verify_message}") from fault
        raise ServerGone(f"no TLS: {fault.__cause__ or fault}") from fault
    return tls


def client_context(*, insecure: bool) -> ssl.SSLContext:
    """A TLS context that verifies the server's certificate, or not."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_client(place: ImapPlace, *, message_octets: int) -> ImapClient:
    """Connect and log in; the caller closes it.

    Args:
        message_octets: longer messages are read past and not kept.

    Raises:
        ServerRefused: wrong password, wrong certificate, no TLS to be had.
        ServerGone: no connection.
    """
    context = client_context(insecure=place.insecure)
    try:
        with trio.fail_after(CONNECT_SECONDS):
            stream: trio.abc.Stream = await trio.open_tcp_stream(place.host, place.port)
    except trio.TooSlowError:
        raise ServerGone(f"{place.host}:{place.port} does not answer") from None
    except OSError as fault:
        raise ServerGone(f"{place.host}:{place.port}: {fault.strerror or fault}") from fault
    try:
        if place.tls == "implicit":
            stream = await shake_hands(stream, context, place.host)
        client = ImapClient(stream, message_octets)
        await client.greet(place, context)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return client
