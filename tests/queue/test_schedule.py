"""schedule: when to try again."""

import pytest

from pymailcore.base.envelope import DeliverBy, Terms
from pymailcore.queue.schedule import by_deadline, first_try_ms, has_missed, next_try_ms
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


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        (Terms(), HOUR),
        (Terms(hold_until_ms=2 * HOUR), 2 * HOUR),
        (Terms(hold_until_ms=1), HOUR),
        (Terms(priority=9), HOUR - 9 * MINUTE),
        (Terms(priority=-9), HOUR + 90_000),
        (Terms(priority=9, hold_until_ms=2 * HOUR), 2 * HOUR),
    ],
)
def test_release_and_priority_decide_when_a_message_is_due(terms: Terms, due: int) -> None:
    """RFC 4865 section 4, RFC 6710 section 5.1: priority never lets a message go before its release."""
    assert first_try_ms(HOUR, terms) == due


def test_a_message_comes_due_when_it_must_have_been_delivered() -> None:
    """RFC 2852 section 4."""
    terms = Terms(deliver_by=DeliverBy(at_ms=HOUR, give_up=True))
    assert by_deadline(2 * HOUR, 0, terms) == HOUR
    assert by_deadline(HOUR - 1, 0, terms) == HOUR - 1
    assert by_deadline(2 * HOUR, HOUR, terms) == 2 * HOUR
    assert by_deadline(2 * HOUR, 0, Terms()) == 2 * HOUR
    assert [has_missed(now, terms) for now in (HOUR - 1, HOUR)] == [False, True]
    assert not has_missed(HOUR, Terms())
