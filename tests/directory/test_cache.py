"""cache: look-ups that age."""

import pytest

from pymailcore.directory.cache import LookupCache


def test_an_entry_is_given_until_its_age() -> None:
    cache: LookupCache[str, int | None] = LookupCache(10, 5_000)
    cache.put("a", None, 1_000, cache.generation)
    found = cache.get("a", 5_999)
    assert found is not None
    assert found.value is None
    assert cache.get("a", 6_000) is None


def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    cache: LookupCache[str, int] = LookupCache(10, 5_000)
    generation = cache.generation
    cache.invalidate()
    cache.put("a", 1, 0, generation)
    assert cache.get("a", 1) is None


@pytest.mark.parametrize(("count", "first_is_there"), [(2, True), (3, True), (4, False)])
def test_the_oldest_makes_room(count: int, first_is_there: bool) -> None:
    cache: LookupCache[int, int] = LookupCache(3, 5_000)
    for number in range(count):
        cache.put(number, number, 0, cache.generation)
    assert (cache.get(0, 1) is not None) is first_is_there
    assert len(cache) == min(count, 3)


def test_a_cache_without_room_remembers_nothing() -> None:
    cache: LookupCache[int, int] = LookupCache(0, 5_000)
    cache.put(1, 1, 0, cache.generation)
    assert len(cache) == 0
