import dataclasses
from pathlib import Path

import pytest
import trio
from tests.support.house import rows
from tests.support.stores import Opened

from pymailcore.runtime.metrics import Metrics
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House, pack_folder
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction


async def test_a_slice_is_followed_by_a_rest_that_counts_all_it_waited_for(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    kept = House(opened.store.engine, Metrics())
    kept.settings = dataclasses.replace(kept.settings, house_percent=25.0)
    monkeypatch.setattr(trio, "sleep", sleep)

    async def work(tx: Transaction) -> int:
        row = await tx.row("SELECT 7")
        assert row is not None
        return int(row[0])

    pace = Pace(64, seconds=60.0)  # no slice is long, however busy the machine
    begun = trio.current_time()
    assert await kept.write(work, pace) == 7
    took = trio.current_time() - begun
    assert 0 < rests[0] <= took * 3
    assert pace.rows == 128, "the slice was short"
    assert await kept.read(work) == 7
    assert await kept.thread(lambda: 8) == 8
    assert len(rests) == 3
    kept.hurry = True
    await kept.write(work)
    assert rests[3] == 0.0


async def test_what_fails_in_a_slice_comes_out(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run("DELETE FROM chores")
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await House(opened.store.engine, Metrics()).write(work)


async def test_alarms_are_written_when_they_change_only(opened: Opened, house: House) -> None:
    raised = [alarms.Alarm(alarms.SCRUB, "a:1", "x")]
    await house.alarms(alarms.SCRUB, raised)
    first = await rows(opened, "SELECT seen_ms FROM alarms")
    house.engine.now_ms = lambda: 7
    await house.alarms(alarms.SCRUB, raised)
    assert await rows(opened, "SELECT seen_ms FROM alarms") == first
    await house.alarms(alarms.SCRUB, [alarms.Alarm(alarms.SCRUB, "a:1", "y")])
    assert await rows(opened, "SELECT detail, seen_ms FROM alarms") == [("y", 7)]


async def test_octets_cost_time(opened: Opened, house: House) -> None:
    slow = House(opened.store.engine, Metrics())
    begun = trio.current_time()
    slow._scrubbing = slow._rewriting = type(slow._scrubbing)(1000.0)
    await slow.scrubbed(10)
    assert trio.current_time() - begun >= 0.009
    slow.hurry = True
    with trio.fail_after(1):
        await slow.rewritten(10**6)


def test_packs_lie_where_blobs_are_to_be_kept() -> None:
    data = Path("/srv/mail")
    assert pack_folder(StoreSettings(data=data)) == data / "packs"
    dsn = "postgresql://x@db/y"
    assert pack_folder(StoreSettings(data=data, metadata=dsn)) == data / "packs"
    assert pack_folder(StoreSettings(data=data, metadata=dsn, blobs="/srv/blobs")) == Path("/srv/blobs")
    assert pack_folder(StoreSettings(data=data, metadata=dsn, blobs="s3://bucket/x")) == data / "packs"
