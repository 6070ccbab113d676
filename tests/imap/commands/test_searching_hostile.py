"""I4, P6, P12: the worst that can be asked is bounded, and others are served meanwhile."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from tests.support.imap_client import ACCOUNT, ImapWorld, imap_world
from tests.support.stores import EnginePlace

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.imap.settings import ImapSettings
from pymailcore.runtime.tls import TlsContexts
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_writing
from pymailcore.store.types import Incoming, Target

MAILS = 240
SECONDS = 2.0
"""The deadline of a search here."""

HASTY = ImapSettings(search_seconds=SECONDS)

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def hostile_mail(n: int, chance: random.Random) -> bytes:
    """8 KiB of words that nothing repeats, and references that make loops."""
    words = ["".join(chance.choices(LETTERS, k=7)) for _ in range(1_000)]
    references = [f"<{(n * 7 + step * 3) % MAILS}@x>" for step in range(100)]
    lines = [f"From: {words[0]}@example.org", "To: b@example.org", f"Subject: Re: {words[1]} {n % 3}"]
    lines += [f"Message-ID: <{n}@x>", "References: " + "\r\n ".join(references)]
    body = "\r\n".join(" ".join(words[at : at + 9]) for at in range(0, 1_000, 9))
    return ("\r\n".join(lines) + "\r\n\r\n" + body + "\r\n").encode()


async def fill(world: ImapWorld) -> None:
    chance = random.Random(7)  # noqa: S311 - words of a test
    incoming = [
        Incoming(await world.store.prepare(hostile_mail(n, chance)), [Target(ACCOUNT, "inbox")], n * 1_000)
        for n in range(MAILS)
    ]
    await world.store.append_many(incoming, tenant=DEFAULT_TENANT)
    values = {f"/private/filters/values/f{n}": b"FILTER f%d FILTER f%d" % (n + 1, n + 1) for n in range(40)}
    await world.store.sharing.set_annotations(ACCOUNT, None, ACCOUNT, dict(values))


def either(keys: list[str]) -> str:
    """A balanced tree of OR, which is as deep as the logarithm of its keys."""
    if len(keys) == 1:
        return keys[0]
    half = len(keys) // 2
    return f"OR {either(keys[:half])} {either(keys[half:])}"


def keys(form: str, count: int) -> list[str]:
    return [form.format(n=n) for n in range(count)]


WORST = {
    "keys": "SEARCH " + " ".join(keys("NOT BODY q{n}x", 127)),
    "alternatives": "SEARCH " + either(keys("BODY q{n}x", 128)),
    "headers": "SEARCH " + either(keys("HEADER X-{n} q", 128)),
    "depth": "SEARCH " + "NOT " * 31 + "TEXT qqqq",
    "parentheses": "SEARCH " + "(" * 30 + "NOT TEXT qqqq" + ")" * 30,
    "one letter": "SEARCH " + either(keys("TEXT q", 100)),
    "no letter": "SEARCH TEXT '-'",
    "blank": 'SEARCH OR BODY " " TEXT "q "',
    "same set": "SEARCH " + ",".join(["1:*"] * 65_536),
    "scattered set": "SEARCH UID " + ",".join(str(n) for n in range(1, 131_072, 2)),
    "sets": "SEARCH " + either(["1,3,5,7:*"] * 128),
    "keywords": "SEARCH " + either(keys("KEYWORD k{n}", 128)),
    "fuzzy": "SEARCH FUZZY TEXT {}",
    "marks": "SEARCH CHARSET UTF-8 TEXT {}",
    "growth": "SEARCH CHARSET UTF-8 SUBJECT {}",
    "controls": "SEARCH CHARSET UTF-8 BODY {}",
    "filters": "SEARCH FILTER f0",
    "criteria": f"SORT ({' '.join(['SUBJECT', 'REVERSE FROM', 'TO', 'CC'] * 8)}) UTF-8 TEXT q",
    "references": "THREAD REFERENCES UTF-8 ALL",
}
NEEDLES = {
    "fuzzy": b"q " * 4_000,
    "marks": b"a" + "\u0301".encode() * 4_000,
    "growth": "\ufdfa".encode() * 2_700,
    "controls": "\u202e\u2066".encode() * 1_300,
}


@pytest.fixture
async def worst_world(
    tmp_path: Path, tls: TlsContexts, store_settings: EnginePlace, indexed: bool
) -> AsyncIterator[ImapWorld]:
    """A server on either engine, with such mail, indexed or not."""
    async with imap_world(tmp_path, tls, HASTY, **store_settings) as world:
        await fill(world)
        if indexed:
            index = index_writing(world.store.engine)
            indexer = Indexer(world.store.engine, index)
            await indexer.open()
            await indexer.index([ACCOUNT])
            await index.close()
        yield world


@pytest.mark.slow
async def test_the_worst_queries_are_bounded_and_others_are_served(world: ImapWorld) -> None:
    """Each ends within its deadline, by an answer or NO; a NOOP of another session is quick meanwhile."""
    world.settings = HASTY
    await fill(world)
    await ask_the_worst(world)


@pytest.mark.long
@pytest.mark.parametrize("indexed", [False, True], ids=["scanned", "indexed"])
async def test_the_worst_queries_are_bounded_on_both_engines_and_over_an_index(
    worst_world: ImapWorld,
) -> None:
    await ask_the_worst(worst_world)


async def ask_the_worst(world: ImapWorld) -> None:
    waited: dict[str, list[float]] = {}
    took: dict[str, float] = {}
    async with await world.log_in("INBOX") as hostile, await world.log_in() as other:
        for name, command in WORST.items():
            done = trio.Event()
            waited[name] = []

            async def ask(name: str = name, command: str = command, done: trio.Event = done) -> None:
                begun = trio.current_time()
                reply = await hostile.command(command, *([NEEDLES[name]] if name in NEEDLES else []))
                took[name] = trio.current_time() - begun
                assert reply.status == "OK" or reply.code in ("LIMIT", "UNDEFINED-FILTER f0"), (name, reply)
                done.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                while not done.is_set():
                    begun = trio.current_time()
                    await other.ok("NOOP")
                    waited[name].append(trio.current_time() - begun)
    assert {name: seconds for name, seconds in took.items() if seconds > 2 * SECONDS} == {}
    every = sorted(seconds for some in waited.values() for seconds in some)
    assert every[len(every) * 9 // 10] < 0.05, every[-10:]
    assert every[-1] < 1.0, {name: max(some) for name, some in waited.items()}
    assert sum(took.values()) < 20.0, took
