"""How fast move-engine copies and compares a store, to PostgreSQL and back to SQLite.

python -m benchmarks.store_move [--messages 20000] [--octets 2048] [--insert] [--folder DIR]

With `--insert` PostgreSQL is given the rows by INSERT as it once was, and not by COPY, to compare the two.

PostgreSQL is the one of the tests, with fsync; its files are in memory where the machine has a tmpfs.
"""

import argparse
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.support.postgres import cluster

from benchmarks.store_support import command_line, opened, start
from benchmarks.store_tools import file_messages
from pymailcore.admin.transfer import moving
from pymailcore.admin.transfer.moving import Mover, read_sample
from pymailcore.base.ids import IdMint
from pymailcore.store.backup.dump import insert_sql
from pymailcore.store.backup.tables import Table
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.types import Row, Transaction
from pymailcore.store.verifying.sweep import Silent


async def _timed(name: str, mover: Mover, work: Callable[[], Awaitable[None]]) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    await work()
    seconds = time.perf_counter() - begun
    rows = mover.moved.rows
    print(
        f"{name:34s} {seconds:7.2f} s  {rows:9d} rows  {rows / seconds:9.0f} rows/s"
        f"  {mover.moved.octets / 1e6 / seconds:6.1f} MB/s  CPU {time.process_time() - cpu:6.2f} s",
        flush=True,
    )


async def _move(name: str, source: Store, settings: StoreSettings) -> None:
    ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    async with open_store(
        settings, notify=lambda *_: None, ids=ids, maintain=False, any_state=True
    ) as target:
        mover = Mover(source, target, Silent())
        await mover.claim()
        async with source.database.freeze():
            await mover.copy_packs()
            await _timed(f"{name}, rows", mover, mover.copy_rows)
            await _timed(f"{name}, compare", mover, mover.check)
            await mover.finish()
        await read_sample(target)


async def _insert(tx: Transaction, table: Table, rows: Sequence[Row]) -> None:
    await tx.run_many(insert_sql(table), rows)


async def _run(arguments: argparse.Namespace, folder: Path) -> None:
    if arguments.insert:
        moving.__dict__["load"] = _insert
    await file_messages(folder / "data", arguments.messages, arguments.octets)
    with cluster().database() as url:
        away = StoreSettings(data=folder / "data", metadata=url)
        async with opened(folder / "data") as store:
            await _move("SQLite to PostgreSQL", store, away)
        ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
        async with open_store(away, notify=lambda *_: None, ids=ids, maintain=False) as store:
            await _move("PostgreSQL to SQLite", store, StoreSettings(data=folder / "back"))
    cluster().close()


if __name__ == "__main__":
    options = command_line(__doc__)
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--octets", type=int, default=2_048)
    options.add_argument("--insert", action="store_true")
    start(options, _run)
