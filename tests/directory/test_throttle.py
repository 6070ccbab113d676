"""throttle: how often a sign-in may fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.throttle import Throttle
from pymailcore.runtime.shared_counters import SharedCounters

SETTINGS = DirectorySettings(failures_per_minute=10, failures_per_day=50)
MINUTE = 60_000


def wrong(limits: Throttle, peer: str, name: str, at: int = 0) -> None:
    attempt = limits.begin(peer, name, at)
    assert attempt is not None
    limits.end(attempt, right=False, now_ms=at)


def right(limits: Throttle, peer: str, name: str, at: int = 0) -> None:
    attempt = limits.begin(peer, name, at)
    assert attempt is not None
    limits.end(attempt, right=True, now_ms=at)


def fail(limits: Throttle, count: int, *, peer: str = "192.0.2.1", at: int = 0) -> None:
    for number in range(count):
        wrong(limits, peer, f"u{peer}{at}{number}", at)


def test_an_address_has_ten_guesses_a_minute() -> None:
    limits = Throttle(SETTINGS)
    fail(limits, 10)
    with pytest.raises(TooManyAttempts):
        limits.begin("192.0.2.1", "x", MINUTE - 1)
    limits.begin("192.0.2.1", "x", MINUTE)


def test_an_address_has_fifty_guesses_a_day() -> None:
    limits = Throttle(SETTINGS)
    for minute in range(5):
        fail(limits, 10, at=minute * MINUTE)
    with pytest.raises(TooManyAttempts):
        limits.begin("192.0.2.1", "x", 10 * MINUTE)
    limits.begin("192.0.2.1", "x", 24 * 60 * MINUTE)


def test_the_nets_around_have_three_and_nine_times_as_many() -> None:
    limits = Throttle(SETTINGS)
    for host in (1, 2, 3):
        fail(limits, 10, peer=f"192.0.2.{host}")
    with pytest.raises(TooManyAttempts):
        limits.begin("192.0.2.4", "x", 0)
    for net in (64, 128):
        for host in (1, 2, 3):
            fail(limits, 10, peer=f"192.0.2.{net + host}")
    with pytest.raises(TooManyAttempts):
        limits.begin("192.0.1.1", "x", 0)
    limits.begin("192.0.8.1", "x", 0)


def test_an_account_under_attack_from_everywhere_still_lets_its_owner_in() -> None:
    limits = Throttle(SETTINGS)
    right(limits, "198.51.100.7", "ann")
    for number in range(10):
        wrong(limits, f"10.{number}.0.1", "ann")
    with pytest.raises(TooManyAttempts):
        limits.begin("10.99.0.1", "ann", 0)
    right(limits, "198.51.100.7", "ann")


def test_right_passwords_and_those_not_looked_at_count_for_nothing() -> None:
    limits = Throttle(SETTINGS)
    for _ in range(100):
        right(limits, "192.0.2.1", "ann")
    for _ in range(100):
        attempt = limits.begin("192.0.2.1", "ben", 0)
        assert attempt is not None
        limits.end(attempt, right=None, now_ms=0)


def test_guesses_that_run_at_once_wait_for_each_other() -> None:
    limits = Throttle(SETTINGS)
    running = [limits.begin("192.0.2.1", f"u{number}", 0) for number in range(10)]
    assert None not in running
    assert limits.begin("192.0.2.1", "x", 0) is None
    first, second = running[:2]
    assert first is not None
    assert second is not None
    limits.end(first, right=True, now_ms=0)
    third = limits.begin("192.0.2.1", "x", 0)
    assert third is not None
    limits.end(second, right=False, now_ms=0)
    assert limits.begin("192.0.2.1", "y", 0) is None
    limits.end(third, right=None, now_ms=0)
    assert limits.begin("192.0.2.1", "y", 0) is not None


def test_attempts_of_a_process_that_died_are_forgotten_after_a_minute() -> None:
    limits = Throttle(SETTINGS)
    for number in range(10):
        assert limits.begin("192.0.2.1", f"u{number}", 0) is not None
    assert limits.begin("192.0.2.1", "x", MINUTE - 1) is None
    assert limits.begin("192.0.2.1", "x", MINUTE) is not None


def test_processes_share_counts_and_known_nets() -> None:
    """GS9: ten guesses a minute reach the hash, however many workers there are."""
    counters = SharedCounters.create(10_000)
    one, two = Throttle(SETTINGS, counters), Throttle(SETTINGS, counters)
    right(one, "198.51.100.7", "ann")
    for number in range(5):
        wrong(one, "192.0.2.1", f"u{number}")
        wrong(two, "192.0.2.1", f"v{number}")
    for limits in (one, two):
        with pytest.raises(TooManyAttempts):
            limits.begin("192.0.2.1", "x", 0)
        assert limits.is_limited("192.0.2.1", "x", 0)
    for number in range(10):
        wrong(one, f"10.{number}.0.1", "ann")
    assert two.is_limited("10.99.0.1", "ann", 0)
    right(two, "198.51.100.7", "ann")


def test_a_net_known_from_the_table_is_known() -> None:
    limits = Throttle(SETTINGS)
    for number in range(10):
        wrong(limits, f"10.{number}.0.1", "ann")
    assert limits.is_limited("198.51.100.7", "ann", 0)
    assert not limits.is_limited("198.51.100.7", "ann", 0, known={"198.51.100.7/32"})
    assert limits.begin("198.51.100.7", "ann", 0, known={"198.51.100.7/32"}) is not None


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.0), (1, 1.0), (3, 1.0), (4, 2.0), (9, 7.0), (10, 8.0)]
)
def test_the_pause_is_a_second_and_grows_after_three_failures(failures: int, seconds: float) -> None:
    limits = Throttle(SETTINGS)
    fail(limits, failures)
    assert limits.pause_seconds("192.0.2.1", 0) == seconds
    assert limits.pause_seconds("192.0.2.2", 0) == 0
    assert limits.pause_seconds("192.0.2.1", MINUTE) == 0


def test_the_pause_has_an_end() -> None:
    limits = Throttle(DirectorySettings(failures_per_minute=100, failures_per_day=1_000))
    fail(limits, 90)
    assert limits.pause_seconds("192.0.2.1", 0) == 10.0


def test_what_is_good_once_is_good_once_for_all_processes() -> None:
    counters = SharedCounters.create(10_000)
    assert Throttle(SETTINGS, counters).take_once("ticket x", 0)
    assert not Throttle(SETTINGS, counters).take_once("ticket x", 0)
    assert Throttle(SETTINGS, counters).take_once("ticket y", 0)


@pytest.mark.parametrize("prefixes_count", [pytest.param(60, id="60"), pytest.param(1_000, id="1000")])
def test_brute_force_from_many_prefixes_over_all_processes(prefixes_count: int) -> None:
    """A1: at most ten guesses a minute for an account and for an address; its owner signs in meanwhile."""
    counters = SharedCounters.create(100_000)
    family = [Throttle(SETTINGS, counters) for _ in range(4)]
    right(family[0], "198.51.100.7", "ann")
    looked_at = dict.fromkeys(range(3), 0)
    for guess in range(prefixes_count * 10):
        minute, now = guess * 3 // (prefixes_count * 10), guess * 3 * MINUTE // (prefixes_count * 10)
        peer = f"10.{guess % prefixes_count % 250}.{guess % prefixes_count // 250 * 8}.{guess % 4 + 1}"
        try:
            wrong(family[guess % 4], peer, "ann", now)
        except TooManyAttempts:
            continue
        looked_at[minute] += 1
        if guess % 7 == 0:
            right(family[guess % 3], "198.51.100.7", "ann", now)
    assert max(looked_at.values()) <= 11  # a window begins with its first failure, not with the minute
    assert sum(looked_at.values()) >= 20
    right(family[1], "198.51.100.7", "ann", 3 * MINUTE - 1)


# --- the same secret once more --------------------------------------------------------------------


def show(limits: Throttle, shown: bytes, at: int = 0, peer: str = "198.51.100.7", name: str = "ann") -> bool:
    """Fail with something; whether it was looked at."""
    try:
        attempt = limits.begin(peer, name, at)
    except TooManyAttempts:
        return False
    assert attempt is not None
    limits.end(attempt, right=False, now_ms=at, shown=shown)
    return True


def test_the_same_once_more_is_no_further_failure_where_the_owner_is_known() -> None:
    limits = Throttle(SETTINGS)
    right(limits, "198.51.100.7", "ann")
    old, older = b"o" * 32, b"p" * 32
    assert all(show(limits, one) for one in [old, older] * 50)
    assert limits.pause_seconds("198.51.100.7", 0) == 10.0
    assert [show(limits, bytes([number]) * 32) for number in range(9)] == [True] * 8 + [False]


def test_the_same_once_more_counts_for_strangers_and_without_a_digest() -> None:
    limits = Throttle(SETTINGS)
    assert [show(limits, b"o" * 32) for _ in range(11)] == [True] * 10 + [False]
    limits = Throttle(SETTINGS)
    right(limits, "198.51.100.7", "ann")
    assert [show(limits, b"") for _ in range(11)] == [True] * 10 + [False]
    limits = Throttle(SETTINGS)
    right(limits, "198.51.100.7", "ann")
    assert [show(limits, b"o" * 32, name="ben") for _ in range(11)] == [True] * 10 + [False]


def test_a_right_sign_in_between_does_not_make_it_new() -> None:
    limits = Throttle(SETTINGS)
    for _ in range(30):
        right(limits, "198.51.100.7", "ann")
        assert show(limits, b"o" * 32)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["198.51.100.7", "198.51.100.8", "203.0.113.1"]),
            st.sampled_from(["ann", "ben"]),
            st.sampled_from([True, False, False, False]),
            st.integers(0, 30),
            st.sampled_from([0, 0, 0, 1_000, 30_000]),
        ),
        max_size=120,
    )
)
def test_whatever_is_tried_different_guesses_are_within_the_limits(
    tries: list[tuple[str, str, bool, int, int]],
) -> None:
    """Of what fails from an address only ten different things are looked at in the minute of its window."""
    limits, now_ms = Throttle(SETTINGS), 0
    failed: dict[str, list[tuple[int, str, int]]] = {}
    for peer, name, is_right, number, later in tries:
        now_ms += later
        shown = bytes([number]) * 32
        try:
            attempt = limits.begin(peer, name, now_ms)
        except TooManyAttempts:
            continue
        assert attempt is not None
        limits.end(attempt, right=is_right, now_ms=now_ms, shown=shown)
        if not is_right:
            failed.setdefault(peer, []).append((now_ms, name, number))
    for seen in failed.values():
        for began, _, _ in seen:
            within = {(name, number) for at, name, number in seen if began <= at < began + MINUTE}
            assert len(within) <= 2 * SETTINGS.failures_per_minute  # a minute may touch two windows
