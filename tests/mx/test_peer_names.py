"""peer_names: what the DNS calls a peer, asked beside the conversation (RFC 8601 section 3, iprev)."""

import pytest
import trio
import trio.testing

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.mx.peer_names import MAX_ASKING_COUNT, MAX_NAMES_COUNT, PeerNames

PEER = "192.0.2.1"


class Zone:
    """Names of addresses, addresses of names; an answer takes a second."""

    def __init__(self, names: dict[str, list[str]], addresses: dict[str, list[str]]) -> None:
        self.of_peers, self.of_hosts = names, addresses
        self.failure: Exception | None = None
        self.asked = 0

    async def names(self, address: str) -> tuple[str, ...]:
        """Look."""
        self.asked += 1
        await trio.sleep(1)
        if self.failure is not None:
            raise self.failure
        return self._find(self.of_peers, address)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Look."""
        return self._find(self.of_hosts, host)

    @staticmethod
    def _find(zone: dict[str, list[str]], key: str) -> tuple[str, ...]:
        if key not in zone:
            raise NotFound(key)
        return tuple(zone[key])


@pytest.mark.parametrize(
    ("names", "addresses", "expected"),
    [
        (["mail.example"], {"mail.example": [PEER]}, "mail.example"),
        (
            ["other.example", "mail.example"],
            {"other.example": ["192.0.2.9"], "mail.example": [PEER]},
            "mail.example",
        ),
        (["mail.example"], {"mail.example": ["192.0.2.9"]}, ""),
        (["gone.example"], {}, ""),
        (None, {}, ""),
        (
            [f"n{number}.example" for number in range(MAX_NAMES_COUNT)] + ["mail.example"],
            {"mail.example": [PEER]},
            "",
        ),
        (
            [f"n{number}.example" for number in range(MAX_NAMES_COUNT - 1)] + ["mail.example"],
            {"mail.example": [PEER]},
            "mail.example",
        ),
    ],
)
async def test_a_name_counts_when_it_leads_back(
    names: list[str] | None,
    addresses: dict[str, list[str]],
    expected: str,
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """So many names are looked at, one fewer, one more."""
    peers = PeerNames(Zone({} if names is None else {PEER: names}, addresses))
    await nursery.start(peers.run)
    asked = peers.ask(PEER)
    assert asked.value is None
    assert await asked.wait(2) == expected
    assert asked.value == expected


async def test_who_waits_gives_up(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """What is not known yet says nothing; it may be known later."""
    peers = PeerNames(Zone({}, {}))
    await nursery.start(peers.run)
    asked = peers.ask(PEER)
    began = trio.current_time()
    assert await asked.wait(0.25) is None
    assert trio.current_time() - began == 0.25
    assert await asked.wait(5) == ""
    assert trio.current_time() - began == 1.0


async def test_trouble_in_the_dns_says_nothing_of_a_peer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """K12."""
    zone = Zone({}, {})
    zone.failure = TemporaryFailure("silent")
    peers = PeerNames(zone)
    await nursery.start(peers.run)
    assert await peers.ask(PEER).wait(5) is None


async def test_there_is_a_most_of_questions_at_a_time(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """199, 200, 201: a flood of peers is no flood of questions."""
    zone = Zone({}, {})
    peers = PeerNames(zone)
    await nursery.start(peers.run)
    asked = [peers.ask(f"192.0.2.{number % 250}") for number in range(MAX_ASKING_COUNT + 1)]
    assert await asked[-1].wait(5) is None
    assert trio.current_time() == 0
    assert [await one.wait(5) for one in asked[:-1]] == [""] * MAX_ASKING_COUNT
    assert zone.asked == MAX_ASKING_COUNT
    assert await peers.ask(PEER).wait(5) == ""


async def test_nobody_is_asked_before_it_runs_and_after() -> None:
    zone = Zone({}, {})
    peers = PeerNames(zone)
    assert await peers.ask(PEER).wait(5) is None
    async with trio.open_nursery() as nursery:
        await nursery.start(peers.run)
        nursery.cancel_scope.cancel()
    assert await peers.ask(PEER).wait(5) is None
    assert zone.asked == 0


async def test_another_resolver_can_be_asked(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    peers = PeerNames(Zone({}, {}))
    await nursery.start(peers.run)
    peers.reload(Zone({PEER: ["mail.example"]}, {"mail.example": [PEER]}))
    assert await peers.ask(PEER).wait(2) == "mail.example"
