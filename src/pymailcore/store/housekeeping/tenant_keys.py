"""Keys of tenants that are gone: under which their blobs were addressed, and sealed.

Theory: a tenant is removed in a moment, its blobs by a later pass of the collector; until then they can be
checked and read, so the keys stay. They go when neither the tenant, nor an account, nor a blob of it is left:
from then on what old packs and disks still have of it says nothing to anybody who has no backup.
"""

from typing import Final

from pymailcore.store.housekeeping.house import House
from pymailcore.store.types import Transaction

_PREFIX: Final = "tenant:"
_GONE: Final = (
    "SELECT name FROM secrets WHERE name LIKE 'tenant:%'"
    " AND NOT EXISTS (SELECT 1 FROM tenants t WHERE 'tenant:' || t.id = secrets.name)"
)
_LEFT: Final = (
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1)"
    " OR EXISTS (SELECT 1 FROM blobs WHERE tenant = ?1)"
)


async def forget(tx: Transaction) -> int:
    """Remove the keys of tenants of which nothing is left; gives of how many."""
    count = 0
    for (name,) in await tx.rows(_GONE):
        tenant = int(name.removeprefix(_PREFIX))
        if await tx.row(_LEFT, tenant) is not None:
            continue
        await tx.run("DELETE FROM secrets WHERE name = ?1", name)
        await tx.run("DELETE FROM sealing_keys WHERE tenant = ?1", tenant)
        count += 1
    return count


async def forget_all(house: House) -> None:
    """Look for such tenants, and remove their keys where there are any."""
    if await house.read(lambda tx: tx.row(_GONE)) is not None:
        await house.write(forget)
