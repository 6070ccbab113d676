"""Of a sample of blobs the address is checked: the hash of their octets under the tenant's key."""

from typing import Final

from pymailcore.base.errors import MailError
from pymailcore.base.ids import TenantId
from pymailcore.store.blobs import address_of
from pymailcore.store.housekeeping.healing import Finding
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob
from pymailcore.store.objects.settings import ObjectsAway

SAMPLE: Final = 16
"""One of so many blobs is hashed in each round."""


class AddressCheck:
    """Checks those that are in the sample.

    Args:
        number: of the round; it chooses the sample.
    """

    def __init__(self, house: House, number: int) -> None:
        self._house = house
        self._sample = number % SAMPLE

    async def check(self, blob: LiveBlob) -> list[Finding]:
        """A finding, or none.

        Raises:
            ObjectsAway: S3 is away.
        """
        if blob.key[-1] % SAMPLE != self._sample:
            return []
        engine = self._house.engine
        tenant = TenantId(blob.tenant)
        try:
            octets = await engine.read_blob(tenant, blob.key)
            right = address_of(await engine.tenant_key(tenant), octets) == blob.key
        except ObjectsAway:
            raise
        except MailError as fault:
            return await still(self._house, blob, str(fault))
        return [] if right else await still(self._house, blob, "the octets have another address")


async def still(house: House, blob: LiveBlob, why: str) -> list[Finding]:
    """A finding only if the blob is still there, where it was."""
    place = (blob.id, blob.location.pack, blob.location.position)
    sql = "SELECT id FROM blobs WHERE id = ?1 AND pack = ?2 AND position = ?3"
    row = await house.read(lambda tx: tx.row(sql, *place))
    return [] if row is None else [Finding(blob, why)]
