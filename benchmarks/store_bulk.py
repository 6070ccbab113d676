"""What work on a large Mailbox costs the store: reads, STORE, COPY, MOVE, searches.

python benchmarks/store_bulk.py [--messages 10000] [--octets 2048] [--folder DIR]
"""

import argparse
import functools
import gc
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from benchmarks.store_append import account_with_mailboxes, message
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, EmailId, IdMint
from pymailcore.store.keywords import keywords_of
from pymailcore.store.opening import open_store
from pymailcore.store.query import Contains, Field, InMailbox, Sort, SortKey
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.types import EmailUpdate, FlagChange, Target, Want

ALL = ((1, 2**32 - 1),)


async def _fill(store: Store, account: AccountId, count: int, octets: int) -> None:
    limit = trio.CapacityLimiter(100)

    async def one(number: int) -> None:
        async with limit:
            prepared = await store.prepare(message(number, octets))
            await store.deliver(
                prepared,
                [Target(account, "inbox")],
                tenant=DEFAULT_TENANT,
                received_ms=1_700_000_000_000 + number,
            )

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)


async def _timed(name: str, work: Callable[[], Awaitable[object]], times: int = 3) -> None:
    best = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        best.append((time.perf_counter() - begun) * 1000)
    print(f"{name:46s} first {best[0]:8.1f} ms, best {min(best):8.1f} ms")


async def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Fill a Mailbox and time each kind of work."""
    ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    account = AccountId(1)
    async with open_store(
        StoreSettings(data=folder), notify=lambda *_: None, ids=ids, maintain=True
    ) as store:
        await account_with_mailboxes(store, account)
        begun = time.perf_counter()
        await _fill(store, account, arguments.messages, arguments.octets)
        print(f"{arguments.messages} messages in {time.perf_counter() - begun:.1f} s")
        there = {mailbox.path: mailbox.id for mailbox in await store.mailboxes(account)}
        inbox, archive = there["INBOX"], there["Archive"]
        emails = [row.email for row in await store.fetch(account, inbox, ALL, Want.NONE, limit=10**6)]
        await _timed("snapshot", lambda: store.snapshot(account, inbox))
        await _timed("fetch flags", lambda: store.fetch(account, inbox, ALL, Want.NONE, limit=10**6))
        await _timed(
            "fetch flags, size, date", lambda: store.fetch(account, inbox, ALL, Want.FACTS, limit=10**6)
        )
        await _timed(
            "fetch envelope, bodystructure",
            lambda: store.fetch(account, inbox, ALL, Want.ENVELOPE | Want.BODYSTRUCTURE, limit=10**6),
        )

        async def octets() -> None:
            left = emails
            while left:
                left = left[len(await store.messages(account, left)) :]

        await _timed("all octets", octets, 2)
        for name in ("$flagged", "$seen"):
            for how in (FlagChange.ADD, FlagChange.REMOVE):
                work = functools.partial(store.set_flags, account, inbox, ALL, how, keywords_of([name]))
                await _timed(f"STORE 1:* {how.value}{name}", work, 1)
        sort = [Sort(SortKey.RECEIVED, ascending=False)]
        in_inbox = InMailbox(frozenset([inbox]))
        for collapse in (False, True):
            work50 = functools.partial(
                store.query, account, in_inbox, sort, collapse_threads=collapse, limit=50, total=True
            )
            await _timed(f"query newest 50 of the Mailbox, collapse={collapse}", work50)
        await _timed("emails 50", lambda: store.emails(account, emails[-50:]))
        await _timed("threads 50", lambda: store.threads(account, emails[-50:]))
        await _timed(
            "keyword of one Email",
            lambda: store.update_emails(
                account, [EmailUpdate(EmailId(emails[5]), add=keywords_of(["$seen"]))]
            ),
        )
        await _timed("SEARCH FROM", lambda: store.search(account, inbox, Contains(Field.FROM, "sender7@")))
        await _timed(
            "SEARCH SUBJECT", lambda: store.search(account, inbox, Contains(Field.SUBJECT, "port 77"))
        )
        await _timed("SEARCH BODY", lambda: store.search(account, inbox, Contains(Field.BODY, "qqqzz")), 2)
        begun_at = (await store.states(account)).modseq
        await store.set_flags(account, inbox, [(5, 5)], FlagChange.ADD, keywords_of(["$answered"]))
        await _timed("delta of one change", lambda: store.delta(account, inbox, begun_at))
        await _timed("COPY 1:*", lambda: store.copy(account, inbox, ALL, archive), 1)
        await _timed("MOVE 1:*", lambda: store.move(account, inbox, ALL, archive), 1)
        await _timed(
            "STORE 1:* +\\Deleted",
            lambda: store.set_flags(account, archive, ALL, FlagChange.ADD, keywords_of([]), deleted=True),
            1,
        )
        await _timed("EXPUNGE", lambda: store.expunge(account, archive, None), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--octets", type=int, default=2048)
    parser.add_argument("--switch", type=float, default=0.0005, help="sys.setswitchinterval, seconds")
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
