import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import trio
from tests.support.house import BusyHouse, Killed, MortalHouse, blobs, hasty, purge, rows
from tests.support.stores import Opened, a_message

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.housekeeping import collector
from pymailcore.store.housekeeping.collector import Collected, Collector, collect
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.ops import blob_rows
from pymailcore.store.postgres.locks import lock_key
from pymailcore.store.types import Transaction

T = TypeVar("T")

TEXT = "".join(f"line {n} of a text that is a blob\r\n" for n in range(80))


async def loose(opened: Opened) -> list[int]:
    return [row[0] for row in await rows(opened, "SELECT blob FROM loose_blobs")]


async def readable(opened: Opened) -> None:
    """Every Email comes back, and the database contradicts itself nowhere."""
    await opened.check()
    for (email,) in await rows(opened, "SELECT id FROM emails"):
        assert await opened.store.message(opened.account, email)


async def test_what_nobody_needs_goes_and_what_somebody_needs_stays(opened: Opened, house: House) -> None:
    first = await opened.deliver(a_message("first", body=TEXT))
    second = await opened.deliver(a_message("second", body=TEXT))
    before = await blobs(opened)
    await purge(opened, first.email)
    assert set(await loose(opened)) <= before.keys()
    gone = await Collector(house).run()
    assert gone.blobs == 1
    assert gone.octets > 0
    assert len(await blobs(opened)) == len(before) - 1
    assert await loose(opened) == []
    assert house.metrics.store_collected._value.get() == 1
    await readable(opened)
    await purge(opened, second.email)
    await collect(house)
    assert await blobs(opened) == {}
    assert await Collector(house).run() == Collected(0, 0)


async def test_expunged_mail_that_is_kept_keeps_its_blobs(opened: Opened, house: House) -> None:
    filed = await opened.deliver(a_message("first", body=TEXT))
    await opened.store.destroy_emails(opened.account, [filed.email])
    assert await loose(opened) == []
    assert await Collector(house).run() == Collected(0, 0)
    assert await blobs(opened)


async def _nothing() -> None:
    """Nothing happens."""


class Meddled(Collector):
    """Something happens before one of the steps."""

    def __init__(self, opened: Opened, when: str, what: Callable[[], Awaitable[None]]) -> None:
        super().__init__(hasty(opened))
        self._opened, self._when, self._what = opened, when, what

    async def _mark(self, number: int) -> bool:
        await self.meddle("mark")
        return await super()._mark(number)

    async def _scan(self, place: dict[str, Any]) -> None:
        await self.meddle("scan")
        await super()._scan(place)

    async def _delete(self, place: dict[str, Any]) -> None:
        await self.meddle("delete")
        if self._when == "slice":  # between the look at what is marked and the slice that deletes it
            steps = iter([_nothing, self._what])

            async def happens() -> None:
                await next(steps, _nothing)()

            self._house = hasty(self._opened, BusyHouse)
            self._house.happens = happens  # type: ignore[attr-defined]
        await super()._delete(place)

    async def meddle(self, step: str) -> None:
        if step == self._when:
            await self._what()


@pytest.mark.parametrize("when", ["mark", "scan", "delete", "slice"])
async def test_a_blob_that_is_taken_up_again_survives(opened: Opened, when: str) -> None:
    """Claimed before the scan, or between the scan and the deletion."""
    octets = a_message("again", body=TEXT)
    filed = await opened.deliver(octets)
    await purge(opened, filed.email)

    async def again() -> None:
        await opened.deliver(octets)

    assert await Meddled(opened, when, again).run() == Collected(0, 0)
    await readable(opened)
    assert await loose(opened) == []


@pytest.mark.parametrize("when", ["scan", "delete", "slice"])
async def test_a_blob_taken_up_twice_and_let_go_once_survives(
    opened: Opened, house: House, when: str
) -> None:
    """It is loose again, but not since the scan began: only the next pass may judge it."""
    octets = a_message("again", body=TEXT)
    filed = await opened.deliver(octets)
    await purge(opened, filed.email)

    async def twice() -> None:
        one = await opened.deliver(octets)
        await opened.deliver(octets)
        await purge(opened, one.email)

    assert await Meddled(opened, when, twice).run() == Collected(0, 0)
    await readable(opened)
    assert await Collector(house).run() == Collected(0, 0)
    await readable(opened)
    assert await loose(opened) == []


async def test_a_blob_let_go_during_the_scan_is_not_forgotten(opened: Opened, house: House) -> None:
    octets = a_message("again", body=TEXT)
    first = await opened.deliver(octets)
    second = await opened.deliver(octets)
    await purge(opened, first.email)

    async def let_go() -> None:
        await purge(opened, second.email)

    assert await Meddled(opened, "delete", let_go).run() == Collected(0, 0)
    assert len(await loose(opened)) == 1
    assert (await Collector(house).run()).blobs == 1


async def test_a_pass_that_was_killed_anywhere_is_taken_up_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "SCAN_ROWS", 2)
    monkeypatch.setattr(collector, "_NOTE_EVERY", 1)
    keep = [await opened.deliver(a_message(f"keep {n}", body=TEXT + str(n % 3))) for n in range(4)]
    for after in (False, True):
        for left in range(1, 40):
            some = [await opened.deliver(a_message(f"{n}", body=TEXT + f"{n}")) for n in range(3)]
            await purge(opened, *(filed.email for filed in some))
            house: MortalHouse = hasty(opened, MortalHouse)
            house.left, house.after = left, after
            try:
                await Collector(house).run()
            except Killed:
                await readable(opened)
                continue
            break
        else:
            pytest.fail("a pass has fewer slices than this")
        assert left >= 4, "it was killed in each of its steps"
    await Collector(hasty(opened)).run()
    assert await loose(opened) == []
    refs = {row[0] for row in await rows(opened, "SELECT blob FROM blob_refs")}
    assert set(await blobs(opened)) == refs
    assert len(await rows(opened, "SELECT 1 FROM emails")) == len(keep)


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 23))])
async def test_whatever_happens_meanwhile_nothing_that_is_needed_goes(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(collector, "SCAN_ROWS", 2)
    source = random.Random(seed)  # noqa: S311
    house: BusyHouse = hasty(opened, BusyHouse)
    texts = [a_message(f"text {n}", body=TEXT) for n in range(4)]

    async def happens() -> None:
        there = [row[0] for row in await rows(opened, "SELECT id FROM emails")]
        if there and source.random() < 0.5:
            await purge(opened, source.choice(there))
        else:
            await opened.deliver(source.choice(texts))

    house.happens = happens
    for _ in range(4):
        await Collector(house).run()
        await readable(opened)
    quiet = hasty(opened)
    await Collector(quiet).run()
    refs = {row[0] for row in await rows(opened, "SELECT blob FROM blob_refs")}
    assert set(await blobs(opened)) == refs


class Counting(House):
    """Counts its slices."""

    reads = 0
    writes = 0

    async def write(self, work: Callable[[Transaction], Awaitable[T]], pace: Pace | None = None) -> T:
        """Write."""
        self.writes += 1
        return await super().write(work, pace)

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Read."""
        self.reads += 1
        return await super().read(work)


async def test_the_cost_of_a_pass_is_that_of_one_look_at_each_reference(opened: Opened) -> None:
    """Ten times the references: so many more looks, and not one more slice that writes."""
    costs = []
    for refs in (2_000, 20_000):

        async def fill(tx: Transaction, refs: int = refs) -> None:
            await tx.run_many(
                "INSERT INTO blob_refs (owner, blob, tenant, account) VALUES (?1, ?2, 1, 1)",
                [(2**62 + refs + n, n) for n in range(refs)],
            )

        await opened.store.database.write(fill)
        filed = await opened.deliver(a_message(f"one {refs}", body=TEXT))
        await purge(opened, filed.email)
        house: Counting = hasty(opened, Counting)
        assert (await Collector(house).run()).blobs == 1
        costs.append((house.reads, house.writes))
    assert costs[1] == (costs[0][0] + 1, costs[0][1])


async def test_a_claim_that_began_before_the_blob_was_loose_is_waited_for(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saw nothing to take out of the loose ones, and nobody sees its reference before it ends."""
    database = opened.store.database
    if database.kind == "sqlite":
        return  # writes come in turn: none can begin before another and end after it
    octets = a_message("again", body=TEXT)
    filed = await opened.deliver(octets)
    ((blob, key),) = await rows(opened, "SELECT id, key FROM blobs")
    began = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def claim(tx: Transaction) -> None:
        assert await blob_rows.claim(tx, DEFAULT_TENANT, [bytes(key)], {}) == [blob]
        await tx.rows("SELECT 1 FROM loose_blobs")  # what waits is sent
        token.run_sync_soon(began.set)
        await tx.row("SELECT 1 FROM pg_advisory_xact_lock(?1)", lock_key("gate"))
        await blob_rows.refer(tx, 2**61, DEFAULT_TENANT, 1, [blob])

    async with trio.open_nursery() as nursery, database.try_lock("gate") as held:
        assert held
        nursery.start_soon(database.write, claim)
        await began.wait()
        await purge(opened, filed.email)
        house = hasty(opened)
        settle = database.settle

        async def opens() -> None:
            gate.set()
            await settle()

        gate = trio.Event()
        monkeypatch.setattr(database, "settle", opens)
        nursery.start_soon(Collector(house).run)
        await gate.wait()
    assert set(await blobs(opened)) == {blob}
    assert await rows(opened, "SELECT blob FROM blob_refs") == [(blob,)]


async def test_a_mark_without_a_blob_is_not_that_of_one_that_comes_anew(opened: Opened) -> None:
    octets = a_message("again", body=TEXT)
    filed = await opened.deliver(octets)
    (blob,) = await blobs(opened)
    await purge(opened, filed.email)

    async def lose(tx: Transaction) -> None:
        await tx.run("DELETE FROM blobs")
        await tx.run("DELETE FROM blob_octets")

    await opened.store.database.write(lose)

    async def anew() -> None:
        await opened.deliver(octets)

    assert await loose(opened) == [blob]
    await Meddled(opened, "delete", anew).run()
    await readable(opened)


async def test_a_blob_whose_row_was_lost_and_that_comes_anew_during_the_pass_stays(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number was loose, without a row to delete; the mark must not hit the row that was made since."""
    octets = a_message("again", body=TEXT)
    first = await opened.deliver(octets)
    for sql in ("DELETE FROM blobs", "DELETE FROM blob_octets"):
        await opened.store.database.write(lambda tx, sql=sql: tx.run(sql))  # type: ignore[misc]
    await purge(opened, first.email)
    collector_ = Collector(house)
    scan = collector_._scan

    async def scan_then_append(place: dict[str, Any]) -> None:
        await scan(place)
        await opened.deliver(octets)

    monkeypatch.setattr(collector_, "_scan", scan_then_append)
    assert await collector_.run() == Collected(0, 0)
    await readable(opened)
