"""cache: look-ups that depend on tags, and age."""

import pytest
from tests.support.directories import Clock
from tests.support.memory_store import MemoryDatabase

from pymailcore.directory.cache import (
    LongRead,
    Lookup,
    LookupCache,
    Memory,
    Remembered,
    ShortTransaction,
    tag,
)
from pymailcore.store.types import Transaction

A, B = tag("address", "a@a.example"), tag("address", "b@a.example")


def a_lookup(
    memory: Memory, clock: Clock, *, entries_count: int = 16, asked: list[str]
) -> Lookup[str, str | None]:
    """Answers with the key in capitals; nobody has a key that begins with "no"."""

    async def load(tx: Transaction, key: str, tags: set[int]) -> str | None:
        assert tx
        asked.append(key)
        tags.add(tag("address", key))
        return None if key.startswith("no") else key.upper()

    return Lookup(
        MemoryDatabase(),  # type: ignore[arg-type]  # as far as look-ups go
        load,
        memory,
        entries_count=entries_count,
        age_ms=5_000,
        now_ms=clock,
    )


async def test_an_answer_is_given_until_its_age() -> None:
    memory, clock, asked = Memory(), Clock(), list[str]()
    lookup = a_lookup(memory, clock, asked=asked)
    assert [await lookup.get("a"), await lookup.get("a"), await lookup.get("no")] == ["A", "A", None]
    assert await lookup.get("no") is None
    assert asked == ["a", "no"]
    clock.ms += 4_999
    assert lookup.peek("a") is not None
    clock.ms += 1
    assert lookup.peek("a") is None
    assert await lookup.get("a") == "A"
    assert asked == ["a", "no", "a"]


async def test_a_change_forgets_what_it_touched_and_nothing_else() -> None:
    memory, clock, asked = Memory(), Clock(), list[str]()
    lookup = a_lookup(memory, clock, asked=asked)
    for key in ("a@a.example", "b@a.example", "no@a.example"):
        await lookup.get(key)
    memory.touch([A])
    assert lookup.peek("a@a.example") is None
    assert lookup.peek("b@a.example") is not None
    memory.touch([tag("address", "no@a.example")])
    assert lookup.peek("no@a.example") is None
    await lookup.get("a@a.example")
    assert lookup.peek("a@a.example") is not None
    memory.forget()
    assert lookup.peek("b@a.example") is None
    assert await lookup.get("b@a.example") == "B@A.EXAMPLE"
    assert lookup.peek("b@a.example") is not None


async def test_what_was_read_before_a_change_is_not_given_after_it() -> None:
    """The change comes while the answer is on its way."""
    memory, clock = Memory(), Clock()

    async def load(tx: Transaction, key: str, tags: set[int]) -> str:
        assert tx
        tags.add(A)
        memory.touch([A])
        return key

    lookup = Lookup(MemoryDatabase(), load, memory, entries_count=9, age_ms=5_000, now_ms=clock)  # type: ignore[arg-type]  # the same
    assert await lookup.get("a") == "a"
    assert lookup.peek("a") is None


async def test_those_who_are_unknown_push_out_nobody_who_exists() -> None:
    memory, clock, asked = Memory(), Clock(), list[str]()
    lookup = a_lookup(memory, clock, entries_count=16, asked=asked)
    for number in range(16):
        await lookup.get(f"a{number}")
    for number in range(1_000):
        await lookup.get(f"no{number}")
    assert all(lookup.peek(f"a{number}") is not None for number in range(16))
    assert sum(lookup.peek(f"no{number}") is not None for number in range(1_000)) == 2
    await lookup.get("a16")
    assert lookup.peek("a0") is None


async def test_a_reading_of_many_statements_is_run_as_a_whole() -> None:
    database, memory = MemoryDatabase(), Memory()
    runs: list[int] = []

    async def load(tx: Transaction, key: int, tags: set[int]) -> int:
        runs.append(0)
        assert not tags
        for _ in range(key):
            await tx.rows("SELECT 1")
            runs[-1] += 1
            tags.add(A)
        return key

    lookup = Lookup(database, load, memory, entries_count=9, age_ms=5_000, now_ms=Clock())  # type: ignore[arg-type]  # the same
    assert await lookup.get(30) == 30
    assert await lookup.get(31) == 31
    assert runs == [30, 30, 31]


async def test_a_short_transaction_only_reads() -> None:
    database = MemoryDatabase()

    async def work(tx: Transaction) -> None:
        short = ShortTransaction(tx, 1)
        assert await short.row("SELECT 7") == (7,)
        with pytest.raises(LongRead):
            await short.row("SELECT 7")
        with pytest.raises(LongRead):
            await ShortTransaction(tx, 1).run("DELETE FROM domains")

    await database.read(work)


def test_tags_are_the_same_in_all_processes() -> None:
    assert (tag("address", "a@a.example"), tag("account", 7)) == (A, tag("account", "7"))
    assert A != B
    assert A == 26_117


@pytest.mark.parametrize(("count", "first_is_there"), [(2, True), (3, True), (4, False)])
def test_the_oldest_makes_room(count: int, first_is_there: bool) -> None:
    cache: LookupCache[int, int] = LookupCache(3)
    for number in range(count):
        cache.put(number, Remembered(number, (), 0, 0))
    assert (cache.get(0) is not None) is first_is_there
    assert len(cache) == min(count, 3)


def test_a_cache_without_room_remembers_nothing() -> None:
    cache: LookupCache[int, int] = LookupCache(0)
    cache.put(1, Remembered(1, (), 0, 0))
    assert len(cache) == 0
