"""A transaction on SQLite, and how an operation is driven in it.

Theory: an operation is `async def work(tx)` that awaits only its transaction's methods. Here these never
suspend, so one `send(None)` runs the whole operation, on whatever thread the connection belongs to.
"""

from array import array
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar, cast

import apsw

from pymailcore.base.errors import AlreadyExists
from pymailcore.base.ids import AccountId
from pymailcore.store.types import Numbers, Row, Transaction

T = TypeVar("T")


class Suspended(Exception):
    """An operation awaited something other than its transaction: a fault of our own."""


class SqliteTransaction:
    """The methods of `types.Transaction` on one apsw connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._executemany = connection.executemany
        self.moved: dict[AccountId, int] = {}

    async def row(self, sql: str, *args: object) -> Row | None:
        """Run one statement and give its first row, or None."""
        try:
            return cast("Row | None", self._execute(sql, args).fetchone())
        except apsw.ConstraintError as error:
            raise AlreadyExists(str(error)) from error

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Run one statement and give all its rows."""
        try:
            return cast("list[Row]", self._execute(sql, args).fetchall())
        except apsw.ConstraintError as error:
            raise AlreadyExists(str(error)) from error

    async def numbers(self, columns: int, sql: str, *args: object) -> Numbers:  # noqa: ARG002 - it tells itself
        """Run one statement and give all its rows, end to end."""
        return array("q", chain.from_iterable(self._execute(sql, args)))

    async def run(self, sql: str, *args: object) -> int:
        """Run one statement and give the number of rows that it changed."""
        try:
            self._execute(sql, args)
        except apsw.ConstraintError as error:
            raise AlreadyExists(str(error)) from error
        return self._connection.changes()

    async def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each row of arguments."""
        try:
            self._executemany(sql, rows)
        except apsw.ConstraintError as error:
            raise AlreadyExists(str(error)) from error

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put many rows into a table."""
        marks = ", ".join(["?"] * len(columns))
        await self.run_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608 - names of the schema

    async def lock(self, table: str, ids: Iterable[int] = ()) -> None:
        """There is one writer: everything is locked."""

    def announce(self, account: AccountId, modseq: int) -> None:
        """Once this is on disk, tell the listeners that the account is at this modseq."""
        self.moved[account] = modseq


def drive(work: Callable[[Transaction], Awaitable[T]], tx: Transaction) -> T:
    """Run an operation to its end in one step.

    Raises:
        Suspended: it awaited something else than its transaction.
    """
    coroutine = cast("Coroutine[object, None, T]", work(tx))
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    coroutine.close()
    raise Suspended(f"{coroutine!r} awaited something other than its transaction")
