"""Backups of a real store: whole, incremental, while mail arrives, killed, pruned."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import trio
from tests.support.stores import Opened, a_message, counted_ids, opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import EmailId
from pymailcore.store.backup.manifest import choose, generations, read_manifest
from pymailcore.store.backup.restoring import restore_store
from pymailcore.store.backup.taking import prune, take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.backup.verification import verify_backup
from pymailcore.store.verifying.sweep import Silent
from pymailcore.store.verifying.verifier import verify_store

NOW_MS = 1_800_000_000_000


def body(number: int) -> str:
    return "".join(f"line {line} of message {number}\r\n" for line in range(200))


async def fill(opened: Opened, first: int, last: int) -> dict[EmailId, bytes]:
    """Some messages, by Email."""
    filed = {}
    for number in range(first, last):
        octets = a_message(f"number {number}", body=body(number))
        filed[(await opened.deliver(octets)).email] = octets
    return filed


async def same_mail(opened: Opened, filed: dict[EmailId, bytes]) -> None:
    """Every message is there, octet for octet, and everything counts up."""
    report = await verify_store(opened.store, messages=True)
    assert (report.faults, report.notes) == ([], [])
    async with trio.open_nursery():
        for email, octets in filed.items():
            assert await opened.store.message(opened.account, email) == octets


async def test_a_backup_is_restored_octet_for_octet(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        filed = await fill(opened, 0, 20)
        taken = await take_backup(opened.store.engine, target)
    assert taken.manifest.damage == ()
    assert taken.new_octets == taken.manifest.octets
    restored = restore_store(tmp_path / "new", target, choose(target, None), Silent(), now_ms=NOW_MS)
    assert restored.emails == 20
    async with opened_store(tmp_path / "new", ids=counted_ids(2)) as opened:
        await same_mail(opened, filed)
        await fill(opened, 100, 101)


async def test_an_incremental_backup_copies_only_what_came(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        filed = await fill(opened, 0, 30)
        first = await take_backup(opened.store.engine, target)
        filed |= await fill(opened, 30, 32)
        second = await take_backup(opened.store.engine, target, incremental=True)
        third = await take_backup(opened.store.engine, target, incremental=True)
    packs = [
        sum(file.octets for file in taken.manifest.all_files() if "/packs/" in file.name)
        for taken in (first, second, third)
    ]
    assert packs[0] < packs[1] == packs[2]
    new = {file.name for file in third.manifest.all_files()} - {
        file.name for file in second.manifest.all_files()
    }
    assert not any("/packs/" in name for name in new)
    for number, taken in enumerate((first, second, third)):
        assert verify_backup(target, taken.manifest, tmp_path / "scratch", Silent()) == []
        restore_store(tmp_path / f"new{number}", target, taken.manifest, Silent(), now_ms=NOW_MS)
    async with opened_store(tmp_path / "new2") as opened:
        await same_mail(opened, filed)


async def test_pruning_leaves_what_the_others_need(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        filed = await fill(opened, 0, 5)
        for number in range(3):
            await take_backup(opened.store.engine, target, incremental=True)
            filed |= await fill(opened, 10 * number + 10, 10 * number + 11)
        last = await take_backup(opened.store.engine, target, incremental=True)
    names = generations(target)
    target.put(f"{names[0]}/packs/left-by-one-that-was-killed", b"x")
    pruned = prune(target, 1)
    assert pruned.generations == tuple(names[:3])
    assert generations(target) == names[3:]
    assert verify_backup(target, last.manifest, tmp_path / "scratch", Silent()) == []
    assert {entry.name for entry in target.listed() if not entry.name.startswith("manifests/")} == {
        file.name for file in last.manifest.all_files()
    }
    assert prune(target, 1).files == 0


async def test_two_backups_at_a_time_are_refused(opened: Opened, tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "backup")
    with target.alone(), pytest.raises(TemporaryFailure, match="another backup"):
        await take_backup(opened.store.engine, FolderTarget(tmp_path / "backup"))


def _append(
    data: Path, started: "multiprocessing.synchronize.Event", stop: "multiprocessing.synchronize.Event"
) -> None:
    async def work() -> None:
        async with opened_store(data, ids=counted_ids(77)) as opened:
            number = 0
            while not stop.is_set():
                await opened.deliver(a_message(f"from afar {number}", body=body(number)))
                number += 1
                started.set()

    trio.run(work)


async def test_a_backup_while_another_process_appends(tmp_path: Path) -> None:
    """The cut is one moment: counters, rows and octets of the copy agree, whatever comes meanwhile."""
    target = FolderTarget(tmp_path / "backup")
    spawn = multiprocessing.get_context("spawn")
    started, stop = spawn.Event(), spawn.Event()
    async with opened_store(tmp_path / "data") as opened:
        filed = await fill(opened, 0, 10)
        other = spawn.Process(target=_append, args=(tmp_path / "data", started, stop))
        other.start()
        try:
            await trio.to_thread.run_sync(started.wait)
            taken = await take_backup(opened.store.engine, target)
        finally:
            stop.set()
            await trio.to_thread.run_sync(other.join)
        assert other.exitcode == 0
    assert taken.manifest.damage == ()
    assert verify_backup(target, taken.manifest, tmp_path / "scratch", Silent()) == []
    restored = restore_store(tmp_path / "new", target, taken.manifest, Silent(), now_ms=NOW_MS)
    assert restored.emails > 10
    async with opened_store(tmp_path / "new") as opened:
        await same_mail(opened, filed)


class DyingTarget(FolderTarget):
    """Kills its process at a certain file."""

    def __init__(self, folder: Path, files: int) -> None:
        super().__init__(folder)
        self._files = files

    def put(self, name: str, octets: bytes) -> None:
        self._files -= 1
        if not self._files:
            os.kill(os.getpid(), signal.SIGKILL)
        super().put(name, octets)


def _backup_and_die(data: Path, folder: Path, files: int) -> None:
    async def work() -> None:
        async with opened_store(data) as opened:
            await take_backup(opened.store.engine, DyingTarget(folder, files), incremental=True)

    trio.run(work)


@pytest.mark.parametrize("from_end", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_a_killed_backup_leaves_the_older_ones(tmp_path: Path, from_end: int) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        filed = await fill(opened, 0, 5)
        first = await take_backup(opened.store.engine, target)
        await fill(opened, 5, 6)
    names = generations(target)
    files = sum(1 for table in first.manifest.tables if table.parts) + 2
    spawn = multiprocessing.get_context("spawn")
    victim = spawn.Process(
        target=_backup_and_die, args=(tmp_path / "data", tmp_path / "backup", files + 1 - from_end)
    )
    victim.start()
    await trio.to_thread.run_sync(victim.join)
    assert victim.exitcode == -signal.SIGKILL
    assert generations(target) == names
    assert verify_backup(target, read_manifest(target, names[0]), tmp_path / "scratch", Silent()) == []
    async with opened_store(tmp_path / "data") as opened:
        again = await take_backup(opened.store.engine, target, incremental=True)
        await same_mail(opened, filed)
    assert verify_backup(target, again.manifest, tmp_path / "scratch", Silent()) == []
    prune(target, 1)
    assert not list((tmp_path / "backup").glob("scratch-*"))
