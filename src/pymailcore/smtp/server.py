"""Trio driver of the SMTP server: sockets, TLS and deadlines, no protocol rules.

Standards: RFC 5321 section 4.5.3.2 (timeouts), RFC 3207 section 4, RFC 8314 section 3.3 (implicit TLS).

Theory of operation. One loop pulls events from the core, asks the role, and sends what is due in one write
before it reads again, so a batch of pipelined commands is answered by one segment. Deadlines count from our
last reply, not from the peer's last octet: a command that comes one octet at a time has no more time than
one that comes whole, and mail data must keep up a rate. A connection that is quiet for `_QUIET_SECONDS`
also watches for the server to drain and for its sign-in to end; before that it does not, because a second
task would double the cost of every command.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import trio

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.runtime.channel_binding import NO_FACTS, TlsFacts
from pymailcore.runtime.claims import Claims
from pymailcore.runtime.logs import Logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.sasl.registry import NOTHING, make_offer
from pymailcore.sasl.settings import SaslSettings
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp import outcomes
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.protocol.states import State
from pymailcore.smtp.role import Conversation, Session, SmtpRole
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.smtp.tls import describe

READ_OCTETS: Final = 65_536
_QUIET_SECONDS: Final = 2.0

TlsMode = Literal["none", "starttls", "implicit"]


class TlsSource(Protocol):
    """Takes TLS up on accepted connections (`runtime.tls.TlsLogins`)."""

    async def shake_hands(
        self, stream: trio.abc.Stream, seconds: float
    ) -> tuple[trio.SSLStream[trio.abc.Stream], TlsFacts]:
        """Shake hands within so many seconds, and say what the connection can be bound by."""
        ...


class Connection(Protocol):
    """What the driver needs of an accepted connection (`runtime.serve.Connection`)."""

    @property
    def stream(self) -> trio.abc.Stream:
        """The transport; the accept loop closes it."""
        ...

    @property
    def peer(self) -> str:
        """The peer's address."""
        ...

    @property
    def id(self) -> str:
        """Names the connection in the logs."""
        ...

    @property
    def log(self) -> Logger:
        """Carries the connection's id."""
        ...

    @property
    def draining(self) -> trio.Event:
        """Set when the server is shutting down."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """One SMTP listener; `serve_connection` is what its accept loop calls.

    Attributes:
        hostname: in the greeting and in EHLO.
        budget: shared by all listeners of the process.
        tls: `starttls` and `implicit` need `contexts`.
        plaintext_login: offer AUTH without TLS; for loopback tests only.
        random_bytes: gives that many random octets, for the nonces of logins.
        claims: takes note of what peers say about where they come from.
    """

    role: SmtpRole
    settings: SmtpSettings
    hostname: str
    budget: MailDataBudget
    metrics: Metrics
    tls: TlsMode = "none"
    contexts: TlsSource | None = None
    plaintext_login: bool = False
    sasl: SaslSettings = field(default_factory=SaslSettings)
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    claims: Claims = field(default_factory=Claims)

    async def serve_connection(self, connection: Connection) -> None:
        """Drive one connection until either side ends it.

        A peer that vanishes, stops reading or stays silent is an ordinary end here. Cancellation leaves
        without a farewell. A message counts as accepted only when the role's `message` has returned, so a
        cancelled transaction leaves nothing behind that anybody was told of.
        """
        stream: trio.abc.Stream = connection.stream
        try:
            tls, facts = None, NO_FACTS
            if self.tls == "implicit":
                tls, facts = await self._shake_hands(stream)
            state = await _Driver(self, connection, tls or stream, facts).run()
            if state is State.TLS:
                tls, facts = await self._shake_hands(stream)
                await _Driver(self, connection, tls, facts).run(State.GREETED)
            if tls is not None:
                with trio.move_on_after(self.settings.tls_handshake_seconds):
                    await tls.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as end:
            connection.log.debug("peer vanished or stopped reading", end=repr(end))

    async def _shake_hands(self, stream: trio.abc.Stream) -> tuple[trio.SSLStream[trio.abc.Stream], TlsFacts]:
        if self.contexts is None:
            raise ValueError("TLS without a certificate")
        outcome = "failed"
        try:
            taken = await self.contexts.shake_hands(stream, self.settings.tls_handshake_seconds)
            outcome = "ok"
        finally:
            self.metrics.tls_handshakes.labels(self.role.way, outcome).inc()
        return taken

    def options(self, facts: TlsFacts, *, encrypted: bool) -> ServerOptions:
        """Give what a core is to offer, in clear or inside TLS."""
        offer = NOTHING
        if self.role.takes_logins and (encrypted or self.plaintext_login):
            offer = make_offer(
                self.sasl,
                random_bytes=self.random_bytes,
                bindings=facts.bindings,
                certificate=facts.certificate is not None,
            )
        return ServerOptions(
            hostname=self.hostname,
            postmaster_domain=self.settings.postmaster_domain or self.hostname,
            max_message_octets=self.settings.max_message_octets,
            max_recipients=self.settings.max_recipients_count,
            soft_errors=self.settings.soft_errors_count,
            hard_errors=self.settings.hard_errors_count,
            junk_commands=self.settings.junk_commands_count,
            starttls=self.tls == "starttls" and not encrypted,
            offer=offer,
        )


class _Driver:
    """One core, one stream, one conversation of the role."""

    def __init__(
        self, server: SmtpServer, connection: Connection, stream: trio.abc.Stream, facts: TlsFacts
    ) -> None:
        self._server = server
        self._settings = server.settings
        self._connection = connection
        self._stream = stream
        self._facts = facts
        self._mail_data: list[bytes] = []
        self._mail_data_octets = 0
        self._deadline = 0.0
        self._put_out = trio.Event()

    async def run(self, state: State = State.CONNECTED) -> State:
        """Converse until the end or until a handshake is due; give the core's last state."""
        tls = describe(self._stream)
        options = self._server.options(self._facts, encrypted=bool(tls))
        protocol = self._protocol = SmtpServerProtocol(options, state)
        session = Session(
            connection_id=self._connection.id,
            peer=self._connection.peer,
            tls=tls,
            certificate=self._facts.certificate,
            put_out=self._put_out.set,
        )
        self._conversation = self._server.role.begin(session)
        try:
            self._extend()
            while True:
                event = protocol.next_event()
                if event is None:
                    await self._send()
                    if protocol.state is State.CLOSED or protocol.state is State.TLS:
                        return protocol.state
                    await self._receive()
                elif type(event) is events.MailData:
                    self._keep(event.octets)
                elif type(event) is events.MailDataAborted:
                    self._forget()
                else:
                    await self._answer(event)
        finally:
            session.whole.close()
            self._forget()

    async def _answer(self, event: events.Event) -> None:
        answer: Reply | ScramKeys | None
        try:
            answer = await self._decide(self._conversation, event)
        except MailError as outcome:
            answer = outcomes.reply_for(outcome)
            level = "warning" if isinstance(outcome, TemporaryFailure) else "info"
            getattr(self._connection.log, level)(
                "refused", command=type(event).__name__, code=answer.code, outcome=repr(outcome)
            )
        except Exception:
            self._protocol.close(reply.CLOSING_FAULT)
            await self._send()
            raise
        if answer is None:
            self._protocol.accept()
        elif isinstance(answer, ScramKeys):
            self._protocol.give_keys(answer)
        else:
            self._protocol.answer(answer)

    async def _decide(self, conversation: Conversation, event: events.Event) -> Reply | ScramKeys | None:
        if self._put_out.is_set():
            return reply.CLOSING_SIGN_IN
        match event:
            case events.Recipient():
                mail = self._protocol.mail
                assert mail is not None  # noqa: S101 - the core asks about RCPT inside a transaction only
                return await conversation.recipient(mail, event)
            case events.Mail():
                return await conversation.mail(event)
            case events.DataRequested():
                return None if self._server.budget.free_octets >= READ_OCTETS else reply.NO_MEMORY
            case events.MailDataEnd():
                return await self._hand_over(conversation, event)
            case events.Hello():
                return await conversation.hello(event)
            case events.Opened():
                return await conversation.opened()
            case events.KeysNeeded():
                return await conversation.scram_keys(event)
            case events.Authenticate():
                return await conversation.authenticate(event)
        return None

    async def _hand_over(self, conversation: Conversation, event: events.MailDataEnd) -> Reply | None:
        began = trio.current_time()
        octets = self._mail_data[0] if len(self._mail_data) == 1 else b"".join(self._mail_data)
        self._mail_data.clear()
        try:
            answer = await conversation.message(event.envelope, octets)
        finally:
            self._forget()
        if answer is None or answer.positive:
            way = self._server.role.way
            metrics = self._server.metrics
            metrics.messages_accepted.labels(way).inc()
            metrics.message_octets.observe(len(octets))
            metrics.accept_seconds.labels(way).observe(trio.current_time() - began)
        return answer

    def _keep(self, octets: bytes) -> None:
        if self._server.budget.take(len(octets)):
            self._mail_data.append(octets)
            self._mail_data_octets += len(octets)
        else:
            self._protocol.refuse_mail_data(reply.NO_MEMORY)
            self._forget()

    def _forget(self) -> None:
        self._server.budget.give_back(self._mail_data_octets)
        self._mail_data_octets = 0
        self._mail_data.clear()

    def _extend(self) -> None:
        self._deadline = trio.current_time() + self._settings.idle_seconds

    async def _send(self) -> None:
        octets = self._protocol.bytes_to_send()
        if not octets:
            return
        if self._protocol.tardy:
            await trio.sleep(self._settings.error_delay_seconds)
        written = _write_now(self._stream, octets)
        if written < len(octets):
            with trio.fail_after(self._settings.block_seconds):
                await self._stream.send_all(octets[written:])
        self._extend()

    async def _receive(self) -> None:
        """Read once; closes the conversation when its time is up or the server drains."""
        protocol = self._protocol
        if self._must_end():
            return
        octets: bytes | bytearray | None = None
        quiet_at = trio.current_time() + _QUIET_SECONDS
        with trio.move_on_at(min(self._deadline, quiet_at)):
            octets = await _read(self._stream)
        if octets is None and quiet_at < self._deadline:
            octets = await self._receive_while_welcome()
            if octets is None and self._must_end():
                return
        if octets is None:
            protocol.close(reply.CLOSING_IDLE)
            return
        if protocol.state is State.DATA:
            earned = len(octets) / self._settings.min_mail_data_rate_octets
            latest = trio.current_time() + self._settings.idle_seconds
            self._deadline = min(self._deadline + earned, latest)
        else:
            self._server.claims.look(self._connection.peer, self._server.role.way, octets)
        protocol.receive_data(bytes(octets))

    def _must_end(self) -> bool:
        """End the conversation if its sign-in has ended, or if the server drains between transactions."""
        if self._put_out.is_set():
            self._protocol.close(reply.CLOSING_SIGN_IN)
        elif self._protocol.mail is None and self._connection.draining.is_set():
            self._protocol.close(reply.CLOSING_DOWN)
        else:
            return False
        return True

    async def _receive_while_welcome(self) -> bytes | bytearray | None:
        """Read until there is a reason to end; None when there is one, or the time is up."""
        octets: bytes | bytearray | None = None
        broken: trio.BrokenResourceError | None = None
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = self._deadline
            nursery.start_soon(_cancel_when, self._put_out, nursery.cancel_scope)
            if self._protocol.mail is None:
                nursery.start_soon(_cancel_when, self._connection.draining, nursery.cancel_scope)
            try:
                octets = await self._stream.receive_some(READ_OCTETS)
            except trio.BrokenResourceError as fault:
                broken = fault  # taken out by hand: the nursery would wrap it in a group
            nursery.cancel_scope.cancel()
        if broken is not None:
            raise broken
        return octets


def _write_now(stream: trio.abc.Stream, octets: bytes) -> int:
    """Write what a plain socket takes at once; give how much that was.

    A reply nearly always fits into the socket's buffer. Asking trio to wait for that costs a cancel scope and
    a turn of the scheduler for each reply: a quarter of all CPU time of a small message.
    """
    if type(stream) is not trio.SocketStream:
        return 0
    try:
        return os.write(stream.socket.fileno(), octets)
    except BlockingIOError:
        return 0
    except OSError as fault:
        raise trio.BrokenResourceError(f"the peer is gone: {fault.strerror}") from fault


async def _read(stream: trio.abc.Stream) -> bytes | bytearray:
    """Read what there is, and wait for it first: after a reply the next command is never there yet.

    A plain socket is read without the layers of trio that guard against two readers and translate faults;
    there is one reader, and this translates.
    """
    if type(stream) is not trio.SocketStream:
        return await stream.receive_some(READ_OCTETS)
    while True:
        await trio.lowlevel.wait_readable(stream.socket)
        try:
            return os.read(stream.socket.fileno(), READ_OCTETS)
        except BlockingIOError:
            continue
        except OSError as fault:
            raise trio.BrokenResourceError(f"the peer is gone: {fault.strerror}") from fault


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
