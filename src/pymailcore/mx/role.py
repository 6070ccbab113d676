"""The MX role: takes mail from anybody, for recipients here only.

Standards: RFC 5321 sections 3.6.1 (relaying), 4.4 (Received), 4.5.1 (postmaster), 6.3 (loops); RFC 3848;
RFC 3463 sections 3.3 (a mailbox that is disabled) and 3.8 (a list that is closed).

Contract: 250 after the mail data means that the message is on disk for all recipients of the transaction.
An address elsewhere is refused whatever form it hides in: nothing is ever rewritten because of `%`, `!`, `@`
or quotes in a local part. Apart from the Received field in front (and the Return-Path that delivery adds, in
place of any that a message begins with) not one octet of a message is changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Protocol

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.delivery.delivery import without_return_path
from pymailcore.directory.errors import Loop
from pymailcore.directory.routing import ACTIVE, SUSPENDED
from pymailcore.directory.types import Route
from pymailcore.message.trace import count_received, received_field
from pymailcore.mx.guesses import Guesses
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.recipients import CLOSED_GROUP, MAILBOX_DISABLED, MAILBOX_SUSPENDED
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.smtp.transmission import with_protocol

NO_SUCH_RECIPIENT: Final = Reply(550, "5.1.1", "No such recipient here")
NO_RELAYING: Final = Reply(550, "5.7.1", "Relaying denied")
OTHER_TENANT: Final = Reply(452, "4.5.3", "Send to this recipient in a transaction of its own")
TOO_MANY_GUESSES: Final = Reply(421, "4.7.0", "Too many unknown recipients, come again later")
TOO_MANY_HOPS: Final = Reply(554, "5.4.6", "Too many Received fields, this looks like a loop")

# A local part with one of these was an instruction to relay in the days of source routing.
_ROUTING: Final = frozenset("%!@:")


class Recipients(Protocol):
    """What the role asks the directory."""

    async def is_local_domain(self, domain: str) -> bool:
        """Whether mail for a domain is kept here."""
        ...

    async def route(self, address: Address) -> Route:
        """Say where mail for an address goes; NotFound when nobody here has it."""
        ...

    async def may_post(self, route: Route, *, reverse_path: Address | None = None) -> bool:
        """Whether a sender elsewhere may write to all groups of a route."""
        ...

    async def first_domain(self) -> str | None:
        """The first of the domains that are kept here, by name."""
        ...


class Deliverer(Protocol):
    """What the role gives messages to."""

    async def accept(
        self, envelope: Envelope, octets: bytes, *, tenant: TenantId, received_ms: int
    ) -> object:
        """Put a message on disk for every recipient, or for none and raise."""
        ...


class MxRole:
    """The role that stands behind port 25.

    Args:
        hostname: our name in Received.
        now_ms: milliseconds since 1970.
    """

    way: str = "mx"
    takes_logins: Final = False

    def __init__(
        self,
        delivery: Deliverer,
        directory: Recipients,
        settings: SmtpSettings,
        *,
        hostname: str,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.delivery = delivery
        self.directory = directory
        self.settings = settings
        self.hostname = hostname
        self.now_ms = now_ms
        self.guesses = Guesses(settings.unknown_recipients_count, now_ms)

    def begin(self, session: Session) -> "MxConversation":
        """Begin a conversation."""
        return MxConversation(self, session)


class MxConversation:
    """One conversation of the MX role."""

    def __init__(self, role: MxRole, session: Session) -> None:
        self._role = role
        self._session = session
        self._hello = events.Hello("", extended=False)
        self._count = 0
        self._tenant: TenantId | None = None
        self._renamed: dict[Address, Address] = {}

    async def opened(self) -> Reply | None:
        """Greet everybody but those whose network has guessed too many addresses."""
        return TOO_MANY_GUESSES if self._role.guesses.exhausted(self._session.peer) else None

    async def hello(self, event: events.Hello) -> Reply | None:
        """Remember the name for Received."""
        self._hello = event
        return None

    async def mail(self, event: events.Mail) -> Reply | None:  # noqa: ARG002 - part of the contract
        """Take any reverse-path, the null one too: who may send is judged when the message is known."""
        self._tenant = None
        self._renamed.clear()
        return None

    async def recipient(self, mail: events.Mail, event: events.Recipient) -> Reply | None:
        """Take a recipient that is here, unless it is suspended or a group that is closed to the sender."""
        address = await self._at_home(event.forward_path)
        if address is None:
            return NO_RELAYING
        try:
            route = await self._role.directory.route(address)
        except NotFound:
            self._role.guesses.add(self._session.peer)
            if self._role.guesses.exhausted(self._session.peer):
                return TOO_MANY_GUESSES
            return NO_RELAYING if _ROUTING.intersection(address.localpart) else NO_SUCH_RECIPIENT
        if route.state != ACTIVE:
            return MAILBOX_SUSPENDED if route.state == SUSPENDED else MAILBOX_DISABLED
        if not await self._role.directory.may_post(route, reverse_path=mail.reverse_path):
            return CLOSED_GROUP
        tenant = route.tenant or DEFAULT_TENANT
        if self._tenant not in (None, tenant):
            # One transaction is one store operation of one tenant; the client comes back with the rest.
            return OTHER_TENANT
        self._tenant = tenant
        if address != event.forward_path:
            self._renamed[event.forward_path] = address
        return None

    async def _at_home(self, address: Address) -> Address | None:
        """Give the address as the directory knows it; None when it is not ours."""
        directory = self._role.directory
        if await directory.is_local_domain(address.domain):
            return address
        own = self._role.settings.postmaster_domain or self._role.hostname
        if address.localpart.lower() == "postmaster" and address.domain == own.lower():
            # RFC 5321 section 4.5.1: a host whose name is no mail domain has a postmaster too.
            domain = await directory.first_domain()
            return None if domain is None else Address("postmaster", domain)
        return None

    async def message(self, envelope: Envelope, octets: bytes) -> Reply | Sequence[Reply] | None:
        """Put our Received field on top and hand the message to delivery."""
        role = self._role
        if count_received(octets) > role.settings.max_received_count:
            return TOO_MANY_HOPS
        self._count += 1
        name = f"{self._session.connection_id}.{self._count}"
        received_ms = role.now_ms()
        asked = envelope.recipients
        if self._renamed:
            envelope = self._with_names(envelope)
        field = received_field(
            hello=self._hello.name,
            peer=self._session.peer,
            by=role.hostname,
            with_protocol=with_protocol(
                self._session,
                extended=self._hello.extended,
                authenticated=False,
                smtputf8=envelope.smtputf8,
            ),
            id=name,
            peer_name=self._session.peer_name or None,
            date=datetime.fromtimestamp(received_ms / 1000, UTC),
            recipient=str(envelope.recipients[0]) if len(envelope.recipients) == 1 else None,
            tls=self._session.tls or None,
        )
        answer = await self._deliver(envelope, field + without_return_path(octets), received_ms, name)
        if isinstance(answer, Reply):
            return answer
        return [answer[self._renamed.get(address, address)] for address in asked]

    async def _deliver(
        self, envelope: Envelope, octets: bytes, received_ms: int, name: str
    ) -> Reply | Mapping[Address, Reply]:
        """Store a message for all its recipients; gives one reply, or one for each of them."""
        tenant = self._tenant or DEFAULT_TENANT
        try:
            await self._role.delivery.accept(envelope, octets, tenant=tenant, received_ms=received_ms)
        except Loop:
            return TOO_MANY_HOPS
        return Reply(250, "2.0.0", f"Accepted as {name}")

    def _with_names(self, envelope: Envelope) -> Envelope:
        renamed = self._renamed
        recipients = (renamed.get(address, address) for address in envelope.recipients)
        terms = {renamed.get(address, address): said for address, said in envelope.report_terms.items()}
        return replace(envelope, recipients=tuple(dict.fromkeys(recipients)), report_terms=terms)

    async def scram_keys(self, event: events.KeysNeeded) -> ScramKeys | Reply:  # noqa: ARG002
        """Refuse: AUTH is not offered here."""
        return reply.NOT_IMPLEMENTED

    async def authenticate(self, event: events.Authenticate) -> Reply | None:  # noqa: ARG002
        """Refuse: AUTH is not offered here."""
        return reply.NOT_IMPLEMENTED
