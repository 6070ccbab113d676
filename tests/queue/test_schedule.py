"""schedule: when to try again."""

import pytest

from pymailcore.queue.schedule import next_try_ms
from pymailcore.queue.settings import QueueSettings

SETTINGS = QueueSettings()
MINUTE, HOUR = 60_000, 3_600_000


@pytest.mark.parametrize(
    ("tries", "minutes"),
    [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 120), (7, 240), (8, 240), (500, 240)],
)
def test_intervals_grow_and_the_last_one_repeats(tries: int, minutes: int) -> None:
    """RFC 5321 section 4.5.4.1."""
    assert next_try_ms(0, tries, HOUR, SETTINGS) == HOUR + minutes * MINUTE


def test_the_whole_schedule_lasts_five_days() -> None:
    now, tries = 0, 0
    while True:
        tries += 1
        due = next_try_ms(0, tries, now, SETTINGS)
        if due is None:
            break
        now = due
    assert now == 120 * HOUR
    assert tries == 36


@pytest.mark.parametrize(("before_ms", "expected"), [(1, 120 * HOUR), (0, None), (-1, None)])
def test_the_last_try_is_at_the_end(before_ms: int, expected: int | None) -> None:
    assert next_try_ms(0, 30, 120 * HOUR - before_ms, SETTINGS) == expected
