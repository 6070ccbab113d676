"""How fast verify, backup and restore are, and how long they keep a snapshot of the live database.

python -m benchmarks.store_tools [--messages 20000] [--octets 8192] [--rows 0] [--folder DIR]

Real messages, each unlike all others; with `--rows 1000000` the Inbox is then filled to so many by copies of
rows (store_fill), for the part of verify that looks at rows only, and for the rows of a backup.
"""

import argparse
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import trio

from benchmarks.store_fill import fill
from benchmarks.store_support import RECEIVED_MS, command_line, folder_octets, message, opened, start
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.store.backup.manifest import choose
from pymailcore.store.backup.restoring import restore_store
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.backup.verification import verify_backup
from pymailcore.store.store import Store
from pymailcore.store.types import Incoming, Target, Transaction
from pymailcore.store.verifying.sweep import Silent
from pymailcore.store.verifying.verifier import verify_store

T = TypeVar("T")
_BATCH = 100


class Timed:
    """Times one piece of work; prints it with its rates."""

    def __init__(self, name: str, messages: int, octets: int) -> None:
        self._name = name
        self._messages = messages
        self._octets = octets

    def __enter__(self) -> "Timed":
        self._begun = time.perf_counter()
        self._cpu = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._begun
        print(
            f"{self._name:38s} {seconds:7.2f} s  {self._messages / seconds:9.0f} messages/s"
            f"  {self._octets / 1e6 / seconds:7.1f} MB/s  CPU {time.process_time() - self._cpu:6.2f} s"
            f"  memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:5d} MiB",
            flush=True,
        )


async def file_messages(folder: Path, count: int, octets: int) -> None:
    """Make a store with so many messages."""
    async with opened(folder) as store:
        for first in range(0, count, _BATCH):
            batch = [
                Incoming(
                    await store.prepare(message(number, octets)),
                    [Target(AccountId(1), "inbox")],
                    RECEIVED_MS + number,
                )
                for number in range(first, min(count, first + _BATCH))
            ]
            await store.append_many(batch, tenant=DEFAULT_TENANT)


async def _verify(store: Store, name: str, count: int, octets: int, *, messages: bool) -> None:
    database = store.engine.database
    longest = 0.0
    real = database.read

    async def read(work: Callable[[Transaction], Awaitable[T]]) -> T:
        nonlocal longest
        begun = time.perf_counter()
        try:
            return await real(work)
        finally:
            longest = max(longest, time.perf_counter() - begun)

    database.read = read  # type: ignore[method-assign]
    try:
        with Timed(name, count, octets):
            report = await verify_store(store, messages=messages)
    finally:
        database.read = real  # type: ignore[method-assign]
    print(f"{'':38s} longest read {longest * 1000:.0f} ms, {report.total} faults", flush=True)


async def _run(arguments: argparse.Namespace, folder: Path) -> None:
    data = folder / "data"
    count, octets = arguments.messages, arguments.messages * arguments.octets
    await file_messages(data, count, arguments.octets)
    async with opened(data) as store:
        await _verify(store, "verify", count, octets, messages=False)
        await _verify(store, "verify --messages", count, octets, messages=True)
        target = FolderTarget(folder / "backup")
        with Timed("backup", count, octets):
            await take_backup(store.engine, target)
        with Timed("backup --incremental, nothing new", count, octets):
            await take_backup(store.engine, target, incremental=True)
    stored = folder_octets(folder / "backup")
    print(f"{'':38s} {stored / 1e6:.0f} MB of backups for {octets / 1e6:.0f} MB of mail", flush=True)
    manifest = choose(target, None)
    with Timed("restore --verify", count, octets):
        faults = await trio.to_thread.run_sync(verify_backup, target, manifest, folder, Silent())
    assert not faults
    now_ms = time.time_ns() // 1_000_000
    with Timed("restore, whole", count, octets):
        restore_store(folder / "new", target, manifest, Silent(), now_ms=now_ms)
    if arguments.rows > count:
        await fill(data, arguments.rows, octets=arguments.octets)
        octets = arguments.rows * arguments.octets
        async with opened(data) as store:
            await _verify(store, f"verify, {arguments.rows} rows", arguments.rows, octets, messages=False)
            with Timed(f"backup --incremental, {arguments.rows} rows", arguments.rows, octets):
                await take_backup(store.engine, target, incremental=True)


if __name__ == "__main__":
    options = command_line(__doc__)
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--octets", type=int, default=8_192)
    options.add_argument("--rows", type=int, default=0)
    start(options, _run)
