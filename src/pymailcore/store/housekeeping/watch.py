"""Looks every few seconds at what may need an operator: disk, reserve, write-ahead log, alarms of jobs."""

from typing import Final

from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House

_SHORT: Final = 1.25  # times the watermark: from here on expunged mail goes, and garbage without rests


class Watch:
    """Remembers what it has said."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._said: dict[str, alarms.Alarm] = {}

    async def look(self) -> None:
        """Set the metrics, raise and end alarms; a job.

        On a full disk an alarm may not get into the store; it is in the log and in the metrics all the same.
        """
        house = self._house
        condition = await house.thread(alarms.look, house.layout, house.packs)
        house.hurry = condition.free_octets < house.settings.watermark_octets * _SHORT
        house.metrics.store_free_octets.set(condition.free_octets)
        house.metrics.store_reserve.set(int(condition.reserve))
        house.metrics.store_log_octets.set(condition.log_octets)
        found = {alarm.kind: alarm for alarm in alarms.judge(condition, house.settings)}
        alarms.tell(
            [alarm for kind, alarm in found.items() if kind not in self._said],
            [alarm for kind, alarm in self._said.items() if kind not in found],
        )
        self._said = found
        counts = dict.fromkeys(alarms.KINDS, 0)
        for alarm in await house.read(alarms.read):
            counts[alarm.kind] = counts.get(alarm.kind, 0) + 1
        for kind in alarms.OF_DISK:
            counts[kind] = int(kind in found)
        for kind, count in counts.items():
            house.metrics.store_alarms.labels(kind).set(count)
