"""CPU of SPF for one message of a stranger, on the thread that serves.

Run: python -m benchmarks.spf_cost [--messages 500]

A DNS server in a process of its own answers on loopback. `question` is one look-up without SPF, `our part` an
evaluation with its task whose answer is there at once.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Final

import structlog
import trio
from tests.support.dns_zone import serving
from tests.support.spf_zone import ZoneLookups, evaluate, look_up, sending

from pymailcore.dns.resolver import Resolver
from pymailcore.dns.settings import DnsSettings
from pymailcore.mailauth.questions import Answer, Question
from pymailcore.mailauth.spf import Verdict
from pymailcore.mailauth.spf_record import MAX_RECORD_OCTETS, parse_record
from pymailcore.mx.sender_policy import SenderPolicies
from pymailcore.runtime.metrics import Metrics

ROUNDS: Final = 3
_NETWORKS: Final = " ".join(f"ip4:10.{number}.0.0/16" for number in range(12))
_INCLUDING: Final = {
    "e.example": ["TXT v=spf1 include:s.example ip4:192.0.2.0/24 -all"],
    "s.example": ["TXT v=spf1 include:a.example include:b.example ~all"],
    "a.example": [f"TXT v=spf1 {_NETWORKS} ~all"],
    "b.example": [f"TXT v=spf1 {_NETWORKS} ?all"],
}


async def serve_zone(domains: int) -> None:
    """Say the port and answer until the parent ends."""
    plain = {(f"d{number}.example", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 -all"'] for number in range(domains)}
    other = {
        (f"i{number}.example", "TXT"): [f'"v=spf1 include:d{number}.example -all"']
        for number in range(domains)
    }
    async with serving({**plain, **other}, ttl=3_600) as server:
        print(server.port, flush=True)
        await trio.sleep_forever()


async def each(name: str, times: int, work: Callable[[], Awaitable[object]]) -> None:
    """Print microseconds of CPU, the smallest and the largest of some rounds."""
    seen = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(times):
            await work()
        seen.append((time.thread_time() - began) / times * 1e6)
    print(f"{name:48} {min(seen):8.0f} {max(seen):8.0f}")


async def measure(port: int, times: int) -> None:
    """Measure all."""
    resolver = Resolver(DnsSettings(nameservers=("127.0.0.1",), port=port))
    asked = SenderPolicies(resolver, Metrics())
    near = SenderPolicies(AtOnce(_INCLUDING), Metrics())

    def judge(policies: SenderPolicies, domains: Iterable[str]) -> Callable[[], Awaitable[Verdict | None]]:
        names = iter(domains)

        async def work() -> Verdict | None:
            pending = policies.ask(sending(f"ann@{next(names)}", explain=False), seconds=20, connection="c")
            return await pending.wait(20)

        return work

    numbers, again, further = count(), count(), count(times * ROUNDS)

    async def question() -> None:
        await resolver.texts(f"d{next(further)}.example")

    async with trio.open_nursery() as nursery:
        await nursery.start(asked.run)
        await nursery.start(near.run)
        await each("question", times, question)
        await each("nothing known, two questions", times, judge(asked, (f"i{n}.example" for n in numbers)))
        await each("all known, with an include", times, judge(asked, (f"i{n}.example" for n in again)))
        await each("our part, with its task", times, judge(near, ("a.example" for _ in count())))
        nursery.cancel_scope.cancel()

    async def known() -> None:
        evaluate(_INCLUDING, sending(explain=False))

    spaces = count()

    async def anew() -> None:
        gap = " " * (next(spaces) % 400)  # more than are remembered
        evaluate(
            {name: [text + gap for text in _INCLUDING[name]] for name in _INCLUDING}, sending(explain=False)
        )

    await each("evaluation, three includes, records known", times, known)
    await each("evaluation, three includes, records anew", times, anew)
    for term in (b"ip4:10.1.2.0/24", b"ip6:::/0"):

        async def longest(term: bytes = term) -> None:
            parse_record(
                (b"v=spf1 " + (term + b" ") * MAX_RECORD_OCTETS)[:MAX_RECORD_OCTETS].rpartition(b" ")[0]
            )

        await each(f"the longest record of {term.decode()}", max(1, times // 20), longest)


class AtOnce(ZoneLookups):
    """Knows nothing beforehand and everything at once."""

    async def answer(self, question: Question) -> Answer:
        """The answer, after a turn of the loop."""
        await trio.lowlevel.checkpoint()
        return look_up(self.zone, question)


def main() -> int:
    """Measure; `--serve` is the process with the DNS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--serve", type=int, default=0)
    options = parser.parse_args()
    if options.serve:
        trio.run(serve_zone, options.serve)
        return 0
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    domains = str(2 * ROUNDS * options.messages)
    command = [sys.executable, "-m", "benchmarks.spf_cost", "--serve", domains]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            title = f"load {os.getloadavg()[0]:.1f}, microseconds of CPU"
            print(f"{title:48} {'least':>8} {'most':>8}")
            trio.run(measure, int(server.stdout.readline()), options.messages)
        finally:
            server.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
