"""Restores a whole store from a backup, into an empty data folder, with the server down.

The folder is claimed first (`store.unfinished`): while the claim stands nobody opens a store in it, or makes
an empty one. Then come packs, keys and rows. The same command goes on after it was killed: packs that are
there stay, rows are made anew.
"""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from pymailcore.base.errors import AlreadyExists
from pymailcore.store.backup.manifest import Manifest, PackFiles, UnfitBackup, checked
from pymailcore.store.backup.rebuilding import check_schema, rebuild_database
from pymailcore.store.backup.renewal import renew
from pymailcore.store.backup.target import Target
from pymailcore.store.connection import open_connection
from pymailcore.store.layout import Layout, sync_folder
from pymailcore.store.packs import pack_path
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.unfinished import claim_folder, is_claimed, let_folder_go
from pymailcore.store.verifying.sweep import Progress

_MAKING: Final = "store.sqlite.restoring"
_CONFIGURATION: Final = "pymailcore.toml"


class Restored(NamedTuple):
    """What a restored store holds."""

    accounts: int
    emails: int
    queued: int
    octets: int


def restore_store(
    data: Path, target: Target, manifest: Manifest, progress: Progress, *, now_ms: int
) -> Restored:
    """Make a data folder of a backup; blocks.

    Raises:
        AlreadyExists: there is a store already.
        UnfitBackup: the backup is damaged, or of a later version.
    """
    check_schema(manifest)
    layout = Layout(data)
    layout.make()
    descriptor = os.open(layout.locks / "restore", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if layout.database.exists() and not is_claimed(data):
            raise AlreadyExists(
                f"{data} has a store already; move the folder away, or restore single accounts with --account"
            )
        claim_folder(data, manifest.name)
        restore_packs(layout.packs, target, manifest, progress)
        restore_files(data, target, manifest)
        restored = _restore_rows(layout, target, manifest, progress, now_ms)
        let_folder_go(data)
    finally:
        os.close(descriptor)
    return restored


def restore_packs(folder: Path, target: Target, manifest: Manifest, progress: Progress) -> None:
    """Make the pack files that are missing."""
    progress.begin("packs")
    total = sum(pack.octets for pack in manifest.packs)
    done = 0
    for pack in manifest.packs:
        path = pack_path(folder, abs(pack.pack))
        if not path.exists() or path.stat().st_size != pack.octets:
            write_pack(path, target, pack)
        done += pack.octets
        progress.at(done / total if total else 1.0)
    sync_folder(folder)


def write_pack(path: Path, target: Target, pack: PackFiles) -> None:
    """Put a pack together from its pieces; it has its name once it is on disk.

    Raises:
        UnfitBackup: a piece is damaged, or missing.
    """
    fresh = path.with_suffix(".restoring")
    with fresh.open("wb") as file:
        for piece in pack.pieces:
            if file.tell() != piece.start:
                raise UnfitBackup(f"{piece.file.name} does not follow the piece before it")
            file.write(checked(piece.file, target.whole(piece.file.name)))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _restore_rows(
    layout: Layout, target: Target, manifest: Manifest, progress: Progress, now_ms: int
) -> Restored:
    making = layout.data / _MAKING
    whole = [layout.database.with_name(layout.database.name + ending) for ending in ("", "-wal", "-shm")]
    for leftover in [*whole, *layout.data.glob(f"{_MAKING}*")]:  # nobody has used what was not whole
        leftover.unlink(missing_ok=True)
    connection = rebuild_database(making, target, manifest, progress)
    generation = secrets.token_bytes(16)
    try:
        with connection:
            # Objects of S3 are files now; they have the same form.
            connection.execute("UPDATE blobs SET pack = -pack WHERE pack < 0")
            drive(
                lambda tx: renew(tx, now_ms=now_ms, generation=generation),
                SqliteTransaction(connection),
            )
        restored = Restored(
            _count(connection, "SELECT count(*) FROM accounts"),
            _count(connection, "SELECT count(*) FROM emails"),
            _count(connection, "SELECT count(*) FROM queue_messages"),
            sum(pack.octets for pack in manifest.packs),
        )
    finally:
        connection.close(True)
    # Opened as the store opens it, so that it has its mode, then put on disk as a whole.
    open_connection(making, cache_octets=1 << 20).close(True)
    descriptor = os.open(making, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    making.rename(layout.database)
    sync_folder(layout.data)
    return restored


def _count(connection: apsw.Connection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row is not None else 0


def restore_files(data: Path, target: Target, manifest: Manifest) -> None:
    """Keys and certificates; the configuration beside them, for reading only. What is there stays."""
    for file in manifest.files:
        path = data / file.path
        if ".." in Path(file.path).parts or Path(file.path).is_absolute():
            raise UnfitBackup(f"{file.path} leads out of the data folder")
        if path.exists():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".restoring")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, checked(file, target.whole(file.name)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(path)
        sync_folder(path.parent)


def kept_files(data: Path, configuration: str, leave_out: Path | None) -> dict[str, bytes]:
    """Files of a data folder that a backup keeps beside the store: keys, certificates, the configuration.

    Args:
        configuration: its text.
        leave_out: the file of master keys, which must not lie beside what it opens.
    """
    secret = leave_out.resolve() if leave_out is not None else None
    found = {
        path.relative_to(data).as_posix(): path.read_bytes()
        for folder in ("keys", "tls")
        for path in sorted((data / folder).rglob("*"))
        if path.is_file() and not path.is_symlink() and path.resolve() != secret
    }
    if configuration:
        found[f"{_CONFIGURATION}.from-backup"] = configuration.encode()
    return found
