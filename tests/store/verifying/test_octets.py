"""Blobs in S3: damage is found, and another object's record is taken where there is one."""

from pathlib import Path
from typing import Any

from tests.support.stores import a_message, opened_store

from pymailcore.store.packs import RECORD_OCTETS, Location
from pymailcore.store.types import Transaction
from pymailcore.store.verifying.octets import Stored, _windows
from pymailcore.store.verifying.verifier import repair_store, verify_store

LARGE = a_message("large", body="".join(f"{n * n}\r\n" for n in range(80_000)))


async def test_a_damaged_object_is_found_and_a_copy_of_it_taken(
    tmp_path: Path, s3_store: dict[str, Any]
) -> None:
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        filed = await opened.deliver(LARGE)
        assert (await verify_store(opened.store, messages=True)).faults == []
        objects = opened.store.engine.objects
        assert objects is not None
        (held,) = objects.listed()
        whole = bytearray(objects.whole(held.pack))
        whole[RECORD_OCTETS + 100] ^= 1
        objects.put_pack(held.pack, bytes(whole))
        found = await verify_store(opened.store, messages=True)
        assert set(found.counts) == {"blob-unreachable", "message-lost"}
        whole[RECORD_OCTETS + 100] ^= 1
        objects.put_pack(-7, bytes(whole))
        repaired = await repair_store(opened.store, messages=True)
        assert (repaired.last.faults, repaired.last.lost) == ([], [])
        assert await opened.store.message(opened.account, filed.email) == LARGE

        async def leaving(tx: Transaction) -> None:
            await tx.run("INSERT INTO packs VALUES (-7, 1, 0, 1, 1)")
            await tx.run("DELETE FROM blobs WHERE pack = -7")

        await opened.store.database.write(leaving)
        again = await repair_store(opened.store, messages=True)
        assert "reference-without-blob" in again.first.counts
        assert (again.last.faults, again.last.lost) == ([], [])
        objects.delete([-7])
        assert await opened.store.message(opened.account, filed.email) == LARGE


def test_blobs_in_rows_are_read_some_at_a_time() -> None:
    """They all lie at position 0, so their octets count."""
    quarter = 256 * 1024
    rows = [Stored(n, 1, b"", Location(0, 0, quarter, quarter, 0, 0)) for n in range(9)]
    packed = [Stored(n, 1, b"", Location(5, n * quarter, quarter, quarter, 0, 0)) for n in range(9)]
    assert [len(window) for window in _windows([*rows, *packed])] == [4, 4, 1, 4, 4, 1]
    small = [Stored(n, 1, b"", Location(0, 0, 1, 1, 0, 0)) for n in range(600)]
    assert [len(window) for window in _windows(small)] == [512, 88]
