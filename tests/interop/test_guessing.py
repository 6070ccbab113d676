"""Guessing passwords from many addresses over all protocols of a family of processes (security notes, A1)."""

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
import trio
from tests.support.family import Family
from tests.support.guessing import PROTOCOLS, Line, Log, once
from tests.support.said import Say

from pymailcore.runtime.prefixes import prefixes

pytestmark = pytest.mark.slow

HOME = "127.88.0.1"
PER_MINUTE, PER_DAY = 10, 50
FACTORS = (1, 3, 9)


def looked_at(lines: Iterable[Line]) -> Counter[tuple[str, int]]:
    """How often a password was looked at, by what it counts for and how many times the limit holds there."""
    counts: Counter[tuple[str, int]] = Counter()
    for line in lines:
        if line.reason == "wrong":
            counts.update(zip(prefixes(line.peer), FACTORS, strict=True))
            counts[line.user, 1] += 1
    return counts


async def test_guesses_at_all_doors_are_few_and_the_owner_gets_in(family: Family) -> None:
    """84 at once from four addresses of one net: thirty are looked at, ten of them for the owner's name."""
    family.add_account("owner")
    owner, log = family.address("owner"), Log(family)
    sources = [f"127.77.0.{number}" for number in range(1, 5)]
    assert await once(family, "imap", HOME, owner)
    async with trio.open_nursery() as nursery:
        for source in sources:
            for protocol in PROTOCOLS:
                for number in range(7):
                    name = family.address(f"nobody{number}") if number % 2 else owner
                    nursery.start_soon(once, family, protocol, source, name, f"wrong horse {number}")
        lines = await log.until(84, lambda line: line.peer in sources)
        assert [await once(family, protocol, HOME, owner) for protocol in PROTOCOLS] == [True] * 3
        nursery.start_soon(once, family, "imap", sources[0], owner)  # the right password, from there
        lines = await log.until(85, lambda line: line.peer in sources)
        nursery.cancel_scope.cancel()  # the answers take seconds
    assert Counter(line.reason for line in lines) == {"wrong": 30, "too many failures": 55}
    counts = looked_at(lines)
    assert {key: count for key, count in counts.items() if count > PER_MINUTE * key[1]} == {}
    assert counts["127.77.0.0/26", 3] == 30
    assert lines[-1].event == "login failed"
    assert {line.protocol for line in lines} == set(PROTOCOLS)
    assert len({line.process for line in lines}) == 2


async def is_turned_away(family: Family, protocol: str, source: str, name: str, password: str) -> bool:
    """Guess; whether the server had no time for the connection."""
    try:
        assert not await once(family, protocol, source, name, password)
    except (trio.BrokenResourceError, OSError):
        return True
    return False


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_ten_thousand_guesses_from_two_hundred_addresses(tmp_path: Path, say: Say) -> None:
    """Of each address, net and name only so many are looked at; the owner signs in all the time."""
    sources = [f"127.{70 + number // 50}.{number % 50 // 25}.{number % 25 * 10 + 1}" for number in range(200)]
    ended, room, refused, let_in = trio.Event(), trio.CapacityLimiter(300), 0, 0
    with Family(tmp_path, processes=3) as family:
        owner, log = family.address("anna"), Log(family)
        assert await once(family, "imap", HOME, owner)
        began = trio.current_time()

        async def guess(source: str, way: int) -> None:
            nonlocal refused
            for number in range(way, 50, 5):
                name = owner if number % 5 == 0 else family.address(f"n{number * 7 % 300}")
                protocol = PROTOCOLS[number % 3]
                async with room:
                    while await is_turned_away(family, protocol, source, name, f"wrong horse {number}"):
                        pass
                refused += 1

        async def live() -> None:
            nonlocal let_in
            while not ended.is_set():
                assert await once(family, PROTOCOLS[let_in % 3], HOME, owner)
                let_in += 1
                with trio.move_on_after(1):
                    await ended.wait()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(live)
            async with trio.open_nursery() as guesses:
                for source in sources:
                    for way in range(5):
                        guesses.start_soon(guess, source, way)
            ended.set()
        minutes = math.ceil((trio.current_time() - began) / 60)
        lines = [line for line in log.lines() if line.peer in sources]
    counts, most = looked_at(lines), min(PER_MINUTE * minutes, PER_DAY)
    hashed = sum(line.reason == "wrong" for line in lines)
    of_address = max(count for (key, _), count in counts.items() if key.endswith("/32"))
    say(
        f"A1: {refused} guesses in {minutes} min: {hashed} looked at, {counts[owner, 1]} of them for the"
        f" owner's name; most of an address {of_address}; the owner signed in {let_in} times"
    )
    assert refused == 10_000
    assert {key: count for key, count in counts.items() if count > most * key[1]} == {}
    assert len({line.process for line in lines}) == 3
    assert let_in >= 10
