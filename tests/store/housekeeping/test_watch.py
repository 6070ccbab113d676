import pytest
from tests.support.house import hasty
from tests.support.logs import captured
from tests.support.stores import Opened

from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.alarms import Condition
from pymailcore.store.housekeeping.watch import Watch

MIB = 2**20


async def test_a_disk_that_fills_up_hurries_the_house_and_raises_an_alarm_once(
    local: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = hasty(local, watermark_octets=100 * MIB, reserve_octets=MIB)
    watch = Watch(house)
    free = [1000 * MIB, 150 * MIB, 120 * MIB, 1000 * MIB]
    monkeypatch.setattr(alarms, "look", lambda *_: Condition(free.pop(0), reserve=True, log_octets=5))
    told = []
    for _ in range(4):
        with captured() as lines:
            await watch.look()
        metrics = house.metrics
        told.append((
            [line["event"] for line in lines], house.hurry, metrics.store_alarms.labels("disk")._value.get(),
            metrics.store_free_octets._value.get() / MIB,
        ))  # fmt: skip
    assert told == [
        ([], False, 0, 1000),
        (["alarm"], False, 1, 150),
        ([], True, 1, 120),
        (["alarm is over"], False, 0, 1000),
    ]
    assert house.metrics.store_reserve._value.get() == 1
    assert house.metrics.store_log_octets._value.get() == 5


async def test_alarms_of_jobs_are_counted_by_kind(local: Opened) -> None:
    house = hasty(local)
    raised = [alarms.Alarm(alarms.SCRUB, f"{n:016x}:1", "x") for n in range(3)]
    await house.alarms(alarms.SCRUB, raised)
    await Watch(house).look()
    counts = {kind: house.metrics.store_alarms.labels(kind)._value.get() for kind in alarms.KINDS}
    assert counts == dict.fromkeys(alarms.KINDS, 0) | {alarms.SCRUB: 3}
