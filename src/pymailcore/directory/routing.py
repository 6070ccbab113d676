"""Where mail for an address goes: accounts, aliases, groups, forwards, wildcards, sub-addresses, roles.

Standards: RFC 5321 sections 3.9.1 (alias), 3.9.2 (list) and 4.5.1 (postmaster), RFC 2142 sections 4 and 5
(abuse, postmaster), RFC 5233 section 1 (sub-address).

Theory: an address is looked for as it is, then without its detail, then both in the domain of which its own
is an alias, then as a role of the domain, then among the wildcards. What it stands for is followed level by
level, so that the depth is the number of levels; an address or an account that was met before is not met
again, so a cycle ends. An account that forwards and keeps no copy gets one all the same when none of its
forwards leads to anybody: mail never ends in a cycle. Nothing here rewrites `%` or `!`: an address is local
when its domain is, and for no other reason.

A state counts as the worst of account, domain and tenant. Of several recipients those that are suspended get
the mail filed too (they find it when they are back) and forward nothing, those that are being removed get
none; where all are suspended the mail is to be put off.

What is in a domain of another tenant is elsewhere: it goes there by the queue, as from any other host.

A group that not everyone may write to is noted in the route (`postings`), for whoever knows the sender; one
that is only a member of another group is not, since the outer one lets people in. A forward does not lead
into such a group.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from pymailcore.base.address import Address
from pymailcore.base.errors import PermanentFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.errors import Loop
from pymailcore.directory.names import Pattern
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import LocalRecipient, Posting, Route

ROLE_LOCALPARTS: Final = frozenset({"postmaster", "abuse"})
ACTIVE: Final = "active"
SUSPENDED: Final = "suspended"
CLOSING: Final = "closing"

_WORSE: Final = (ACTIVE, SUSPENDED, CLOSING)


def worst(*states: str | None) -> str:
    """Of some states the one that counts; None counts for nothing."""
    return max((state for state in states if state is not None), key=_WORSE.index, default=ACTIVE)


class DomainFacts(NamedTuple):
    """What routing knows of a domain that is kept here.

    Attributes:
        state: the worst of its own and its tenant's.
        alias_of: the domain whose addresses it has, too.
        wildcards: its own, the one that says most first.
    """

    id: int
    tenant: TenantId
    state: str
    alias_of: str | None
    wildcards: tuple[Pattern, ...]


class Entry(NamedTuple):
    """One thing that an address stands for: an account here, another address, or a group.

    Attributes:
        state: of the account, its domain and its tenant.
        forwards: where the account's mail also goes.
        keeps: the account keeps what is forwarded.
    """

    account: AccountId | None
    tenant: TenantId | None = None
    target: str | None = None
    posting: Posting | None = None
    state: str = ACTIVE
    forwards: tuple[str, ...] = ()
    keeps: bool = True


class Lookups(Protocol):
    """What routing asks the directory's tables."""

    async def domain(self, name: str) -> DomainFacts | None:
        """A domain that is kept here; None for all others."""
        ...

    async def entries(self, keys: Sequence[str]) -> dict[str, list[Entry]]:
        """What addresses (in their key forms) stand for; those that nobody has are left out."""
        ...

    async def members(self, groups: Sequence[int]) -> dict[int, list[Entry]]:
        """The members of groups."""
        ...

    async def administrators(self, tenant: TenantId, domain: str) -> list[Entry]:
        """The accounts that get mail to postmaster and abuse of a tenant's domain."""
        ...


class Ends(NamedTuple):
    """Where some addresses lead: to accounts here, and whether also elsewhere."""

    accounts: frozenset[AccountId]
    elsewhere: bool


class _Step(NamedTuple):
    """An address that is to be looked up.

    Attributes:
        detail: goes along to the accounts that it leads to.
        node: its key.
        way: how it was come to: "" directly or by aliases, else by way of a "group" or a "forward".
    """

    address: Address
    detail: str | None
    node: str
    way: str


class _Place(NamedTuple):
    """Where an address may be found: its key, the detail that it then has."""

    key: str
    detail: str | None


async def resolve(address: Address, lookups: Lookups, settings: DirectorySettings) -> Route | None:
    """Follow an address to its ends; None when its domain is kept here and nobody has it.

    Raises:
        Loop: the chain of aliases is longer than `alias_depth_count`.
        PermanentFailure: it stands for more than `alias_width_count` recipients.
    """
    facts = await lookups.domain(address.domain)
    if facts is None:
        return Route((), (address,))
    if facts.state != ACTIVE:
        return Route((), (), facts.state, tenant=facts.tenant)
    walk = _Walk(address, facts.tenant, lookups, settings)
    level = [_Step(address, None, address.key, "")]
    for _ in range(settings.alias_depth_count + 1):
        level = await walk.level(level)
        if walk.width + len(level) > settings.alias_width_count:
            raise PermanentFailure(f"{address} stands for too many recipients")
        if not level:
            return walk.route()
    raise Loop(f"the aliases behind {address} lead too deep")


async def ends(addresses: Sequence[Address], lookups: Lookups, settings: DirectorySettings) -> Ends:
    """Follow addresses of one tenant to all their ends, suspended ones too, as deep as aliases may lead."""
    facts = await lookups.domain(addresses[0].domain)
    if facts is None:
        return Ends(frozenset(), elsewhere=True)
    walk = _Walk(addresses[0], facts.tenant, lookups, settings)
    level = [_Step(address, None, address.key, "") for address in addresses]
    for _ in range(settings.alias_depth_count + 1):
        level = await walk.level(level)
    return walk.ends()


class _Walk:
    """What has been found on the way from an address."""

    def __init__(
        self, address: Address, tenant: TenantId, lookups: Lookups, settings: DirectorySettings
    ) -> None:
        self._address = address
        self._tenant = tenant
        self._lookups = lookups
        self._separator = settings.sub_address_separator
        self._local: dict[AccountId, LocalRecipient] = {}
        self._waiting: dict[AccountId, LocalRecipient] = {}
        self._passed: dict[AccountId, LocalRecipient] = {}
        self._remote: dict[str, Address] = {}
        self._postings: dict[int, Posting] = {}
        self._seen: set[str] = {address.key}
        self._onward: list[_Step] = []
        self._leads: dict[str, set[str]] = {}
        self._ends: set[str] = set()
        self._closing = False

    @property
    def width(self) -> int:
        """How many recipients have been found."""
        return len(self._local) + len(self._waiting) + len(self._passed) + len(self._remote)

    async def level(self, steps: list[_Step]) -> list[_Step]:
        """Look addresses up; gives those that they lead to."""
        self._onward = []
        here: list[tuple[_Step, DomainFacts]] = []
        for step in steps:
            facts = await self._lookups.domain(step.address.domain)
            if facts is None or facts.tenant != self._tenant:
                self._remote.setdefault(str(step.address), step.address)
                self._ends.add(step.node)
            else:
                here.append((step, facts))
        places = [self._places(step, facts) for step, facts in here]
        found = await self._lookups.entries([place.key for some in places for place in some])
        groups: list[tuple[_Step, Entry, str]] = []
        for (step, facts), some in zip(here, places, strict=True):
            entries, detail = await self._choose(step, facts, some, found)
            for entry in entries:
                self._take(step, entry, detail, facts.state, groups)
        await self._expand(groups)
        return self._onward

    async def _expand(self, groups: "list[tuple[_Step, Entry, str]]") -> None:
        """Take the members of groups in their place."""
        numbers = [entry.posting.group for _, entry, _ in groups if entry.posting is not None]
        if not numbers:
            return
        members = await self._lookups.members(numbers)
        for step, entry, state in groups:
            if entry.posting is not None:
                inside = step._replace(way="group")
                for member in members.get(entry.posting.group, ()):
                    self._take(inside, member, step.detail, state, [])

    def _places(self, step: _Step, facts: DomainFacts) -> list[_Place]:
        """Where an address may be found: as it is, without its detail, then both in the other domain."""
        localpart, detail = step.address.localpart, step.detail
        parts = [(localpart, detail)]
        if self._separator and self._separator in localpart[1:]:
            base, _, own = localpart[1:].partition(self._separator)
            parts.append((localpart[0] + base, detail or own))
        domains = [step.address.domain] + ([] if facts.alias_of is None else [facts.alias_of])
        return [_Place(Address(part, domain).key, of) for domain in domains for part, of in parts]

    async def _choose(
        self, step: _Step, facts: DomainFacts, places: list[_Place], found: dict[str, list[Entry]]
    ) -> tuple[list[Entry], str | None]:
        """The entries of the first place that has some; else those of a role; else of a wildcard."""
        for place in places:
            if place.key in found:
                return found[place.key], place.detail
        if {
            Address(step.address.localpart, "").key[:-1],
            places[-1].key.rpartition("@")[0],
        } & ROLE_LOCALPARTS:
            entries = await self._lookups.administrators(facts.tenant, step.address.domain)
            if entries:
                return entries, places[-1].detail
        pattern = await self._wildcard(step.address, facts)
        if pattern is None:
            return [], step.detail
        return (await self._lookups.entries([pattern.key])).get(pattern.key, []), step.detail

    async def _wildcard(self, address: Address, facts: DomainFacts) -> Pattern | None:
        localpart = Address(address.localpart, "").key[:-1]
        other = None if facts.alias_of is None else await self._lookups.domain(facts.alias_of)
        patterns = [*facts.wildcards, *(() if other is None else other.wildcards)]
        return next((pattern for pattern in patterns if pattern.matches(localpart)), None)

    def _take(
        self,
        step: _Step,
        entry: Entry,
        detail: str | None,
        state: str,
        groups: "list[tuple[_Step, Entry, str]]",
    ) -> None:
        """Note one thing that an address stands for."""
        if entry.posting is not None:
            closed = entry.posting.who != "everyone"
            if closed and not step.way:
                self._postings.setdefault(entry.posting.group, entry.posting)
            if not (closed and step.way == "forward"):
                groups.append((step._replace(detail=detail), entry, state))
        elif entry.account is not None:
            self._take_account(step, entry, entry.account, detail, state)
        else:
            self._lead(step.node, entry.target or "", detail, step.way)

    def _take_account(
        self, step: _Step, entry: Entry, account: AccountId, detail: str | None, state: str
    ) -> None:
        node = f"account {account}"
        self._leads.setdefault(step.node, set()).add(node)
        if node in self._seen:
            return
        self._seen.add(node)
        state = worst(state, entry.state)
        recipient = LocalRecipient(self._address, account, entry.tenant or self._tenant, detail)
        if state == CLOSING:
            self._closing = True
            return
        if state == SUSPENDED:
            self._waiting[account] = recipient
            self._ends.add(node)
            return
        if entry.keeps:
            self._local[account] = recipient
            self._ends.add(node)
        else:
            self._passed[account] = recipient
        for target in entry.forwards:
            self._lead(node, target, None, "forward")

    def _lead(self, node: str, text: str, detail: str | None, way: str) -> None:
        """Go on to an address, unless it was met before."""
        target = Address.parse(text)
        if target is None:
            return
        self._leads.setdefault(node, set()).add(target.key)
        if target.key not in self._seen:
            self._seen.add(target.key)
            self._onward.append(_Step(target, detail, target.key, way))

    def _reaches_an_end(self, node: str) -> bool:
        met, todo = {node}, [node]
        while todo:
            one = todo.pop()
            if one in self._ends:
                return True
            new = self._leads.get(one, set()) - met
            met |= new
            todo += new
        return False

    def ends(self) -> Ends:
        """All that was found."""
        accounts = self._local.keys() | self._waiting.keys() | self._passed.keys()
        return Ends(frozenset(accounts), bool(self._remote))

    def route(self) -> Route | None:
        """What it all comes to."""
        for account, recipient in self._passed.items():
            if not self._reaches_an_end(f"account {account}"):
                self._local[account] = recipient
        route = Route((), (), ACTIVE, tuple(self._postings.values()), self._tenant)
        if self._local or self._remote:
            local = tuple((self._local | self._waiting).values())
            return route._replace(local=local, remote=tuple(self._remote.values()))
        if self._waiting:
            return route._replace(state=SUSPENDED)
        return route._replace(state=CLOSING) if self._closing else None
