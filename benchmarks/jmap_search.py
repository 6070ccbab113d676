"""Searches of a webmail over real HTTP: Email/query of a search string, and the snippets of a page of 50.

The mail is that of `search_index`. Queries are sent alone, and with SearchSnippet/get in the same request, as
a webmail does that shows what was found.

Run: `python -m benchmarks.jmap_search [--count 50000] [--rounds 200]`.
"""

import argparse
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import trio
from tests.support.http_server import http_server
from tests.support.jmap_world import NOW_MS, USING, JmapWorld, basic, jmap_world

from benchmarks.search_index import message, vocabulary
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_folder
from pymailcore.store.fulltext.writing import SqliteWriting
from pymailcore.store.types import Incoming, Target

PAGE: Final = 50
_TOGETHER: Final = 200


async def fill(world: JmapWorld, count: int) -> None:
    """File mail, and index it."""
    numbers = iter(range(count))
    anna = world.anna
    begun = time.perf_counter()
    while some := list(itertools.islice(numbers, _TOGETHER)):
        messages = [
            Incoming(
                await world.store.prepare(message(number, 0)), [Target(anna.id, "inbox")], NOW_MS + number
            )
            for number in some
        ]
        await world.store.append_many(messages, tenant=anna.tenant)
    filled = time.perf_counter()
    engine = world.store.engine
    writing = SqliteWriting(engine.database, index_folder(engine))
    indexer = Indexer(engine, writing)
    await indexer.open()
    while behind := await indexer.behind():
        await indexer.index(behind)
    while await writing.merge():
        pass
    await writing.close()
    print(
        f"{count} messages: filed in {filled - begun:.0f} s, indexed in {time.perf_counter() - filled:.0f} s"
    )


def searches(count: int, rounds: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What is asked for, by name."""
    words, _ = vocabulary()
    source = random.Random(3)

    def some(low: int, high: int, letters: int = 99) -> list[str]:
        return [words[source.randrange(low, high)][:letters] for _ in range(rounds)]

    yield "rare word", [{"text": f"r{source.randrange(count)}f"} for _ in range(rounds)]
    yield "word of 1 mail in 100", [{"text": word} for word in some(2_000, 8_000)]
    yield "first four letters", [{"text": word} for word in some(900, 9_000, 4)]
    yield "common word", [{"text": word} for word in some(100, 400)]
    yield (
        "two common words",
        [{"text": f"{one} {two}"} for one, two in zip(some(100, 400), some(100, 400), strict=True)],
    )
    yield (
        "phrase of common words",
        [{"text": f'"{one} {two}"'} for one, two in zip(some(0, 60), some(0, 60), strict=True)],
    )
    yield "part of an address", [{"from": word} for word in some(300, 1_277, 5)]
    yield "subject", [{"subject": word} for word in some(50, 500)]


class Asker:
    """A client with one connection."""

    def __init__(self, client: httpx.AsyncClient, account: str) -> None:
        self._client = client
        self._account = account

    async def timed(self, condition: dict[str, Any], *, snippets: bool) -> tuple[float, int]:
        """Milliseconds of one request, and how much was found."""
        query = {
            "accountId": self._account, "filter": condition, "limit": PAGE, "calculateTotal": True,
            "sort": [{"property": "receivedAt", "isAscending": False}],
        }  # fmt: skip
        calls: list[Any] = [["Email/query", query, "q"]]
        if snippets:
            found = {"resultOf": "q", "name": "Email/query", "path": "/ids"}
            calls.append(
                [
                    "SearchSnippet/get",
                    {"accountId": self._account, "filter": condition, "#emailIds": found},
                    "s",
                ]
            )
        begun = time.perf_counter()
        answer = await self._client.post("/jmap/api", json={"using": USING, "methodCalls": calls})
        took = (time.perf_counter() - begun) * 1000
        answers = answer.json()["methodResponses"]
        ids = answers[0][1]["ids"]
        if snippets:
            shown = answers[1][1]["list"]
            assert len(shown) == len(ids)
            if "text" in condition:
                assert sum(bool(one["preview"] or one["subject"]) for one in shown) >= len(ids) * 0.8
        return took, answers[0][1]["total"]


async def main(count: int, rounds: int) -> None:
    """Measure over a store in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with jmap_world(Path(folder)) as world:
            await fill(world, count)
            async with (
                http_server(world.app) as port,
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}", headers=basic(world.anna.name), timeout=60
                ) as client,
            ):
                asker = Asker(client, world.account_id)
                for name, conditions in searches(count, rounds):
                    for snippets in (False, True):
                        await asker.timed(conditions[0], snippets=snippets)
                        took = sorted([await asker.timed(one, snippets=snippets) for one in conditions])
                        times = [one for one, _ in took]
                        hits = statistics.median(found for _, found in took)
                        what = f"and {PAGE} snippets" if snippets else name
                        print(
                            f"{what:24} p50 {statistics.median(times):7.2f} ms"
                            f"  p95 {times[int(len(times) * 0.95)]:7.2f} ms  {hits:6.0f} found",
                            flush=True,
                        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    trio.run(main, arguments.count, arguments.rounds)
