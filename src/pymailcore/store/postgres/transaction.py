"""A transaction on PostgreSQL: the methods that operations await."""

import re
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg

from pymailcore.base.errors import AlreadyExists
from pymailcore.base.ids import AccountId
from pymailcore.store.dialect import Dialect, kinds_of, kinds_of_rows, quote
from pymailcore.store.postgres.connection import Connection, changed_rows
from pymailcore.store.postgres.reach import bounded_by_itself, reach_text
from pymailcore.store.types import Numbers, Row

_MANY_ROWS: Final = 2_000
_FEW_ROWS: Final = 8
"""So many rows of `run_many` are written into statements that are sent together."""

_FEW_OCTETS: Final = 16 * 1024
"""Octets of one argument for which that is so."""

_POLICED: Final = (
    "SELECT format_type(a.atttypid, NULL) FROM unnest($2::text[]) WITH ORDINALITY c (name, place)"
    " JOIN pg_class t ON t.oid = to_regclass($1) AND t.relrowsecurity"
    " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = c.name ORDER BY c.place"
)
"""The types of columns of a table that has policies, which COPY does not fill; none of another table."""

_TARGET: Final = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")


def _is_large(row: Sequence[object]) -> bool:
    return any(isinstance(value, bytes | str) and len(value) > _FEW_OCTETS for value in row)


class NeedsSnapshot(BaseException):
    """A reading operation that was begun without a transaction turns out to have more than one statement."""


class SingleStatement:
    """Stands for a reading transaction whose first statement is its only one, and so a snapshot by itself.

    Raises:
        NeedsSnapshot: at anything else.
    """

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._tx = PostgresTransaction(connection, dialect, read_only=True, alone=True)
        self._ran = False

    def _once(self, sql: str) -> None:
        if self._ran or not sql.startswith("SELECT"):
            raise NeedsSnapshot
        self._ran = True

    async def row(self, sql: str, *args: object) -> Row | None:
        """Run the statement and give its first row, or None."""
        self._once(sql)
        return await self._tx.row(sql, *args)

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Run the statement and give all its rows."""
        self._once(sql)
        return await self._tx.rows(sql, *args)

    async def numbers(self, columns: int, sql: str, *args: object) -> Numbers:
        """Run the statement and give all its rows, end to end."""
        self._once(sql)
        return await self._tx.numbers(columns, sql, *args)

    async def run(self, sql: str, *args: object) -> int:  # noqa: ARG002 - as a transaction has it
        """No reading."""
        raise NeedsSnapshot

    async def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:  # noqa: ARG002
        """No reading."""
        raise NeedsSnapshot

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:  # noqa: ARG002
        """No reading."""
        raise NeedsSnapshot

    async def lock(self, table: str, ids: Iterable[int] = ()) -> None:
        """Readers lock nothing."""

    def announce(self, account: AccountId, modseq: int) -> None:
        """Readers change nothing."""


class PostgresTransaction:
    """The methods of `types.Transaction` on one asyncpg connection.

    Theory: each statement costs a way to the server and back. `run_many` gives nothing back, so its
    statements wait until they matter: before a statement that names a table which they change, before any
    other that may change something, and at the end, where they travel with COMMIT. An error of theirs comes
    then.

    Args:
        begin: sent before the first statement, together with it where that is a lock.
        alone: there is no transaction; each statement is one by itself.

    Attributes:
        moved: accounts that were announced, with their modseqs.
        wrote: whether a statement that may change something has run.
    """

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        *,
        begin: str = "",
        read_only: bool = False,
        alone: bool = False,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._begin = begin
        self._read_only = read_only
        self._alone = alone
        self._locked: set[tuple[str, int | None]] = set()
        self._waiting: list[str] = []
        self._targets: set[str] = set()
        self.moved: dict[AccountId, int] = {}
        self.wrote = False

    async def _prepare(self, sql: str, args: tuple[Any, ...]) -> tuple[str, list[Any]]:
        if not sql.startswith("SELECT"):
            self.wrote = True
            if self._waiting:
                await self.send()
        elif self._targets and not self._targets.isdisjoint(self._dialect.words(sql)):
            await self.send()
        if self._begin:
            await self._start()
        translated = self._dialect.translate(sql, kinds_of(args))
        given = translated.arguments(args)
        if self._alone:
            return bounded_by_itself(translated.text, len(given) + 1), [*given, reach_text()]
        return translated.text, given

    async def _start(self) -> None:
        begin, self._begin = self._begin, ""
        await self._connection.execute(begin)

    async def send(self, last: str = "") -> None:
        """Send the statements that wait, and one more behind them.

        Raises:
            AlreadyExists: one of them broke a constraint.
        """
        if self._begin:
            await self._start()
        statements = [*self._waiting, last] if last else self._waiting
        self._waiting = []
        self._targets = set()
        if statements:
            try:
                await self._connection.execute("; ".join(statements))
            except asyncpg.IntegrityConstraintViolationError as error:
                raise AlreadyExists(str(error)) from error

    async def row(self, sql: str, *args: object) -> Row | None:
        """Run one statement and give its first row, or None."""
        text, given = await self._prepare(sql, args)
        try:
            found = await self._connection.fetchrow(text, *given)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise AlreadyExists(str(error)) from error
        return None if found is None else tuple(found)

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Run one statement and give all its rows."""
        text, given = await self._prepare(sql, args)
        try:
            return [tuple(found) for found in await self._connection.fetch(text, *given)]
        except asyncpg.IntegrityConstraintViolationError as error:
            raise AlreadyExists(str(error)) from error

    async def numbers(self, columns: int, sql: str, *args: object) -> Numbers:
        """Run one statement and give all its rows, end to end: the server puts them into one value."""
        names = [f"n{place}" for place in range(columns)]
        octets = " || ".join(f"int8send(x.{name})" for name in names)
        found = await self.row(
            f"SELECT string_agg({octets}, ''::bytea) FROM ({sql}) AS x ({', '.join(names)})",  # noqa: S608
            *args,
        )
        out = array("q")
        if found is not None and found[0] is not None:
            out.frombytes(found[0])
            if sys.byteorder == "little":
                out.byteswap()
        return out

    async def run(self, sql: str, *args: object) -> int:
        """Run one statement and give the number of rows that it changed."""
        text, given = await self._prepare(sql, args)
        try:
            return changed_rows(await self._connection.execute(text, *given))
        except asyncpg.IntegrityConstraintViolationError as error:
            raise AlreadyExists(str(error)) from error

    async def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each row of arguments."""
        rows = list(rows)
        if not rows:
            return
        self.wrote = True
        target = _TARGET.match(sql)
        few = len(rows) <= _FEW_ROWS and not any(map(_is_large, rows))
        if few and target is not None and not self._read_only:
            translated = [self._dialect.translate(sql, kinds_of(row)) for row in rows]
            if not translated[0].has_lists:
                self._waiting += [one.literal(row) for one, row in zip(translated, rows, strict=True)]
                self._targets.add(target[1])
                return
        await self.send()
        if len(rows) == 1:
            await self.run(sql, *rows[0])
            return
        for first in range(0, len(rows), _MANY_ROWS):
            some = rows[first : first + _MANY_ROWS]
            one = self._dialect.translate(sql, kinds_of_rows(some))
            try:
                await self._connection.executemany(one.text, [one.arguments(row) for row in some])
            except asyncpg.IntegrityConstraintViolationError as error:
                raise AlreadyExists(str(error)) from error

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put many rows into a table by COPY, in binary form: no statement for each row."""
        self.wrote = True
        await self.send()
        types = [found[0] for found in await self._connection.fetch(_POLICED, table, list(columns))]
        try:
            if types:
                await self._insert_columns(table, columns, types, rows)
            else:
                await self._connection.copy_records_to_table(table, records=rows, columns=list(columns))
        except asyncpg.IntegrityConstraintViolationError as error:
            raise AlreadyExists(str(error)) from error

    async def _insert_columns(
        self, table: str, columns: Sequence[str], types: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Put many rows into a table by one statement, which takes an array for each column."""
        if rows:
            arrays = ", ".join(f"${place}::{type_}[]" for place, type_ in enumerate(types, 1))
            text = f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608 - ours
            await self._connection.execute(text, *zip(*rows, strict=True))

    async def lock(self, table: str, ids: Iterable[int] = ()) -> None:
        """Keep other operations from changing rows, in ascending order; see `types.Transaction.lock`."""
        if self._read_only:
            return
        ids = list(ids)
        wanted = sorted({int(id_) for id_ in ids if (table, id_) not in self._locked})
        if wanted:
            listed = ", ".join(map(str, wanted))
            await self._lock(f"SELECT 1 FROM {table} WHERE id IN ({listed}) ORDER BY id FOR UPDATE")  # noqa: S608
            self._locked.update((table, id_) for id_ in wanted)
        elif not ids and (table, None) not in self._locked:
            await self._lock(f"SELECT pg_advisory_xact_lock(hashtext({quote(table)}::text))")
            self._locked.add((table, None))

    async def _lock(self, statement: str) -> None:
        if self._waiting:
            await self.send()
        begin, self._begin = self._begin, ""
        await self._connection.execute(f"{begin}; {statement}" if begin else statement)

    def announce(self, account: AccountId, modseq: int) -> None:
        """Once this is on disk, tell the listeners that the account is at this modseq."""
        self.moved[account] = modseq
