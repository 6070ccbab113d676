"""Reads all rows of a store, table by table, on one snapshot, and puts them into another database.

Theory: a page is the next rows in the order of the table's key, so that no more than a page is ever in
memory and the same statements serve both engines. Pages grow and shrink with the width of their rows. What
was read is counted against the table, so a row can not be lost between two pages unnoticed.
"""

# ruff: noqa: S608 - statements are put together from the schema; values are always bound

from collections.abc import Sequence
from typing import Final, Protocol

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.backup.tables import Table, schema_tables
from pymailcore.store.types import Row, Transaction

PAGE_OCTETS: Final = 2 * 1024 * 1024
_FIRST_PAGE: Final = 64
_MOST_ROWS: Final = 5_000
_CELL_OCTETS: Final = 9  # what a number is counted as


class Sink(Protocol):
    """Takes tables, one after the other."""

    def begin(self, table: Table, rows: int) -> None:
        """A table with so many rows follows."""
        ...

    def rows(self, rows: Sequence[Row]) -> None:
        """Some rows of it, in the order of `Table.columns`."""
        ...

    def end(self) -> None:
        """It was the last row of the table."""
        ...


async def dump(tx: Transaction, sink: Sink, tables: Sequence[Table] | None = None) -> None:
    """Read all rows of a snapshot into a sink; may take long, so the transaction must be one that may.

    Raises:
        TemporaryFailure: a table gave another number of rows than it has.
    """
    for table in schema_tables() if tables is None else tables:
        row = await tx.row(f"SELECT count(*) FROM {table.name}")
        number = int(row[0]) if row is not None else 0
        sink.begin(table, number)
        found = await _dump_table(tx, sink, table)
        if found != number:
            raise TemporaryFailure(f"the table {table.name} has {number} rows and gave {found}")
        sink.end()


async def _dump_table(tx: Transaction, sink: Sink, table: Table) -> int:
    columns, keys = ", ".join(table.columns), ", ".join(table.key)
    marks = ", ".join(f"?{n}" for n in range(2, len(table.key) + 2))
    first = f"SELECT {columns}, {keys} FROM {table.name} ORDER BY {keys} LIMIT ?1"
    further = (
        f"SELECT {columns}, {keys} FROM {table.name} WHERE ({keys}) > ({marks}) ORDER BY {keys} LIMIT ?1"
    )
    width = len(table.columns)
    limit = _FIRST_PAGE
    found = 0
    rows = await tx.rows(first, limit)
    while rows:
        page = [tuple(row[:width]) for row in rows]
        sink.rows(page)
        found += len(page)
        if len(page) < limit:
            break
        limit = min(_MOST_ROWS, max(1, PAGE_OCTETS * len(page) // _octets(page)), limit * 4)
        rows = await tx.rows(further, limit, *rows[-1][width:])
    return found


def _octets(rows: Sequence[Row]) -> int:
    """About what rows weigh."""
    return sum(len(cell) if isinstance(cell, bytes | str) else _CELL_OCTETS for row in rows for cell in row)


async def load(tx: Transaction, table: Table, rows: Sequence[Row]) -> None:
    """Put rows of a table into a database of the same schema, or a later one.

    Raises:
        AlreadyExists: one is there.
    """
    await tx.load(table.name, table.columns, rows)


def insert_sql(table: Table) -> str:
    """The statement that puts one row of a table in."""
    marks = ", ".join(f"?{n}" for n in range(1, len(table.columns) + 1))
    return f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"


async def clear(tx: Transaction, table: Table) -> None:
    """Remove all rows of a table, such as the keys that a database makes when it is new."""
    await tx.run(f"DELETE FROM {table.name}")
