from pathlib import Path

import pytest
import trio
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.house import hasty, rows
from tests.support.stores import EnginePlace, Opened, opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.encoding import PLAIN
from pymailcore.store.housekeeping import holds
from pymailcore.store.housekeeping.holds import Hold, Lapsed, hold, is_held
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.objects import GONE_MS, ObjectHouse
from pymailcore.store.objects.packs import Stored


async def test_a_hold_of_another_node_keeps_objects_and_packs(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace, engine: str
) -> None:
    house: House = hasty(opened)
    bucket = FakeBucket()
    objects = ObjectHouse(house, packs_on(bucket))
    now_ms = opened.store.engine.now_ms()
    house.now_ms = lambda: now_ms  # type: ignore[method-assign]
    packs_on(bucket).write([Stored(DEFAULT_TENANT, b"k" * 32, 1, PLAIN, b"x")])
    await objects.keep()
    now_ms += GONE_MS
    folder = tmp_path / ("data" if engine == "sqlite" else "other")
    async with opened_store(folder, **store_settings) as other:
        house.now_ms = opened.store.engine.now_ms  # type: ignore[method-assign]
        async with hold(other.store.engine, "backup"):
            assert await opened.store.database.read(lambda tx: is_held(tx, house.now_ms()))
            assert not await house.can_remove()
            await objects._remove([-1])
            assert bucket.held
        assert await rows(opened, "SELECT * FROM holds") == []
        await objects._remove([-1])
    assert bucket.held == {}


async def test_a_hold_that_nobody_renews_lapses(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened.store.engine
    house: House = hasty(opened)
    monkeypatch.setattr(holds, "LEASE_SECONDS", 3_600.0)
    lasting = Hold(engine)
    await lasting.put("a backup")
    monkeypatch.setattr(holds, "LEASE_SECONDS", 0.0)
    await lasting.renew()
    assert await house.can_remove()
    with pytest.raises(Lapsed):
        await lasting.renew()
    await Hold(engine).put("the next one")
    assert [row[0] for row in await rows(opened, "SELECT what FROM holds")] == ["the next one"]


async def test_what_runs_under_a_hold_is_cut_when_it_has_lapsed(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "RENEW_SECONDS", 0.01)

    async def work() -> None:
        async with hold(opened.store.engine, "backup"):
            while not await rows(opened, "SELECT 1 FROM holds WHERE until_ms > begun_ms + 600000"):
                await trio.lowlevel.checkpoint()  # until it is renewed
            await opened.store.database.write(lambda tx: tx.run("UPDATE holds SET until_ms = 0"))
            await trio.sleep_forever()

    with trio.fail_after(5), pytest.raises(Lapsed):
        await work()
    assert await rows(opened, "SELECT * FROM holds") == []


async def test_a_fault_under_a_hold_comes_out_as_it_is(opened: Opened) -> None:
    async def work() -> None:
        async with hold(opened.store.engine, "backup"):
            raise TemporaryFailure("no room")

    with pytest.raises(TemporaryFailure, match="no room"):
        await work()
    assert await rows(opened, "SELECT * FROM holds") == []
