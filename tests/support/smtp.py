"""Fakes for SMTP: decisions, roles, connections."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import trio
from tests.support.sasl import keys_for

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.envelope import Envelope
from pymailcore.runtime.channel_binding import NO_FACTS, TlsFacts
from pymailcore.runtime.logs import Logger, get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.sasl.registry import make_offer
from pymailcore.sasl.settings import SaslSettings
from pymailcore.sasl.steps import Credentials, ScramKeys, ScramProof
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.extensions import NO_EXTENSIONS, Extensions
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.role import Session, SmtpRole
from pymailcore.smtp.server import SmtpServer, TlsMode, TlsSource
from pymailcore.smtp.settings import SmtpSettings

Decision = Callable[[events.Event], Reply | None]

OPTIONS = ServerOptions(hostname="mx.example", postmaster_domain="host.example", max_message_octets=100_000)
PASSWORD = "tanstaaf"
DIGEST = "0" * 64
OFFER = make_offer(SaslSettings(), random_bytes=lambda count: b"r" * count)
ENVELOPE = b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<b@host.example>\r\n"
UNKNOWN = Reply(550, "5.1.1", "No such recipient here")
BUSY = Reply(451, "4.3.0", "Busy")


def decide(event: events.Event) -> Reply | None:
    """Decide by names: unknown@ is refused, busy@ put off, closing@ ends it; tim has a password."""
    match event:
        case events.Recipient(address) if address.localpart == "unknown":
            return UNKNOWN
        case events.Recipient(address) if address.localpart == "busy":
            return BUSY
        case events.Recipient(address) if address.localpart == "closing":
            return reply.CLOSING_DOWN
        case events.Mail(address) if address is not None and address.localpart == "refused":
            return Reply(550, "5.7.1", "Not you")
        case events.Authenticate(_, Credentials("tim", "", "tanstaaf")):
            return None
        case events.Authenticate(_, ScramProof(_, "tim", "", 0, _)):
            return None
        case events.Authenticate():
            return reply.AUTH_FAILED
    return None


def take_events(protocol: SmtpServerProtocol, decision: Decision = decide) -> list[events.Event]:
    """Take and answer all events that are there; stretches of mail data are joined."""
    seen: list[events.Event] = []
    while (event := protocol.next_event()) is not None:
        if isinstance(event, events.MailData) and seen and isinstance(seen[-1], events.MailData):
            seen[-1] = events.MailData(seen[-1].octets + event.octets)
            continue
        seen.append(event)
        if isinstance(event, events.MailData | events.MailDataAborted):
            continue
        if isinstance(event, events.KeysNeeded):
            protocol.give_keys(keys_for(event.need.mechanism, PASSWORD))
            continue
        answer = decision(event)
        if answer is None:
            protocol.accept()
        else:
            protocol.answer(answer)
    return seen


def feed(
    protocol: SmtpServerProtocol, octets: bytes, step: int = 1_000_000, decision: Decision = decide
) -> list[events.Event]:
    """Put octets in, some at a time, and take all events."""
    seen = take_events(protocol, decision)
    for start in range(0, len(octets), step):
        protocol.receive_data(octets[start : start + step])
        for event in take_events(protocol, decision):
            if isinstance(event, events.MailData) and seen and isinstance(seen[-1], events.MailData):
                seen[-1] = events.MailData(seen[-1].octets + event.octets)
            else:
                seen.append(event)
    return seen


def opened(options: ServerOptions = OPTIONS, octets: bytes = b"") -> SmtpServerProtocol:
    """Make a core that has said what there was to say."""
    protocol = SmtpServerProtocol(options)
    feed(protocol, octets)
    protocol.bytes_to_send()
    return protocol


def codes(octets: bytes) -> list[bytes]:
    """Give the codes of all reply lines that end a reply."""
    return [line[:3] for line in octets.splitlines() if line[3:4] != b"-"]


@dataclass(eq=False)
class FakeRole:
    """Decides by a function and keeps what it was given."""

    decision: Decision = decide
    takes_logins: bool = False
    way: str = "mx"
    lookups: frozenset[str] = frozenset()
    messages: list[tuple[Envelope, bytes]] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    hellos: list[str] = field(default_factory=list)
    answer: Callable[[Envelope, bytes], Reply | Sequence[Reply] | None] = lambda _envelope, _octets: None

    def begin(self, session: Session) -> "FakeRole":
        """All conversations are in one."""
        self.sessions.append(session)
        return self

    async def opened(self) -> Reply | None:
        """Decide."""
        return self.decision(events.Opened())

    async def hello(self, event: events.Hello) -> Reply | None:
        """Decide."""
        self.hellos.append(event.name)
        return self.decision(event)

    async def mail(self, event: events.Mail) -> Reply | None:
        """Decide."""
        return self.decision(event)

    async def recipient(self, mail: events.Mail, event: events.Recipient) -> Reply | None:  # noqa: ARG002
        """Decide."""
        return self.decision(event)

    def withdraw(self, event: events.Recipient) -> None:
        """Nothing is kept."""

    async def data(self, event: events.DataRequested) -> Reply | None:
        """Decide."""
        return self.decision(event)

    async def verify(self, event: events.Verify) -> Reply | None:
        """Decide."""
        return self.decision(event)

    async def message(self, envelope: Envelope, octets: bytes, digest: str) -> Reply | Sequence[Reply] | None:
        """Decide and keep."""
        self.digests.append(digest)
        answer = self.answer(envelope, octets)
        if answer is None or not isinstance(answer, Reply) or answer.positive:
            self.messages.append((envelope, octets))
        return answer

    async def scram_keys(self, event: events.KeysNeeded) -> ScramKeys | Reply:
        """Those of the one password."""
        return keys_for(event.need.mechanism, PASSWORD)

    async def authenticate(self, event: events.Authenticate) -> Reply | None:
        """Decide."""
        return self.decision(event)


@dataclass(eq=False)
class FakeConnection:
    """An accepted connection over any stream."""

    stream: trio.abc.Stream
    peer: str = "192.0.2.1"
    id: str = "c1"
    log: Logger = field(default_factory=get_logger)
    draining: trio.Event = field(default_factory=trio.Event)


@dataclass
class FakeContexts:
    """One TLS context that is in force for ever."""

    server: ssl.SSLContext

    async def shake_hands(
        self, stream: trio.abc.Stream, seconds: float
    ) -> tuple[trio.SSLStream[trio.abc.Stream], TlsFacts]:
        """Take TLS up; nothing is bound."""
        tls = trio.SSLStream(stream, self.server, server_side=True, https_compatible=True)
        with trio.fail_after(seconds):
            await tls.do_handshake()
        return tls, NO_FACTS


def server_of(
    role: SmtpRole,
    settings: SmtpSettings | None = None,
    *,
    tls: TlsMode = "none",
    contexts: TlsSource | None = None,
    plaintext_login: bool = False,
    budget: MailDataBudget | None = None,
    extensions: Extensions = NO_EXTENSIONS,
    lmtp: bool = False,
    spool_folder: Path | None = None,
    filters: Sequence[IPv4Network | IPv6Network] = (),
    repair_line_ends: bool = False,
) -> SmtpServer:
    """Make a server of a fake role."""
    settings = settings or SmtpSettings()
    return SmtpServer(
        role=role,
        settings=settings,
        hostname="mx.example",
        budget=budget or MailDataBudget(settings.max_mail_data_memory_octets),
        metrics=Metrics(),
        tls=tls,
        contexts=contexts,
        plaintext_login=plaintext_login,
        extensions=extensions,
        lmtp=lmtp,
        spool_folder=spool_folder,
        filters=filters,
        repair_line_ends=repair_line_ends,
    )


async def read_codes(stream: trio.abc.Stream, count: int) -> list[bytes]:
    """Read until so many replies are here, or the end; give their codes."""
    octets = b""
    while len(codes(octets[: octets.rfind(b"\n") + 1])) < count:
        more = await stream.receive_some()
        if not more:
            break
        octets += more
    return codes(octets)


def lines(*texts: str) -> bytes:
    """Join lines with CRLF."""
    return "".join(text + "\r\n" for text in texts).encode()


def pieces(octets: bytes, step: int) -> Sequence[bytes]:
    """Cut octets into pieces of one size."""
    return [octets[start : start + step] for start in range(0, len(octets), step)]
