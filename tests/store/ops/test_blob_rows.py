import pytest
from tests.support.stores import Opened

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.blobs import BlobGone
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import Location
from pymailcore.store.types import Transaction

FIRST, SECOND = b"1" * 8, b"2" * 8
KEYS = [FIRST + SECOND + bytes([n]) * 16 for n in range(3)]  # 63 bits of each are alike, twice
LOCATIONS = {key: Location(n, 16, 1, 1, 0, 0) for n, key in enumerate(KEYS)}


async def test_blobs_with_the_same_number_are_told_apart(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        ids = await blob_rows.claim(tx, DEFAULT_TENANT, KEYS[:2], LOCATIONS)
        assert len(set(ids)) == 2
        assert await blob_rows.claim(tx, DEFAULT_TENANT, KEYS[:2], LOCATIONS) == ids
        assert await blob_rows.claim(tx, DEFAULT_TENANT, KEYS[:2], {}) == ids
        for key in KEYS[:2]:
            assert await blob_rows.locate(tx, DEFAULT_TENANT, key) == LOCATIONS[key]
        with pytest.raises(TemporaryFailure):
            await blob_rows.claim(tx, DEFAULT_TENANT, KEYS[2:], LOCATIONS)
        with pytest.raises(NotFound):
            await blob_rows.locate(tx, DEFAULT_TENANT, KEYS[2])

    await opened.store.database.write(work)


async def test_the_second_number_is_found_when_the_first_is_free_again(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        ids = await blob_rows.claim(tx, DEFAULT_TENANT, KEYS[:2], LOCATIONS)
        await tx.run("DELETE FROM blobs WHERE id = ?1", ids[0])
        assert await blob_rows.locate(tx, DEFAULT_TENANT, KEYS[1]) == LOCATIONS[KEYS[1]]
        assert await blob_rows.claim(tx, DEFAULT_TENANT, KEYS[1:2], {}) == ids[1:]

    await opened.store.database.write(work)


async def test_a_blob_that_is_nowhere_is_gone(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        with pytest.raises(BlobGone):
            await blob_rows.claim(tx, DEFAULT_TENANT, KEYS[:1], {})

    await opened.store.database.write(work)
