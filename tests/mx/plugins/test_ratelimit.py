"""Plug-in `ratelimit`: how much one network may bring in a minute, over all processes."""

import os
from dataclasses import dataclass, replace
from typing import Final

import pytest
from tests.support.hooks import converse, hooked
from tests.support.smtp import FakeRole, codes

from pymailcore.mx.plugins.ratelimit import Ratelimit
from pymailcore.mx.plugins.settings import RatelimitSettings
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.smtp.hooks import Client

CLIENT = Client(connection="c1", listener="smtp", address="192.0.2.1")
SETTINGS = RatelimitSettings(connections_per_minute=4, messages_per_minute=3, recipients_per_minute=5)


@dataclass
class Clock:
    now: int = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


def plugin(
    settings: RatelimitSettings = SETTINGS, counters: SharedCounters | None = None, clock: Clock | None = None
) -> Ratelimit:
    return Ratelimit(settings, counters or SharedCounters.create(1_000), clock or Clock())


def at(address: str) -> Client:
    return replace(CLIENT, address=address)


@pytest.mark.parametrize(("what", "limit"), [("connect", 4), ("mail", 3), ("recipient", 5)])
async def test_each_limit_is_reached_at_its_number_and_holds_a_minute(what: str, limit: int) -> None:
    """n-1, n, n+1; and again a minute later."""
    clock = Clock()
    ask = getattr(plugin(clock=clock), what)
    for _ in range(2):
        assert [await ask(CLIENT) is None for _ in range(limit + 2)] == [True] * limit + [False] * 2
        clock.now += 59_999
        assert await ask(CLIENT) is not None
        clock.now += 1


FOUR: Final = range(4)
NINE: Final = range(9)


@pytest.mark.parametrize(
    ("inside", "beside"),
    [
        ([f"192.0.2.{n}" for n in FOUR], [f"192.0.{3 + n // 4}.{n % 4 * 64}" for n in NINE]),
        ([f"2001:db8:0:{n}::1" for n in FOUR], [f"2001:db8:0:{n + 2}00::1" for n in NINE]),
    ],
)
async def test_wider_networks_may_have_three_and_nine_times_as_much(
    inside: list[str], beside: list[str]
) -> None:
    """S11: who has a whole network has not as much room as there are addresses."""
    ask = plugin().connect
    taken = [await ask(at(address)) is None for address in inside for _ in range(4)]
    assert taken == [True] * 12 + [False] * 4  # four addresses of one /26 or /56
    taken = [await ask(at(address)) is None for address in beside for _ in range(4)]
    assert taken == [True] * 24 + [False] * 12  # of one /21 or /48


async def test_all_processes_of_the_family_count_together() -> None:
    counters = SharedCounters.create(1_000)
    other = SharedCounters.inherit(os.dup(counters.descriptor))
    first, second = plugin(counters=counters), plugin(counters=other)
    assert [await ask(CLIENT) is None for ask in (first.mail, second.mail) * 2] == [True, True, True, False]


async def test_who_has_logged_in_is_not_counted() -> None:
    ask, client = plugin().mail, replace(CLIENT, login="tim@host.example")
    assert [await ask(client) for _ in range(9)] == [None] * 9
    assert await plugin(RatelimitSettings(messages_per_minute=0)).mail(CLIENT) is None


async def test_who_comes_too_often_hears_421_before_anything_else() -> None:
    """S11: without any work for TLS."""
    role = hooked(FakeRole(), plugin(replace(SETTINGS, connections_per_minute=1)))
    assert codes(await converse(role, b"EHLO x.example\r\nQUIT\r\n")) == [b"220", b"250", b"221"]
    assert codes(await converse(role, b"EHLO x.example\r\n")) == [b"421"]
