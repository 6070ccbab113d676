import pytest

from pymailcore.runtime.caps import ConnectionCaps, plain_address
from pymailcore.runtime.settings import ServeSettings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def caps(clock: Clock | None = None, **values: int) -> ConnectionCaps:
    return ConnectionCaps(ServeSettings(**values), clock or Clock())  # type: ignore[arg-type]


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1"])
def test_one_peer_gets_n_connections_and_not_one_more(peer: str) -> None:
    """29, 30, 31 with the default cap of 30."""
    held = caps()
    assert [held.admit(peer) for _ in range(31)] == [None] * 30 + ["prefix"]
    assert held.count == 30
    held.release(peer)
    assert held.admit(peer) is None
    assert held.admit(peer) == "prefix"


@pytest.mark.parametrize(
    ("peers", "cap"),
    [
        ([f"192.0.2.{n}" for n in range(64)], 3),  # one /26
        ([f"192.0.{n}.{k}" for n in range(8) for k in (1, 99, 199)], 9),  # one /21
        ([f"2001:db8:0:{n:x}::1" for n in range(200)], 3),  # one /56
        ([f"2001:db8:0:{n * 256:x}::1" for n in range(200)], 9),  # one /48
    ],
)
def test_wider_networks_have_wider_caps(peers: list[str], cap: int) -> None:
    held = caps(connections_per_prefix_count=1)
    answers = [held.admit(peer) for peer in peers]
    assert answers[:cap] == [None] * cap
    assert set(answers[cap:]) == {"prefix"}


def test_all_addresses_of_an_ipv6_64_are_one_peer() -> None:
    held = caps(connections_per_prefix_count=2)
    assert [held.admit(f"2001:db8::{n}") for n in range(3)] == [None, None, "prefix"]


def test_new_connections_in_a_minute() -> None:
    clock = Clock()
    held = caps(clock, new_per_minute_count=3)
    answers = []
    for _ in range(4):
        answers.append(held.admit("192.0.2.1"))
        if answers[-1] is None:
            held.release("192.0.2.1")
    assert answers == [None, None, None, "rate"]
    clock.now = 60.0
    assert held.admit("192.0.2.1") is None


def test_the_global_cap_holds_for_trusted_peers_too() -> None:
    held = caps(connections_count=100)
    assert [held.admit("127.0.0.1") for _ in range(101)] == [None] * 100 + ["full"]


def test_trusted_peers_are_free_of_the_other_caps() -> None:
    held = caps(connections_per_prefix_count=1, new_per_minute_count=1)
    assert [held.admit(peer) for peer in ("127.0.0.1", "127.0.0.1", "::1", "::1")] == [None] * 4
    for peer in ("127.0.0.1", "127.0.0.1", "::1", "::1"):
        held.release(peer)
    assert held.count == 0


def test_released_peers_leave_nothing_behind() -> None:
    held = caps()
    held.admit("192.0.2.1")
    held.release("192.0.2.1")
    assert held._held == {}


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_plain_address(host: str, plain: str) -> None:
    assert plain_address(host) == plain
