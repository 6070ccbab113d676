"""Trio driver of the SMTP server: sockets, TLS and deadlines, no protocol rules.

Standards: RFC 5321 section 4.5.3.2 (timeouts), RFC 3207 section 4, RFC 8314 section 3.3 (implicit TLS).

Theory of operation. One loop pulls events from the core, asks the role, and sends what is due in one write
before it reads again, so a batch of pipelined commands is answered by one segment. Deadlines count from our
last reply, not from the peer's last octet: a command that comes one octet at a time has no more time than
one that comes whole, and mail data must keep up a rate. A connection that is quiet for `_QUIET_SECONDS`
also watches for the server to drain and for its sign-in to end; before that it does not, because a second
task would double the cost of every command.
"""

import contextlib
import math
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Final, Literal, Protocol

import trio

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import InsufficientStorage, MailError, TemporaryFailure
from pymailcore.runtime.channel_binding import NO_FACTS, TlsFacts
from pymailcore.runtime.claims import Claims
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.logs import Logger, bound_fields
from pymailcore.runtime.metrics import Metrics
from pymailcore.sasl.registry import NOTHING, Offer, make_offer
from pymailcore.sasl.settings import SaslSettings
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp import outcomes
from pymailcore.smtp.binary_mail import with_lines
from pymailcore.smtp.lost_replies import Hearing, LostReplies
from pymailcore.smtp.mail_data_spool import MailDataSpool
from pymailcore.smtp.plain_sockets import READ_OCTETS, read, write_now
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.extensions import NO_EXTENSIONS, Extensions
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.protocol.states import ENDED, State
from pymailcore.smtp.role import Conversation, Lasting, RoleFault, Session, SmtpRole
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.smtp.tarpit import delay_seconds
from pymailcore.smtp.tls import describe

_QUIET_SECONDS: Final = 2.0
_SHOWN_DIGITS: Final = 16  # of a message's digest in the log

NO_SPACE: Final = outcomes.REPLIES[InsufficientStorage]

Verdict = Reply | Sequence[Reply] | None
Answer = Verdict | ScramKeys
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
        extensions: which of those that can be left off are offered.
        lmtp: speak LMTP; the role then may answer each recipient for itself.
        repair_line_ends: take messages with bare CR or LF, and make these whole.
        lost_replies: of clients that went away without having heard what became of their message.
        filters: networks of mail filters, which may say with XCLIENT for whom they speak.
        spool_folder: where large mail data waits until it is whole; None for memory.
        now_ms: milliseconds since 1970.
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
    extensions: Extensions = NO_EXTENSIONS
    lmtp: bool = False
    repair_line_ends: bool = False
    filters: Sequence[IPv4Network | IPv6Network] = ()
    spool_folder: Path | None = None
    now_ms: Callable[[], int] = wall_clock_ms
    claims: Claims = field(default_factory=Claims)
    lost_replies: LostReplies = field(default_factory=LostReplies)
    _without_logins: dict[tuple[bool, bool], ServerOptions] = field(default_factory=dict, init=False)

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
            state, client, lasting = State.CONNECTED, (connection.peer, ""), Lasting()
            while state is not State.CLOSED:
                driver = _Driver(self, connection, tls or stream, facts, client, lasting)
                state = await driver.run(state)
                if state is State.TLS:
                    tls, facts = await self._shake_hands(stream)
                    state = State.GREETED
                elif state is State.RENEWED:
                    state, client, lasting = State.CONNECTED, driver.client, Lasting()
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

    def options(self, facts: TlsFacts, *, encrypted: bool, peer: str) -> ServerOptions:
        """Give what a core is to offer to a peer, in clear or inside TLS."""
        xclient = bool(self.filters) and any(ip_address(peer) in network for network in self.filters)
        if self.role.takes_logins and (encrypted or self.plaintext_login):
            offer = make_offer(
                self.sasl,
                random_bytes=self.random_bytes,
                bindings=facts.bindings,
                certificate=facts.certificate is not None,
            )
            return self._make_options(offer, encrypted=encrypted, xclient=xclient)
        options = self._without_logins.get((encrypted, xclient))
        if options is None:
            options = self._make_options(NOTHING, encrypted=encrypted, xclient=xclient)
            self._without_logins[encrypted, xclient] = options
        return options

    def _make_options(self, offer: Offer, *, encrypted: bool, xclient: bool) -> ServerOptions:
        return ServerOptions(
            hostname=self.hostname,
            postmaster_domain=self.settings.postmaster_domain or self.hostname,
            max_message_octets=self.settings.max_message_octets,
            max_recipients=self.settings.max_recipients_count,
            hard_errors=self.settings.hard_errors_count,
            junk_commands=self.settings.junk_commands_count,
            starttls=self.tls == "starttls" and not encrypted,
            offer=offer,
            encrypted=encrypted,
            lmtp=self.lmtp,
            lookups=self.role.lookups,
            xclient=xclient,
            extensions=self.extensions,
            max_transactions=self.settings.transactions_count,
            refuse_early_talkers=self.settings.refuse_early_talkers and self.role.way == "mx",
            repair_line_ends=self.repair_line_ends,
            now_ms=self.now_ms,
        )


class _Driver:
    """One core, one stream, one conversation of the role."""

    def __init__(
        self,
        server: SmtpServer,
        connection: Connection,
        stream: trio.abc.Stream,
        facts: TlsFacts,
        client: tuple[str, str],
        lasting: Lasting,
    ) -> None:
        self.client = client
        self._lasting = lasting
        self._server = server
        self._settings = server.settings
        self._connection = connection
        self._stream = stream
        self._facts = facts
        self._spool = MailDataSpool(server.spool_folder, server.budget, server.settings.spool_memory_octets)
        self._deadline = 0.0
        self._patience = trio.CancelScope()
        self._put_out = trio.Event()
        self._marks: set[str] = set()
        self._hearing = Hearing(server.lost_replies, way=server.role.way, peer=client[0])

    async def run(self, state: State = State.CONNECTED) -> State:
        """Converse until the end or until a handshake is due; give the core's last state."""
        tls = describe(self._stream)
        peer, peer_name = self.client
        options = self._server.options(self._facts, encrypted=bool(tls), peer=self._connection.peer)
        protocol = self._protocol = SmtpServerProtocol(options, state)
        session = Session(
            connection_id=self._connection.id,
            peer=peer,
            peer_name=peer_name,
            tls=tls,
            certificate=self._facts.certificate,
            lmtp=self._server.lmtp,
            marks=self._marks,
            lasting=self._lasting,
            signed_in=lambda _account, login: self._hearing.signed_in(login),
            put_out=self._put_out.set,
        )
        self._conversation = self._server.role.begin(session)
        try:
            self._extend()
            if options.refuse_early_talkers and state is State.CONNECTED:
                await self._listen_before_greeting()
            while True:
                with trio.CancelScope() as self._patience:  # for many reads: one costs as much as a read does
                    await self._converse()
                if self._patience.cancelled_caught:
                    await self._receive_late()
                elif protocol.state in ENDED:
                    return protocol.state
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            self._hearing.gone()
            raise
        finally:
            session.whole.close()
            self._spool.forget()

    async def _converse(self) -> None:
        """Converse until all is said and the end is there, or until patience is used up."""
        protocol = self._protocol
        while not self._patience.cancel_called:
            event = protocol.next_event()
            if event is None:
                await self._send()
                if protocol.state in ENDED:
                    return
                await self._receive()
            elif type(event) is events.MailData:
                await self._keep(event.octets)
            elif type(event) is events.MailDataAborted:
                self._spool.forget()
            elif type(event) is events.MailDataEnd:
                with bound_fields(digest=self._spool.digest[:_SHOWN_DIGITS]):
                    await self._answer(event)
            else:
                await self._answer(event)

    async def _answer(self, event: events.Event) -> None:
        answer: Answer
        try:
            answer = await self._decide(self._conversation, event)
        except MailError as outcome:
            answer = outcomes.reply_for(outcome)
            level = "warning" if isinstance(outcome, TemporaryFailure) else "info"
            getattr(self._connection.log, level)(
                "refused", command=type(event).__name__, code=answer.code, outcome=repr(outcome)
            )
        except Exception as fault:
            self._protocol.close(reply.CLOSING_FAULT)
            await self._send()
            raise RoleFault(repr(fault)) from fault
        if answer is None:
            self._protocol.accept()
        elif isinstance(answer, ScramKeys):
            self._protocol.give_keys(answer)
        elif isinstance(answer, Reply):
            self._protocol.answer(answer)
        else:
            self._protocol.answer_each(answer)

    async def _decide(self, conversation: Conversation, event: events.Event) -> Answer:
        if self._put_out.is_set():
            return reply.CLOSING_SIGN_IN
        match event:
            case events.Recipient():
                mail = self._protocol.mail
                assert mail is not None  # noqa: S101 - the core asks about RCPT inside a transaction only
                return await conversation.recipient(mail, event)
            case events.Mail():
                return await conversation.mail(event)
            case events.MailDataEnd():
                return await self._hand_over(conversation, event)
            case events.Hello():
                return await conversation.hello(event)
            case events.Opened():
                return await conversation.opened()
        return await self._decide_rare(conversation, event)

    async def _decide_rare(self, conversation: Conversation, event: events.Event) -> Answer:
        match event:
            case events.DataRequested():
                self._spool.forget()  # what a transaction had that EHLO ended
                if self._server.budget.free_octets < READ_OCTETS:
                    return reply.NO_MEMORY
                return await conversation.data(event)
            case events.Verify():
                return await conversation.verify(event)
            case events.KeysNeeded():
                return await conversation.scram_keys(event)
            case events.Authenticate():
                return await conversation.authenticate(event)
            case events.Xclient():
                self._connection.log.info("speaks for a client", client=event.address, name=event.name)
                self.client = event.address, event.name
        return None

    async def _hand_over(self, conversation: Conversation, event: events.MailDataEnd) -> Verdict:
        digest, log = self._spool.digest, self._connection.log
        try:
            again = self._hearing.answer_again(event.envelope, digest)
            if again is not None:
                log.info("sent again, its reply had been lost", reply=str(again))
                return again
            answer = await self._pass_on(conversation, event.envelope, digest)
        finally:
            self._spool.forget()
        self._hearing.said(event.envelope, digest, answer)
        if isinstance(answer, Reply) and not answer.positive:
            log.info("refused", command=type(event).__name__, code=answer.code, reply=str(answer))
        return answer

    async def _pass_on(self, conversation: Conversation, envelope: Envelope, digest: str) -> Verdict:
        began = trio.current_time()
        octets = await self._spool.take()
        if octets is None:
            return reply.NO_MEMORY
        sound = await with_lines(envelope, octets)
        if isinstance(sound, Reply):
            return sound
        answer = await conversation.message(*sound, digest)
        replies = [answer] if answer is None or isinstance(answer, Reply) else answer
        if any(one is None or one.positive for one in replies):
            way = self._server.role.way
            metrics = self._server.metrics
            metrics.messages_accepted.labels(way).inc()
            metrics.message_octets.observe(len(octets))
            metrics.accept_seconds.labels(way).observe(trio.current_time() - began)
        return answer

    async def _keep(self, octets: bytes) -> None:
        spool = self._spool
        if not spool.keep(octets):
            self._protocol.refuse_mail_data(reply.NO_MEMORY)
        elif spool.overflowing:
            try:
                await spool.spill()
            except OSError as fault:
                self._connection.log.error("mail data cannot be kept", fault=str(fault))
                self._protocol.refuse_mail_data(NO_SPACE)

    async def _listen_before_greeting(self) -> None:
        """Take what a peer says before it is greeted; nobody honest says anything (RFC 5321 section 3.1)."""
        octets: bytes | bytearray = b""
        delay = self._settings.greeting_delay_seconds
        if delay:
            with trio.move_on_after(delay):
                octets = await self._stream.receive_some(READ_OCTETS)
        elif type(self._stream) is trio.SocketStream:
            with contextlib.suppress(OSError):
                octets = os.read(self._stream.socket.fileno(), READ_OCTETS)
        if octets:
            self._protocol.receive_data(bytes(octets))

    def _extend(self) -> None:
        self._deadline = trio.current_time() + self._settings.idle_seconds

    async def _send(self) -> None:
        octets = self._protocol.bytes_to_send()
        if not octets:
            return
        if self._protocol.errors:
            await trio.sleep(
                delay_seconds(self._settings, self._protocol.errors, suspicious=bool(self._marks))
            )
        written = write_now(self._stream, octets)
        if written < len(octets):
            with trio.fail_after(self._settings.block_seconds):
                await self._stream.send_all(octets[written:])
        self._extend()

    async def _receive(self) -> None:
        """Read once; `_patience` ends the wait for a peer that is quiet."""
        if self._must_end():
            return
        self._patience.deadline = min(self._deadline, trio.current_time() + _QUIET_SECONDS)
        octets = await read(self._stream)
        self._patience.deadline = math.inf  # nothing but this wait may be cut short
        self._take(octets)

    async def _receive_late(self) -> None:
        """Read from a peer that has been quiet; close when its time is up or the server drains."""
        octets: bytes | bytearray | None = None
        if trio.current_time() < self._deadline:
            octets = await self._receive_while_welcome()
            if octets is None and self._must_end():
                return
        if octets is None:
            self._hearing.gone()
            self._protocol.close(reply.CLOSING_IDLE)
        else:
            self._take(octets)

    def _take(self, octets: bytes | bytearray) -> None:
        protocol = self._protocol
        self._hearing.received(octets)
        if protocol.state is State.DATA or protocol.state is State.CHUNK:
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


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
