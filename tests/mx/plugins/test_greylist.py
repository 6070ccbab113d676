"""Plug-in `greylist` over both engines: who waits, for how long, and who is known."""

from dataclasses import dataclass, replace

import pytest
import trio
from tests.support.hooks import converse, hooked
from tests.support.smtp import FakeRole, codes
from tests.support.stores import Opened

from pymailcore.base.address import Address
from pymailcore.mx.plugins.greylist import Greylist
from pymailcore.mx.plugins.settings import GreylistSettings
from pymailcore.smtp.hooks import Client, Transaction
from pymailcore.store.types import Row
from pymailcore.store.types import Transaction as StoreTransaction

B = Address("b", "host.example")
ODD = Client(connection="c1", listener="smtp", address="192.0.2.1", marks=frozenset({"no-peer-name"}))
FROM_A = Transaction(number=1, reverse_path=Address("a", "x.example"))
DELAY_MS = 300_000


@dataclass
class Clock:
    now: int = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Place:
    opened: Opened
    clock: Clock

    def plugin(self, **changes: object) -> Greylist:
        settings = replace(GreylistSettings(), **changes)  # type: ignore[arg-type]  # fields of it
        return Greylist(settings, self.opened.store.database, self.clock)

    async def rows(self) -> list[Row]:
        async def work(tx: StoreTransaction) -> list[Row]:
            return await tx.rows("SELECT digest, has_passed FROM greylist")

        return await self.opened.store.database.read(work)


@pytest.fixture
async def place(opened: Opened) -> Place:
    return Place(opened, Clock())


async def waits(
    plugin: Greylist, client: Client = ODD, transaction: Transaction = FROM_A, recipient: Address = B
) -> bool:
    return await plugin.recipient(client, transaction, recipient) is not None


async def test_who_comes_again_after_the_delay_is_known_from_then_on(place: Place) -> None:
    """RFC 6647 section 2.4; n-1, n of the delay."""
    plugin = place.plugin()
    assert await waits(plugin)
    place.clock.now += DELAY_MS - 1
    assert await waits(plugin)
    place.clock.now += 1
    assert not await waits(plugin)
    other = replace(FROM_A, reverse_path=Address("other", "x.example"))
    near = replace(ODD, address="192.0.2.200")
    assert not await waits(plugin, near, other, Address("c", "host.example"))
    assert [row[1] for row in await place.rows()] == [1]


OTHERS = [
    (replace(ODD, address="192.0.3.1"), FROM_A),
    (replace(ODD, address="2001:db8::1"), FROM_A),
    (ODD, replace(FROM_A, reverse_path=Address("a", "y.example"))),
    (ODD, replace(FROM_A, reverse_path=None)),
]


async def test_one_that_is_known_makes_no_other_known(place: Place) -> None:
    plugin = place.plugin()
    await waits(plugin)
    place.clock.now += DELAY_MS
    assert not await waits(plugin)
    assert [await waits(plugin, client, transaction) for client, transaction in OTHERS] == [True] * 4


async def test_of_ipv6_the_64_counts(place: Place) -> None:
    plugin = place.plugin()
    await waits(plugin, replace(ODD, address="2001:db8::1"))
    place.clock.now += DELAY_MS
    assert not await waits(plugin, replace(ODD, address="2001:db8::ffff:2"))
    assert await waits(plugin, replace(ODD, address="2001:db8:0:1::1"))


CLEAN = replace(ODD, marks=frozenset())
WHO_WAITS = [
    (CLEAN, "suspicious", False),
    (CLEAN, "everybody", True),
    (replace(CLEAN, tags=frozenset({"dnsbl.suspicious"})), "suspicious", True),
    (replace(CLEAN, tags=frozenset({"other.tag"})), "suspicious", False),
    (replace(ODD, tags=frozenset({"dnsbl.good"})), "everybody", False),
    (replace(ODD, login="tim@host.example"), "everybody", False),
]


async def test_only_who_looks_bad_waits_unless_everybody_shall(place: Place) -> None:
    for number, (client, whom, expected) in enumerate(WHO_WAITS):
        plugin, client = place.plugin(whom=whom), replace(client, address=f"192.0.{number}.1")
        assert await waits(plugin, client) is expected
        # RFC 5321 section 4.5.1
        assert not await waits(plugin, client, recipient=Address("Postmaster", "host.example"))
    assert len(await place.rows()) == 2


async def test_entries_end(place: Place) -> None:
    plugin = place.plugin()
    assert await waits(plugin)
    place.clock.now += 1_000 * GreylistSettings().retry_seconds
    assert await waits(plugin)  # the first attempt is forgotten
    place.clock.now += DELAY_MS
    assert not await waits(plugin)
    for _ in range(3):  # who goes on sending stays known
        place.clock.now += 1_000 * GreylistSettings().known_seconds - 1
        assert not await waits(plugin)
    place.clock.now += 1_000 * GreylistSettings().known_seconds
    assert await waits(plugin)


async def test_another_process_and_a_restart_know_the_same(place: Place) -> None:
    await waits(place.plugin())
    place.clock.now += DELAY_MS
    assert not await waits(place.plugin())
    assert not await waits(place.plugin())


async def test_two_that_come_at_once_are_one_attempt(place: Place) -> None:
    first, second = place.plugin(), place.plugin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits, first)
        nursery.start_soon(waits, second)
    assert len(await place.rows()) == 1


async def test_there_are_never_more_rows_than_allowed_and_the_known_stay(place: Place) -> None:
    plugin = place.plugin(entries_count=1_000)
    await waits(plugin)
    place.clock.now += DELAY_MS
    assert not await waits(plugin)
    known = (await place.rows())[0]
    later = place.clock.now + 1_000

    async def flood(tx: StoreTransaction) -> None:
        for number in range(1_200):
            await tx.run("INSERT INTO greylist VALUES (?1, ?2, ?3, 0)", f"x{number}", 0, later + number)

    await place.opened.store.database.write(flood)
    assert await plugin.sweep() == 1_000
    rows = await place.rows()
    assert len(rows) == 1_000
    assert known in rows
    assert ("x200", 0) not in rows
    assert ("x201", 0) in rows
    place.clock.now = later + 1_200
    assert await plugin.sweep() == 1


async def test_the_client_hears_how_long(place: Place) -> None:
    """The words of a reply, with 451 and a status of class 4."""
    role = hooked(FakeRole(), place.plugin(whom="everybody"))
    octets = b"EHLO x.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@host.example>\r\n"
    said = await converse(role, octets)
    assert codes(said)[-1] == b"451"
    assert said.endswith(b"451 4.7.1 You are not known here yet, come again in 300 seconds\r\n")
