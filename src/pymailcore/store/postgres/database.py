"""The database on PostgreSQL: each operation crosses whole into the asyncio thread, to a transaction."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from types import CodeType
from typing import Any, Final, TypeVar

import asyncpg
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.store.dialect import Dialect
from pymailcore.store.postgres.connection import (
    UNFIT,
    Connection,
    UnfitServer,
    check_server,
    connect,
    failure_of,
    is_gone,
)
from pymailcore.store.postgres.locks import Locks
from pymailcore.store.postgres.loop import LoopThread
from pymailcore.store.postgres.migrate import migrate
from pymailcore.store.postgres.notices import Notices
from pymailcore.store.postgres.operation import RETRY_SECONDS, Operation
from pymailcore.store.postgres.pool import Pool
from pymailcore.store.postgres.reach import set_reach
from pymailcore.store.postgres.transaction import NeedsSnapshot, PostgresTransaction, SingleStatement
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction

T = TypeVar("T")

_RETIRE: Final = """
CREATE OR REPLACE FUNCTION pymailcore_moved() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION $reason USING ERRCODE = 'lock_not_available'; END $$;
COMMENT ON FUNCTION pymailcore_moved IS $comment;
CREATE OR REPLACE TRIGGER moved BEFORE INSERT ON operations FOR EACH STATEMENT
EXECUTE FUNCTION pymailcore_moved();
COMMIT
"""
"""Every write begins with a row in operations; the error is one that callers take for "not now"."""
_RETIRED: Final = "SELECT coalesce(obj_description(to_regproc('pymailcore_moved'), 'pg_proc'), '')"

SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {reach}"
LOCK_SECONDS: Final = 10.0
FORGET_SECONDS: Final = 300.0
KEEP_MS: Final = 3_600_000
"""Nobody asks after an operation for longer than `operation.SETTLE_SECONDS`."""
_PAUSE: Final = 0.05
_LOOK_SECONDS: Final = 0.02
_SETTLE_SECONDS: Final = 120.0
_RECOVER_SECONDS: Final = 5.0


class PostgresDatabase:
    """`types.Database` on PostgreSQL, for the tasks of one trio run.

    Args:
        url: of the database; see asyncpg for what it may say.
        notify: told on the loop, after the commit, that an account is at a modseq.
        heard: the same for what other processes have committed.
        missed: told on the loop that notices of others may have been missed.
    """

    kind: Final = "postgresql"

    def __init__(
        self,
        url: str,
        settings: StoreSettings,
        *,
        notify: Callable[[AccountId, int], None],
        heard: Callable[[int, int], object],
        missed: Callable[[], None],
    ) -> None:
        self._url = url
        self._settings = settings
        self._notify = notify
        self._dialect = Dialect()
        self._thread = LoopThread("store-postgres")
        self._pool = Pool(self._connect, settings.connections, settings.statement_seconds)
        self._notices = Notices(self._connect_quick, trio.lowlevel.current_trio_token(), heard, missed)
        self._locks = Locks(self._connect_quick, self._thread)
        self._closed = False
        self._long_reads: set[CodeType] = set()
        self._house: asyncio.Task[None] | None = None

    async def prepare(self, *, dry: bool = False) -> list[int]:
        """Look whether the server is fit, and bring its tables to this version; gives the migrations run.

        Args:
            dry: only try them.

        Raises:
            NotDurable, UnfitServer: it is not fit.
            NewerDatabase: a newer version has changed the tables.
            TemporaryFailure: it cannot be reached now.
        """

        async def run() -> list[int]:
            try:
                connection = await self._pool.take()
            except UNFIT as error:
                raise UnfitServer(f"the database of `metadata` cannot be used: {error}") from error
            done: list[int] = []
            try:
                await check_server(connection)
                done = await migrate(connection, dry=dry)
            except BaseException:
                self._pool.give(connection, good=False)
                raise
            self._pool.give(connection, good=not done)  # a migration has settings of its own
            return done

        return await self._thread.run(_mapped(run), whole=True)

    async def start(self) -> None:
        """Begin to listen to other processes."""
        await self._thread.run(_mapped(self._notices.start), whole=True)

    async def _connect(self) -> Connection:
        return await connect(
            self._url, statement_seconds=self._settings.statement_seconds, lock_seconds=LOCK_SECONDS
        )

    async def _connect_quick(self) -> Connection:
        return await connect(self._url, statement_seconds=0, lock_seconds=0, scratch=False, quick=True)

    def _require_open(self) -> None:
        if self._closed:
            raise TemporaryFailure("the store is closed")

    # --- writing --------------------------------------------------------------------------------

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run an operation and return once it is on disk; see `types.Database.write`."""
        self._require_open()
        result, moved = await self._thread.run(lambda: self._write(work), whole=True)
        for account, modseq in moved.items():
            self._notify(account, modseq)
        return result

    async def _write(self, work: Callable[[Transaction], Awaitable[T]]) -> tuple[T, dict[AccountId, int]]:
        done = await Operation(self._pool, self._dialect, work).run()
        self._notices.tell(done[1])
        return done

    async def write_each(self, works: Sequence[Callable[[Transaction], Awaitable[T]]]) -> list[T]:
        """Run several operations in order; see `types.Database.write_each`."""
        self._require_open()
        results: list[T] = []
        if not works:
            return results
        failure: Exception | None = None

        async def run() -> list[tuple[T | None, dict[AccountId, int]]]:
            nonlocal failure
            done: list[tuple[T | None, dict[AccountId, int]]] = []
            for work in works:
                try:
                    done.append(await self._write(work))
                except Exception as error:
                    failure = failure or error
            return done

        for result, moved in await self._thread.run(run, whole=True):
            for account, modseq in moved.items():
                self._notify(account, modseq)
            results.append(result)  # type: ignore[arg-type]  # those of T may be None
        if failure is not None:
            raise failure
        return results

    # --- reading --------------------------------------------------------------------------------

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation on one snapshot; cut when its caller is."""
        self._require_open()
        return await self._thread.run(lambda: self._read(self._pool, work), whole=False)

    look = read

    async def read_long(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """The same without a limit of time, on a connection of its own."""
        self._require_open()

        async def unlimited() -> Connection:
            return await connect(self._url, statement_seconds=0, lock_seconds=LOCK_SECONDS)

        async def run() -> T:
            pool = Pool(unlimited, 1, LOCK_SECONDS)
            try:
                return await self._read(pool, work)
            finally:
                await pool.close()

        return await self._thread.run(run, whole=False)

    async def _read(self, pool: Pool, work: Callable[[Transaction], Awaitable[T]]) -> T:
        until = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return await self._read_once(pool, work)
            except Exception as error:
                if not is_gone(error) or time.monotonic() > until:
                    raise failure_of(error) from error
            await asyncio.sleep(_PAUSE)

    async def _read_once(self, pool: Pool, work: Callable[[Transaction], Awaitable[T]]) -> T:
        connection = await pool.take()
        try:
            result = await self._on_snapshot(connection, work)
        except asyncio.CancelledError:
            task = asyncio.get_running_loop().create_task(self._recover(pool, connection))
            self._notices.keep(task)
            raise
        except Exception as error:
            if is_gone(error, connection):
                pool.give(connection, good=False)
                if not isinstance(error, OSError):
                    raise ConnectionError(str(error)) from error
                raise
            await self._recover(pool, connection)
            raise
        pool.give(connection, good=True)
        return result

    async def _on_snapshot(self, connection: Connection, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation; one that had a single statement the last time needs no transaction."""
        code = getattr(work, "__code__", None)
        if code is not None and code not in self._long_reads:
            try:
                return await work(SingleStatement(connection, self._dialect))
            except NeedsSnapshot:
                self._long_reads.add(code)
        await connection.execute(SNAPSHOT.format(reach=set_reach()))
        result = await work(PostgresTransaction(connection, self._dialect, read_only=True))
        await connection.execute("COMMIT")
        return result

    async def _recover(self, pool: Pool, connection: Connection) -> None:
        """End a transaction that did not come to its end."""
        try:
            async with asyncio.timeout(_RECOVER_SECONDS):
                await connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            pool.give(connection, good=False)
        else:
            pool.give(connection, good=True)

    # --- between processes ------------------------------------------------------------------------

    def tell(self, channel: int, value: int) -> None:
        """Pass a notice on to the processes of other nodes; never blocks."""
        self._thread.loop.call_soon_threadsafe(self._notices.tell, {channel: value})

    async def join(self, name: str, first: Callable[[Transaction], Awaitable[T]]) -> T | None:
        """Be counted among the processes that do something; see `types.Database.join`."""
        return await self._locks.join(name, lambda: self.write(first))

    def try_lock(self, name: str) -> contextlib.AbstractAsyncContextManager[bool]:
        """Hold a lock that one process at a time can have; see `types.Database.try_lock`."""
        return self._locks.try_lock(name)

    async def settle(self) -> None:
        """Wait until all write transactions that run now have ended.

        Raises:
            TemporaryFailure: one of them lasts too long.
        """

        async def run() -> None:
            connection = await self._pool.take()
            try:
                mine = await connection.fetchval("SELECT pg_current_xact_id()::text::bigint")
                until = time.monotonic() + _SETTLE_SECONDS
                while True:
                    oldest = await connection.fetchval(
                        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
                    )
                    if oldest > mine:
                        return
                    if time.monotonic() > until:
                        raise TemporaryFailure("a transaction of the database does not end")
                    await asyncio.sleep(_LOOK_SECONDS)
            finally:
                self._pool.give(connection, good=True)

        await self._thread.run(_mapped(run), whole=False)

    @contextlib.asynccontextmanager
    async def freeze(self) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
        """Keep all processes from committing anything; see `types.Database.freeze`."""

        async def take() -> Connection:
            connection = await connect(
                self._url, statement_seconds=0, lock_seconds=LOCK_SECONDS, scratch=False
            )
            try:
                await connection.execute("BEGIN; LOCK TABLE operations IN EXCLUSIVE MODE")
            except BaseException:
                connection.terminate()
                raise
            return connection

        connection = await self._thread.run(_mapped(take), whole=True)

        async def retire(reason: str) -> None:
            async def run() -> None:
                quoted = await connection.fetchval("SELECT quote_literal($1::text)", reason)
                text = _RETIRE.replace("$reason", quoted.replace("%", "%%")).replace("$comment", quoted)
                await connection.execute(text)

            await self._thread.run(_mapped(run), whole=True)

        try:
            yield retire
        finally:
            with trio.CancelScope(shield=True):
                await self._thread.run(lambda: _close(connection), whole=True)

    async def retired(self) -> str:
        """Why nothing is written here any more; see `types.Database.retired`."""
        row = await self.read(lambda tx: tx.row(_RETIRED))
        return "" if row is None else str(row[0])

    async def keep_house(self, also: Callable[[], None]) -> None:
        """From now on remove rows of old operations every few minutes, and do something besides."""

        async def run() -> None:
            while True:
                with contextlib.suppress(TemporaryFailure, asyncpg.PostgresError, OSError):
                    await asyncio.get_running_loop().run_in_executor(None, also)
                    await self._write(_forget(time.time_ns() // 1_000_000 - KEEP_MS))
                await asyncio.sleep(FORGET_SECONDS)

        async def start() -> None:
            self._house = asyncio.get_running_loop().create_task(run())

        await self._thread.run(start, whole=True)

    async def close(self) -> None:
        """End connections and thread."""
        if self._closed:
            return
        self._closed = True
        with trio.CancelScope(shield=True):
            await self._thread.run(self._close, whole=True)
            await trio.to_thread.run_sync(self._thread.close)

    async def _close(self) -> None:
        if self._house is not None:
            self._house.cancel()
        await self._notices.close()
        await self._locks.close()
        await self._pool.close()


def _forget(before_ms: int) -> Callable[[Transaction], Awaitable[int]]:
    return lambda tx: tx.run("DELETE FROM operations WHERE made_ms < ?1", before_ms)


async def _close(connection: Connection) -> None:
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        await connection.close(timeout=_RECOVER_SECONDS)


def _mapped(work: Callable[[], Awaitable[T]]) -> Callable[[], Coroutine[Any, Any, T]]:
    """The same with the errors that callers get."""

    async def run() -> T:
        try:
            return await work()
        except Exception as error:
            raise failure_of(error) from error

    return run
