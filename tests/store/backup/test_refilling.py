"""A backup of either engine, from and to PostgreSQL and S3."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.objects import make_bucket, object_settings
from tests.support.postgres import cluster
from tests.support.stores import a_message, counted_ids, opened_store

from pymailcore.base.errors import AlreadyExists
from pymailcore.base.ids import AccountId, EmailId
from pymailcore.store.backup.manifest import choose
from pymailcore.store.backup.refilling import refill_store
from pymailcore.store.backup.restoring import restore_store
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget, Target, open_target
from pymailcore.store.backup.verification import verify_backup
from pymailcore.store.opening import open_store
from pymailcore.store.query import And
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.verifying.sweep import Silent
from pymailcore.store.verifying.verifier import verify_store

LARGE = a_message("large", body="".join(f"{n * n}\r\n" for n in range(80_000)))
SMALL = a_message("small")


async def refilled(target: Target, data: Path, **settings: Any) -> None:  # noqa: ANN401
    """Fill an empty store, and look whether everything is there."""
    base = StoreSettings(data=data, reserve_octets=0, watermark_octets=0, **settings)

    async def check(store: Store) -> None:
        report = await verify_store(store, messages=True)
        assert (report.faults, report.notes) == ([], [])
        assert report.looked["messages"] == 2
        emails, _, _, _ = await store.query(AccountId(1), And(()), [])
        octets = {await store.message(AccountId(1), EmailId(email)) for email in emails}
        assert octets == {LARGE, SMALL}

    async with open_store(base, notify=lambda *_: None, ids=counted_ids(4), maintain=False) as store:
        manifest = choose(target, None)
        restored = await refill_store(store.engine, target, manifest, Silent(), scratch=data / "scratch")
        assert (restored.accounts, restored.emails) == (1, 2)
        with pytest.raises(AlreadyExists, match="in use already"):
            await refill_store(store.engine, target, manifest, Silent(), scratch=data / "scratch")
    async with open_store(base, notify=lambda *_: None, ids=counted_ids(4), maintain=False) as store:
        await check(store)


async def test_from_sqlite_to_postgresql(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(LARGE)
        await opened.deliver(SMALL)
        await take_backup(opened.store.engine, target)
    with cluster().database() as url:
        await refilled(target, tmp_path / "new", metadata=url)


async def test_from_postgresql_and_s3_to_another_bucket_and_to_sqlite(
    tmp_path: Path, s3_store: dict[str, Any], s3_port: int, bucket: str
) -> None:
    """Packs are objects there and files here; a backup in S3 is one as any other."""
    settings = object_settings(s3_port, bucket, tmp_path)
    target = open_target(f"s3://{bucket}/backups", settings)
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        await opened.deliver(LARGE)
        first = await take_backup(opened.store.engine, target)
        await opened.deliver(SMALL)
        await take_backup(opened.store.engine, target, incremental=True)
    assert [pack.pack < 0 for pack in first.manifest.packs] == [True]
    manifest = choose(target, None)
    assert manifest.previous == first.manifest.name
    assert manifest.packs == first.manifest.packs
    assert verify_backup(target, manifest, tmp_path / "scratch", Silent()) == []
    make_bucket(s3_port, f"{bucket}-new")
    with cluster().database() as url:
        there = {"metadata": url, "blobs": f"s3://{bucket}-new/mail"}
        await refilled(target, tmp_path / "new", **{**s3_store, **there})
    restore_store(tmp_path / "files", target, manifest, Silent(), now_ms=1_800_000_000_000)
    async with opened_store(tmp_path / "files", ids=counted_ids(6)) as opened:
        report = await verify_store(opened.store, messages=True)
        assert (report.faults, report.looked["messages"]) == ([], 2)
