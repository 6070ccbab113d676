"""How long a point read waits while appends run: p50 and p99, alone and beside 20 callers that append.

python -m benchmarks.store_mixed [--messages 20000] [--reads 2000] [--folder DIR]
"""

import argparse
import functools
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from benchmarks.store_fill import fill
from benchmarks.store_support import ALL, EVERY, appender, command_line, mailbox_id, message, opened, start
from pymailcore.base.ids import AccountId, EmailId
from pymailcore.store.store import Store
from pymailcore.store.types import Want

ACCOUNT = AccountId(1)


async def _reads(name: str, read: Callable[[int], Awaitable[object]], count: int, most: int) -> None:
    source = random.Random(name)
    waits = []
    for _ in range(count):
        place = source.randrange(most)
        begun = time.perf_counter()
        await read(place)
        waits.append((time.perf_counter() - begun) * 1000)
        await trio.lowlevel.checkpoint()
    waits.sort()
    print(
        f"{name:36s} p50 {waits[count // 2]:7.3f} ms, p99 {waits[count * 99 // 100]:7.3f} ms, "
        f"worst {waits[-1]:7.3f} ms",
        flush=True,
    )


async def _all(store: Store, beside: str, arguments: argparse.Namespace, emails: list[int]) -> None:
    inbox = await mailbox_id(store, 1, "INBOX")
    work: dict[str, Callable[[int], Awaitable[object]]] = {
        "FETCH FLAGS of one": lambda n: store.fetch(ACCOUNT, inbox, [(n + 1, n + 1)], Want.NONE),
        "FETCH ENVELOPE of one": lambda n: store.fetch(ACCOUNT, inbox, [(n + 1, n + 1)], Want.ENVELOPE),
        "Email/get of one": lambda n: store.emails(ACCOUNT, [emails[n]]),
        "octets of one": lambda n: store.message(ACCOUNT, EmailId(emails[n])),
    }
    for name, read in work.items():
        await _reads(f"{name}, {beside}", read, arguments.reads, len(emails))


async def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Read alone, then beside appends."""
    await fill(folder, arguments.messages, octets=2048)
    async with opened(folder, accounts=2) as store:
        inbox = await mailbox_id(store, 1, "INBOX")
        rows = await store.fetch(ACCOUNT, inbox, ALL, Want.NONE, limit=EVERY)
        emails = [row.email for row in rows]
        await _all(store, "alone", arguments, emails)
        append = appender(store, 2)
        appended = 0

        async def caller(first: int) -> None:
            nonlocal appended
            number = first
            while True:
                await append(number, message(number, 8192))
                number += 20
                appended += 1

        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(functools.partial(caller, n))
            begun = time.perf_counter()
            await _all(store, "beside appends", arguments, emails)
            print(f"meanwhile {appended / (time.perf_counter() - begun):.0f} appends/s")
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--reads", type=int, default=2_000)
    start(parser, main)
