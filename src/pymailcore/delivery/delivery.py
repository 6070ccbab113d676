"""The way of an accepted message to its recipients: mailboxes here, the queue for those elsewhere.

Standards: RFC 5321 sections 3.6.3 (who answers for a message), 3.9.1 (alias), 4.4 (Return-Path), 6.3 (loops);
RFC 3461 sections 5.2.3 and 5.2.7 (reports of delivery, aliases).

Contract: when `accept` returns, the message is on disk for every recipient; when it raises, for none. What is
filed here and what goes to the queue is one transaction, so a crash cannot part them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope, ReportTerms
from pymailcore.base.errors import InvalidValue, NotFound, OverQuota
from pymailcore.base.ids import AccountId, IdMint, TenantId
from pymailcore.base.parties import SERVER, Party, current_party, party_of, working_for
from pymailcore.delivery.outbound import Done, Outbound
from pymailcore.directory import correspondents
from pymailcore.directory.directory import Directory
from pymailcore.directory.errors import Loop
from pymailcore.directory.routing import CLOSING, SUSPENDED
from pymailcore.directory.types import Route
from pymailcore.message import facts as message_facts
from pymailcore.message.prepare import Prepared
from pymailcore.message.trace import count_received, return_path_field
from pymailcore.runtime.logs import get_logger
from pymailcore.store.keywords import SEEN, Keywords
from pymailcore.store.store import Store
from pymailcore.store.types import Appended, StoredMessage, Target, Transaction

MAX_HOPS: Final = (
    50  # RFC 5321 section 6.3 asks for at least 100 unless loops are found otherwise; peers use 50
)

Proof = Callable[[], Awaitable[bool]]
"""Says whether a sender is proved; asked only where that matters, and may take its time."""

log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a message.

    Attributes:
        appended: the Emails made here, one for each account.
        queued: id of the queue's message; None when all recipients are here.
        remote: the recipients that it is queued for.
    """

    appended: tuple[Appended, ...]
    queued: int | None
    remote: tuple[Address, ...]


class Delivery:
    """Brings messages to mailboxes and to the queue.

    Args:
        outbound: the queue.
        ids: for queue entries.
    """

    def __init__(self, store: Store, directory: Directory, outbound: Outbound, ids: IdMint) -> None:
        self._store = store
        self._directory = directory
        self._outbound = outbound
        self._ids = ids

    async def accept(
        self,
        envelope: Envelope,
        octets: bytes,
        *,
        tenant: TenantId,
        received_ms: int,
        role: str = "inbox",
        account: AccountId | None = None,
        queued_as: int | None = None,
        may_report: Proof | None = None,
        copy_to_sent: bool = False,
        also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None = None,
    ) -> Accepted:
        """File a message for its recipients here and queue it for the others: all of it, or nothing.

        Where some of several recipients have no room the message waits for them in the queue, if a report to
        its sender cannot hit somebody who never sent it (RFC 5321 section 6.2); else it is refused, and who
        has no room is remembered. An account gets it once, however many of its addresses are named. A
        Return-Path in front is replaced.
        Cancellation: waits for the transaction; then either all is done or nothing.

        Args:
            tenant: for which it is stored; recipients of others get it by the queue.
            role: the Mailbox of each account that it is filed in.
            account: who sent it, where somebody signed in to do so; its mail in the queue is held when it
                may not send any more. Of all other mail who gets it is noted to know its author.
            queued_as: the id of the queue's message, when there will be one; None makes one.
            may_report: asked whether the sender is proved (signed in, or by the DNS) where that matters;
                None where nobody is.
            copy_to_sent: who sent it, `account`, has it in the Mailbox for what was sent, too.
            also: further rows for the same transaction; may run more than once.

        Raises:
            NotFound: a recipient's domain is kept here and nobody has the address.
            Loop: the message has more than 50 Received fields.
            OverQuota: an account cannot take it.
            TemporaryFailure: it cannot be stored now.
        """
        if count_received(octets) > MAX_HOPS:
            raise Loop("too many hops")
        terms = _Terms(tenant, received_ms, role, account, queued_as, copy_to_sent, also)
        try:
            return await self._keep(envelope, octets, terms, await self._route(envelope, terms))
        except OverQuota:
            waiting = await self._route_around_full(envelope, terms, len(octets), may_report)
            if waiting is None:
                raise
            return await self._keep(envelope, octets, terms, waiting)

    async def _route_around_full(
        self,
        envelope: Envelope,
        terms: "_Terms",
        octets_count: int,
        may_report: Proof | None,
    ) -> "_Routed | None":
        """The same with those that have no room in the queue; None when all have none, or it may not wait."""
        routed = await self._route(envelope, terms)
        if len(envelope.recipients) == 1:
            return None
        full = await self._store.quotas.without_room(routed.local, octets_count)
        if may_report is None or not full or len(full) == len(routed.local) or not await may_report():
            return None
        return await self._route(envelope, terms, frozenset(full))

    async def _keep(self, envelope: Envelope, octets: bytes, terms: "_Terms", routed: "_Routed") -> Accepted:
        """File and queue, in one transaction."""
        tenant, received_ms, account, also = terms.tenant, terms.received_ms, terms.account, terms.also
        local, remote = routed.local, tuple(routed.remote)
        entry = terms.queued_as or self._ids.new() if routed.remote or routed.done else None
        if local:
            octets = _return_path(envelope) + without_return_path(octets)
        author: int | None = None

        async def rows(tx: Transaction, message: StoredMessage) -> None:
            if entry is not None:
                await self._outbound.enqueue(
                    tx,
                    message,
                    replace(envelope, report_terms=routed.remote),
                    remote,
                    id=entry,
                    now_ms=received_ms,
                    account=account,
                    reports=routed.done,
                )
            if author is not None:
                await correspondents.heard_of(tx, local, author, received_ms)
            if also is not None:
                await also(tx, message)

        with working_for(_party(tenant, local)):
            prepared = await self._store.prepare(octets)
            if local and account is None:
                author = _author(prepared)
            appended = await self._store.deliver(
                prepared,
                terms.targets(local),
                tenant=tenant,
                received_ms=received_ms,
                also=None if entry is None and also is None and author is None else rows,
            )
        if entry is not None:
            self._outbound.wake()
        queued = entry if remote else None
        log.info("accepted", appended=len(appended), queued=queued, octets=len(octets))
        return Accepted(appended=tuple(appended), queued=queued, remote=remote)

    async def hold(self, account: AccountId) -> None:
        """Let what waits in the queue of an account that may not send wait until it may."""
        await self._outbound.hold(account)

    async def recall(
        self, tx: Transaction, queued: int, *, account: AccountId, recipients_count: int
    ) -> None:
        """Take back a message of which nobody was tried yet, inside the caller's transaction.

        Raises:
            StateMismatch: somebody was; or there is no such message, or it is not the account's.
        """
        await self._outbound.recall(tx, queued, account=account, recipients_count=recipients_count)

    def require_space(self, octets: int) -> None:
        """Say whether there is room for a message of a length, before it comes.

        Raises:
            TemporaryFailure: there is none, or nobody can tell.
        """
        self._store.space.require(octets)

    async def has_room(self, route: Route, octets: int) -> bool:
        """Whether somebody to whom a route leads has room for a message; see `Quotas.has_room`."""
        if route.remote or not route.local:
            return True
        for one in route.local:
            if await self._store.quotas.has_room(one.account, octets):
                return True
        return False

    async def _route(
        self, envelope: Envelope, terms: "_Terms", full: frozenset[AccountId] = frozenset()
    ) -> "_Routed":
        """The accounts that get it now, and the addresses that the queue gets it to.

        What is of another tenant, suspended, or full, is the queue's (`queue.home`): one message is stored
        for one tenant. So is what may not be released yet (RFC 4865 section 4).
        """
        tenant, now_ms = terms.tenant, terms.received_ms
        routed = _Routed()
        local: dict[AccountId, None] = {}
        held = (envelope.terms.hold_until_ms or 0) > now_ms
        for address in envelope.recipients:
            route = await self._directory.route(address)
            if route.state == CLOSING:
                raise NotFound(f"{address} takes no mail any more")
            elsewhere = list(route.remote)
            here: list[AccountId] = []
            waits = held or route.state == SUSPENDED or (full and _is_one_of(full, route))
            if waits or route.tenant not in (None, tenant):
                elsewhere = [address]
            else:
                here = [one.account for one in route.local if one.tenant == tenant]
                local.update(dict.fromkeys(here))
                for one in route.local:
                    if one.tenant != tenant:
                        elsewhere.append((await self._directory.addresses_of(one.account))[0])
            routed.add(envelope, address, elsewhere, len(here))
        if not local and not routed.remote:
            raise InvalidValue("a message without recipients")
        routed.local = tuple(local)
        return routed


class _Terms(NamedTuple):
    """How a message is kept; see `Delivery.accept`."""

    tenant: TenantId
    received_ms: int
    role: str
    account: AccountId | None
    queued_as: int | None
    copy_to_sent: bool
    also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None

    def targets(self, local: Sequence[AccountId]) -> list[Target]:
        """Where it is filed. A copy of what one sends oneself is not seen by that."""
        inboxes = [Target(account, self.role) for account in local]
        if not self.copy_to_sent or self.account is None:
            return inboxes
        seen = Keywords() if self.account in local else Keywords(SEEN)
        return [*inboxes, Target(self.account, "sent", seen)]


def _is_one_of(accounts: frozenset[AccountId], route: Route) -> bool:
    """Whether a route leads to one of some accounts and to nobody else."""
    return not route.remote and len(route.local) == 1 and route.local[0].account in accounts


@dataclass(slots=True)
class _Routed:
    """Where a message goes, and what the sender said of those to whom it goes.

    Attributes:
        remote: addresses that the queue gets it to, with what was said of each.
        done: recipients of whom the sender is to be told now.
    """

    local: tuple[AccountId, ...] = ()
    remote: dict[Address, ReportTerms] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)

    def add(self, envelope: Envelope, address: Address, elsewhere: list[Address], here_count: int) -> None:
        """Take up one recipient (RFC 3461 sections 5.2.3 and 5.2.7).

        What stands for one other address hands on what was said of it; what stands for several is expanded,
        and none of these reports a success.
        """
        terms = envelope.reports(address)
        several = here_count + len(elsewhere) > 1
        told = "SUCCESS" in terms.notify and envelope.reverse_path is not None
        if told and (several or not elsewhere):
            self.done.append(Done(address, "expanded" if several else "delivered", terms.orcpt))
        if several and "SUCCESS" in terms.notify:
            # NOTIFY without a word that is left would mean what was never said
            terms = replace(terms, notify=terms.notify - {"SUCCESS"} or frozenset({"NEVER"}))
        for target in elsewhere:
            self.remote.setdefault(target, terms)


def _party(tenant: TenantId, local: Sequence[AccountId]) -> Party:
    """In whose turn a message is filed: the sender's who has signed in, else the first recipient's here."""
    current = current_party()
    return current if current != SERVER else party_of(tenant, local[0] if local else None)


def _author(prepared: Prepared) -> int | None:
    """Who a message says that it is from, as correspondents are known by."""
    for given in message_facts.unpack(prepared.facts).from_ or ():
        address = Address.parse(given.email)
        if address is not None:
            return correspondents.digest(address)
    return None


def without_return_path(octets: bytes) -> bytes:
    """Take away Return-Path fields in front (RFC 5321 section 4.4: there is one, and it is ours)."""
    start = 0
    while octets[start : start + 12].lower() == b"return-path:":
        end = octets.find(b"\n", start) + 1
        while end and octets[end : end + 1] in (b" ", b"\t"):
            end = octets.find(b"\n", end) + 1
        if not end:
            return b""
        start = end
    return octets[start:] if start else octets


def _return_path(envelope: Envelope) -> bytes:
    return return_path_field(None if envelope.reverse_path is None else str(envelope.reverse_path))
