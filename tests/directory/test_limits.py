"""limits: how often a login may fail."""

import pytest

from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.limits import FailureLimits, prefixes
from pymailcore.directory.settings import DirectorySettings

SETTINGS = DirectorySettings(failures_per_minute=10, failures_per_day=50)
MINUTE = 60_000


def wrong(limits: FailureLimits, peer: str, name: str, at: int = 0) -> None:
    attempt = limits.begin(peer, name, at)
    assert attempt is not None
    limits.end(attempt, right=False, now_ms=at)


def right(limits: FailureLimits, peer: str, name: str, at: int = 0) -> None:
    attempt = limits.begin(peer, name, at)
    assert attempt is not None
    limits.end(attempt, right=True, now_ms=at)


def fail(limits: FailureLimits, count: int, *, peer: str = "192.0.2.1", at: int = 0) -> None:
    for number in range(count):
        wrong(limits, peer, f"u{peer}{at}{number}", at)


@pytest.mark.parametrize(
    ("peer", "nets"),
    [
        ("192.0.2.77", ("192.0.2.77/32", "192.0.2.64/26", "192.0.0.0/21")),
        ("::ffff:192.0.2.77", ("192.0.2.77/32", "192.0.2.64/26", "192.0.0.0/21")),
        ("2001:db8:1:2:3::4", ("2001:db8:1:2::/64", "2001:db8:1::/56", "2001:db8:1::/48")),
        ("fe80::1%eth0", ("fe80::/64", "fe80::/56", "fe80::/48")),
        ("local", ("local",)),
    ],
)
def test_nets_around_an_address(peer: str, nets: tuple[str, ...]) -> None:
    assert prefixes(peer) == nets


def test_an_address_has_ten_guesses_a_minute() -> None:
    limits = FailureLimits(SETTINGS)
    fail(limits, 10)
    with pytest.raises(TooManyAttempts):
        limits.begin("192.0.2.1", "x", MINUTE - 1)
    limits.begin("192.0.2.1", "x", MINUTE)


def test_an_address_has_fifty_guesses_a_day() -> None:
    limits = FailureLimits(SETTINGS)
    for minute in range(5):
        fail(limits, 10, at=minute * MINUTE)
    with pytest.raises(TooManyAttempts):
        limits.begin("192.0.2.1", "x", 10 * MINUTE)
    limits.begin("192.0.2.1", "x", 24 * 60 * MINUTE)


def test_the_nets_around_have_three_and_nine_times_as_many() -> None:
    limits = FailureLimits(SETTINGS)
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
    limits = FailureLimits(SETTINGS)
    right(limits, "198.51.100.7", "ann")
    for number in range(10):
        wrong(limits, f"10.{number}.0.1", "ann")
    with pytest.raises(TooManyAttempts):
        limits.begin("10.99.0.1", "ann", 0)
    right(limits, "198.51.100.7", "ann")


def test_right_passwords_and_those_not_looked_at_count_for_nothing() -> None:
    limits = FailureLimits(SETTINGS)
    for _ in range(100):
        right(limits, "192.0.2.1", "ann")
    for _ in range(100):
        attempt = limits.begin("192.0.2.1", "ben", 0)
        assert attempt is not None
        limits.end(attempt, right=None, now_ms=0)


def test_guesses_that_run_at_once_wait_for_each_other() -> None:
    limits = FailureLimits(SETTINGS)
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


def test_memory_is_bounded_and_given_back() -> None:
    limits = FailureLimits(DirectorySettings(failures_entries_count=100))
    for number in range(1_000):
        peer = f"10.{number // 250}.{number % 250}.1"
        wrong(limits, peer, f"u{number}")
        right(limits, peer, f"u{number}")
    assert len(limits) <= 200
    quiet = FailureLimits(SETTINGS)
    for number in range(9):
        attempt = quiet.begin("10.0.0.1", f"u{number}", 0)
        assert attempt is not None
        quiet.end(attempt, right=None, now_ms=0)
    assert len(quiet) == 0
