"""Mail that is dear to search, and a look at what others notice of a search, and what it takes."""

import functools
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import trio
from tests.support.stores import RECEIVED_MS

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, MailboxId
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_writing
from pymailcore.store.store import Store
from pymailcore.store.types import Incoming, Target, Transaction

SECONDS: Final = 2.0
"""The deadline of a search in these tests."""

FEW: Final = 12
MANY: Final = 240
"""Mails, in the short form of a test and in the long one."""

ENOUGH: Final = 20
"""With fewer looks at what others wait only the longest says something."""

MOST_GROWTH: Final = 64 * 1024 * 1024
"""Octets that the process may grow by during a search."""

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_FIRST: Final = 1_000
_AT_ONCE: Final = 5_000


def hostile_mail(n: int, count: int, chance: random.Random) -> bytes:
    """8 KiB of words that nothing repeats, and references that make loops."""
    words = ["".join(chance.choices(_LETTERS, k=7)) for _ in range(1_000)]
    references = [f"<{(n * 7 + step * 3) % count}@x>" for step in range(100)]
    lines = [f"From: {words[0]}@example.org", "To: b@example.org", f"Subject: Re: {words[1]} {n % 3}"]
    lines += [f"Message-ID: <{n}@x>", "References: " + "\r\n ".join(references)]
    body = "\r\n".join(" ".join(words[at : at + 9]) for at in range(0, 1_000, 9))
    return ("\r\n".join(lines) + "\r\n\r\n" + body + "\r\n").encode()


async def fill(store: Store, account: AccountId, count: int) -> None:
    """File such mail into INBOX."""
    chance = random.Random(7)  # noqa: S311 - words of a test
    incoming = [
        Incoming(await store.prepare(hostile_mail(n, count, chance)), [Target(account, "inbox")], n * 1_000)
        for n in range(count)
    ]
    await store.append_many(incoming, tenant=DEFAULT_TENANT)


async def index(store: Store, account: AccountId) -> None:
    """Bring the text index up to date."""
    index = index_writing(store.engine)
    indexer = Indexer(store.engine, index)
    await indexer.open()
    await indexer.index([account])
    await index.close()


async def fill_with_one_thread(store: Store, account: AccountId, mailbox: MailboxId, count: int) -> None:
    """Rows, without mail behind them, of one Thread."""
    thread = _FIRST

    async def work(tx: Transaction, every: range) -> None:
        emails = [
            (n, account, thread, n % 3, "work" if n % 2 else "", 1, 1, 1, 1, 100, RECEIVED_MS + n, 0)
            for n in every
        ]
        columns = (
            "id account thread flags extra visible flags_modseq created_modseq changed_modseq size_octets"
        )
        await tx.load("emails", [*columns.split(), "received_ms", "has_attachment"], emails)
        placed = [(mailbox, n, n, 0, 1, 1, RECEIVED_MS + n, RECEIVED_MS) for n in every]
        columns = "mailbox uid email deleted arrived_modseq modseq received_ms saved_ms"
        await tx.load("placements", columns.split(), placed)

    async def last(tx: Transaction) -> None:
        columns = "id account members emails unread unread_trash created_modseq changed_modseq"
        await tx.load("threads", columns.split(), [(thread, account, count, count, 0, 0, 1, 1)])

    for at in range(_FIRST, _FIRST + count, _AT_ONCE):
        some = range(at, min(at + _AT_ONCE, _FIRST + count))
        await store.database.write(functools.partial(work, every=some))
    await store.database.write(last)


class Seen(NamedTuple):
    """What was seen of some work: its seconds, those that others waited, octets that the process grew by."""

    took: float
    waited: Sequence[float]
    grown: int

    def check(self) -> None:
        """It has its bounds, and others were served meanwhile."""
        assert self.took < 2 * SECONDS + 1
        every = sorted(self.waited)
        assert len(every) < ENOUGH or every[len(every) * 9 // 10] < 0.25, every[-10:]
        assert every[-1] < 1.5, every[-3:]
        assert self.grown < MOST_GROWTH


async def seen(work: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[object]]) -> Seen:
    """Do some work, and meanwhile, again and again, what another user does."""
    waited: list[float] = []
    done = trio.Event()
    before = peak(anew=True)
    begun = trio.current_time()

    async def run() -> None:
        await work()
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        while not done.is_set() or not waited:
            since = trio.current_time()
            await other()
            waited.append(trio.current_time() - since)
            took = trio.current_time() - begun
    return Seen(took, waited, peak() - before)


def peak(*, anew: bool = False) -> int:
    """The most octets that the process has had; with `anew` it is counted from what there is now."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
