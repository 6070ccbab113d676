"""What is done at once about blobs that the scrub finds damaged: brought back, if there is a replica.

Another record of the same blob in a pack that was written anew and is still there; else the backups at
`[store] replica`. What cannot be brought back is tried again every day, with its alarm.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.base.errors import MailError
from pymailcore.base.ids import TenantId
from pymailcore.runtime.logs import get_logger
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob
from pymailcore.store.verifying.healing import heal_blobs
from pymailcore.store.verifying.repair_blobs import Place, restore_blobs

_OBJECT: Final = "object:"

log = get_logger()


class Finding(NamedTuple):
    """A blob that is not what was stored, and why."""

    blob: LiveBlob
    why: str

    @property
    def alarm(self) -> alarms.Alarm:
        """How an operator hears of it."""
        named = f"blob {self.blob.key.hex()[:16]} of tenant {self.blob.tenant}"
        return alarms.Alarm(alarms.SCRUB, subject_of(self.blob), f"{named}: {self.why}")


def subject_of(blob: LiveBlob) -> str:
    """What an alarm of the scrub says of the place of a blob."""
    pack, position = blob.location[:2]
    if pack == 0:
        return f"row:{blob.id}"
    return f"{prefix_of(pack)}:{position}"


def prefix_of(pack: int) -> str:
    """What subjects of alarms of a pack or an object begin with."""
    return f"{pack:016x}" if pack > 0 else f"{_OBJECT}{-pack:016x}"


def pack_of(subject: str) -> int | None:
    """The pack, or the object below 0, that an alarm of the scrub is about; None: neither."""
    place = subject.rpartition(":")[0]
    number = place.removeprefix(_OBJECT)
    try:
        return int(number, 16) if number == place else -int(number, 16)
    except ValueError:
        return None


async def heal(house: House, found: Sequence[Finding]) -> list[Finding]:
    """Count and log what was found, and bring back what can be; gives what stays damaged."""
    if not found:
        return []
    for one in found:
        log.error("damaged blob", place=subject_of(one.blob), tenant=one.blob.tenant, fault=one.why)
    house.metrics.store_scrub_findings.inc(len(found))
    engine = house.engine
    wanted = {one.blob.id: TenantId(one.blob.tenant) for one in found}
    before = {one.blob.id: Place(*one.blob.location[:2], one.blob.location.crc) for one in found}
    healed: set[int] = set()
    try:
        healed |= await restore_blobs(engine, house.packs, wanted, before, only_gone=True)
        left = {number: tenant for number, tenant in wanted.items() if number not in healed}
        healed |= await heal_blobs(engine, house.packs, left, before)
    except (MailError, OSError) as fault:
        log.warning("damaged blobs cannot be brought back now", fault=str(fault))
    if healed:
        house.metrics.store_scrub_repairs.inc(len(healed))
        log.warning("damaged blobs were brought back", blobs=len(healed))
    return [one for one in found if one.blob.id not in healed]
