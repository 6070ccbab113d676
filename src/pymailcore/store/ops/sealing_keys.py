"""Rows of data keys: one tenant's, all that a master key wraps, and which master key is in use."""

from collections.abc import Sequence
from typing import Final

from pymailcore.store.sealing import WrappedKey
from pymailcore.store.types import Transaction

_MASTER: Final = "sealing:master"
_COLUMNS: Final = "SELECT tenant, number, master, wrapped FROM sealing_keys"
KEYS_OF_TENANT: Final = f"{_COLUMNS} WHERE tenant = ?1 ORDER BY number"


async def keys_of(tx: Transaction, tenant: int) -> list[WrappedKey]:
    """The data keys of a tenant, the newest last."""
    return [WrappedKey(*row) for row in await tx.rows(KEYS_OF_TENANT, tenant)]


async def all_keys(tx: Transaction) -> list[tuple[int, int, str, int]]:
    """Tenant, number, master key and time of every data key, without what is wrapped."""
    sql = "SELECT tenant, number, master, created_ms FROM sealing_keys ORDER BY tenant, number"
    return [(row[0], row[1], row[2], row[3]) for row in await tx.rows(sql)]


async def keys_not_of(tx: Transaction, master: str, most: int) -> list[WrappedKey]:
    """Some of the data keys that another master key wraps."""
    sql = f"{_COLUMNS} WHERE master <> ?1 ORDER BY tenant, number LIMIT ?2"
    return [WrappedKey(*row) for row in await tx.rows(sql, master, most)]


async def masters_in_use(tx: Transaction) -> set[str]:
    """The master keys that wrap a data key, and the one that is to wrap new ones."""
    used = {str(row[0]) for row in await tx.rows("SELECT DISTINCT master FROM sealing_keys")}
    current = await current_master(tx)
    return used if current is None else used | {current}


async def current_master(tx: Transaction) -> str | None:
    """The master key that wraps new keys; None: this store was never encrypted."""
    row = await tx.row("SELECT value FROM secrets WHERE name = ?1", _MASTER)
    return None if row is None else bytes(row[0]).decode()


async def adopt_master(tx: Transaction, master: str) -> str:
    """Begin to encrypt with a master key where none is in use; gives the one that is then in use."""
    await tx.run(
        "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        _MASTER,
        master.encode(),
    )
    return await current_master(tx) or master


async def change_master(tx: Transaction, master: str) -> None:
    """From now on a new key must be wrapped by this master key."""
    await tx.lock(_MASTER)
    await tx.run("UPDATE secrets SET value = ?2 WHERE name = ?1", _MASTER, master.encode())


async def add_key(tx: Transaction, key: WrappedKey, now_ms: int) -> bool:
    """Add a data key; False: its number is taken, or its master key is no longer the one in use."""
    await tx.lock(_MASTER)
    if await current_master(tx) != key.master:
        return False
    added = await tx.run(
        "INSERT INTO sealing_keys (tenant, number, master, wrapped, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (tenant, number) DO NOTHING",
        key.tenant,
        key.number,
        key.master,
        key.wrapped,
        now_ms,
    )
    return bool(added)


async def replace_wrapped(tx: Transaction, keys: Sequence[tuple[WrappedKey, WrappedKey]]) -> None:
    """Put newly wrapped keys in the place of old ones that nobody has changed meanwhile."""
    for old, new in keys:
        await tx.run(
            "UPDATE sealing_keys SET master = ?3, wrapped = ?4"
            " WHERE tenant = ?1 AND number = ?2 AND master = ?5",
            old.tenant,
            old.number,
            new.master,
            new.wrapped,
            old.master,
        )
