"""Whose mail an address is: read in the transaction that is going to change it.

Theory: it is what routing says (`routing.ends`), but for three things. What a group or a forward makes of
mail is left out, since it is for those who keep them to say. A catch-all has no claim to any address. And the
operators who stand in where a tenant has no administrator lose nothing when it gets a postmaster.
"""

from collections.abc import Sequence

from pymailcore.base.address import Address
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.names import Pattern
from pymailcore.directory.routes import TableLookups
from pymailcore.directory.routing import DomainFacts, Entry, ends
from pymailcore.directory.settings import DirectorySettings
from pymailcore.store.types import Transaction


class _Remembering(TableLookups):
    """The tables; each domain is read once."""

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx, set())
        self._known: dict[str, DomainFacts | None] = {}

    async def domain(self, name: str) -> DomainFacts | None:
        """A domain that is kept here."""
        if name not in self._known:
            self._known[name] = await super().domain(name)
        return self._known[name]


class _Direct(_Remembering):
    """The same without catch-alls, forwards and members of groups."""

    async def domain(self, name: str) -> DomainFacts | None:
        """A domain that is kept here, without its catch-all."""
        facts = await super().domain(name)
        if facts is None:
            return None
        return facts._replace(wildcards=tuple([one for one in facts.wildcards if not one.is_catch_all]))

    async def entries(self, keys: Sequence[str]) -> dict[str, list[Entry]]:
        """What addresses stand for, without what they stand for by a forward."""
        found = await super().entries(keys)
        return {key: [one._replace(forwards=(), keeps=True) for one in some] for key, some in found.items()}

    async def members(self, groups: Sequence[int]) -> dict[int, list[Entry]]:  # noqa: ARG002 - of none
        """Nobody."""
        return {}

    async def administrators(self, tenant: TenantId, domain: str) -> list[Entry]:
        """Those that are the tenant's own."""
        return [one for one in await super().administrators(tenant, domain) if one.tenant == tenant]


async def holders(
    tx: Transaction, addresses: Sequence[Address], settings: DirectorySettings
) -> frozenset[AccountId]:
    """The accounts that get mail for addresses now: who is given one too takes it from them, or reads it.

    Args:
        addresses: of one tenant; one with a `*` in its local part is a wildcard: it counts whose wildcards it
            would go before, or join.
    """
    lookups, found = _Direct(tx), set[AccountId]()
    plain = [address for address in addresses if Pattern.of(address) is None]
    for pattern in filter(None, map(Pattern.of, addresses)):
        for entry in await _behind(lookups, pattern):
            if entry.account is not None:
                found.add(entry.account)
            elif (target := Address.parse(entry.target or "")) is not None:
                plain.append(target)
    if plain:
        found |= (await ends(plain, lookups, settings)).accounts
    return frozenset(found)


async def is_somebodys(tx: Transaction, address: Address, settings: DirectorySettings) -> bool:
    """Whether mail for an address goes to anybody, in whatever way."""
    return any(await ends([address], _Remembering(tx), settings))


async def _behind(lookups: TableLookups, pattern: Pattern) -> list[Entry]:
    """What the wildcards stand for that would get less, or be no longer alone, if there were another one."""
    facts = await lookups.domain(pattern.domain)
    if facts is None:
        return []
    other = None if facts.alias_of is None else await lookups.domain(facts.alias_of)
    later = [one for one in facts.wildcards if one.rank > pattern.rank]
    later += [] if other is None else other.wildcards
    keys = [pattern.key, *(one.key for one in later if one.overlaps(pattern))]
    return [entry for some in (await lookups.entries(keys)).values() for entry in some]
