"""Takes a backup of a store, beside the server that runs on it.

Theory: rows first, packs after. Packs are written before the rows that name them, so packs that are copied
after the rows hold everything that those rows name; what they hold beyond is left out. Housekeeping does not
remove packs meanwhile: on this node because of the lock, on all nodes of a database because of the hold,
which is looked at once more when everything is copied. The manifest comes last: without it nothing of a
generation counts.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import trio

from pymailcore.base.errors import NotFound
from pymailcore.store.backup.cut import dump_store, scratch_folder
from pymailcore.store.backup.manifest import (
    File,
    Manifest,
    PackFiles,
    UnfitBackup,
    file_of,
    generations,
    manifest_file,
    read_manifest,
    write_manifest,
)
from pymailcore.store.backup.packs import PackCopier, packs_stay
from pymailcore.store.backup.streams import TableWriter
from pymailcore.store.backup.target import Target
from pymailcore.store.engine import Engine
from pymailcore.store.housekeeping.holds import hold
from pymailcore.store.layout import Layout
from pymailcore.store.migrate import VERSION
from pymailcore.store.verifying.sweep import Progress, Silent

_NAME: Final = "%Y%m%dT%H%M%SZ"


class Taken(NamedTuple):
    """A backup that was taken; `new_octets` were written for it, the others were there."""

    manifest: Manifest
    new_octets: int


async def take_backup(
    engine: Engine,
    target: Target,
    *,
    incremental: bool = False,
    files: Mapping[str, bytes] | None = None,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> Taken:
    """Back a store up.

    Args:
        incremental: share what the newest generation has of the packs.
        files: further files to keep, by where they belong below the data folder.
        scratch: where a copy of the database may lie meanwhile; by default the target, or the data folder.

    Raises:
        TemporaryFailure: another backup to this target is running, there is no room, or packs could not be
            kept from being removed.
        OSError: the target cannot be written.
    """
    layout = Layout(engine.settings.data)
    told = progress or Silent()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(target.alone())
        make_sure = await stack.enter_async_context(_packs_kept(engine, layout))
        folder = stack.enter_context(scratch_folder(scratch or target.folder or layout.data / "run"))
        taken_ms = engine.now_ms()
        existing = generations(target)
        previous = _newest(target, existing) if incremental else None
        name = _free_name(taken_ms, existing)
        writer = TableWriter(target, f"{name}/tables/")
        told.begin("rows")
        damage = await dump_store(engine, writer, folder, told.at)
        told.begin("packs")
        copier = PackCopier(engine.settings.pack_folder, engine.objects, target, f"{name}/packs/")
        had = {pack.pack: pack for pack in previous.packs} if previous is not None else {}
        ends = {pack: end for pack, end in sorted(writer.pack_ends.items()) if pack}
        total = sum(max(0, end - (had[pack].octets if pack in had else 0)) for pack, end in ends.items())
        packs: list[PackFiles] = []
        for pack, end in ends.items():
            copied = await trio.to_thread.run_sync(copier.copy, pack, end, had.get(pack))
            if copied is not None:
                packs.append(copied)
            told.at(min(1.0, copier.copied_octets / total) if total else 1.0)
        kept = await trio.to_thread.run_sync(_copy_files, target, f"{name}/files/", files or {})
        manifest = Manifest(
            name=name,
            taken_ms=taken_ms,
            version=version("pymailcore"),
            schema=VERSION,
            engine=engine.database.kind,
            previous=previous.name if previous is not None else "",
            tables=tuple(writer.tables),
            packs=tuple(packs),
            files=tuple(kept),
            damage=(*damage, *copier.damage),
        )
        await make_sure()
        signed = await trio.to_thread.run_sync(write_manifest, target, manifest)
    rows = sum(part.octets for table in signed.tables for part in table.parts)
    return Taken(signed, rows + copier.copied_octets + sum(file.octets for file in kept))


@contextlib.asynccontextmanager
async def _packs_kept(engine: Engine, layout: Layout) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Keep housekeeping from removing packs; gives what makes sure that it was kept so all the time."""
    with packs_stay(layout.locks / "backup"):
        if engine.database.kind == "sqlite":  # no other node, and a full disk is no reason to have no backup
            yield trio.lowlevel.checkpoint
        else:
            async with hold(engine, "backup") as held:
                yield held.renew


def _free_name(taken_ms: int, existing: list[str]) -> str:
    """A name that comes after all others."""
    moment = taken_ms // 1000
    while True:
        name = datetime.fromtimestamp(moment, UTC).strftime(_NAME)
        if not existing or name > existing[-1]:
            return name
        moment += 1


def _newest(target: Target, names: list[str]) -> Manifest | None:
    for name in reversed(names):
        try:
            return read_manifest(target, name)
        except (UnfitBackup, NotFound):
            continue
    return None


def _copy_files(target: Target, prefix: str, files: Mapping[str, bytes]) -> list[File]:
    kept = []
    for number, (path, octets) in enumerate(sorted(files.items())):
        file = file_of(f"{prefix}{number:04}", octets, path)
        target.put(file.name, octets)
        kept.append(file)
    return kept


class Pruned(NamedTuple):
    """What a pruning removed."""

    generations: tuple[str, ...]
    files: int
    octets: int


def prune(target: Target, keep: int) -> Pruned:
    """Remove all but the newest generations, and the files that no other one needs; blocks.

    Manifests go first: one whose files are gone must never be there.

    Raises:
        UnfitBackup: a manifest that is to stay is damaged, so nobody can tell what it needs.
    """
    with target.alone():
        names = generations(target)
        gone, stay = names[: max(0, len(names) - keep)], names[max(0, len(names) - keep) :]
        needed = {file.name for name in stay for file in read_manifest(target, name).all_files()}
        target.delete([manifest_file(name) for name in gone])
        newest = names[-1] if names else ""
        # What is newer than the newest generation may belong to a backup that runs elsewhere.
        loose = [
            entry
            for entry in target.listed()
            if entry.name not in needed
            and not entry.name.startswith("manifests/")
            and entry.name.partition("/")[0] <= newest
        ]
        target.delete([entry.name for entry in loose])
    return Pruned(tuple(gone), len(loose), sum(entry.octets for entry in loose))
