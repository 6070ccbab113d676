"""How the cost of the store's work grows with its messages: one account, 10,000 to 1,000,000 of them.

python -m benchmarks.store_growth [--messages 10000,100000,1000000] [--appends 2000] [--folder DIR]

Goal (issue 4): an append at 10^6 messages costs at most 1.3 times what it costs at 10^4. The last columns
are that ratio, by CPU time, by wall time, and by octets of the write-ahead log.
"""

import argparse
import functools
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.store_fill import fill
from benchmarks.store_support import (
    appender,
    by_callers,
    command_line,
    mailbox_id,
    message,
    opened,
    start,
    timed,
)
from pymailcore.base.ids import AccountId, EmailId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.layout import Layout
from pymailcore.store.query import InMailbox, Sort, SortKey
from pymailcore.store.store import Store
from pymailcore.store.types import EmailUpdate, FlagChange, Want

ACCOUNT = AccountId(1)


def _octets_read() -> int:
    """What this process has read from files, from the system's cache or from the disk."""
    return int(Path("/proc/self/io").read_text("ascii").split()[1])


async def _appends(store: Store, log: Path, first: int, arguments: argparse.Namespace) -> tuple[float, ...]:
    """File messages by 20 callers; CPU, time and octets of the log for each.

    The octets that are read and written say how the work grows on a busy machine, too.
    """
    messages = [message(first + n, 8192) for n in range(arguments.appends)]
    before = log.stat().st_size  # noqa: ASYNC240
    read = _octets_read()
    run = await by_callers(20, messages, appender(store, 1))
    octets = (log.stat().st_size - before) / run.count  # noqa: ASYNC240
    read = (_octets_read() - read) // run.count
    print(f"append, 20 callers: {run}, a message: log {octets:6.0f} octets, read {read:6d}", flush=True)
    return run.cpu_seconds / run.count, run.seconds / run.count, octets


async def _reads(store: Store, count: int) -> list[float]:
    """Reads and small changes; milliseconds of each."""
    inbox = await mailbox_id(store, 1, "INBOX")
    source = random.Random(count)
    since = (await store.states(ACCOUNT)).modseq
    uids = sorted(source.sample(range(1, count), 100))
    rows = await store.fetch(ACCOUNT, inbox, [(uid, uid) for uid in uids], Want.NONE)
    emails = [EmailId(row.email) for row in rows]
    newest = [Sort(SortKey.RECEIVED, ascending=False)]
    in_inbox = InMailbox(frozenset([inbox]))
    work: dict[str, Callable[[], Awaitable[object]]] = {
        "100 flags, here and there": functools.partial(
            store.set_flags,
            ACCOUNT,
            inbox,
            [(uid, uid) for uid in uids],
            FlagChange.ADD,
            keywords_of(["work"]),
        ),
        "keyword of one Email": lambda: store.update_emails(
            ACCOUNT, [EmailUpdate(emails[0], add=keywords_of(["$seen"]))]
        ),
        "delta of these changes": lambda: store.delta(ACCOUNT, inbox, since),
        "Email/changes of them": lambda: store.changes(ACCOUNT, "email", since, 500),
        "Thread/changes of them": lambda: store.changes(ACCOUNT, "thread", since, 500),
        "Mailbox/changes of them": lambda: store.changes(ACCOUNT, "mailbox", since, 500),
        "envelopes of 100": functools.partial(
            store.fetch, ACCOUNT, inbox, [(uid, uid) for uid in uids], Want.ENVELOPE
        ),
        "query newest 50": functools.partial(store.query, ACCOUNT, in_inbox, newest, limit=50, total=True),
        "Emails of 50": functools.partial(store.emails, ACCOUNT, emails[:50]),
        "octets of one": functools.partial(store.message, ACCOUNT, emails[0]),
    }
    return [await timed(name, one) for name, one in work.items()]


async def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Fill to each size and measure there."""
    sizes = [int(size) for size in arguments.messages.split(",")]
    costs, reads = [], []
    for size in sizes:
        await fill(folder, size, octets=2048)
        async with opened(folder, maintain=False) as store:
            log = Layout(folder).wal
            await _appends(store, log, size, argparse.Namespace(appends=200))  # caches
            costs.append(await _appends(store, log, 2 * size, arguments))
            reads.append(await _reads(store, size))
        print(f"database at {size}: {Layout(folder).database.stat().st_size / 1e6:.0f} MB", flush=True)
    for size, cost, read in zip(sizes[1:], costs[1:], reads[1:], strict=True):
        ratios = ", ".join(f"{now / then:.2f}" for now, then in zip(cost, costs[0], strict=True))
        slower = max(now / then for now, then in zip(read, reads[0], strict=True))
        print(f"{size} beside {sizes[0]}: append {ratios} (CPU, time, log); reads at most {slower:.1f} times")


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--messages", default="10000,100000,1000000")
    parser.add_argument("--appends", type=int, default=2000)
    start(parser, main)
