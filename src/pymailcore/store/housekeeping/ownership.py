"""Whose a bucket is: only its owner removes anything from it.

Theory: what no row names is garbage, but only in the eyes of the one store that writes to this place. A copy
of the database (a dump loaded elsewhere, a restored backup, a clone of the server's disk) knows the same
bucket and not the mail that came to the other one since. So there is a marker in the bucket, `owner.json`,
that names the database by what no dump carries over, and a turn: a random number that the owner changes at
each look, and writes down in its own database too. Who finds another's database there, or its own with a
turn that it never wrote, is not the owner, or not the only one. Of two that both believe to be it (a clone
has the identity of its original) the second to look sees a strange turn and marks the place as contested;
then neither is, until somebody says which. Looks come every six hours, and what goes must have been
garbage for twenty-four.

The new turn is in the database before it is in the bucket, so a crash between the two leaves the owner.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
import trio

from pymailcore.store.housekeeping import chores
from pymailcore.store.objects.packs import ObjectPacks
from pymailcore.store.types import Database, Transaction

NAME: Final = "owner"
_IDENTITY: Final = {
    "postgresql": (
        "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' ||"
        " (SELECT oid FROM pg_database WHERE datname = current_database())::text"
    ),
    "sqlite": "SELECT 'sqlite'",
}


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in the bucket.

    Attributes:
        database: which one the owner's rows are in.
        turn: what the owner wrote down when it last looked.
        looked_ms: when that was.
        contested: another copy of the same database was here; nobody is the owner.
    """

    database: str
    turn: str
    looked_ms: int
    contested: bool = False


class Writes(Protocol):
    """Runs a writing operation: the database's own way, or the fenced one of a housekeeper."""

    async def __call__(self, work: Callable[[Transaction], Awaitable[None]]) -> None:
        """Run it and return once it is on disk."""
        ...


class Ownership:
    """Of one bucket by one store.

    Args:
        now_ms: gives the present moment.
        write: how the turn is written down, if not by the database's own `write`.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectPacks,
        now_ms: Callable[[], int],
        write: Writes | None = None,
    ) -> None:
        self._database = database
        self._write: Writes = write or database.write
        self._objects = objects
        self._now_ms = now_ms

    async def look(self) -> str:
        """Say why the bucket is not ours, in words for an operator; "" when it is, then for another turn.

        Raises:
            ObjectsAway: S3 is away.
        """
        me, turns = await self._database.read(self._mine)
        try:
            found = await self.found()
        except msgspec.MsgspecError:
            return "the bucket's owner.json cannot be read"
        if found is None:
            await self._turn(me, "")
            return ""
        if found.database != me:
            return f"the bucket belongs to the store in database {found.database}, and this is {me}"
        if found.turn in turns and not found.contested:
            await self._turn(me, found.turn)
            return ""
        if turns and not found.contested:
            await self._put(msgspec.structs.replace(found, contested=True))
        return f"a copy of this store's database {me} uses the bucket, too, or this one was set back"

    async def found(self) -> Marker | None:
        """The marker that is there.

        Raises:
            MsgspecError: it is none.
        """
        octets = await trio.to_thread.run_sync(self._objects.marker)
        return None if octets is None else msgspec.json.decode(octets, type=Marker)

    async def take_over(self) -> None:
        """Make the bucket ours, whoever's it was."""
        me, _ = await self._database.read(self._mine)
        await self._turn(me, "")

    async def _mine(self, tx: Transaction) -> tuple[str, tuple[str, ...]]:
        row = await tx.row(_IDENTITY[self._database.kind])
        place = (await chores.load(tx, NAME)).place
        return "" if row is None else str(row[0]), tuple([str(turn) for turn in place.get("turns", ())])

    async def _turn(self, me: str, old: str) -> None:
        fresh = secrets.token_hex(16)
        await self._save({"turns": [turn for turn in (old, fresh) if turn]})
        await self._put(Marker(database=me, turn=fresh, looked_ms=self._now_ms()))
        await self._save({"turns": [fresh]})

    async def _save(self, place: dict[str, Any]) -> None:
        now_ms = self._now_ms()
        await self._write(lambda tx: chores.save(tx, NAME, chores.Chore(place, now_ms, now_ms)))

    async def _put(self, marker: Marker) -> None:
        await trio.to_thread.run_sync(self._objects.mark, msgspec.json.encode(marker))
