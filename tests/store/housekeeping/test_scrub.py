from pathlib import Path

import pytest
from tests.support.house import blobs, fill_packs, hasty, rows
from tests.support.stores import Opened

from pymailcore.store.housekeeping import alarms, scrub
from pymailcore.store.housekeeping.address import SAMPLE
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import PackFile, live_blobs, pack_files
from pymailcore.store.housekeeping.rounds import DAY_MS, Progress
from pymailcore.store.housekeeping.scrub import next_pack
from pymailcore.store.packs import Location, pack_path

FILES = [PackFile(n, 100, 0) for n in range(1, 11)]


def test_a_round_keeps_up_with_the_time() -> None:
    """Ten packs in ten days: each day one is due, and none before."""
    progress = Progress(0, 1, 1_000)
    seen = []
    for day in range(25):
        now_ms = 1_000 + day * DAY_MS
        while True:
            file, progress = next_pack(FILES, progress, now_ms, days=10)
            if file is None:
                break
            seen.append((day, file.pack))
    assert seen[:11] == [*((n, n + 1) for n in range(10)), (10, 1)]
    assert len(seen) == 25


def test_after_a_long_stop_it_catches_up_once() -> None:
    progress = Progress(3, 1, 0)
    due = []
    for _ in range(8):
        file, progress = next_pack(FILES, progress, 100 * DAY_MS, days=10)
        if file is not None:
            due.append(file.pack)
    assert due == [4, 5, 6, 7, 8, 9, 10, 1]
    assert progress == Progress(1, 2, 100 * DAY_MS)


def test_never_and_nothing_and_a_clock_that_goes_back() -> None:
    assert next_pack(FILES, Progress(), 10**15, days=0)[0] is None
    assert next_pack([], Progress(), 10**15, days=1)[0] is None
    file, progress = next_pack(FILES, Progress(1, 1, 10**15), 1000, days=1)
    assert (file, progress.begun_ms) == (None, 1000)


def flip(folder: Path, where: Location, offset: int = 0) -> None:
    with pack_path(folder, where.pack).open("r+b") as file:
        file.seek(where.position + offset)
        octet = file.read(1)
        file.seek(where.position + offset)
        file.write(bytes([octet[0] ^ 1]))


async def subjects(local: Opened) -> list[str]:
    return sorted(alarm.subject for alarm in await local.store.database.read(alarms.read))


async def whole_round(house: House, days: int = 40) -> None:
    """A scrub each day."""
    now_ms = house.engine.now_ms()
    for day in range(days):
        house.engine.now_ms = lambda day=day: now_ms + day * DAY_MS  # type: ignore[misc]
        await scrub.scrub(house)


async def test_a_flipped_bit_is_found_and_its_alarm_ends_with_the_repair(
    local: Opened, local_house: House
) -> None:
    await fill_packs(local)
    places = sorted((await blobs(local)).values())
    await whole_round(local_house, 2)
    assert await subjects(local) == []
    hurt = [places[0], places[len(places) // 2], places[-1]]
    for where in hurt:
        flip(local_house.packs, where, where.stored_octets - 1)
    await whole_round(local_house)
    assert await subjects(local) == sorted(f"{where.pack:016x}:{where.position}" for where in hurt)
    assert local_house.metrics.store_scrub_findings._value.get() >= 3
    assert local_house.metrics.store_scrubbed_octets._value.get() > 0
    for where in hurt:
        flip(local_house.packs, where, where.stored_octets - 1)
    await scrub.scrub(local_house)
    assert len(await subjects(local)) == 3, "not twice on one day"
    await whole_round(local_house, 2)
    assert await subjects(local) == []


async def test_octets_under_another_address_are_found_by_the_sample(
    local: Opened, local_house: House
) -> None:
    """The CRC is right, the content is not what the address says."""
    await fill_packs(local, 4)
    ((id_, key),) = await rows(local, "SELECT id, key FROM blobs ORDER BY id LIMIT 1")
    other = (await rows(local, "SELECT pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
                               " ORDER BY id DESC LIMIT 1"))[0]  # fmt: skip
    await local.store.database.write(
        lambda tx: tx.run(
            "UPDATE blobs SET pack = ?2, position = ?3, stored_octets = ?4, size_octets = ?5, encoding = ?6,"
            " crc = ?7 WHERE id = ?1", id_, *other,
        )
    )  # fmt: skip
    found = []
    for number in range(SAMPLE):
        scrubber = scrub.Scrubber(local_house, number)
        for living in (await live_blobs(local_house, [other[0]], 1000)).values():
            found += [(number, damaged.blob.id) for damaged in await scrubber.check(living)]
        scrubber.close()
    assert found == [(bytes(key)[-1] % SAMPLE, id_)]


async def test_a_pack_that_is_cut_off_and_one_that_is_gone_are_found(
    local: Opened, local_house: House
) -> None:
    await fill_packs(local)
    places = sorted((await blobs(local)).values())
    first = places[0].pack
    of_first = [where for where in places if where.pack == first]
    with pack_path(local_house.packs, first).open("r+b") as file:
        file.truncate(of_first[-1].position + 1)
    await whole_round(local_house)
    assert await subjects(local) == [f"{first:016x}:{of_first[-1].position}"]


async def test_a_round_goes_on_where_it_was_cut_off(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill_packs(local)
    monkeypatch.setattr(scrub, "MOST_PACKS", 1)
    house = hasty(local)
    packs = [file.pack for file in pack_files(house.packs)]
    checked: list[int] = []

    class Stop(Exception):
        pass

    check = scrub._check

    async def some(house: House, which: set[int], progress: Progress) -> None:
        if len(checked) == 2:
            checked.append(0)
            raise Stop
        checked.extend(which)
        await check(house, which, progress)

    monkeypatch.setattr(scrub, "_check", some)
    now_ms = house.engine.now_ms()
    await scrub.scrub(house)
    house.engine.now_ms = lambda: now_ms + 60 * DAY_MS
    with pytest.raises(Stop):
        await scrub.scrub(house)
    await scrub.scrub(house)
    assert [pack for pack in checked if pack][: len(packs)] == packs
