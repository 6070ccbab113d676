"""Locks between the processes of a site: advisory locks, each held by a connection of its own.

Theory: the server lets go of a lock when it takes the connection for dead, whatever the process believes that
has it. So a process that has a lock alone asks over its connection every few seconds, and takes it for lost
as soon as that fails: what runs under the lock is cancelled. The server waits longer for a silent client
(`connection.connect`: keepalives for 11 s) than a holder waits for a silent server (`BEAT_SECONDS` +
`ANSWER_SECONDS`), so where the network fails the holder knows first. That is a matter of clocks and of loops
that turn; what must never happen twice is fenced by a row besides (`housekeeping.terms`).
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.postgres.connection import GONE, Connection, failure_of
from pymailcore.store.postgres.loop import LoopThread

T = TypeVar("T")

BEAT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 5.0
_PAUSE: Final = 0.05
_DOWNGRADE: Final = "SELECT pg_advisory_lock_shared($1), pg_advisory_unlock($1)"
_LOST: Final = (*GONE, asyncpg.InterfaceError, asyncpg.PostgresError)


class Held:
    """A connection that has a lock, and asks whether it still is one.

    Args:
        lost: called in the asyncio thread when the connection has ended, by itself or by us.
    """

    def __init__(self, connection: Connection, key: int, lost: Callable[[object], None]) -> None:
        self.connection = connection
        self.key = key
        self._lost = lost
        self._busy = asyncio.Lock()
        self._beating = asyncio.get_running_loop().create_task(self._beat())
        connection.add_termination_listener(lost)

    async def _beat(self) -> None:
        """Ask over the connection now and then, and give it up when there is no answer."""
        if self.connection.is_closed():  # before anybody listened
            self._lost(self.connection)
        while not self.connection.is_closed():
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with self._busy, asyncio.timeout(ANSWER_SECONDS):
                    await self.connection.execute("SELECT 1")
            except _LOST:
                self.connection.terminate()

    async def run(self, sql: str) -> None:
        """Run a statement about the lock."""
        async with self._busy:
            await self.connection.execute(sql, self.key)

    async def end(self) -> None:
        """Let go of the lock, at once for others to take, and of the connection."""
        async with self._busy:
            self._beating.cancel()
            with contextlib.suppress(*_LOST):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self.connection.execute("SELECT pg_advisory_unlock_all()")
            self.connection.terminate()


class Locks:
    """The locks of one process; used in one trio run.

    Args:
        connect: makes a connection for a lock.
        thread: where connections live.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], thread: LoopThread) -> None:
        self._connect = connect
        self._thread = thread
        self._joined: set[Held] = set()
        self._again: set[asyncio.Task[None]] = set()
        self._closed = False

    # --- alone ------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def try_lock(self, name: str) -> AsyncIterator[bool]:
        """Hold a lock that one process at a time can have; see `types.Database.try_lock`."""
        scope = trio.CancelScope()
        token = trio.lowlevel.current_trio_token()

        def lost(_: object) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)

        held = await self._thread.run(lambda: self._take(lock_key(name), lost), whole=True)
        try:
            with scope:
                yield held is not None
        finally:
            if held is not None:
                with trio.CancelScope(shield=True):
                    await self._thread.run(held.end, whole=True)
        if scope.cancelled_caught:
            raise TemporaryFailure(f"the lock {name!r} is lost: its connection to the database has ended")

    async def _take(self, key: int, lost: Callable[[object], None]) -> Held | None:
        """Take a lock if nobody has it."""
        try:
            connection = await self._connect()
            try:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
                    return Held(connection, key, lost)
            except BaseException:
                connection.terminate()
                raise
        except Exception as error:
            raise failure_of(error) from error
        connection.terminate()
        return None

    # --- together ---------------------------------------------------------------------------------

    async def join(self, name: str, first: Callable[[], Awaitable[T]]) -> T | None:
        """Hold a lock together with others until this is closed.

        Args:
            first: called when no other has it, before others get it; gives its result, else None.
        """
        key = lock_key(name)
        held = await self._thread.run(lambda: self._take(key, _ignore), whole=True)
        if held is None:
            await self._thread.run(lambda: self._share(key), whole=True)
            return None
        try:
            result = await first()
            await self._thread.run(lambda: self._share(key, held), whole=True)
        finally:
            with trio.CancelScope(shield=True):
                await self._thread.run(held.end, whole=True)
        return result

    async def _share(self, key: int, alone: Held | None = None) -> None:
        """Hold a lock together with others; it is taken again whenever its connection is lost.

        Args:
            alone: has the lock for itself, and shares it from now on.
        """
        try:
            if alone is not None:  # on that connection, or it would wait for itself
                await alone.run(_DOWNGRADE)
            connection = await self._connect()
            try:
                await connection.execute("SELECT pg_advisory_lock_shared($1)", key)
            except BaseException:
                connection.terminate()
                raise
        except Exception as error:
            raise failure_of(error) from error

        def lost(_: object) -> None:
            self._joined.discard(held)
            if not self._closed:
                task = asyncio.get_running_loop().create_task(self._share_again(key))
                self._again.add(task)
                task.add_done_callback(self._again.discard)

        held = Held(connection, key, lost)
        self._joined.add(held)

    async def _share_again(self, key: int) -> None:
        while not self._closed:
            try:
                await self._share(key)
            except TemporaryFailure:
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def close(self) -> None:
        """Let go of everything; in the asyncio thread."""
        self._closed = True
        for task in self._again:
            task.cancel()
        for held in list(self._joined):
            await held.end()


def _ignore(_: object) -> None:
    """Nothing depends on it."""


def lock_key(name: str) -> int:
    """The number of an advisory lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
