"""I4, P6, P12: the worst that can be asked is bounded, and others are served meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.support import hostile
from tests.support.imap_client import ACCOUNT, ImapWorld, imap_world
from tests.support.stores import EnginePlace

from pymailcore.imap.settings import ImapSettings
from pymailcore.runtime.tls import TlsContexts

HASTY = ImapSettings(search_seconds=hostile.SECONDS)


def either(keys: list[str]) -> str:
    """A balanced tree of OR, which is as deep as the logarithm of its keys."""
    if len(keys) == 1:
        return keys[0]
    half = len(keys) // 2
    return f"OR {either(keys[:half])} {either(keys[half:])}"


def keys(form: str, count: int) -> list[str]:
    return [form.format(n=n) for n in range(count)]


WORST: Final = {
    "keys": "SEARCH " + " ".join(keys("NOT BODY q{n}x", 127)),
    "alternatives": "SEARCH " + either(keys("BODY q{n}x", 128)),
    "phrases": "SEARCH " + either(keys('BODY "{n} q"', 128)),
    "ends of words": "SEARCH " + either(keys('TEXT "a b"', 64) + keys('TEXT "e {n}"', 64)),
    "headers": "SEARCH " + either(keys("HEADER X-{n} q", 128)),
    "one header": "SEARCH " + either(keys('HEADER References "{n}"', 128)),
    "depth": "SEARCH " + "NOT " * 31 + "TEXT qqqq",
    "parentheses": "SEARCH " + "(" * 30 + "NOT TEXT qqqq" + ")" * 30,
    "one letter": "SEARCH " + either(keys("TEXT q", 100)),
    "no letter": "SEARCH TEXT '-'",
    "blank": 'SEARCH BODY " "',
    "blanks and letters": 'SEARCH OR BODY " " TEXT "q "',
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
    "relevancy": "SORT (RELEVANCY) UTF-8 FUZZY TEXT {}",
    "references": "THREAD REFERENCES UTF-8 ALL",
}
NEEDLES: Final = {
    "fuzzy": b"q " * 4_000,
    "marks": b"a" + "\u0301".encode() * 4_000,
    "growth": "\ufdfa".encode() * 2_700,
    "controls": "\u202e\u2066".encode() * 1_300,
    "relevancy": b" ".join(b"q%d" % n for n in range(1_000)),
}
REFUSALS: Final = ("LIMIT", "UNDEFINED-FILTER f0")


@asynccontextmanager
async def worst_world(
    tmp_path: Path, tls: TlsContexts, place: EnginePlace, count: int, *, indexed: bool
) -> AsyncIterator[ImapWorld]:
    """A server with such mail, indexed or not, and filters that double."""
    async with imap_world(tmp_path, tls, HASTY, **place) as world:
        await hostile.fill(world.store, ACCOUNT, count)
        values = {
            f"/private/filters/values/f{n}": b"FILTER f%d FILTER f%d" % (n + 1, n + 1) for n in range(40)
        }
        await world.store.sharing.set_annotations(ACCOUNT, None, ACCOUNT, dict(values))
        if indexed:
            await hostile.index(world.store, ACCOUNT)
        yield world


async def ask(world: ImapWorld, name: str) -> None:
    """It ends within its deadline, by an answer or NO; what another session asks is quick meanwhile."""
    async with await world.log_in("INBOX") as searching, await world.log_in("INBOX") as other:

        async def search() -> None:
            reply = await searching.command(WORST[name], *([NEEDLES[name]] if name in NEEDLES else []))
            assert reply.status == "OK" or reply.code in REFUSALS, reply

        async def meanwhile() -> None:
            await other.ok("NOOP")
            await other.ok("FETCH 1 (ENVELOPE BODY.PEEK[])")

        (await hostile.seen(search, meanwhile)).check()
        await searching.ok("NOOP")


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
async def test_the_worst_queries_are_bounded(tmp_path: Path, tls: TlsContexts, name: str) -> None:
    async with worst_world(tmp_path, tls, {}, hostile.FEW, indexed=True) as world:
        await ask(world, name)


@pytest.mark.long
@pytest.mark.parametrize("indexed", [False, True], ids=["scanned", "indexed"])
@pytest.mark.parametrize("name", WORST)
async def test_the_worst_queries_are_bounded_on_both_engines(
    tmp_path: Path, tls: TlsContexts, store_settings: EnginePlace, name: str, indexed: bool
) -> None:
    async with worst_world(tmp_path, tls, store_settings, hostile.MANY, indexed=indexed) as world:
        await ask(world, name)
