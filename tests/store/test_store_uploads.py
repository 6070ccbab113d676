"""Uploads on a real store."""

from typing import Any

import pytest
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import (
    NotFound,
    OverQuota,
)
from pymailcore.store.ops import blob_rows


async def test_uploads_expire_and_are_bounded_in_octets(tmp_path_factory: pytest.TempPathFactory) -> None:
    """RFC 8620 section 6.1."""
    folder = tmp_path_factory.mktemp("uploads")
    async with opened_store(folder / "data", upload_octets_per_account=10, upload_hours=1.0) as opened:
        store, account = opened.store, opened.account
        blob = await store.upload(account, b"1" * 9, now_ms=0)
        assert await store.upload(account, b"1" * 9, now_ms=1) == blob
        await store.upload(account, b"2", now_ms=2)
        with pytest.raises(OverQuota):
            await store.upload(account, b"3", now_ms=3)
        assert await store.blob(account, blob) == b"1" * 9
        await store.upload(account, b"4", now_ms=3_600_001)
        with pytest.raises(NotFound):
            await store.blob(account, blob)
        await opened.check()


@pytest.mark.parametrize(("count", "fits"), [(1, True), (2, True), (3, False)])
async def test_uploads_are_bounded_in_number(
    tmp_path_factory: pytest.TempPathFactory, count: int, fits: bool
) -> None:
    folder = tmp_path_factory.mktemp("uploads")
    async with opened_store(folder / "data", uploads_per_account=2) as opened:
        for n in range(count - 1):
            await opened.store.upload(opened.account, b"%d" % n, now_ms=0)
        if fits:
            await opened.store.upload(opened.account, b"last", now_ms=0)
        else:
            with pytest.raises(OverQuota):
                await opened.store.upload(opened.account, b"last", now_ms=0)


async def test_an_upload_locks_its_account_before_blobs_as_a_delivery_does(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the other order the two of them, with the same octets, wait for each other on PostgreSQL."""
    claim = blob_rows.claim
    locked: set[tuple[str, int | None]] = set()

    async def looked_at(tx: Any, *args: Any) -> list[int]:  # noqa: ANN401 - as they are
        locked.update(getattr(tx, "_locked", {("accounts", opened.account)}))
        return await claim(tx, *args)

    monkeypatch.setattr(blob_rows, "claim", looked_at)
    await opened.store.upload(opened.account, b"octets", now_ms=0)
    assert ("accounts", opened.account) in locked
