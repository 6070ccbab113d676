"""How many messages the store takes a second, durably, and what one costs: CPU, log, database, packs.

python benchmarks/store_append.py [--callers 1,20,100] [--messages 3000] [--octets 8192] [--folder DIR]

Without --maintain nobody copies the write-ahead log back, so that its growth is what the messages wrote.
"""

import argparse
import gc
import random
import resource
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

import trio

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint
from pymailcore.store.layout import Layout
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.types import Target, Transaction

_WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=2 + n % 9))  # noqa: S311
    for n in range(4000)
]


def message(number: int, octets: int) -> bytes:
    """A message of about this size, unlike all others."""
    source = random.Random(number)  # noqa: S311
    header = (
        "Received: from client.example ([192.0.2.1]) by mx.example.org;\r\n"
        " Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"From: Sender {number % 97} <sender{number % 97}@example.net>\r\nTo: user@example.org\r\n"
        f"Subject: Report {number} {source.choice(_WORDS)}\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"Message-ID: <{number}.{source.getrandbits(64):x}@example.net>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    lines = []
    size = len(header)
    while size < octets:
        line = " ".join(source.choices(_WORDS, k=11)) + "\r\n"
        lines.append(line)
        size += len(line)
    return (header + "".join(lines)).encode()


async def account_with_mailboxes(store: Store, account: AccountId) -> None:
    """Make an account as the directory does."""

    async def work(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO accounts (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)",
            account,
            f"user{account}@example.org",
        )
        await store.create_account(tx, account, DEFAULT_TENANT)

    await store.database.write(work)


async def _run(store: Store, messages: list[bytes], callers: int, *, accounts: int, log: Path) -> None:
    waits: list[float] = []
    queue = iter(enumerate(messages))

    async def caller() -> None:
        for number, octets in queue:
            begun = time.perf_counter()
            prepared = await store.prepare(octets)
            account = AccountId(1 + number % accounts)
            await store.deliver(
                prepared,
                [Target(account, "inbox")],
                tenant=DEFAULT_TENANT,
                received_ms=1_700_000_000_000,
            )
            waits.append(time.perf_counter() - begun)

    before = await _database_octets(store), _length(log)
    used = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(caller)
    seconds = time.perf_counter() - begun
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    grown = await _database_octets(store) - before[0], _length(log) - before[1]
    waits.sort()
    print(
        f"{callers:4d} callers: {len(messages) / seconds:7.0f} messages/s, "
        f"{cpu / len(messages) * 1000:6.3f} CPU-s per 1,000, "
        f"wait p50 {waits[len(waits) // 2] * 1000:6.2f} ms, "
        f"p99 {waits[len(waits) * 99 // 100] * 1000:6.2f} ms, "
        f"a message: log {grown[1] / len(messages):6.0f}, database {grown[0] / len(messages):5.0f} octets"
    )


async def _database_octets(store: Store) -> int:
    row = await store.database.read(
        lambda tx: tx.row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    )
    return int(row[0]) if row else 0


def _length(path: Path) -> int:
    return path.stat().st_size


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "reserve")


async def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Run each number of callers on one store."""
    ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    settings = StoreSettings(data=folder)
    async with open_store(settings, notify=lambda *_: None, ids=ids, maintain=arguments.maintain) as store:
        for n in range(arguments.accounts):
            await account_with_mailboxes(store, AccountId(n + 1))
        number = 0
        for callers in map(int, arguments.callers.split(",")):
            count = arguments.messages if callers > 1 else max(1, arguments.messages // 4)
            messages = [message(number + n, arguments.octets) for n in range(count)]
            await _run(store, messages, callers, accounts=arguments.accounts, log=Layout(folder).wal)
            number += count
        database = await _database_octets(store)
    packs = await trio.to_thread.run_sync(_size, folder / "packs")
    sent = number * arguments.octets
    print(
        f"of the octets sent: packs {packs / sent:.2f} + database {database / sent:.2f}"
        f" = {(packs + database) / sent:.2f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", default="1,20,100")
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--octets", type=int, default=8192)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--maintain", action="store_true", help="copy the log back as a server does")
    parser.add_argument("--switch", type=float, default=0.005, help="sys.setswitchinterval, seconds")
    parser.add_argument("--gc", type=int, default=700, help="first threshold of the garbage collector")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    sys.setswitchinterval(given.switch)
    gc.set_threshold(given.gc, 20, 100)
    place = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        trio.run(main, given, place)
    finally:
        shutil.rmtree(place)
