"""cache: answers and their ends."""

import pytest

from pymailcore.dns.cache import AnswerCache


def test_an_answer_is_given_until_its_end() -> None:
    """RFC 1035 section 7.4."""
    cache: AnswerCache[str, int] = AnswerCache(10)
    cache.put("a", 1, 60.0)
    assert cache.get("a", 59.9) == 1
    assert cache.get("a", 60.0) is None
    assert len(cache) == 0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_least_used_makes_room(count: int) -> None:
    cache: AnswerCache[int, int] = AnswerCache(3)
    for number in range(count):
        cache.put(number, number, 60.0)
        cache.get(0, 0.0)
    assert cache.get(0, 0.0) == 0
    assert (cache.get(1, 0.0) is None) is (count > 3)
    assert len(cache) == min(count, 3)


def test_no_room_keeps_nothing() -> None:
    cache: AnswerCache[int, int] = AnswerCache(0)
    cache.put(1, 1, 60.0)
    assert cache.get(1, 0.0) is None
