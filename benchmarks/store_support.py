"""What the benchmarks of the store share: messages, an open store, timing, command line."""

import argparse
import gc
import os
import random
import resource
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw
import trio

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint, MailboxId
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.types import Target, Transaction

ALL: Final = ((1, 2**32 - 1),)
EVERY: Final = 10**7
RECEIVED_MS: Final = 1_700_000_000_000

_WORDS = ["".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=2 + n % 9)) for n in range(4000)]


def message(number: int, octets: int) -> bytes:
    """A message of about this size, unlike all others."""
    source = random.Random(number)
    header = (
        "Received: from client.example ([192.0.2.1]) by mx.example.org;\r\n"
        " Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"From: Sender {number % 97} <sender{number % 97}@example.net>\r\nTo: user@example.org\r\n"
        f"Subject: Report {number} {source.choice(_WORDS)}\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"Message-ID: <{number}.{source.getrandbits(64):x}@example.net>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    return (header + text(source, octets - len(header))).encode()


def text(source: random.Random, octets: int) -> str:
    """Lines of words, about so many octets."""
    lines = []
    size = 0
    while size < octets:
        line = " ".join(source.choices(_WORDS, k=11)) + "\r\n"
        lines.append(line)
        size += len(line)
    return "".join(lines)


async def account_with_mailboxes(store: Store, account: AccountId) -> None:
    """Make an account as the directory does."""
    given = store.new_account()

    async def work(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO accounts (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)",
            account,
            f"user{account}@example.org",
        )
        await store.create_accounts(tx, [(account, DEFAULT_TENANT, given)])

    await store.database.write(work)


@asynccontextmanager
async def opened(
    folder: Path, *, accounts: int = 1, maintain: bool = True, metadata: str = ""
) -> AsyncIterator[Store]:
    """A store as a server has it, with accounts from 1 on."""
    ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    settings = StoreSettings(data=folder, metadata=metadata)
    async with open_store(settings, notify=lambda *_: None, ids=ids, maintain=maintain) as store:
        for n in range(1, accounts + 1):
            if not await store.mailboxes(AccountId(n)):
                await account_with_mailboxes(store, AccountId(n))
        yield store


async def mailbox_id(store: Store, account: int, path: str) -> MailboxId:
    """The id of a Mailbox."""
    return {mailbox.path: mailbox.id for mailbox in await store.mailboxes(AccountId(account))}[path]


@dataclass(frozen=True, slots=True)
class Run:
    """What many appends took."""

    count: int
    seconds: float
    cpu_seconds: float
    waits: list[float]  # ascending

    def share(self, part: float) -> float:
        """A percentile of the waits, in milliseconds."""
        return self.waits[min(len(self.waits) - 1, int(len(self.waits) * part))] * 1000

    def __str__(self) -> str:
        return (
            f"{self.count / self.seconds:7.0f} messages/s, "
            f"{self.cpu_seconds / self.count * 1000:6.3f} CPU-s per 1,000, "
            f"wait p50 {self.share(0.5):6.2f} ms, p99 {self.share(0.99):6.2f} ms"
        )


async def by_callers(callers: int, items: list[bytes], one: Callable[[int, bytes], Awaitable[object]]) -> Run:
    """Do something with each item, by so many tasks at a time."""
    waits: list[float] = []
    queue = iter(enumerate(items))

    async def caller() -> None:
        for number, octets in queue:
            begun = time.perf_counter()
            await one(number, octets)
            waits.append(time.perf_counter() - begun)

    used = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(caller)
    seconds = time.perf_counter() - begun
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return Run(len(items), seconds, cpu, sorted(waits))


def appender(
    store: Store, accounts: int, mailbox: str = "inbox"
) -> Callable[[int, bytes], Awaitable[object]]:
    """Files messages into the accounts in turn."""

    async def append(number: int, octets: bytes) -> None:
        await store.deliver(
            await store.prepare(octets),
            [Target(AccountId(1 + number % accounts), mailbox)],
            tenant=DEFAULT_TENANT,
            received_ms=RECEIVED_MS + number,
        )

    return append


async def timed(name: str, work: Callable[[], Awaitable[object]], times: int = 3) -> float:
    """Time something, print it; gives the best in milliseconds."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        took.append((time.perf_counter() - begun) * 1000)
    print(f"{name:46s} first {took[0]:8.1f} ms, best {min(took):8.1f} ms", flush=True)
    return min(took)


def octets_by_part(database: Path) -> dict[str, int]:
    """What each table and index of a database takes, the largest first."""
    connection = apsw.Connection(str(database))
    try:
        return {
            str(name): int(octets)
            for name, octets in connection.execute(
                "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC"
            )
        }
    finally:
        connection.close()


def folder_octets(folder: Path) -> int:
    """Octets of all files in a folder but the reserve."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "reserve")


def allocated_octets(folder: Path) -> int:
    """Octets of the blocks that all files in a folder but the reserve take."""
    return sum(
        path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file() and path.name != "reserve"
    )


def command_line(
    doc: str | None, *, folder: str = "on the disk that is to be measured"
) -> argparse.ArgumentParser:
    """A parser with the options that all have; `folder` says what that option is for."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--switch", type=float, default=0.005, help="sys.setswitchinterval, seconds")
    parser.add_argument("--gc", type=int, default=700, help="first threshold of the garbage collector")
    parser.add_argument("--folder", type=Path, help=folder)
    return parser


def start(
    parser: argparse.ArgumentParser,
    main: Callable[[argparse.Namespace, Path], Awaitable[None]],
    *,
    keeps: bool = False,
) -> None:
    """Read the command line and run on a folder of its own, which is removed.

    Args:
        keeps: a folder that was named is the one itself, and stays.
    """
    given = parser.parse_args()
    sys.setswitchinterval(given.switch)
    gc.set_threshold(given.gc, 20, 100)
    stays = keeps and given.folder is not None
    if stays:
        given.folder.mkdir(parents=True, exist_ok=True)
    place = given.folder.absolute() if stays else Path(tempfile.mkdtemp(dir=given.folder))
    before = os.getloadavg()[0]
    try:
        trio.run(main, given, place)
    finally:
        if not stays:
            shutil.rmtree(place)
    print(f"{os.cpu_count()} cores, load {before:.1f} before and {os.getloadavg()[0]:.1f} after", flush=True)
