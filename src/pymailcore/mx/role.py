"""The MX role: takes mail from anybody, for recipients here only.

Standards: RFC 5321 sections 3.6.1 (relaying), 4.4 (Received), 4.5.1 (postmaster), 6.3 (loops); RFC 3848;
RFC 3463 sections 3.3 (a mailbox that is disabled) and 3.8 (a list that is closed).

Contract: 250 after the mail data means that the message is on disk for all recipients of the transaction.
An address elsewhere is refused whatever form it hides in: nothing is ever rewritten because of `%`, `!`, `@`
or quotes in a local part. Apart from the Received and Received-SPF fields in front (and the Return-Path that
delivery adds, in place of any that a message begins with) not one octet of a message is changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final, Protocol

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.delivery.delivery import Proof, without_return_path
from pymailcore.directory.errors import Loop
from pymailcore.directory.routing import ACTIVE, SUSPENDED
from pymailcore.directory.types import Route
from pymailcore.message.trace import delivered_to_field, received_field
from pymailcore.mx import hello
from pymailcore.mx.beside import Pending
from pymailcore.mx.guesses import Guesses
from pymailcore.mx.peer_names import PeerNames
from pymailcore.mx.sanity import TOO_MANY_HOPS, inspect
from pymailcore.mx.sender_policy import SenderPolicies, SenderPolicy, is_public
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.logs import get_logger
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp import lookups
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.recipients import (
    CLOSED_GROUP,
    MAILBOX_DISABLED,
    MAILBOX_FULL,
    MAILBOX_SUSPENDED,
)
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import HELLO_MARKS, SmtpSettings
from pymailcore.smtp.transmission import with_protocol

NO_SUCH_RECIPIENT: Final = Reply(550, "5.1.1", "No such recipient here")
NO_RELAYING: Final = Reply(550, "5.7.1", "Relaying denied")
OTHER_TENANT: Final = Reply(452, "4.5.3", "Send to this recipient in a transaction of its own")
TOO_MANY_GUESSES: Final = Reply(421, "4.7.0", "Too many unknown recipients, come again later")
HELLO_REFUSED: Final = Reply(550, "5.7.1", "That is not your name")
NO_PEER_NAME: Final = "no-peer-name"
"""Mark of a peer that has no name in the DNS that leads back to it."""

log = get_logger()

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

    def require_space(self, octets: int) -> None:
        """Raise when there is no room on disk for a message of a length."""
        ...

    async def has_room(self, route: Route, octets: int) -> bool:
        """Whether somebody to whom a route leads has room for a message of a length, 0 for unknown."""
        ...

    async def accept(
        self,
        envelope: Envelope,
        octets: bytes,
        *,
        tenant: TenantId,
        received_ms: int,
        may_report: Proof | None = None,
    ) -> object:
        """Put a message on disk for every recipient, or for none and raise.

        Args:
            may_report: asked whether the sender is proved where not all recipients can have it now; None
                where nobody is.
        """
        ...


class MxRole:
    """The role that stands behind port 25.

    Args:
        hostname: our name in Received.
        now_ms: milliseconds since 1970.
        trusted: networks of hosts of ours, which are not judged.
        peer_names: asks what peers are called; None where that is not to be known.
        sender_policies: asks for whom peers may send; None where that is not to be known.
    """

    way: str = "mx"
    names_recipients: bool = True
    """Whether a message says in Delivered-To who got it, and one that says so does not come in again."""
    takes_logins: Final = False

    def __init__(
        self,
        delivery: Deliverer,
        directory: Recipients,
        settings: SmtpSettings,
        *,
        hostname: str,
        now_ms: Callable[[], int] = wall_clock_ms,
        trusted: Sequence[IPv4Network | IPv6Network] = (),
        peer_names: PeerNames | None = None,
        sender_policies: SenderPolicies | None = None,
    ) -> None:
        self.delivery = delivery
        self.directory = directory
        self.settings = settings
        self.hostname = hostname
        self.now_ms = now_ms
        self.peer_names = peer_names
        self.sender_policies = sender_policies if settings.spf != "off" else None
        self._trusted = trusted
        self.guesses = Guesses(settings.unknown_recipients_count, now_ms)

    @property
    def lookups(self) -> frozenset[str]:
        """Which of VRFY and EXPN it answers."""
        return frozenset({"VRFY"} if self.settings.vrfy == "everybody" else ())

    def trusts(self, peer: str) -> bool:
        """Whether a peer is one of ours."""
        address = ip_address(peer)
        return any(address in network for network in self._trusted)

    def begin(self, session: Session) -> "MxConversation":
        """Begin a conversation."""
        return MxConversation(self, session, trusted=self.trusts(session.peer))


class MxConversation:
    """One conversation of the MX role."""

    def __init__(self, role: MxRole, session: Session, *, trusted: bool) -> None:
        self._role = role
        self._trusted = trusted
        self._name: Pending[str] | None = None
        self._session = session
        self._policy = self._make_policy()
        self._hello = events.Hello("", extended=False)
        self._count = 0
        self._tenant: TenantId | None = None
        self._tenant_before: TenantId | None = None
        self._renamed: dict[Address, Address] = {}

    def _make_policy(self) -> SenderPolicy | None:
        """What the senders' domains say is asked of strangers only."""
        role, session = self._role, self._session
        if role.sender_policies is None or self._trusted or not is_public(session.peer):
            return None
        return SenderPolicy(role.sender_policies, session, role.settings, role.hostname, role.now_ms)

    async def opened(self) -> Reply | None:
        """Greet everybody but those whose network has guessed too many addresses."""
        return TOO_MANY_GUESSES if self._role.guesses.exhausted(self._session.peer) else None

    async def hello(self, event: events.Hello) -> Reply | None:
        """Remember the name for Received, and what it says about the peer; ask what the DNS says."""
        role, session = self._role, self._session
        self._hello = event
        session.marks.difference_update(HELLO_MARKS)
        if self._trusted:
            return None
        if role.peer_names is not None and role.settings.peer_name_seconds and self._name is None:
            self._name = role.peer_names.ask(session.peer)
        mark = hello.judge(event.name, session.peer, own_name=role.hostname)
        if mark in role.settings.hello_refused:
            return HELLO_REFUSED
        if mark:
            session.marks.add(mark)
        return None

    async def mail(self, event: events.Mail) -> Reply | None:
        """Take any reverse-path, the null one too, if there is room: who may send is judged later."""
        self._role.delivery.require_space(event.size_octets)
        if self._policy is not None:
            self._policy.begin(event.reverse_path, self._hello.name)
        named = self._name
        if named is not None and await named.wait(self._role.settings.peer_name_seconds) == "":
            self._session.marks.add(NO_PEER_NAME)
        if self._policy is not None:
            self._policy.mark()
        self._tenant = None
        self._renamed.clear()
        return None

    async def recipient(self, mail: events.Mail, event: events.Recipient) -> Reply | None:
        """Take a recipient that is here, unless it is suspended or a group that is closed to the sender."""
        address = await self._at_home(event.forward_path)
        if address is None:
            return NO_RELAYING
        route = await self._find(address)
        if isinstance(route, Reply):
            return route
        if self._policy is not None and (refusal := await self._policy.judge(address)) is not None:
            return refusal
        if not await self._role.directory.may_post(route, reverse_path=mail.reverse_path):
            return CLOSED_GROUP
        if not await self._role.delivery.has_room(route, mail.size_octets):
            return MAILBOX_FULL
        tenant = route.tenant or DEFAULT_TENANT
        if self._tenant not in (None, tenant):
            # One transaction is one store operation of one tenant; the client comes back with the rest.
            return OTHER_TENANT
        self._tenant_before, self._tenant = self._tenant, tenant
        if address != event.forward_path:
            self._renamed[event.forward_path] = address
        return None

    def withdraw(self, event: events.Recipient) -> None:
        """Forget a recipient; the next one may be of another tenant, if it was the first."""
        self._tenant = self._tenant_before
        self._renamed.pop(event.forward_path, None)

    async def data(self, event: events.DataRequested) -> Reply | None:  # noqa: ARG002 - part of the contract
        """Let mail data come."""
        return None

    async def verify(self, event: events.Verify) -> Reply | None:
        """Tell whether an address is here; one that is not counts as a guess."""
        address = await self._at_home(event.address)
        if address is None:
            return None
        route = await self._find(address)
        return route if isinstance(route, Reply) else lookups.exists(event, address)

    async def _find(self, address: Address) -> Route | Reply:
        """Where mail for an address here goes, or why none is taken."""
        guesses, peer = self._role.guesses, self._session.peer
        try:
            route = await self._role.directory.route(address)
        except NotFound:
            guesses.add(peer)
            if guesses.exhausted(peer):
                return TOO_MANY_GUESSES
            return NO_RELAYING if _ROUTING.intersection(address.localpart) else NO_SUCH_RECIPIENT
        if route.state != ACTIVE:
            return MAILBOX_SUSPENDED if route.state == SUSPENDED else MAILBOX_DISABLED
        return route

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

    async def message(
        self,
        envelope: Envelope,
        octets: bytes,
        digest: str,  # noqa: ARG002 - part of the contract
    ) -> Reply | Sequence[Reply] | None:
        """Put our Received field on top and hand the message to delivery."""
        role = self._role
        self._count += 1
        name = f"{self._session.connection_id}.{self._count}"
        refusal = self._inspect(envelope, octets, name)
        if refusal is not None:
            return refusal
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
            peer_name=self._session.peer_name or (self._name and self._name.value) or None,
            date=datetime.fromtimestamp(received_ms / 1000, UTC),
            recipient=str(envelope.recipients[0]) if len(envelope.recipients) == 1 else None,
            tls=self._session.tls or None,
        )
        if self._policy is not None:
            field = await self._policy.field() + field
        if len(envelope.recipients) == 1 and role.names_recipients:
            # One of several is not named to the others; then the Received fields alone tell of a loop.
            field = delivered_to_field(str(envelope.recipients[0])) + field
        answer = await self._deliver(envelope, field + without_return_path(octets), received_ms, name)
        if isinstance(answer, Reply):
            return answer
        return [answer[self._renamed.get(address, address)] for address in asked]

    def _inspect(self, envelope: Envelope, octets: bytes, name: str) -> Reply | None:
        """Look at the header; what is odd in it is noted in the log."""
        role = self._role
        asked = envelope.recipients if role.names_recipients else ()
        sanity = inspect(octets, asked, role.settings)
        if sanity.marks and not self._trusted:
            log.info("odd header", message=name, marks=sanity.marks)
        return sanity.refusal

    async def _deliver(
        self, envelope: Envelope, octets: bytes, received_ms: int, name: str
    ) -> Reply | Mapping[Address, Reply]:
        """Store a message for all its recipients; gives one reply, or one for each of them."""
        tenant = self._tenant or DEFAULT_TENANT
        proved = None if self._policy is None else self._policy.is_proved
        try:
            await self._role.delivery.accept(
                envelope, octets, tenant=tenant, received_ms=received_ms, may_report=proved
            )
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
