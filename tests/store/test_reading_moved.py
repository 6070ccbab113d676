"""A pack that was written anew and removed between the look at a row and the look into the pack."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.house import hasty, purge
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.base.ids import DEFAULT_TENANT, BlobId, EmailId
from pymailcore.store import query
from pymailcore.store.blobids import email_blob, part_blob
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.rewriter import rewrite
from pymailcore.store.housekeeping.sweeper import sweep
from pymailcore.store.packs import DamagedBlob, Location, PackReader

BODY = "needle in a text\r\n" * 200
OCTETS = a_message("a message", body=BODY)
Read = Callable[[Opened, EmailId, BlobId], Awaitable[object]]


async def message(opened: Opened, email: EmailId, _: BlobId) -> object:
    return await opened.store.message(opened.account, email)


async def messages(opened: Opened, email: EmailId, _: BlobId) -> object:
    return (await opened.store.messages(opened.account, [email]))[0][1]


async def headers(opened: Opened, email: EmailId, _: BlobId) -> object:
    return (await opened.store.headers(opened.account, [email]))[0][1] + BODY.encode()


async def whole(opened: Opened, email: EmailId, _: BlobId) -> object:
    return await opened.store.blob(opened.account, email_blob(email))


async def part(opened: Opened, email: EmailId, _: BlobId) -> object:
    head = OCTETS.partition(b"\r\n\r\n")[0]
    return b"".join([head, b"\r\n\r\n", await opened.store.blob(opened.account, part_blob(email, "1"))])


async def upload(opened: Opened, _: EmailId, blob: BlobId) -> object:
    return await opened.store.blob(opened.account, blob)


async def address(opened: Opened, _: EmailId, blob: BlobId) -> object:
    return await opened.store.engine.read_blob(DEFAULT_TENANT, bytes.fromhex(blob[1:]))


async def search(opened: Opened, email: EmailId, _: BlobId) -> object:
    found = await opened.store.search(
        opened.account, opened.mailbox("INBOX"), query.Contains(query.Field.BODY, "needle")
    )
    return OCTETS if len(found) == 1 else found


@pytest.mark.parametrize("read", [message, messages, headers, whole, part, upload, address, search])
async def test_whoever_misses_looks_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    async with opened_store(tmp_path / "data") as opened:
        email = (await opened.deliver(OCTETS)).email
        blob = await opened.store.upload(opened.account, OCTETS, now_ms=opened.store.engine.now_ms())
        stored = PackReader.stored
        missed: list[Location] = []

        def moved(reader: PackReader, location: Location) -> bytes:
            if not missed:
                missed.append(location)
                raise DamagedBlob("the pack is gone")
            return stored(reader, location)

        monkeypatch.setattr(PackReader, "stored", moved)
        assert await read(opened, email, blob) == OCTETS
        assert missed, "it reads from a pack"


async def test_a_reader_with_the_old_place_finds_no_file(tmp_path: Path) -> None:
    """What `moved` stands for above: the old file is not there any more, the octets are elsewhere."""
    async with opened_store(tmp_path / "data") as first:
        gone = (await first.deliver(a_message("other", body=BODY * 2))).email
        email = (await first.deliver(OCTETS)).email
    async with opened_store(tmp_path / "data") as opened:
        await purge(opened, gone)
        assert await opened.store.message(opened.account, email) == OCTETS
        house = hasty(opened, rewrite_percent=100.0)
        for job in (collect, census, rewrite, sweep):
            await job(house)
        assert house.metrics.store_packs_removed._value.get() == 1
        assert await opened.store.message(opened.account, email) == OCTETS
