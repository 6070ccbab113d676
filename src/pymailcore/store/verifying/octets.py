"""Reads what packs hold: that every blob is where its row says, whole, and that somebody needs it.

Theory: the rows of all blobs go into a scratch database, in the order in which they lie in their packs, so
that packs are read from front to end and memory stays small. What fails is looked up again under its row
as it is by then: housekeeping moves blobs while we look.
"""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import apsw
import orjson
import trio

from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.store.engine import Engine
from pymailcore.store.packs import RECORD_OCTETS, DamagedBlob, Location, Record, checked, pack_path, scan
from pymailcore.store.places import BlobReader
from pymailcore.store.types import Reading, Row, Transaction
from pymailcore.store.verifying.faults import Fault, Report
from pymailcore.store.verifying.sweep import Progress, slices

_SCRATCH: Final = (
    "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -32768;"
    "CREATE TABLE blobs (pack, position, id, tenant, key, stored, size, encoding, crc,"
    " PRIMARY KEY (pack, position, id)) WITHOUT ROWID;"
    "CREATE TABLE needed (blob INTEGER PRIMARY KEY)"
)
_ALL: Final = (
    "SELECT b.id, b.tenant, b.key, b.pack, b.position, b.stored_octets, b.size_octets, b.encoding, b.crc"
    " FROM blobs b WHERE b.id > ?1 AND b.id <= ?2"
)
_OF_ACCOUNT: Final = (
    "SELECT DISTINCT b.id, b.tenant, b.key, b.pack, b.position, b.stored_octets, b.size_octets, b.encoding,"
    " b.crc FROM blob_refs r JOIN blobs b ON b.id = r.blob"
    " WHERE r.owner > ?1 AND r.owner <= ?2 AND +r.account = ?3"
)
_ONE: Final = (
    "SELECT b.id, b.tenant, b.key, b.pack, b.position, b.stored_octets, b.size_octets, b.encoding, b.crc,"
    " o.octets FROM blobs b LEFT JOIN blob_octets o ON o.blob = b.id WHERE b.id = ?1"
)
_PUT: Final = "INSERT OR IGNORE INTO blobs VALUES (?4, ?5, ?1, ?2, ?3, ?6, ?7, ?8, ?9)"
_WINDOW_OCTETS: Final = 1024 * 1024
_WINDOW_BLOBS: Final = 512


class Stored(NamedTuple):
    """A blob and where it lies."""

    id: int
    tenant: int
    key: bytes
    location: Location


def scratch_database() -> apsw.Connection:
    """A database in a temporary file of its own, which goes with the connection."""
    connection = apsw.Connection("")
    connection.execute(_SCRATCH).fetchall()
    return connection


class BlobSweep:
    """Looks at all blobs, or those of one account.

    Args:
        packs: folder of the pack files.
        read: also read the octets; else packs must only be there and be long enough.
    """

    def __init__(
        self, engine: Engine, packs: Path, report: Report, progress: Progress, *, account: int = 0, read: bool
    ) -> None:
        self._engine = engine
        self._packs = packs
        self._report = report
        self._progress = progress
        self._account = account
        self._read = read
        self._scratch = scratch_database()
        self._object: tuple[int, bytes] | None = None

    async def run(self) -> None:
        """Do it all."""
        try:
            await self._list_blobs()
            if not self._account:
                await self._find_unreferenced()
            await self._look_at_packs()
        finally:
            self._scratch.close()

    async def _list_blobs(self) -> None:
        self._progress.begin("list of blobs")
        account = self._account
        table, column = ("blob_refs", "owner") if account else ("blobs", "id")

        async def work(tx: Transaction, first: int, last: int) -> list[Row]:
            if account:
                return await tx.rows(_OF_ACCOUNT, first, last, account)
            return await tx.rows(_ALL, first, last)

        async for slice_ in slices(self._engine.database, table, column, work, self._progress):
            with self._scratch:
                self._scratch.executemany(_PUT, slice_.result)

    # --- what nobody needs ----------------------------------------------------------------------

    async def _find_unreferenced(self) -> None:
        """A blob without a reference must be known to the collector, or it stays for ever."""
        self._progress.begin("references")
        await self._mark("SELECT DISTINCT blob FROM blob_refs WHERE owner > ?1 AND owner <= ?2")
        suspects = [row[0] for row in self._scratch.execute(_UNNEEDED, (_MOST_SUSPECTS,))]
        if not suspects:
            return
        # Once more, now that what was written during the first look is there for all to see. Who takes a
        # blob up behind this second look has a new id, since ids ascend with time.
        row = await self._engine.database.read(lambda tx: tx.row("SELECT max(owner) FROM blob_refs"))
        newest = (row[0] if row is not None and row[0] is not None else 0) - _LATE_IDS
        self._scratch.execute("DELETE FROM needed")
        await self._mark("SELECT DISTINCT blob FROM blob_refs WHERE owner > ?1 AND owner <= ?2")
        for id_ in suspects:
            if self._scratch.execute("SELECT 1 FROM needed WHERE blob = ?", (id_,)).fetchone() is not None:
                continue

            async def loose(tx: Transaction, id_: int = id_) -> Row | None:
                return await tx.row(
                    "SELECT b.tenant FROM blobs b WHERE b.id = ?1"
                    " AND NOT EXISTS (SELECT 1 FROM loose_blobs l WHERE l.blob = b.id)"
                    " AND NOT EXISTS (SELECT 1 FROM blob_refs r WHERE r.owner > ?2 AND r.blob = b.id)",
                    id_,
                    newest,
                )

            if await self._engine.database.read(loose) is not None:
                self._report.add(Fault("blob-unreferenced", 0, id_))

    async def _mark(self, sql: str) -> None:
        async def work(tx: Transaction, first: int, last: int) -> list[Row]:
            return await tx.rows(sql, first, last)

        async for slice_ in slices(self._engine.database, "blob_refs", "owner", work, self._progress):
            with self._scratch:
                self._scratch.executemany("INSERT OR IGNORE INTO needed VALUES (?)", slice_.result)

    # --- what packs hold ------------------------------------------------------------------------

    async def _look_at_packs(self) -> None:
        self._progress.begin("octets of blobs" if self._read else "packs")
        row = self._scratch.execute("SELECT count(*) FROM blobs").fetchone()
        total = int(row[0]) if row is not None else 0
        done = 0
        for window in _windows(self._rows()):
            if window[0].location.pack == 0:
                suspects = await self._suspect_rows(window) if self._read else []
            else:
                suspects = await trio.to_thread.run_sync(self._suspects, window)
            for id_ in suspects:
                await self._look_again(id_)
            done += len(window)
            self._report.saw("blobs", len(window))
            self._report.saw("octets of blobs", sum(blob.location.stored_octets for blob in window))
            self._progress.at(done / total)

    def _rows(self) -> Iterator[Stored]:
        columns = "pack, position, id, tenant, key, stored, size, encoding, crc"
        for pack, position, id_, tenant, key, stored, size, encoding, crc in self._scratch.execute(
            f"SELECT {columns} FROM blobs ORDER BY pack, position, id"  # noqa: S608 - constants
        ):
            yield Stored(id_, tenant, key, Location(pack, position, stored, size, encoding, crc))

    def _suspects(self, window: Sequence[Stored]) -> list[int]:
        """Blobs of one pack that are not as they should be; reads the pack once."""
        if window[0].location.pack < 0:
            return self._suspect_objects(window)
        first, last = window[0].location, window[-1].location
        start = first.position - RECORD_OCTETS
        end = last.position + last.stored_octets
        try:
            with pack_path(self._packs, first.pack).open("rb", buffering=0) as file:
                if not self._read:
                    size = os.fstat(file.fileno()).st_size
                    return [
                        blob.id
                        for blob in window
                        if blob.location.position + blob.location.stored_octets > size
                    ]
                octets = os.pread(file.fileno(), end - start, start)
        except OSError:
            return [blob.id for blob in window]
        return [blob.id for blob in window if damage_of(blob, octets, start) is not None]

    async def _suspect_rows(self, window: Sequence[Stored]) -> list[int]:
        """Blobs whose octets are in the database and are not as they should be."""
        by_id = {blob.id: blob for blob in window}
        listed = orjson.dumps(list(by_id)).decode()

        async def octets(tx: Transaction) -> list[Row]:
            return await tx.rows(
                "SELECT blob, octets FROM blob_octets WHERE blob IN (SELECT value FROM json_each(?1))", listed
            )

        suspects = set(by_id)
        for id_, stored in await self._engine.database.read(octets):
            try:
                checked(by_id[id_].location, bytes(stored))
            except DamagedBlob:
                continue
            suspects.remove(id_)
        return sorted(suspects)

    def _suspect_objects(self, window: Sequence[Stored]) -> list[int]:
        """Blobs of one object in S3 that are not as they should be; the object is fetched once."""
        pack = window[0].location.pack
        if not self._read:
            return []
        if self._object is None or self._object[0] != pack:
            self._object = None
            objects = self._engine.objects
            try:
                octets = objects.whole(pack) if objects is not None else b""
            except MailError:  # the second look says what is the matter
                return [blob.id for blob in window]
            self._object = pack, octets
        octets = self._object[1]
        return [blob.id for blob in window if damage_of(blob, octets, 0) is not None]

    async def _look_again(self, id_: int) -> None:
        kind = await self._kind_of(id_)
        if kind is not None:
            self._report.add(Fault(kind[0], 0, id_, kind[1]))

    async def _kind_of(self, id_: int) -> tuple[str, str] | None:
        """What is wrong with a blob under its row as it is now; None when nothing is, or it is gone."""

        def plan(blobs: BlobReader) -> Reading[tuple[str, str] | None]:
            row = yield lambda tx: tx.row(_ONE, id_)
            if row is None:
                return None
            blob = Stored(row[0], row[1], bytes(row[2]), Location(*row[3:10]))
            if blob.location.pack > 0:
                return look_at_record(self._packs, blob, read=self._read)
            try:
                blobs.stored(blob.location)
            except DamagedBlob as damage:
                return "blob-unreachable", str(damage)
            return None

        try:
            return await self._engine.reading(plan)
        except TemporaryFailure as failure:
            self._report.notes.append(f"blob {id_} could not be looked at: {failure}")
            return None


_LATE_IDS: Final = 60_000 << 22  # a minute, in the ids of base.ids
_MOST_SUSPECTS: Final = 100_000
_UNNEEDED: Final = (
    "SELECT b.id FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM needed n WHERE n.blob = b.id) LIMIT ?"
)


def _windows(rows: Iterable[Stored]) -> Iterator[list[Stored]]:
    """Blobs that lie close together in one pack, or so many in rows that they are not too long together."""
    for pack, group in itertools.groupby(rows, lambda blob: blob.location.pack):
        window: list[Stored] = []
        octets = 0
        for blob in group:
            end = blob.location.position + blob.location.stored_octets
            octets += blob.location.stored_octets
            far = octets if pack == 0 else end - window[0].location.position if window else 0
            if window and (far > _WINDOW_OCTETS or len(window) >= _WINDOW_BLOBS):
                yield window
                window = []
                octets = blob.location.stored_octets
            window.append(blob)
        if window:
            yield window


def damage_of(blob: Stored, octets: bytes, start: int) -> str | None:
    """The kind of damage of a record in some octets of its pack that begin at `start`."""
    location = blob.location
    place = location.position - start
    stored = octets[place : place + location.stored_octets]
    if len(stored) < location.stored_octets:
        return "blob-truncated"
    try:
        checked(location, stored)
    except DamagedBlob:
        return "blob-damaged"
    head = octets[max(0, place - RECORD_OCTETS) : place]
    found = next(iter(scan(head + stored, location.pack)), None)
    if (
        not isinstance(found, Record)
        or (found.tenant, found.key) != (blob.tenant, blob.key)
        or found.location != location._replace(position=RECORD_OCTETS)
    ):
        return "record-head"
    return None


def look_at_record(packs: Path, blob: Stored, *, read: bool = True) -> tuple[str, str] | None:
    """What is wrong with one record of a pack file, in words; None when nothing is."""
    location = blob.location
    where = f"pack {location.pack:016x} at {location.position}"
    start = max(0, location.position - RECORD_OCTETS)
    try:
        with pack_path(packs, location.pack).open("rb", buffering=0) as file:
            if not read:
                short = os.fstat(file.fileno()).st_size < location.position + location.stored_octets
                return ("blob-truncated", where) if short else None
            octets = os.pread(file.fileno(), location.position + location.stored_octets - start, start)
    except FileNotFoundError:
        return "pack-missing", where
    except OSError as error:
        return "blob-unreachable", f"{where}: {error.strerror}"
    kind = damage_of(blob, octets, start)
    return None if kind is None else (kind, where)
