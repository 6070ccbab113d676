"""What housekeeping costs: collector, census, rewriting, scrub; and how long slices hold the write lock.

python -m benchmarks.store_house [--refs 100000,1000000] [--packs 4] [--folder DIR]

Blobs and references are made as rows, without messages. A tenth of the blobs is loose, half of those still
needed. Each job runs without rests and limits; the collector also with the share of time it has by default.
"""

import argparse
import dataclasses
import os
import random
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.store_support import command_line, opened, start
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.files import Files
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import Collector
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import live_blobs, pack_files
from pymailcore.store.housekeeping.pace import Pace, Throttle
from pymailcore.store.housekeeping.rewriter import rewrite
from pymailcore.store.housekeeping.scrub import Scrubber
from pymailcore.store.packs import OpenPack
from pymailcore.store.store import Store
from pymailcore.store.types import Transaction

T = TypeVar("T")
_OCTETS = 5_000
_PACK_OCTETS = 64 * 2**20
_BLOBS = (
    "INSERT INTO blobs (id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc)"
    " VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
)


class TimedHouse(House):
    """Keeps how long each slice held the write lock, and its CPU time."""

    def __init__(self, store: Store, percent: float = 100.0) -> None:
        super().__init__(store.engine, Metrics())
        self.settings = dataclasses.replace(
            self.settings, house_percent=percent, pack_rest_minutes=0.0, pack_gone_minutes=0.0
        )
        self._scrubbing = self._rewriting = Throttle(0)
        self.held: list[float] = []
        self.busy: list[float] = []

    async def write(self, work: Callable[[Transaction], Awaitable[T]], pace: Pace | None = None) -> T:
        """Write."""

        async def timed(tx: Transaction) -> T:
            begun, thread = time.perf_counter(), time.thread_time()
            result = await work(tx)
            self.held.append(time.perf_counter() - begun)
            self.busy.append(time.thread_time() - thread)
            return result

        return await super().write(timed, pace)


async def _measure(name: str, house: TimedHouse, job: Callable[[], Awaitable[object]]) -> float:
    house.held.clear()
    house.busy.clear()
    begun, usage = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    await job()
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    held = sorted(house.held) or [0.0]
    print(
        f"  {name:34} {took:7.2f} s, CPU {cpu:6.2f} s; {len(house.held):5} slices hold the lock: p99"
        f" {held[len(held) * 99 // 100] * 1000:5.2f} ms, longest {held[-1] * 1000:5.2f} ms"
        f" (CPU {max(house.busy, default=0.0) * 1000:.2f} ms)"
    )
    return took


def _row(key: bytes, *location: int) -> tuple[object, ...]:
    return (int.from_bytes(key[:8], "big") >> 1, key, *location)


async def _references(store: Store, refs: int) -> None:
    """Rows of blobs and of references to them, and a tenth that is loose."""
    blobs = [_row(os.urandom(32), 0, 0, 4000, 8000, 1, 0) for _ in range(refs)]
    base = 2**60 + refs
    for first in range(0, refs, 20_000):
        some = blobs[first : first + 20_000]

        async def work(tx: Transaction, first: int = first, some: list[tuple[object, ...]] = some) -> None:
            await tx.run_many(_BLOBS, some)
            await tx.run_many(
                "INSERT INTO blob_refs (owner, blob, tenant, account) VALUES (?1, ?2, 1, 1)",
                [(base + first + n, row[0]) for n, row in enumerate(some)],
            )

        await store.database.write(work)
    loose = random.sample(range(refs), refs // 10)

    async def let_go(tx: Transaction) -> None:
        gone = [(base + n,) for n in loose[: len(loose) // 2]]
        await tx.run_many("DELETE FROM blob_refs WHERE owner = ?1", gone)
        await tx.run_many("INSERT INTO loose_blobs (blob) VALUES (?1)", [(blobs[n][0],) for n in loose])

    await store.database.write(let_go)


async def _packs(store: Store, count: int) -> float:
    """Packs of which two fifths are alive; gives those MiB."""
    folder = House(store.engine, Metrics()).packs
    rows = []
    for number in range(1, count + 1):
        pack = OpenPack(folder, number, Files())
        stored = os.urandom(_OCTETS)
        while pack.end < _PACK_OCTETS:
            for _ in range(200):
                key = os.urandom(32)
                location = pack.add(1, key, _OCTETS, 0, stored)
                if random.random() < 0.4:
                    rows.append(_row(key, *location[:6]))
            pack.sync()
        pack.close()

    async def work(tx: Transaction) -> None:
        await tx.run_many(_BLOBS, rows)

    await store.database.write(work)
    return len(rows) * _OCTETS / 2**20


async def main(given: argparse.Namespace, folder: Path) -> None:
    """Measure each on a store of its own."""
    for refs in map(int, given.refs.split(",")):
        async with opened(folder / f"refs-{refs}") as store:
            for percent in (100.0, store.engine.settings.house_percent):
                await _references(store, refs)
                house = TimedHouse(store, percent)
                name = f"collect {refs:,} refs, {percent:.0f} % of the time"
                await _measure(name, house, Collector(house).run)
            house = TimedHouse(store)
            await _measure("census", house, lambda house=house: census(house))  # type: ignore[misc]
    async with opened(folder / "packs") as store:
        mib = await _packs(store, given.packs)
        house = TimedHouse(store)
        await census(house)
        took = await _measure(f"rewrite {given.packs} packs of 64 MiB", house, lambda: rewrite(house))
        print(f"  {mib:.0f} MiB alive were moved: {mib / took:.0f} MiB/s")
        scrubber = Scrubber(house, 0)
        living = await live_blobs(house, [file.pack for file in pack_files(house.packs)], 10**7)

        async def crc() -> None:
            for blobs in living.values():
                await scrubber.check([blob for blob in blobs if blob.key[-1] % 16])

        took = await _measure("scrub, checksums", house, crc)
        print(f"  {mib / took:.0f} MiB/s")
        scrubber.close()


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--refs", default="100000,1000000")
    parser.add_argument("--packs", type=int, default=4)
    start(parser, main)
