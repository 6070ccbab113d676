"""Data keys of tenants over time: the check at start, the first key of a tenant, and every change of keys.

Theory: the database says which master key wraps new data keys, and a new data key goes in only while that
is the one which wraps it. So once a rotation has changed that word, whatever another process does is either
under the new master key or refused and done again; data keys under the old one only become fewer. A rotation
that was cut short is ended by the next. Before a process needs a master key, it is in the key file: the
file is written first, and keys leave it only by `forget_master`, when nothing in the database needs them.
"""

import functools
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.store.keyfile import (
    KEY_OCTETS,
    MasterKey,
    UnfitKeyFile,
    master_key,
    read_key_file,
    write_key_file,
)
from pymailcore.store.ops import sealing_keys
from pymailcore.store.sealing import FRESH_SECONDS, Sealer, Sealing, WrappedKey, new_data_key, unwrap, wrap
from pymailcore.store.types import Database, Transaction

_ATTEMPTS: Final = 10
_SLICE: Final = 100


class DataKeys:
    """Which key encrypts for a tenant; for the tasks of one trio run."""

    def __init__(self, database: Database, sealing: Sealing, now_ms: Callable[[], int]) -> None:
        self.sealing = sealing
        self._database = database
        self._now_ms = now_ms
        self._looked: dict[int, float] = {}

    async def prepare(self) -> None:
        """Compare the key file with the database, before anything is read or written.

        Raises:
            UnfitKeyFile: they do not belong together; with what to do about it.
        """
        path = self.sealing.key_file
        used = await self._database.read(sealing_keys.masters_in_use)
        if path is None:
            if used:
                raise UnfitKeyFile(
                    "the blobs of this store are encrypted: set encryption_key_file in [store] to the file "
                    f"with the master key {', '.join(sorted(used))}"
                )
            return
        masters = self.sealing.read_masters()
        if not used:  # another node may begin at this moment, too, with a file of its own
            used = {await self._database.write(lambda tx: sealing_keys.adopt_master(tx, masters[0].id))}
        lacking = sorted(used - {master.id for master in masters})
        if lacking:
            raise UnfitKeyFile(
                f"the key file {path} is not the one of this store: it lacks the master key "
                f"{', '.join(lacking)}; put the right file there, from its copy"
            )

    async def sealer(self, tenant: int) -> Sealer | None:
        """What encrypts for a tenant, making its first key; None: nothing is encrypted.

        Raises:
            TemporaryFailure: the keys cannot be read or made now.
        """
        if self.sealing.key_file is None:
            return None
        found = self.sealing.newest(tenant)
        now = time.monotonic()
        if found is not None and now - self._looked.get(tenant, 0.0) < FRESH_SECONDS:
            return found
        rows = await self._database.look(lambda tx: sealing_keys.keys_of(tx, tenant))
        if not rows:
            rows = [await add_data_key(self._database, self.sealing, tenant, self._now_ms(), least=1)]
        self.sealing.learn(rows)
        self._looked[tenant] = now
        return self.sealing.newest(tenant)


async def add_data_key(
    database: Database, sealing: Sealing, tenant: int, now_ms: int, *, least: int = 0
) -> WrappedKey:
    """Give a tenant one more data key, which encrypts from now on.

    Args:
        least: a tenant that has so many keys is left alone; its newest is given.

    Raises:
        TemporaryFailure: it cannot be made now.
    """
    for _ in range(_ATTEMPTS):
        rows = await database.look(lambda tx: sealing_keys.keys_of(tx, tenant))
        if least and len(rows) >= least:
            return rows[-1]
        current = await database.look(sealing_keys.current_master)
        master = None if current is None else sealing.master(current)
        if master is None:
            raise TemporaryFailure(f"the key file lacks the master key {current}")
        row = wrap(master, tenant, rows[-1].number + 1 if rows else 1, new_data_key())
        if await database.write(functools.partial(sealing_keys.add_key, key=row, now_ms=now_ms)):
            return row
    raise TemporaryFailure("the keys change all the time")


async def rotate_master(database: Database, path: Path, *, prepare: bool = False) -> MasterKey:
    """Take a new master key into use: into the file first, then into the database, then wrap all data keys.

    May be cut off anywhere; the next call ends it. Servers that run go on, and find the new key in the file:
    those of other nodes in their own files, so it has to be brought there before it is taken into use.

    Args:
        prepare: put it into the file only; the next call takes it into use.

    Raises:
        UnfitKeyFile: the file cannot be changed, or is not the one of this store.
        Forbidden: this store is not encrypted.
    """
    current = await database.read(sealing_keys.current_master)
    if current is None:
        raise Forbidden("this store is not encrypted")
    masters = read_key_file(path)
    known = {master.id: master for master in masters}
    used = await database.read(sealing_keys.masters_in_use)
    if used - known.keys():
        raise UnfitKeyFile(
            f"the key file {path} lacks the master key {', '.join(sorted(used - known.keys()))}"
        )
    fresh = masters[0]
    if used == {fresh.id}:
        fresh = master_key(secrets.token_bytes(KEY_OCTETS))
        write_key_file(path, (fresh, *masters))
    if prepare:
        return fresh
    await database.write(lambda tx: sealing_keys.change_master(tx, fresh.id))
    await wrap_anew(database, fresh, known)
    return fresh


async def wrap_anew(database: Database, master: MasterKey, known: dict[str, MasterKey]) -> None:
    """Wrap all data keys by a master key, in slices."""
    while rows := await database.read(lambda tx: sealing_keys.keys_not_of(tx, master.id, _SLICE)):
        pairs = [(row, wrap(master, row.tenant, row.number, unwrap(known[row.master], row))) for row in rows]

        async def work(tx: Transaction, pairs: Sequence[tuple[WrappedKey, WrappedKey]] = pairs) -> None:
            await sealing_keys.replace_wrapped(tx, pairs)

        await database.write(work)


async def forget_master(database: Database, path: Path, id_: str) -> None:
    """Take a master key out of the key file.

    Raises:
        UnfitKeyFile: the file cannot be changed.
        Forbidden: it is not in there, or something is wrapped by it.
    """
    masters = read_key_file(path)
    if id_ not in {master.id for master in masters}:
        raise Forbidden(f"{path} has no master key {id_}")
    left = tuple(master for master in masters if master.id != id_)
    if not left or id_ in await database.read(sealing_keys.masters_in_use):
        raise Forbidden(f"the master key {id_} is in use: rotate first")
    write_key_file(path, left)
