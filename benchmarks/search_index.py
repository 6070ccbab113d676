"""The full-text index: how fast mail is indexed, how large it is, how fast searches are with and without it.

Mail is generated: words of a vocabulary of 60,000 that are about as frequent as those of English prose (some
270 different ones among 480), punctuation, a reference that is in one message only. Sizes are those of
letters (log-normal, 3 KiB in the middle) unless --octets says otherwise. Latencies are those of one caller,
by the clock.

    python -m benchmarks.search_index                                        # 50,000 letters
    python -m benchmarks.search_index --bare --count 1000000 --octets 1500   # a million, some twenty minutes
    python -m benchmarks.search_index --folder /var/tmp/letters              # filled once, then only measured

With --bare there is no mail: rows are copies of a few (`store_fill`), texts are written into the index only.
What the index answers by itself is as it would be.

With --folder the store stays in that folder, and the cluster of --postgresql in another one in it. What is
there is measured; only where the index has another format than this code makes, it is made anew.
`filled.json` says what there is.
"""

import argparse
import functools
import itertools
import random
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import orjson
from tests.support.hostile import peak
from tests.support.postgres import Cluster

from benchmarks import store_fill
from benchmarks.store_support import (
    appender,
    by_callers,
    command_line,
    mailbox_id,
    opened,
    start,
)
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store import query as q
from pymailcore.store.engine import Engine
from pymailcore.store.folding import normal
from pymailcore.store.fulltext import index_file
from pymailcore.store.fulltext.documents import Document, Part
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_writing
from pymailcore.store.fulltext.lookup import NoIndex
from pymailcore.store.fulltext.words import FIELD
from pymailcore.store.postgres import text_index
from pymailcore.store.store import Store
from pymailcore.store.types import Transaction

ACCOUNT: Final = AccountId(1)
_WORDS: Final = 60_000
_LETTERS: Final = (
    "eeeeeeeeeeeettttttttaaaaaaaaooooooonnnnnniiiiiissssssrrrrrhhhhhllllddddccuuummffppggwwyybbvkxjqz"
)
_MESSAGE_ID: Final = re.compile(rb"Message-ID: <([0-9a-f]+)")
_REPEATS: Final = 40
_BATCH: Final = 5_000
_CLUSTER: Final = "postgresql"
_SETTINGS: Final = "max_wal_size = 4GB\nshared_buffers = 256MB"


@functools.cache
def vocabulary() -> tuple[list[str], list[float]]:
    """Words, the most frequent ones first and short, and the sums of their frequencies."""
    source = random.Random(5)
    words: dict[str, None] = {}
    while len(words) < _WORDS:
        length = max(2, round(source.gauss(3.5 if len(words) < 200 else 7.5, 2)))
        words["".join(source.choices(_LETTERS, k=length))] = None
    return list(words), list(itertools.accumulate(1 / (rank + 2.7) ** 1.15 for rank in range(_WORDS)))


def text(source: random.Random, octets: int) -> str:
    """Lines of words with punctuation."""
    words, sums = vocabulary()
    chosen = source.choices(words, cum_weights=sums, k=max(4, octets // 6))
    lines: list[str] = []
    line: list[str] = []
    size = 0
    for word in chosen:
        mark = source.random()
        line.append(word if mark > 0.1 else word + source.choice(",,,..;:?!)"))
        size += len(word) + 1
        if size > 70:
            lines.append(" ".join(line))
            line, size = [], 0
    return "\r\n".join([*lines, " ".join(line)])


def message(number: int, octets: int) -> bytes:
    """A message of about so many octets; 0: of the size of a letter."""
    source = random.Random(number)
    words, _ = vocabulary()
    size = octets or int(source.lognormvariate(7.8, 0.8))
    first, last = words[300 + number % 977], words[2_000 + number % 1_301]
    header = (
        f"Received: from mail{number % 50}.example.net ([192.0.2.{number % 250}]) by mx.example.org with"
        f" ESMTPS id {source.getrandbits(60):x};\r\n Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"From: {first.title()} {last.title()} <{first}.{last}@example.net>\r\n"
        "To: User <user@example.org>\r\n"
        f"Subject: {text(source, 30)}\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"Message-ID: <{source.getrandbits(64):x}@mail.example.net>\r\nX-Mailer: letters {number % 7}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    return (header + text(source, size - len(header)) + f"\r\nreference r{number}f\r\n").encode()


def contains(field: q.Field) -> Callable[[str], q.Filter]:
    """Needles of one field."""
    return lambda needle: q.Contains(field, needle)


def searches(count: int, octets: int) -> Iterator[tuple[str, list[q.Filter]]]:
    """What is asked, some needles each."""
    words, _ = vocabulary()
    source = random.Random(9)
    whole, body, from_, subject = map(contains, (q.Field.TEXT, q.Field.BODY, q.Field.FROM, q.Field.SUBJECT))

    def some(low: int, high: int) -> list[str]:
        return [words[rank] for rank in source.sample(range(low, high), _REPEATS)]

    def longer(found: list[str]) -> list[str]:
        return [word for word in found if len(word) > 3]

    yield "TEXT rare word", [whole(f"r{source.randrange(count)}f") for _ in range(_REPEATS)]
    yield "TEXT word of 1 mail in 100", [whole(word) for word in some(2_000, 8_000)]
    yield "TEXT frequent word", [whole(word) for word in longer(some(100, 900))]
    yield (
        "TEXT two words",
        [
            q.And((whole(one), whole(other)))
            for one, other in zip(some(200, 900), some(200, 900), strict=True)
        ],
    )
    pairs = zip(longer(some(60, 800)), longer(some(60, 800)), strict=False)
    yield "BODY phrase of two words", [body(f"{one} {other}") for one, other in pairs]
    inner = [word[1:-1] for word in some(3_000, 40_000) if len(word) > 6]
    yield "TEXT substring inside a word", [whole(part) for part in inner]
    yield "FROM", [from_(words[300 + source.randrange(977)]) for _ in range(_REPEATS)]
    yield "FROM, all mail", [from_("example.net") for _ in range(_REPEATS)]
    yield "SUBJECT", [subject(word) for word in longer(some(50, 900))]
    yield (
        "HEADER Message-ID",
        [
            q.HeaderContains("Message-ID", _MESSAGE_ID.findall(message(number, octets))[0].decode())
            for number in source.sample(range(count), 10)
        ],
    )
    yield "HEADER, one mail in seven", [q.HeaderContains("X-Mailer", f"letters {n}") for n in range(7)]
    parts = zip(longer(some(100, 9_000)), longer(some(100, 9_000)), strict=False)
    yield "BODY end and beginning of words", [body(f"{one[-3:]} {two[:3]}") for one, two in parts]
    parts = zip(longer(some(100, 9_000)), longer(some(100, 9_000)), strict=False)
    yield "BODY the same of two letters", [body(f"{one[-2:]} {two[:2]}") for one, two in list(parts)[:10]]
    yield (
        "words, prefix (JMAP)",
        [q.Matches(q.Field.TEXT, word[:4], q.How.PREFIX) for word in some(900, 9_000)],
    )


async def timed(store: Store, inbox: MailboxId, nodes: list[q.Filter], *, jmap: bool) -> tuple[str, float]:
    """Run some searches; gives a line and the worst but a twentieth."""
    took, used, hits = [], [], []
    for node in nodes:
        begun, cpu = time.perf_counter(), time.process_time()
        if jmap:
            _, _, total, _ = await store.query(
                ACCOUNT, node, [q.Sort(q.SortKey.RECEIVED)], limit=50, total=True
            )
            hits.append(total or 0)
        else:
            hits.append(len(await store.search(ACCOUNT, inbox, node)))
        took.append((time.perf_counter() - begun) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    took.sort()
    used.sort()
    p95 = took[min(len(took) - 1, int(len(took) * 0.95))]
    busy = used[min(len(used) - 1, int(len(used) * 0.95))]
    line = f"p50 {took[len(took) // 2]:8.2f} ms, p95 {p95:8.2f} ms, CPU p95 {busy:7.2f} ms"
    return f"{line}, {statistics.mean(hits):8.0f} hits", p95


async def fill(store: Store, count: int, octets: int) -> int:
    """Bring the inbox to so many messages; gives the octets of all."""
    numbers = iter(range(count))
    while some := list(itertools.islice(numbers, 2_000)):
        await by_callers(64, [message(number, octets) for number in some], appender(store, 1))
    found = await store.mailbox_named(ACCOUNT, "INBOX")
    assert found is not None
    return found.size_octets


async def fill_bare(engine: Engine, count: int, octets: int) -> None:
    """Write texts into the index for rows that are there; print what it took."""
    (emails, modseq) = await engine.database.read(_rows)
    writing = index_writing(engine)
    await writing.open()
    begun, used, size = time.perf_counter(), time.process_time(), 0
    for first in range(0, count, _BATCH):
        documents = []
        for number, email in enumerate(emails[first : first + _BATCH], first):
            header, _, body = message(number, octets).decode().partition("\r\n\r\n")
            fields = [normal(line) for line in header.replace("\r\n ", " ").split("\r\n")]
            named = {name: value for name, _, value in (line.partition(": ") for line in fields)}
            texts = (normal(body), named["subject"], named["from"], named["to"], "", "")
            documents.append(Document(email, (*texts, FIELD + FIELD.join(fields), "")))
            size += len(header) + len(body)
        await writing.write([Part(ACCOUNT, documents, (), modseq if first + _BATCH >= count else 0)])
    cpu, seconds = time.process_time() - used, time.perf_counter() - begun
    print(f"{count} texts made and indexed in {seconds:.0f} s, {cpu:.0f} of CPU", flush=True)
    while await writing.merge():
        pass
    index_octets = (await writing.statistics()).octets
    await writing.close()
    print(
        f"merged in {time.perf_counter() - begun - seconds:.0f} s, index {index_octets / 2**20:.0f} MiB,"
        f" {index_octets / size:.1%} of the texts"
    )


async def _rows(tx: Transaction) -> tuple[list[int], int]:
    rows = await tx.rows("SELECT id FROM emails WHERE account = ?1 ORDER BY id", ACCOUNT)
    modseq = await tx.row("SELECT modseq FROM accounts WHERE id = ?1", ACCOUNT)
    return [row[0] for row in rows], modseq[0] if modseq else 0


async def index(engine: Engine, count: int, size: int) -> None:
    """Index everything; print what it took."""
    writing = index_writing(engine)
    indexer = Indexer(engine, writing)
    await indexer.open()
    used = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    await indexer.index(await indexer.behind())
    now = resource.getrusage(resource.RUSAGE_SELF)
    seconds = time.perf_counter() - begun
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(
        f"indexed {count} messages of {size / count:.0f} octets: {count / cpu:.0f}/s of one core,"
        f" {cpu / count * 1e6:.0f} us CPU each, {count / seconds:.0f}/s by the clock"
    )
    while await writing.merge():
        pass
    octets = (await writing.statistics()).octets
    await writing.close()
    print(f"index {octets / 2**20:.1f} MiB, {octets / size:.1%} of the messages ({size / 2**20:.1f} MiB)")


class Kept:
    """What a folder was filled with: the mail, and the format of its index; `filled.json`.

    Raises:
        SystemExit: it was filled with something else.
    """

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._file = folder / "filled.json"
        wanted = {name: getattr(given, name) for name in ("count", "octets", "bare", "postgresql")}
        self._format = text_index.FORMAT if given.postgresql else index_file.FORMAT
        self._there = orjson.loads(self._file.read_bytes()) if self._file.exists() else {}
        if self._there and self._there["mail"] != wanted:
            raise SystemExit(f"{folder} holds {self._there['mail']} and not {wanted}")
        if not self._there and any(path.name != _CLUSTER for path in folder.iterdir()):
            raise SystemExit(f"{folder} holds something else, or was not filled to its end")
        self._wanted = wanted

    @property
    def size(self) -> int | None:
        """Octets of all mail that is there; None: there is none yet."""
        size: int | None = self._there.get("size")
        return size

    @property
    def indexed(self) -> bool:
        """Whether all of it is in an index of the format that is made now."""
        return bool(self._there.get("format") == self._format)

    def note(self, size: int, *, indexed: bool = False) -> None:
        """Say what there is now."""
        self._there = {"mail": self._wanted, "size": size, "format": self._format if indexed else ""}
        self._file.write_bytes(orjson.dumps(self._there))


async def filled(given: argparse.Namespace, folder: Path, kept: Kept, metadata: str) -> None:
    """See to it that the mail is there, and in the index; print what was done."""
    data = folder / "data"
    if kept.size is None and given.bare:
        await store_fill.fill(data, given.count, octets=2_048)
        if metadata:
            await store_fill.move(data, metadata)
    async with opened(data, metadata=metadata) as store:
        size = kept.size
        if size is None:
            size = 0 if given.bare else await fill(store, given.count, given.octets)
            kept.note(size)
            print(f"filled {folder} with {given.count} messages", flush=True)
        else:
            print(f"{folder} was filled with {given.count} messages before", flush=True)
        if kept.indexed:
            print("its index was made before", flush=True)
            return
        if given.bare:
            await fill_bare(store.engine, given.count, given.octets)
        else:
            await index(store.engine, given.count, size)
        kept.note(size, indexed=True)


async def main(given: argparse.Namespace, folder: Path) -> None:
    """Fill, index, search."""
    kept = Kept(given, folder)
    if not given.postgresql:
        await filled(given, folder, kept, "")
        await measure(given, folder, "")
        return
    cluster = Cluster(_SETTINGS, folder / _CLUSTER) if given.folder else Cluster(_SETTINGS)
    try:
        metadata = cluster.url(cluster.new_database() if kept.size is None else "t1")
        await filled(given, folder, kept, metadata)
        await measure(given, folder, metadata)
    finally:
        cluster.close()


async def measure(given: argparse.Namespace, folder: Path, metadata: str) -> None:
    """Search."""
    async with opened(folder / "data", metadata=metadata) as store:
        inbox = await mailbox_id(store, 1, "INBOX")
        before = peak()
        for name, nodes in searches(given.count, given.octets):
            if given.only and not re.search(given.only, name):
                continue
            there = peak(anew=True)
            await store.search(ACCOUNT, inbox, nodes[0])
            imap, _ = await timed(store, inbox, nodes, jmap=False)
            grown = peak() - there
            there = peak(anew=True)
            jmap, _ = await timed(store, inbox, nodes, jmap=True)
            print(f"{name:36s} IMAP {imap}, {grown / 2**20:+.0f} MiB", flush=True)
            print(f"{'':36s} JMAP {jmap}, {(peak() - there) / 2**20:+.0f} MiB", flush=True)
        after = peak(anew=True)
        print(f"memory: {before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB after all searches")
        store.engine.text_index = NoIndex()
        for name, nodes in searches(given.count, given.octets) if given.scans and not given.bare else ():
            line, _ = await timed(store, inbox, nodes[: given.scans], jmap=False)
            print(f"without index: {name:30s} {line}", flush=True)


if __name__ == "__main__":
    parser = command_line(__doc__, folder="is filled once and kept")
    parser.add_argument("--count", type=int, default=50_000, help="messages")
    parser.add_argument("--octets", type=int, default=0, help="of each; 0 for those of letters")
    parser.add_argument("--bare", action="store_true", help="rows without mail, texts in the index only")
    parser.add_argument(
        "--postgresql", action="store_true", help="on a PostgreSQL of its own, in memory or in the folder"
    )
    parser.add_argument("--scans", type=int, default=1, help="needles of each kind looked for without index")
    parser.add_argument("--only", help="kinds of searches, by a regular expression")
    start(parser, main, keeps=True)
