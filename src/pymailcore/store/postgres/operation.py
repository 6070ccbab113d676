"""One write, carried through failures: tried again where that helps, settled where its COMMIT was lost.

Theory. Just before COMMIT a transaction adds a row with the operation's id to `operations`, whose key is
unique. When the connection is lost on the way, nobody knows whether the server has committed. So before the
next attempt that row is added by itself, as a fence: if the old transaction is still open the server makes
this wait for its end; if the row is there the operation is done, and its result is what the attempt with
the row's number had computed, which is still in memory here; if not, the fence stands, and a COMMIT of the
old one that is still on its way breaks on it. The next attempt has a new id. So exactly one of all is
committed.
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import asyncpg

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.store.dialect import Dialect
from pymailcore.store.postgres.connection import AGAIN, Connection, failure_of, is_gone
from pymailcore.store.postgres.pool import Pool
from pymailcore.store.postgres.reach import set_reach
from pymailcore.store.postgres.transaction import PostgresTransaction
from pymailcore.store.types import Transaction

T = TypeVar("T")

RETRY_SECONDS: Final = 5.0
"""So long an operation is tried again when the connection is lost before its COMMIT."""
SETTLE_SECONDS: Final = 60.0
"""So long it is tried to learn whether a COMMIT that was lost took place."""
MOST_CONFLICTS: Final = 20
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_FENCE: Final = 0
BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED; {reach}"


class Operation(Generic[T]):
    """One write and its attempts; for one asyncio task."""

    def __init__(self, pool: Pool, dialect: Dialect, work: Callable[[Transaction], Awaitable[T]]) -> None:
        self._pool = pool
        self._dialect = dialect
        self._work = work
        self._id = _new_id()
        self._attempt = 0
        self._conflicts = 0
        self._in_doubt = False
        self._results: dict[int, tuple[T, dict[AccountId, int]]] = {}

    async def run(self) -> tuple[T, dict[AccountId, int]]:
        """Carry the operation out; gives its result and the accounts that moved.

        Raises:
            TemporaryFailure: the database cannot be written now.
        """
        began = time.monotonic()
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._once()
            except Exception as error:
                if isinstance(error, AGAIN):
                    self._conflicts += 1
                    if self._conflicts >= MOST_CONFLICTS:
                        raise failure_of(error) from error
                    await asyncio.sleep(random.random() * min(0.002 * 2**self._conflicts, 0.25))  # noqa: S311
                    continue
                over = time.monotonic() - began > (SETTLE_SECONDS if self._in_doubt else RETRY_SECONDS)
                if over or not (
                    is_gone(error) or is_standby(error) or (self._in_doubt and _is_passing(error))
                ):
                    raise failure_of(error) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self) -> tuple[T, dict[AccountId, int]]:
        connection = await self._pool.take()
        good = False
        try:
            try:
                done = await self._attempt_on(connection)
            except Exception as error:
                if not is_gone(error, connection):
                    await connection.execute("ROLLBACK")
                    good = not is_standby(error)
                elif not isinstance(error, OSError):
                    raise ConnectionError(str(error)) from error
                raise
            good = True
            return done
        finally:
            self._pool.give(connection, good=good)

    async def _attempt_on(self, connection: Connection) -> tuple[T, dict[AccountId, int]]:
        self._attempt += 1
        attempt = self._attempt
        if self._in_doubt:
            done = await self._settle(connection)
            if done is not None:
                return done
        tx = PostgresTransaction(connection, self._dialect, begin=BEGIN.format(reach=set_reach()))
        result = await self._work(tx)
        self._results[attempt] = (result, tx.moved)
        if not tx.wrote:
            await connection.execute("COMMIT")
            return result, tx.moved
        self._in_doubt = True
        try:
            await tx.send(f"{self._row(attempt)}; COMMIT")
        except Exception as error:
            if not is_gone(error, connection):
                self._in_doubt = False  # the server has answered, and the answer is no
            raise
        self._in_doubt = False
        return result, tx.moved

    async def _settle(self, connection: Connection) -> tuple[T, dict[AccountId, int]] | None:
        """Learn what became of a lost COMMIT; None: it did not take place and never will."""
        # It writes in either case, so with synchronous standbys it returns when they have the COMMIT, too.
        attempt = await connection.fetchval(
            f"{self._row(_FENCE)} ON CONFLICT (id) DO UPDATE SET attempt = operations.attempt"
            " RETURNING attempt"
        )
        if attempt != _FENCE:
            return self._results[int(attempt)]
        self._id = _new_id()
        self._in_doubt = False
        return None

    def _row(self, attempt: int) -> str:
        values = f"('\\x{self._id}', {attempt}, {time.time_ns() // 1_000_000})"
        return f"INSERT INTO operations (id, attempt, made_ms) VALUES {values}"  # noqa: S608 - all ours


def is_standby(error: BaseException) -> bool:
    """Whether the other end has become a standby; a new connection may lead to the new primary."""
    return isinstance(error, asyncpg.ReadOnlySQLTransactionError)


def _is_passing(error: BaseException) -> bool:
    return isinstance(failure_of(error), TemporaryFailure)


def _new_id() -> str:
    """Time comes first, so that the newest ids lie together in the index."""
    return ((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10)).hex()
