import pytest

from pymailcore.mx.guesses import WINDOW_SECONDS, Guesses


class Clock:
    """Milliseconds that a test moves."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000 // (1_000 * WINDOW_SECONDS) * 1_000 * WINDOW_SECONDS

    def __call__(self) -> int:
        """Give them."""
        return self.ms


@pytest.mark.parametrize(("count", "exhausted"), [(2, False), (3, True), (4, True)])
def test_a_network_has_a_budget(count: int, exhausted: bool) -> None:
    """S12, at n - 1, n and n + 1; neighbours share it, others do not."""
    guesses = Guesses(3, Clock())
    for number in range(count):
        guesses.add(f"192.0.2.{number}")
    assert guesses.exhausted("192.0.2.200") is exhausted
    assert not guesses.exhausted("192.0.3.1")
    assert not guesses.exhausted("2001:db8::1")


def test_networks_of_ipv6_are_wider() -> None:
    """A customer has a /56 at least."""
    guesses = Guesses(1, Clock())
    guesses.add("2001:db8:0:1::1")
    assert guesses.exhausted("2001:db8:0:ff::2")
    assert not guesses.exhausted("2001:db8:0:100::1")


@pytest.mark.parametrize(
    ("seconds", "exhausted"), [(0, True), (WINDOW_SECONDS, True), (2 * WINDOW_SECONDS, False)]
)
def test_it_is_forgotten_after_two_windows(seconds: int, exhausted: bool) -> None:
    clock = Clock()
    guesses = Guesses(1, clock)
    guesses.add("192.0.2.1")
    clock.ms += 1_000 * seconds
    assert guesses.exhausted("192.0.2.1") is exhausted


def test_without_limit_nobody_is_stopped() -> None:
    guesses = Guesses(0, Clock())
    guesses.add("192.0.2.1")
    assert not guesses.exhausted("192.0.2.1")


def test_loopback_does_not_count() -> None:
    """Whoever is on this machine finds addresses in other ways."""
    guesses = Guesses(1, Clock())
    for peer in ("127.0.0.1", "::1"):
        guesses.add(peer)
        assert not guesses.exhausted(peer)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses from everywhere take no more memory than two windows of networks."""
    monkeypatch.setattr("pymailcore.mx.guesses.MAX_NETWORKS_COUNT", 100)
    guesses = Guesses(1, Clock())
    for number in range(1_000):
        guesses.add(f"10.{number >> 8}.{number & 255}.1")
    assert len(guesses._counts) + len(guesses._before) <= 200
    assert guesses.exhausted("10.3.231.9")
