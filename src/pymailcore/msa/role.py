"""The MSA role: takes mail from the programs of those who have an account, for anybody.

Standards: RFC 6409 sections 3, 4.3 (AUTH required), 6 and 8; RFC 4954 sections 4 and 6; RFC 3848.

Contract: nothing is taken before a login. 250 after the mail data means that the message is on disk for
all recipients: in mailboxes here, in the queue for the others.
"""

from typing import Final, Protocol

import trio

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import Forbidden, NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.base.reach import act_for
from pymailcore.directory.errors import Loop, RateExceeded, SendingBlocked
from pymailcore.directory.routing import CLOSING
from pymailcore.directory.sign_in import SignIn
from pymailcore.directory.types import Principal, Route
from pymailcore.runtime.command_turns import command_turns
from pymailcore.runtime.metrics import Metrics
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp import lookups
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.recipients import CLOSED_GROUP, MAILBOX_DISABLED
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.smtp.transmission import with_protocol
from pymailcore.submission.submission import Origin

PROTOCOL: Final = "smtp"
"""What the secrets are called that may be used here."""

SENDER_NOT_YOURS: Final = Reply(550, "5.7.1", "This sender address is not yours")
LOGIN_LATER: Final = Reply(454, "4.7.0", "Temporary authentication failure, try again later")
TOO_MANY_HOPS: Final = Reply(554, "5.4.6", "Too many Received fields, this looks like a loop")
TOO_MUCH: Final = Reply(451, "4.7.1", "Sending limit of the account reached, try again later")
BLOCKED: Final = Reply(550, "5.7.1", "This account may not send; ask your administrator")


class Accounts(SignIn, Protocol):
    """What the role asks the directory."""

    async def send_standing(self, account: AccountId, address: Address) -> str:
        """How an account may write as an address; "" when it may not."""
        ...

    async def may_post(
        self, route: Route, *, account: AccountId | None = None, tenant: TenantId | None = None
    ) -> bool:
        """Whether an account may write to all groups of a route."""
        ...

    async def is_local_domain(self, domain: str) -> bool:
        """Whether mail for a domain is kept here."""
        ...

    async def route(self, address: Address) -> Route:
        """Say where mail for an address goes; NotFound when nobody here has it."""
        ...

    async def tenant_of(self, domain: str) -> TenantId | None:
        """Whose a domain is; None of one that is not kept here."""
        ...

    async def members_of(self, principal: Principal, address: Address, *, most: int) -> list[str]:
        """Addresses of the members of a group; NotFound when there is none to which who asks may write."""
        ...


class Submitter(Protocol):
    """What the role gives messages to."""

    def require_space(self, octets: int) -> None:
        """Raise when there is no room for a message of a length."""
        ...

    async def submit(
        self, principal: Principal, envelope: Envelope, octets: bytes, *, origin: Origin
    ) -> object:
        """Check, complete and keep a message, or raise."""
        ...


class MsaRole:
    """The role that stands behind ports 587 and 465."""

    way: Final = "submission"
    takes_logins: Final = True

    def __init__(
        self, submission: Submitter, directory: Accounts, settings: SmtpSettings, *, metrics: Metrics
    ) -> None:
        self.submission = submission
        self.directory = directory
        self.settings = settings
        self.metrics = metrics

    @property
    def lookups(self) -> frozenset[str]:
        """Which of VRFY and EXPN it answers."""
        asked = {"VRFY": self.settings.vrfy, "EXPN": self.settings.expn}
        return frozenset(verb for verb, who in asked.items() if who != "nobody")

    def begin(self, session: Session) -> "MsaConversation":
        """Begin a conversation."""
        return MsaConversation(self, session)


class MsaConversation:
    """One conversation of the MSA role."""

    def __init__(self, role: MsaRole, session: Session) -> None:
        self._role = role
        self._session = session
        self._hello = events.Hello("", extended=False)
        self._principal: Principal | None = None
        self._failed_logins = 0
        self._count = 0

    async def opened(self) -> Reply | None:
        """Greet everybody."""
        return None

    async def hello(self, event: events.Hello) -> Reply | None:
        """Remember the name for Received."""
        self._hello = event
        return None

    async def scram_keys(self, event: events.KeysNeeded) -> ScramKeys | Reply:
        """Give the keys that a login is checked with."""
        try:
            return await self._role.directory.scram_keys(
                event.need, peer=self._session.peer, protocol=PROTOCOL
            )
        except TemporaryFailure:
            self._role.metrics.logins.labels("submission", "throttled").inc()
            return LOGIN_LATER

    async def authenticate(self, event: events.Authenticate) -> Reply | None:
        """Check a login; failures are slow, and the third ends the connection.

        A secret that may only read is refused like a wrong one.
        """
        directory, peer = self._role.directory, self._session.peer
        outcome, refusal = "wrong", reply.AUTH_FAILED
        try:
            principal = await directory.authenticate(
                event.evidence,
                peer=peer,
                protocol=PROTOCOL,
                certificate=self._session.certificate,
                mechanism=event.mechanism,
            )
            if not principal.read_only:
                self._principal = principal
                act_for(principal.tenant, principal.account)
                here = directory.here(
                    principal, self._session.put_out, protocol=PROTOCOL, peer=peer, client=self._hello.name
                )
                self._session.whole.enter_context(here)
                self._session.signed_in(principal.account, principal.name)
                outcome = "ok"
                return None
        except Forbidden:
            pass
        except TemporaryFailure:
            outcome, refusal = "throttled", LOGIN_LATER
        finally:
            self._role.metrics.logins.labels("submission", outcome).inc()
        self._failed_logins += 1
        await trio.sleep(directory.failure_pause_seconds(peer))
        if self._failed_logins >= self._role.settings.failed_logins_count:
            return reply.TOO_MANY_LOGINS
        return refusal

    async def mail(self, event: events.Mail) -> Reply | None:
        """Take a reverse-path of the account's own, or the null one (RFC 8098 section 3 needs it)."""
        if self._principal is None:
            return reply.AUTH_REQUIRED
        self._role.submission.require_space(event.size_octets)
        if event.reverse_path is None:
            return None
        own = await self._role.directory.send_standing(self._principal.account, event.reverse_path)
        return None if own else SENDER_NOT_YOURS

    async def recipient(self, mail: events.Mail, event: events.Recipient) -> Reply | None:  # noqa: ARG002
        """Take any recipient elsewhere, and those here that exist."""
        if self._principal is None:
            return reply.AUTH_REQUIRED
        directory = self._role.directory
        if await directory.is_local_domain(event.forward_path.domain):
            route = await directory.route(event.forward_path)
            if route.state == CLOSING:
                return MAILBOX_DISABLED
            who = self._principal
            if not await directory.may_post(route, account=who.account, tenant=who.tenant):
                return CLOSED_GROUP
        return None

    def withdraw(self, event: events.Recipient) -> None:
        """Nothing is kept of recipients."""

    async def data(self, event: events.DataRequested) -> Reply | None:  # noqa: ARG002 - part of the contract
        """Let mail data come from who has logged in."""
        return reply.AUTH_REQUIRED if self._principal is None else None

    async def verify(self, event: events.Verify) -> Reply | None:
        """Tell who is signed in about addresses of his tenant, and who the members of its groups are."""
        principal, directory = self._principal, self._role.directory
        if principal is None:
            return reply.AUTH_REQUIRED
        if await directory.tenant_of(event.address.domain) != principal.tenant:
            return None
        try:
            if event.expand:
                most = lookups.MOST_MEMBERS + 1
                members = await directory.members_of(principal, event.address, most=most)
                return lookups.consists_of(event, members)
            await directory.route(event.address)
        except NotFound:
            return lookups.NO_SUCH_GROUP if event.expand else lookups.NO_SUCH_ADDRESS
        return lookups.exists(event, event.address)

    async def message(
        self,
        envelope: Envelope,
        octets: bytes,
        digest: str,  # noqa: ARG002 - part of the contract
    ) -> Reply | None:
        """Hand the message to submission, which authorises its header fields and completes them."""
        if self._principal is None:
            return reply.AUTH_REQUIRED
        self._count += 1
        name = f"{self._session.connection_id}.{self._count}"
        origin = Origin(
            hello=self._hello.name,
            peer=self._session.peer,
            protocol=with_protocol(
                self._session,
                extended=self._hello.extended,
                authenticated=True,
                smtputf8=envelope.smtputf8,
            ),
            tls=self._session.tls or None,
            id=name,
        )
        try:
            async with command_turns().turn():
                await self._role.submission.submit(self._principal, envelope, octets, origin=origin)
        except Loop:
            return TOO_MANY_HOPS
        except RateExceeded:
            return TOO_MUCH
        except SendingBlocked:
            return BLOCKED
        return Reply(250, "2.0.0", f"Accepted as {name}")
