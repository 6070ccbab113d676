"""Holds: while one is in force no housekeeper of any node removes a pack or an object.

Theory: a backup writes a hold down, then takes its snapshot of the rows, then copies what they name. Whoever
is to remove something looks for holds first. If that look is earlier than the hold, what goes had no name
long before the snapshot, so the backup does not need it; if it is later, it sees the hold. So the two never
need to wait for each other.

A hold lapses `LEASE_SECONDS` after it was last renewed, so that a backup whose machine died does not hold
things up for ever. It is renewed ten times in that time, and renewing one that has lapsed fails: the backup
then ends with an error instead of lacking something (`Hold.renew`, for the last time before its manifest).
The times are of the clocks of nodes, which must not differ by minutes.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.engine import Engine
from pymailcore.store.types import Transaction

LEASE_SECONDS: Final = 600.0
RENEW_SECONDS: Final = 60.0

_FORGET: Final = "DELETE FROM holds WHERE until_ms <= ?1"
_PUT: Final = "INSERT INTO holds (id, what, begun_ms, until_ms) VALUES (?1, ?2, ?3, ?4)"
_RENEW: Final = "UPDATE holds SET until_ms = ?3 WHERE id = ?1 AND until_ms > ?2"
_LIFT: Final = "DELETE FROM holds WHERE id = ?1"
_ANY: Final = "SELECT 1 FROM holds WHERE until_ms > ?1 LIMIT 1"


async def is_held(tx: Transaction, now_ms: int) -> bool:
    """Whether any hold is in force."""
    return await tx.row(_ANY, now_ms) is not None


class Hold:
    """One hold, in force when `hold` gives it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.id = engine.ids.new()

    def _until_ms(self, now_ms: int) -> int:
        return now_ms + int(LEASE_SECONDS * 1000)

    async def put(self, what: str) -> None:
        """Write it down; those that have lapsed go."""
        now_ms = self._engine.now_ms()

        async def work(tx: Transaction) -> None:
            await tx.run(_FORGET, now_ms)
            await tx.run(_PUT, self.id, what, now_ms, self._until_ms(now_ms))

        await self._engine.database.write(work)

    async def renew(self) -> None:
        """Let it last on.

        Raises:
            TemporaryFailure: it has lapsed, or the database cannot be written now.
        """
        now_ms = self._engine.now_ms()

        async def work(tx: Transaction) -> int:
            return await tx.run(_RENEW, self.id, now_ms, self._until_ms(now_ms))

        if not await self._engine.database.write(work):
            raise Lapsed("packs were not kept from being removed all the time: begin again")

    async def keep(self) -> None:
        """Renew it again and again, until cancelled.

        Raises:
            Lapsed: it has lapsed.
        """
        while True:
            await trio.sleep(RENEW_SECONDS)
            try:
                await self.renew()
            except Lapsed:
                raise
            except TemporaryFailure:
                continue  # it lapses before this matters

    async def lift(self) -> None:
        """End it; one that cannot be ended now lapses."""
        with trio.CancelScope(shield=True), contextlib.suppress(TemporaryFailure):
            await self._engine.database.write(lambda tx: tx.run(_LIFT, self.id))


class Lapsed(TemporaryFailure):
    """A hold was not renewed in time."""


@contextlib.asynccontextmanager
async def hold(engine: Engine, what: str) -> AsyncIterator[Hold]:
    """Keep the housekeepers of all nodes from removing packs and objects.

    Args:
        what: for, as operators may read it.

    Raises:
        Lapsed: it could not be renewed; what runs under it is cut.
    """
    held = Hold(engine)
    await held.put(what)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(held.keep)
            yield held
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
    finally:
        await held.lift()
