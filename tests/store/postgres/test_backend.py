"""backend, large: small blobs come as rows, large ones lie in a place of their own before the transaction."""

import errno
from pathlib import Path

import pytest
from tests.support.stores import EnginePlace, Opened, a_message, opened_store

from pymailcore.base.errors import InsufficientStorage
from pymailcore.store.blobs import LARGE_OCTETS
from pymailcore.store.files import Files


class FailingFiles(Files):
    """A disk that is full while `full` is set."""

    full = False

    def write(self, descriptor: int, octets: bytes, position: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "of the test")
        super().write(descriptor, octets, position)


LARGE = "x1 y2 " * (LARGE_OCTETS // 6 + 1)


async def packs_of(opened: Opened) -> list[int]:
    rows = await opened.store.database.read(lambda tx: tx.rows("SELECT pack FROM blobs ORDER BY size_octets"))
    return [row[0] for row in rows]


async def test_small_blobs_are_rows_and_large_ones_are_in_the_folder(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    folder = tmp_path / "blobs"
    async with opened_store(tmp_path / "data", **store_settings, blobs=str(folder)) as opened:
        small = await opened.deliver(a_message("small"))
        large = await opened.deliver(a_message("large", body=LARGE))
        *rows, pack = await packs_of(opened)
        assert (set(rows), pack > 0) == ({0}, True)
        assert [path.name for path in folder.iterdir()] == [f"{pack:016x}.pack"]
        assert await opened.store.message(opened.account, small.email) == a_message("small")
        assert await opened.store.message(opened.account, large.email) == a_message("large", body=LARGE)
        await opened.check()


async def test_what_a_tenant_has_is_not_put_again(opened: Opened) -> None:
    for subject in ("one", "one", "two"):
        await opened.deliver(a_message(subject, body=LARGE))
    packs = await packs_of(opened)
    assert len([pack for pack in packs if pack]) == 1


async def test_a_large_blob_that_went_meanwhile_is_put_again(opened: Opened) -> None:
    """The look before the transaction said that it is there."""
    filed = await opened.deliver(a_message("large", body=LARGE))
    database = opened.store.database
    backend = opened.store.engine.backend
    known = backend._known  # type: ignore[attr-defined]

    async def gone_after_the_look(tenant: object, pieces: object) -> set[bytes]:
        found: set[bytes] = await known(tenant, pieces)
        await database.write(lambda tx: tx.run("DELETE FROM blobs"))
        await database.write(lambda tx: tx.run("DELETE FROM blob_octets"))
        return found

    backend._known = gone_after_the_look  # type: ignore[attr-defined]
    again = await opened.deliver(a_message("large", body=LARGE))
    assert await opened.store.message(opened.account, again.email) == a_message("large", body=LARGE)
    assert filed.email != again.email


async def test_a_full_disk_refuses_large_mail_and_the_next_pack_is_a_new_one(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    files = FailingFiles()
    async with opened_store(tmp_path / "data", **store_settings, files=files) as opened:
        files.full = True
        with pytest.raises(InsufficientStorage):
            await opened.deliver(a_message("large", body=LARGE))
        await opened.deliver(a_message("small"))
        files.full = False
        filed = await opened.deliver(a_message("large", body=LARGE))
        assert await opened.store.message(opened.account, filed.email) == a_message("large", body=LARGE)
        assert len(list((tmp_path / "data" / "packs").iterdir())) == 2
