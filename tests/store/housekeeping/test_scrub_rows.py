"""Octets in rows of the database are read in the round, too."""

from collections.abc import Sequence

import pytest
from tests.support.house import hasty, rows
from tests.support.stores import Opened

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.blobs import address_of
from pymailcore.store.encoding import PLAIN
from pymailcore.store.housekeeping import alarms, scrub, scrub_rows
from pymailcore.store.housekeeping.healing import Finding
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.rounds import DAY_MS, Progress
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import in_row
from pymailcore.store.types import Transaction


async def put_rows(opened: Opened, count: int) -> list[int]:
    """Blobs in rows, under their right addresses; their numbers in order."""
    key = await opened.store.engine.tenant_key(DEFAULT_TENANT)
    texts = [b"octets of blob %d" % number for number in range(count)]
    locations = {address_of(key, text): in_row(len(text), PLAIN, text) for text in texts}
    return sorted(
        await opened.store.database.write(
            lambda tx: blob_rows.claim(tx, DEFAULT_TENANT, list(locations), locations)
        )
    )


async def flip(opened: Opened, number: int) -> None:
    """Turn a bit of the octets in a row; once more, and it is as it was."""
    ((octets,),) = await rows(opened, "SELECT octets FROM blob_octets WHERE blob = ?1", number)

    async def work(tx: Transaction) -> None:
        changed = bytes([octets[0] ^ 1]) + bytes(octets)[1:]
        await tx.run("UPDATE blob_octets SET octets = ?2 WHERE blob = ?1", number, changed)

    await opened.store.database.write(work)


async def subjects(opened: Opened) -> list[str]:
    return sorted(alarm.subject for alarm in await opened.store.database.read(alarms.read))


async def days(house: House, first: int, last: int) -> None:
    """A scrub each day; the first is the present one."""
    now_ms = house.engine.now_ms
    begun_ms = now_ms()
    for day in range(first, last):
        house.engine.now_ms = lambda day=day: begun_ms + day * DAY_MS  # type: ignore[misc]
        await scrub.scrub(house)
    house.engine.now_ms = now_ms


async def test_a_flipped_bit_in_a_row_is_found_and_its_alarm_ends_with_the_repair(opened: Opened) -> None:
    house = hasty(opened)
    numbers = await put_rows(opened, 40)
    await days(house, 0, 70)
    assert await subjects(opened) == []
    for number in (numbers[0], numbers[20], numbers[-1]):
        await flip(opened, number)
    await days(house, 70, 140)
    assert await subjects(opened) == sorted(f"row:{n}" for n in (numbers[0], numbers[20], numbers[-1]))
    assert house.metrics.store_scrub_findings._value.get() >= 3
    await flip(opened, numbers[0])
    await opened.store.database.write(lambda tx: tx.run("DELETE FROM blobs WHERE id = ?1", numbers[20]))
    await days(house, 141, 143)
    assert await subjects(opened) == [f"row:{numbers[-1]}"], "repaired, gone, still wrong"


async def test_octets_under_another_address_are_found_by_the_sample(opened: Opened) -> None:
    house = hasty(opened)
    numbers = await put_rows(opened, 20)
    await opened.store.database.write(
        lambda tx: tx.run(
            "UPDATE blob_octets SET octets = (SELECT o.octets FROM blob_octets o WHERE o.blob = ?2)"
            " WHERE blob = ?1", numbers[0], numbers[1]
        )
    )  # fmt: skip
    await opened.store.database.write(
        lambda tx: tx.run(
            "UPDATE blobs SET crc = (SELECT b.crc FROM blobs b WHERE b.id = ?2), stored_octets ="
            " (SELECT b.stored_octets FROM blobs b WHERE b.id = ?2), size_octets ="
            " (SELECT b.size_octets FROM blobs b WHERE b.id = ?2) WHERE id = ?1", numbers[0], numbers[1]
        )
    )  # fmt: skip
    ((key,),) = await rows(opened, "SELECT key FROM blobs WHERE id = ?1", numbers[0])
    found = []
    for number in range(16):
        checks = scrub_rows.RowScrub(house, [])
        found += [(number, one.blob.id) for one in await checks._damaged(numbers, number)]
    assert found == [(bytes(key)[-1] % 16, numbers[0])]


async def test_a_round_does_a_share_each_day_and_goes_on_where_it_was(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = hasty(opened, scrub_days=10.0)
    numbers = await put_rows(opened, 60)
    monkeypatch.setattr(scrub_rows, "BATCH_BLOBS", 4)
    seen: list[int] = []
    check = scrub_rows.RowScrub._damaged

    async def noted(self: scrub_rows.RowScrub, some: Sequence[int], round_: int) -> list[Finding]:
        assert len(some) <= 4
        seen.extend(some)
        return await check(self, some, round_)

    monkeypatch.setattr(scrub_rows.RowScrub, "_damaged", noted)
    await days(house, 0, 5)
    assert 0 < len(seen) < 50, "a share only, as numbers are spread over the days"
    await days(house, 5, 11)
    assert seen == numbers, "each once, in order, over several runs"


async def test_a_batch_has_only_so_many_octets(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    house = hasty(opened)
    numbers = await put_rows(opened, 10)
    monkeypatch.setattr(scrub_rows, "BATCH_OCTETS", 40)
    progress = await scrub_rows.RowScrub(house, []).next(Progress(-1, 0, 0), 31 * DAY_MS, 30)
    assert progress is not None
    assert progress.at == numbers[1]
