"""How many messages the store takes a second, durably, and what one costs: CPU, log, database, packs.

python -m benchmarks.store_append [--callers 1,20,100] [--messages 3000] [--octets 8192] [--folder DIR]

Beside it, in the same run on the same disk: the same store with one commit for each append, and a Maildir
(write, fsync, rename, fsync of the folder) by as many threads. Without --maintain nobody copies the
write-ahead log back, so that its growth is what the messages wrote.
"""

import argparse
import os
from pathlib import Path

import trio

from benchmarks.store_support import appender, by_callers, command_line, folder_octets, message, opened, start
from pymailcore.store import writer
from pymailcore.store.layout import Layout, sync_folder
from pymailcore.store.store import Store


async def _database_octets(store: Store) -> int:
    row = await store.database.read(
        lambda tx: tx.row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    )
    return int(row[0]) if row else 0


def _messages(arguments: argparse.Namespace, first: int, callers: int) -> list[bytes]:
    count = arguments.messages if callers > 1 else max(1, arguments.messages // 4)
    return [message(first + n, arguments.octets) for n in range(count)]


async def _store(arguments: argparse.Namespace, folder: Path) -> dict[int, float]:
    """Each number of callers on one store; gives the rates."""
    rates = {}
    number = 0
    log = Layout(folder).wal
    async with opened(folder, accounts=arguments.accounts, maintain=arguments.maintain) as store:
        for callers in map(int, arguments.callers.split(",")):
            messages = _messages(arguments, number, callers)
            before = await _database_octets(store), log.stat().st_size
            run = await by_callers(callers, messages, appender(store, arguments.accounts))
            grown = await _database_octets(store) - before[0], log.stat().st_size - before[1]
            print(
                f"{callers:4d} callers: {run}, "
                f"a message: log {grown[1] / run.count:6.0f}, database {grown[0] / run.count:5.0f} octets",
                flush=True,
            )
            rates[callers] = run.count / run.seconds
            number += run.count
        database = await _database_octets(store)
    packs = await trio.to_thread.run_sync(folder_octets, folder / "packs")
    sent = number * arguments.octets
    print(
        f"of the octets sent: packs {packs / sent:.2f} + database {database / sent:.2f}"
        f" = {(packs + database) / sent:.2f}"
    )
    return rates


async def _one_by_one(arguments: argparse.Namespace, folder: Path, callers: int) -> float:
    """The same store, but a transaction for each append."""
    batch = writer.MAX_BATCH
    writer.MAX_BATCH = 1  # type: ignore[misc]
    try:
        async with opened(folder, accounts=arguments.accounts, maintain=arguments.maintain) as store:
            messages = _messages(arguments, 10**6, callers)
            run = await by_callers(callers, messages, appender(store, arguments.accounts))
    finally:
        writer.MAX_BATCH = batch  # type: ignore[misc]
    print(f"{callers:4d} callers, one commit each: {run}", flush=True)
    return run.count / run.seconds


def _into_maildir(folder: Path, number: int, octets: bytes) -> None:
    fresh = folder / "tmp" / f"{number}.host"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, octets)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(folder / "new" / fresh.name)
    sync_folder(folder / "new")


async def _maildir(arguments: argparse.Namespace, folder: Path, callers: int) -> float:
    for number in range(arguments.accounts):
        for name in ("tmp", "new", "cur"):
            (folder / str(number) / name).mkdir(parents=True)
    threads = trio.CapacityLimiter(callers)

    async def one(number: int, octets: bytes) -> None:
        there = folder / str(number % arguments.accounts)
        await trio.to_thread.run_sync(_into_maildir, there, number, octets, limiter=threads)

    run = await by_callers(callers, _messages(arguments, 2 * 10**6, callers), one)
    print(f"{callers:4d} callers, Maildir: {run}", flush=True)
    return run.count / run.seconds


async def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Run each number of callers on one store, then the others with 20."""
    rates = await _store(arguments, folder / "store")
    callers = 20 if 20 in rates else max(rates)
    alone = await _one_by_one(arguments, folder / "alone", callers)
    maildir = await _maildir(arguments, folder / "maildir", callers)
    print(
        f"at {callers} callers: {rates[callers] / alone:.1f} times one commit each, "
        f"{rates[callers] / maildir:.1f} times Maildir"
    )


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--callers", default="1,20,100")
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--octets", type=int, default=8192)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--maintain", action="store_true", help="copy the log back as a server does")
    start(parser, main)
