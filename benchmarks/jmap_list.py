"""Times the list of a webmail over real HTTP: Email/query and Email/get of 50 with preview, one request.

Also: sign-in by Basic each time (remembered by the directory), a keyword set on one Email, and the same list
without sockets, which shows the share of HTTP.

Run: `python benchmarks/jmap_list.py [--emails 2000] [--rounds 200]`.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import trio

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.http_server import http_server
from tests.support.jmap_world import NOW_MS, USING, JmapWorld, basic, jmap_world

PROPERTIES = (
    "id threadId mailboxIds keywords from to subject receivedAt size preview hasAttachment".split()  # noqa: SIM905
)


async def measure(name: str, rounds: int, work: Callable[[], Awaitable[object]]) -> None:
    """Run a piece of work many times and print its times."""
    for _ in range(10):
        await work()
    times = []
    cpu = time.process_time()
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        times.append((time.perf_counter() - began) * 1000)
    cpu = (time.process_time() - cpu) * 1000 / rounds
    times.sort()
    print(
        f"{name:42} p50 {statistics.median(times):6.2f} ms  p95 {times[int(rounds * 0.95)]:6.2f} ms  "
        f"CPU with the client {cpu:5.2f} ms"
    )


async def fill(world: JmapWorld, emails: int) -> None:
    """File messages of some kilobytes."""
    for number in range(emails):
        await world.deliver(
            f"From: Sender {number % 40} <s{number % 40}@example.net>\r\nTo: anna@example.org\r\n"
            f"Subject: Message number {number}\r\nMessage-ID: <{number}@example.net>\r\n"
            "Date: Thu, 1 Jan 2026 10:00:00 +0100\r\n\r\n".encode()
            + b"A line of text that stands for what people write to each other.\r\n" * 100,
            received_ms=NOW_MS + number * 1000,
        )


async def main(emails: int, rounds: int) -> None:
    """Measure over a store in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with jmap_world(Path(folder)) as world:
            await fill(world, emails)
            account = world.account_id
            calls = [
                [
                    "Email/query",
                    {
                        "accountId": account,
                        "filter": {"inMailbox": world.mailboxes["inbox"]},
                        "sort": [{"property": "receivedAt", "isAscending": False}],
                        "collapseThreads": False,
                        "limit": 50,
                    },
                    "q",
                ],
                [
                    "Email/get",
                    {
                        "accountId": account,
                        "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
                        "properties": PROPERTIES,
                    },
                    "g",
                ],
            ]
            email = (await world.call("Email/query", limit=1))["ids"][0]
            flip = [True]

            async with (
                http_server(world.app) as port,
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}", headers=basic(world.anna.name)
                ) as client,
            ):

                async def listed() -> None:
                    answer = await client.post("/jmap/api", json={"using": USING, "methodCalls": calls})
                    assert len(answer.json()["methodResponses"][1][1]["list"]) == 50

                async def marked() -> None:
                    flip[0] = not flip[0]
                    patch = {"keywords/$seen": True if flip[0] else None}
                    call = ["Email/set", {"accountId": account, "update": {email: patch}}, "s"]
                    answer = await client.post("/jmap/api", json={"using": USING, "methodCalls": [call]})
                    assert answer.json()["methodResponses"][0][1]["updated"]

                await measure(f"query + get of 50 in {emails}, HTTP", rounds, listed)
                await measure("the same without sockets", rounds, lambda: world.api(*calls))
                await measure("keyword set on one, HTTP, durable", rounds, marked)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emails", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    trio.run(main, arguments.emails, arguments.rounds)
