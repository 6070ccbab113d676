from pathlib import Path

import pytest
from tests.support.house import (
    BusyHouse,
    Killed,
    MortalHouse,
    all_readable,
    blobs,
    fill_packs,
    hasty,
    purge,
)
from tests.support.stores import Opened, opened_store

from pymailcore.base.ids import EmailId
from pymailcore.store.encoding import SEALED
from pymailcore.store.files import Files
from pymailcore.store.housekeeping import alarms, rewriter
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob, PackFile
from pymailcore.store.housekeeping.rewriter import PackState, batches, choose, rewrite
from pymailcore.store.housekeeping.sweeper import sweep
from pymailcore.store.keyfile import create_key_file
from pymailcore.store.packs import Location, pack_path

MIB = 2**20


def state(pack: int, octets: int, live: int, written_ms: int = 0) -> PackState:
    return PackState(PackFile(pack, octets, written_ms), live)


def chosen(*states: PackState) -> list[int]:
    return [file.pack for file in choose(states, 100_000, percent=50.0, rest_ms=60_000, pack_octets=64 * MIB)]


def test_packs_that_are_mostly_garbage_are_chosen_the_worst_first() -> None:
    assert chosen(state(1, 64 * MIB, 40 * MIB), state(2, 64 * MIB, 31 * MIB), state(3, 64 * MIB, 0)) == [3, 2]
    assert chosen(state(1, 64 * MIB, 0, 40_000), state(2, 64 * MIB, 0, 40_001)) == [1], "2 is not at rest"


def test_many_small_packs_are_written_together_and_few_are_not() -> None:
    small = [state(n, MIB, MIB) for n in range(1, 33)]
    assert chosen(*small[:31]) == []
    assert sorted(chosen(*small)) == list(range(1, 33))


def test_blobs_are_copied_in_stretches() -> None:
    def blob(number: int, octets: int) -> LiveBlob:
        return LiveBlob(number, 1, b"", Location(1, number, octets, octets, 0, 0))

    large = [blob(n, 3 * MIB) for n in range(5)]
    assert [len(some) for some in batches(large)] == [2, 2, 1]
    assert [len(some) for some in batches([blob(n, 1) for n in range(1200)])] == [512, 512, 176]
    assert batches([]) == []


async def with_garbage(local: Opened) -> list[int]:
    """Packs of which most is garbage; the Emails that are still there."""
    filed = await fill_packs(local)
    keep = filed[::5]
    await purge(local, *(email for email in filed if email not in keep))
    await collect(hasty(local))
    await census(hasty(local))
    return keep


def on_disk(local: Opened) -> int:
    packs = hasty(local).packs
    return sum(path.stat().st_size for path in packs.iterdir())


async def test_a_pack_is_written_anew_and_goes(local: Opened, local_house: House) -> None:
    keep = await with_garbage(local)
    before, there = on_disk(local), await blobs(local)
    await rewrite(local_house)
    assert await all_readable(local) == len(keep)
    moved = await blobs(local)
    assert moved.keys() == there.keys()
    assert {where[2:6] for where in moved.values()} == {where[2:6] for where in there.values()}
    assert len({where.pack for where in moved.values()} & {where.pack for where in there.values()}) <= 1
    await sweep(local_house)
    assert on_disk(local) < before / 2
    assert await all_readable(local) == len(keep)
    await census(local_house)
    await rewrite(local_house)
    assert await blobs(local) == moved, "there is nothing left to do"


async def test_a_pack_that_a_living_process_writes_is_left_alone(local: Opened, local_house: House) -> None:
    filed = await fill_packs(local, 2)
    await purge(local, filed[0])
    await collect(local_house)
    await census(local_house)
    before = await blobs(local)
    local_house.settings = hasty(local, rewrite_percent=100.0).settings
    await rewrite(local_house)
    assert await blobs(local) == before


async def test_a_blob_that_is_damaged_stays_and_its_pack_with_it(local: Opened, local_house: House) -> None:
    await with_garbage(local)
    where = min((await blobs(local)).values())
    with pack_path(local_house.packs, where.pack).open("r+b") as file:
        file.seek(where.position)
        octet = file.read(1)
        file.seek(where.position)
        file.write(bytes([octet[0] ^ 1]))
    await rewrite(local_house)
    await sweep(local_house)
    assert where in (await blobs(local)).values()
    assert pack_path(local_house.packs, where.pack).exists()
    found = await local.store.database.read(alarms.read)
    assert [(alarm.kind, alarm.subject) for alarm in found] == [
        (alarms.SCRUB, f"{where.pack:016x}:{where.position}")
    ]
    await rewrite(local_house)
    assert where in (await blobs(local)).values()


@pytest.mark.parametrize("after", [False, True])
async def test_a_kill_anywhere_loses_nothing(
    local: Opened, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(rewriter, "BATCH_BLOBS", 1)
    keep = await with_garbage(local)
    for left in range(1, 40):
        house: MortalHouse = hasty(local, MortalHouse)
        house.left, house.after = left, after
        try:
            await rewrite(house)
            await sweep(house)
        except Killed:
            assert await all_readable(local) == len(keep)
            continue
        break
    else:
        pytest.fail("there are fewer slices than this")
    assert await all_readable(local) == len(keep)


class TornFiles(Files):
    """The disk fails at the n-th sync."""

    def __init__(self, left: int) -> None:
        self.left = left

    def sync(self, descriptor: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError(5, "input/output error")
        super().sync(descriptor)


async def test_a_disk_that_fails_moves_no_row(local: Opened, local_house: House) -> None:
    keep = await with_garbage(local)
    before = await blobs(local)
    with pytest.raises(OSError, match="input/output"):
        await rewrite(local_house, TornFiles(1))
    assert await blobs(local) == before
    assert await all_readable(local) == len(keep)
    await rewrite(local_house)
    assert await blobs(local) != before


async def test_what_is_deleted_and_stored_again_meanwhile_is_not_overwritten(local: Opened) -> None:
    """The move compares the old place: a blob that was collected and stored anew keeps its new one."""
    keep = await with_garbage(local)
    octets = [await local.store.message(local.account, EmailId(email)) for email in keep]
    house: BusyHouse = hasty(local, BusyHouse)
    done: list[int] = []
    fresh: dict[int, Location] = {}

    async def happens() -> None:
        if len(done) == 2:
            await purge(local, *keep)
            await collect(hasty(local))
            for message in octets:
                await local.deliver(message)
            fresh.update(await blobs(local))
        done.append(1)

    house.happens = happens
    await rewrite(house)
    assert await all_readable(local) == len(keep)
    assert len(done) > 3
    assert await blobs(local) == fresh


async def test_what_is_written_anew_is_encrypted_when_it_should_be(tmp_path: Path) -> None:
    key_file = tmp_path / "master.keys"
    create_key_file(key_file)
    async with opened_store(tmp_path / "data", pack_octets=8_192) as opened:
        keep = await fill_packs(opened, 6)
        assert {where.encoding & SEALED for where in (await blobs(opened)).values()} == {0}
    async with opened_store(tmp_path / "data", encryption_key_file=key_file) as opened:
        house = hasty(opened, rewrite_percent=200.0)
        await census(house)
        await rewrite(house)
        assert {where.encoding & SEALED for where in (await blobs(opened)).values()} == {SEALED}
        assert await all_readable(opened) == len(keep)
