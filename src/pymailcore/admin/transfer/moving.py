"""Moves a store to another database engine, or its blobs to another place, while it can be read.

Contract: until `retire` the old store is untouched and goes on when anything fails. Rows are copied as they
are, so ids, UIDs, modseqs, dates and keys stay; then every row of both sides is read, counted and digested
once more.

Theory. Packs never change where they were written, so they are copied before writing is stopped; then only
the last ones grew. A pack of the number n is a file, or an object of the number -n with the same octets: rows
change the sign. The target is claimed before the first row (`store.unfinished`) and let go after the source
was retired: until then nobody serves from it, and a copy that was broken off anywhere is known as one and is
begun anew by the same command.
"""

import functools
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from pymailcore.base.errors import PermanentFailure
from pymailcore.base.ids import AccountId, EmailId
from pymailcore.runtime.threads import run_in_thread
from pymailcore.store.backup.dump import clear, load
from pymailcore.store.backup.tables import Table, schema_tables
from pymailcore.store.objects.packs import ObjectPacks
from pymailcore.store.packs import pack_path
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.types import Database, Row, Transaction
from pymailcore.store.unfinished import Filling, claim, let_go

PAGE_OCTETS: Final = 1024 * 1024
MOST_ROWS: Final = 2_000
_FIRST_PAGE: Final = 64
_CELL_OCTETS: Final = 9
_LAST: Final = "accounts"
_SAMPLE: Final = 50
_CHUNK_OCTETS: Final = 4 * 1024 * 1024


class Mismatch(PermanentFailure):
    """What was copied is not what was there; the old store is still in use."""


class Progress(Protocol):
    """Who watches."""

    def begin(self, what: str) -> None:
        """Something new begins."""
        ...

    def at(self, share: float) -> None:
        """So much of it is done, from 0 to 1."""
        ...


@dataclass(slots=True)
class Moved:
    """What was copied."""

    rows: int = 0
    octets: int = 0
    packs: int = 0
    pack_octets: int = 0
    tables: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Sum:
    """Number of rows of a table, and a digest that knows no order: engines sort text in ways of their own."""

    rows: int = 0
    digest: int = 0

    def plus(self, rows: Sequence[Row]) -> "_Sum":
        digest = self.digest
        for row in rows:
            digest += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=8).digest())
        return _Sum(self.rows + len(rows), digest % 2**64)


class Packs:
    """The packs of a store: files in a folder, or objects in a bucket. All methods block."""

    def __init__(self, settings: StoreSettings, objects: ObjectPacks | None) -> None:
        self.folder = settings.pack_folder
        self.objects = objects

    @property
    def sign(self) -> int:
        """What numbers of packs are multiplied with in rows."""
        return 1 if self.objects is None else -1

    def same_as(self, other: "Packs") -> bool:
        """Whether both are one place."""
        if self.objects is None and other.objects is None:
            return self.folder.resolve() == other.folder.resolve()
        return False

    def sizes(self) -> dict[int, int]:
        """Octets of each pack by its number without sign."""
        if self.objects is not None:
            return {abs(held.pack): held.octets for held in self.objects.listed()}
        found = {}
        for path in self.folder.glob("*.pack"):
            try:
                found[int(path.stem, 16)] = path.stat().st_size
            except (ValueError, FileNotFoundError):
                continue
        return found

    def copy_to(self, other: "Packs", pack: int) -> int:
        """Copy a pack; gives its octets."""
        if other.objects is not None:
            octets = self._whole(pack)
            other.objects.put_pack(-pack, octets)
            return len(octets)
        other.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = pack_path(other.folder, pack)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            if self.objects is not None:
                file.write(self._whole(pack))
            else:
                with pack_path(self.folder, pack).open("rb") as there:
                    while octets := there.read(_CHUNK_OCTETS):
                        file.write(octets)
            file.flush()
            os.fsync(file.fileno())
            written = file.tell()
        fresh.replace(path)
        return written

    def _whole(self, pack: int) -> bytes:
        if self.objects is not None:
            return self.objects.whole(-pack)
        return pack_path(self.folder, pack).read_bytes()


class Mover:
    """Copies one store into another one, which is empty: `claim`, the copies, `check`, and `finish`."""

    def __init__(self, source: Store, target: Store, progress: Progress) -> None:
        self._source = source.database
        self._target = target.database
        self._from = Packs(source.engine.settings, source.engine.objects)
        self._to = Packs(target.engine.settings, target.engine.objects)
        self._stay = self._from.same_as(self._to)
        self._progress = progress
        self._sums: dict[str, _Sum] = {}
        self._copied: dict[int, int] = {}
        self.moved = Moved()

    async def claim(self) -> None:
        """Take the target, which is empty or an unfinished copy.

        Raises:
            AlreadyExists: it has an account, so it is somebody's.
            UnfinishedStore: another command was filling it.
        """
        await claim(self._target, Filling.MOVE)

    async def finish(self) -> None:
        """The target is whole, and nobody writes to the source any more: it can be used."""
        await let_go(self._target)

    async def copy_packs(self) -> None:
        """Copy packs, or what has grown since the last call."""
        if self._stay:
            return
        self._progress.begin("packs")
        named = await self._source.read(_named_packs)
        sizes = await run_in_thread(self._from.sizes)
        due = sorted(pack for pack in named if sizes.get(pack, 0) != self._copied.get(pack))
        for number, pack in enumerate(due, 1):
            if pack in sizes:  # else it went meanwhile; a row that names it still is found by `check`
                octets = await run_in_thread(self._from.copy_to, self._to, pack)
                self.moved.packs += pack not in self._copied
                self.moved.pack_octets += octets
                self._copied[pack] = octets
            self._progress.at(number / len(due))

    async def copy_rows(self) -> None:
        """Copy all tables; nobody writes meanwhile."""
        tables = sorted(schema_tables(), key=lambda table: table.name == _LAST)
        for table in reversed(tables):
            await self._target.write(functools.partial(clear, table=table))
        for table in tables:
            self._progress.begin(table.name)
            total = await _count(self._source, table)
            found = _Sum()

            async def put(rows: Sequence[Row], table: Table = table, total: int = total) -> None:
                nonlocal found
                changed = [self._placed(table, row) for row in rows]
                await self._target.write(lambda tx: load(tx, table, changed))
                found = found.plus(changed)
                self.moved.rows += len(rows)
                self.moved.octets += _octets(rows)
                self._progress.at(found.rows / max(1, total))

            await _pages(self._source, table, put)
            if found.rows != total:
                raise Mismatch(f"the table {table.name} has {total} rows and gave {found.rows}")
            self._sums[table.name] = found
            self.moved.tables[table.name] = found.rows

    def _placed(self, table: Table, row: Row) -> Row:
        """A row as it is in the target: packs have their numbers there."""
        column = {"blobs": "pack", "packs": "id"}.get(table.name)
        if column is None or self._from.sign == self._to.sign:
            return tuple(row)
        place = table.columns.index(column)
        return (*row[:place], -row[place], *row[place + 1 :])

    async def check(self) -> None:
        """Read everything in the target again and compare it with what was copied.

        Raises:
            Mismatch: it is not the same.
        """
        for table in schema_tables():
            self._progress.begin(f"check {table.name}")
            found = _Sum()
            wanted = self._sums[table.name]

            async def take(rows: Sequence[Row], wanted: _Sum = wanted) -> None:
                nonlocal found
                found = found.plus([tuple(row) for row in rows])
                self._progress.at(found.rows / max(1, wanted.rows))

            await _pages(self._target, table, take)
            if found != wanted:
                raise Mismatch(
                    f"the table {table.name} is not what it was: {found.rows} rows of {wanted.rows}"
                )
        if not self._stay:
            there = await run_in_thread(self._to.sizes)
            lost = [pack for pack in await self._target.read(_named_packs) if pack not in there]
            if lost:
                raise Mismatch(f"{len(lost)} packs are missing, such as {lost[0]:016x}")


async def read_sample(store: Store) -> int:
    """Read some messages of a store that was just opened; gives how many.

    Raises:
        MailError: one cannot be read.
    """
    rows = await store.database.read(
        lambda tx: tx.rows("SELECT id, account FROM emails ORDER BY id DESC LIMIT ?1", _SAMPLE)
    )
    for email, account in rows:
        await store.message(AccountId(account), EmailId(email))
    return len(rows)


async def _named_packs(tx: Transaction) -> list[int]:
    rows = await tx.rows("SELECT DISTINCT pack FROM blobs WHERE pack <> 0")
    return [abs(row[0]) for row in rows]


async def _count(database: Database, table: Table) -> int:
    row = await database.read_long(lambda tx: tx.row(f"SELECT count(*) FROM {table.name}"))  # noqa: S608
    return 0 if row is None else int(row[0])


async def _pages(database: Database, table: Table, take: Callable[[Sequence[Row]], Awaitable[None]]) -> None:
    """Read a table that nobody changes, in the order of its key, a page at a time."""
    columns, keys = ", ".join(table.columns), ", ".join(table.key)
    marks = ", ".join(f"?{n}" for n in range(2, len(table.key) + 2))
    width = len(table.columns)
    limit = _FIRST_PAGE
    after: tuple[object, ...] = ()
    while True:
        where = f" WHERE ({keys}) > ({marks})" if after else ""
        sql = f"SELECT {columns}, {keys} FROM {table.name}{where} ORDER BY {keys} LIMIT ?1"  # noqa: S608
        rows = await _read(database, sql, limit, after)
        if rows:
            await take([tuple(row[:width]) for row in rows])
        if len(rows) < limit:
            return
        after = tuple(rows[-1][width:])
        limit = min(MOST_ROWS, max(1, PAGE_OCTETS * len(rows) // max(1, _octets(rows))), limit * 4)


async def _read(database: Database, sql: str, limit: int, after: tuple[object, ...]) -> list[Row]:
    return await database.read(lambda tx: tx.rows(sql, limit, *after))


def _octets(rows: Sequence[Row]) -> int:
    """About what rows weigh."""
    return sum(len(cell) if isinstance(cell, bytes | str) else _CELL_OCTETS for row in rows for cell in row)
