"""Removes pack files that nothing names: those written anew, and those that a crash left without rows.

Theory: a file goes only when (1) `packs` has said for `pack_gone_minutes` that nothing names it, (2) no
living process writes it, (3) a walk through all rows finds none that names it, and (4) no backup runs: a
backup holds `locks/backup` shared, and, since another node may take it, a row of `holds`. From (1) on no row
can come to name it (ops.blob_rows): a process that has put a blob there and names it only then is told so and
writes it again; (3) finds those that were quicker. A file without a row in `packs` is looked for in the rows
of blobs once it has been at rest, and gets its row. The row of a pack that was removed stays for some days,
for a process that sleeps so long.
"""

import fcntl
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from pymailcore.runtime.logs import get_logger
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import PackFile, is_written, live_octets, pack_files
from pymailcore.store.layout import sync_folder
from pymailcore.store.packs import pack_path
from pymailcore.store.types import Transaction

_LOOKED: Final = (
    "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (id) DO UPDATE SET octets = excluded.octets, live_octets = excluded.live_octets,"
    " looked_ms = excluded.looked_ms, gone_ms = excluded.gone_ms"
)

_FORGET: Final = "DELETE FROM packs WHERE id = ?1"

REMEMBERED_MS: Final = 7 * 86_400_000

log = get_logger()


@contextmanager
def no_backup(lock: Path) -> Iterator[bool]:
    """Keep backups out while held; False: one runs."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def remove(folder: Path, lock: Path, pack: int) -> bool:
    """Remove a pack file unless a backup runs; True when it is not there any more."""
    with no_backup(lock) as alone:
        if alone:
            pack_path(folder, pack).unlink(missing_ok=True)
            sync_folder(folder)
        return alone


def due(gone_ms: int | None, now_ms: int, wait_ms: float) -> bool:
    """Whether a pack was gone for long enough. Pure."""
    return gone_ms is not None and now_ms - gone_ms >= wait_ms


class _Known(NamedTuple):
    octets: int
    live_octets: int
    gone_ms: int | None


async def _forget(tx: Transaction, pack: int) -> None:
    await tx.run(_FORGET, pack)


async def _known(tx: Transaction) -> dict[int, _Known]:
    rows = await tx.rows("SELECT id, octets, live_octets, gone_ms FROM packs WHERE id > 0")
    return {row[0]: _Known(*row[1:]) for row in rows}


async def sweep(house: House) -> None:
    """Look at packs that nobody knows, and remove those that are gone; the job."""
    folder = house.packs
    files = {file.pack: file for file in await house.thread(pack_files, folder)}
    known = await house.read(_known)
    now_ms = house.now_ms()
    strange = [
        file
        for pack, file in files.items()
        if pack not in known and now_ms - file.written_ms >= house.pack_rest_ms
    ]
    over = [
        files[pack]
        for pack, there in known.items()
        if pack in files and due(there.gone_ms, now_ms, house.pack_gone_ms)
    ]
    quiet = [file for file in (*strange, *over) if not await house.thread(is_written, folder, file.pack)]
    await house.database.settle()  # those that did not see yet that a pack is gone
    live = await live_octets(house, [file.pack for file in quiet])
    for file in quiet:
        if file.pack in known and not live.get(file.pack):
            await _remove(house, file)
        else:
            await _note(house, file, live.get(file.pack, 0))
    for pack, there in known.items():
        if there.gone_ms is not None and there.gone_ms > now_ms and pack in files:
            await _note(house, files[pack], 0)  # the clock was set back: its time begins anew
        elif pack not in files and not there.live_octets:
            if there.gone_ms is None or due(there.gone_ms, now_ms, REMEMBERED_MS):
                await house.write(functools.partial(_forget, pack=pack))
            elif there.octets:
                await _removed(house, pack)


async def _note(house: House, file: PackFile, live: int) -> None:
    """Write down what rows name of a pack; one that nothing names begins to be gone."""
    now_ms = house.now_ms()
    gone_ms = None if live else now_ms
    await house.write(lambda tx: tx.run(_LOOKED, file.pack, file.octets, live, now_ms, gone_ms))


async def _remove(house: House, file: PackFile) -> None:
    if not await house.can_remove():
        return
    if await house.thread(remove, house.packs, house.layout.locks / "backup", file.pack):
        await _removed(house, file.pack)
        house.metrics.store_packs_removed.inc()
        log.info("pack removed", pack=f"{file.pack:016x}", octets=file.octets)


async def _removed(house: House, pack: int) -> None:
    await house.write(lambda tx: tx.run("UPDATE packs SET octets = 0, live_octets = 0 WHERE id = ?1", pack))
