"""Whose turn it is to have a password hashed, before anybody knows who it is that signs in.

Theory: turns go by the domain of the name that is tried, and there by the narrow net that it is tried from.
So guesses at one tenant's names keep no other tenant's people waiting; and since it does not matter whether
anybody has the name, nor what else was tried with it, how long somebody waits says nothing of that. Who tries
domains that nobody has here has made them up, any number of them: all those have the turns of one tenant.
"""

from typing import Final

from pymailcore.base.ids import TenantId
from pymailcore.base.parties import Party
from pymailcore.directory.cache import tag
from pymailcore.directory.ground import Ground
from pymailcore.runtime.prefixes import prefixes
from pymailcore.store.types import Transaction

STRANGERS: Final = -1
"""In place of a tenant: those who try names of domains that nobody has here."""


class HashingTurns:
    """Says for whom a password is looked at."""

    def __init__(self, ground: Ground) -> None:
        self._tenants = ground.lookup(_tenant_of)

    async def party(self, name: str, peer: str) -> Party:
        """For whom a name (key form, "" for none) is tried from an address."""
        tenant = await self._tenants.get(name.rpartition("@")[2])
        return Party(STRANGERS if tenant is None else tenant, hash(prefixes(peer)[0]))


async def _tenant_of(tx: Transaction, domain: str, tags: set[int]) -> TenantId | None:
    """Whose a domain is; None when nobody here has it."""
    tags.add(tag("domain", domain))
    row = await tx.row("SELECT tenant FROM domains WHERE name = ?1", domain)
    return None if row is None else TenantId(row[0])
