"""Checks a backup without restoring it: every file, every record that a row names, every count.

The rows are made into a scratch database as a restore does it, so that what passes here can be restored.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from pymailcore.base.errors import MailError, NotFound
from pymailcore.store.backup.cut import scratch_folder
from pymailcore.store.backup.manifest import Manifest, PackFiles, UnfitBackup, checked
from pymailcore.store.backup.rebuilding import rebuild_database
from pymailcore.store.backup.target import Target
from pymailcore.store.packs import Location
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.verifying.counts import verify_counts
from pymailcore.store.verifying.octets import Stored, damage_of
from pymailcore.store.verifying.sweep import Progress

_ROWS: Final = (
    "SELECT id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
    " WHERE pack = ?1 AND position >= ?2 AND position < ?3"
)
_MOST: Final = 1_000


def verify_backup(target: Target, manifest: Manifest, scratch: Path, progress: Progress) -> list[str]:
    """Give one line for each thing that is wrong; none when all is well. Blocks.

    Args:
        scratch: a folder with room for the database.
    """
    faults = [f"the backup says of itself: {damage}" for damage in manifest.damage]
    with scratch_folder(scratch) as folder:
        try:
            connection = rebuild_database(folder / "rows.sqlite", target, manifest, progress)
        except MailError as error:
            return [*faults, str(error)]
        except apsw.Error as error:
            return [*faults, f"the rows do not fit together: {error}"]
        try:
            progress.begin("counts")
            faults += drive(verify_counts, SqliteTransaction(connection))
            connection.execute("CREATE INDEX scratch_packs ON blobs (pack, position)")
            faults += _verify_packs(target, manifest, connection, progress)
        finally:
            connection.close(True)
    for file in manifest.files:
        try:
            checked(file, target.whole(file.name))
        except (UnfitBackup, NotFound) as error:
            faults.append(str(error))
    return faults


def _verify_packs(
    target: Target, manifest: Manifest, connection: apsw.Connection, progress: Progress
) -> list[str]:
    progress.begin("packs")
    faults: list[str] = []
    total = sum(pack.octets for pack in manifest.packs)
    done = 0
    for pack in manifest.packs:
        for fault in _verify_pack(target, pack, connection):
            if len(faults) < _MOST:
                faults.append(fault)
        done += pack.octets
        progress.at(done / total if total else 1.0)
    ends = {pack.pack: pack.octets for pack in manifest.packs}
    for pack_, end in connection.execute(
        "SELECT pack, max(position + stored_octets) FROM blobs WHERE pack <> 0 GROUP BY pack"
    ):
        if ends.get(pack_, 0) < end:
            faults.append(f"pack {abs(pack_):016x} has {ends.get(pack_, 0)} octets, rows name {end}")
    return faults


def _verify_pack(target: Target, pack: PackFiles, connection: apsw.Connection) -> Iterator[str]:
    end = 0
    for piece in pack.pieces:
        if piece.start != end:
            yield f"{piece.file.name} does not follow the piece before it"
        end = piece.start + piece.file.octets
        try:
            octets = checked(piece.file, target.whole(piece.file.name))
        except (UnfitBackup, NotFound) as error:
            yield str(error)
            continue
        for id_, tenant, key, *where in connection.execute(_ROWS, (pack.pack, piece.start, end)):
            damage = damage_of(Stored(id_, tenant, key, Location(*where)), octets, piece.start)
            if damage is not None:
                yield f"blob {id_} in {piece.file.name}: {damage}"
