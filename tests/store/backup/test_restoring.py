"""A whole restore: what clients were promised after the backup is not given a second time."""

from pathlib import Path

import msgspec
import pytest
from tests.support.stores import Opened, a_message, counted_ids, opened_store

from pymailcore.base.errors import AlreadyExists
from pymailcore.store.backup.manifest import Manifest, UnfitBackup, choose
from pymailcore.store.backup.rebuilding import pick_account
from pymailcore.store.backup.renewal import GENERATION
from pymailcore.store.backup.restoring import kept_files, restore_store
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.types import Row, Transaction, Want
from pymailcore.store.verifying.sweep import Silent

NOW_MS = 1_800_000_000_000


async def backed_up(tmp_path: Path) -> FolderTarget:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(a_message("one"))
        await take_backup(opened.store.engine, target)
    return target


def restore(tmp_path: Path, target: FolderTarget, name: str, *, later_ms: int = 0) -> Path:
    data = tmp_path / name
    restore_store(data, target, choose(target, None), Silent(), now_ms=NOW_MS + later_ms)
    return data


async def rows(opened: Opened, sql: str) -> list[Row]:
    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows(sql)

    return await opened.store.database.read(work)


async def test_no_uid_of_an_imap_client_means_another_message(tmp_path: Path) -> None:
    """RFC 9051 section 2.3.1.1: a UID may be given again, under another UIDVALIDITY."""
    target = await backed_up(tmp_path)
    seen = {}
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(a_message("lost"))
        seen = {box.path: box for box in await opened.store.mailboxes(opened.account)}
    validities = set()
    for name, later_ms in (("first", 0), ("second", 100_000)):
        async with opened_store(
            restore(tmp_path, target, name, later_ms=later_ms), ids=counted_ids(3)
        ) as opened:
            filed = await opened.deliver(a_message("another"))
            assert filed.uid == 2
            for box in await opened.store.mailboxes(opened.account):
                assert box.uid_validity > seen[box.path].uid_validity
                assert box.uid_validity < 2**32
                assert box.highest_modseq > seen[box.path].highest_modseq
                validities.add((box.path, box.uid_validity))
            made = await opened.store.create_mailbox(opened.account, "new")
            assert made.uid_validity > max(box.uid_validity for box in seen.values())
            await opened.check()
    assert len(validities) == 2 * len(seen)


async def test_no_state_is_given_twice_and_old_ones_begin_anew(tmp_path: Path) -> None:
    """RFC 8620 section 5.2: cannotCalculateChanges, for states from before and from after the backup."""
    target = await backed_up(tmp_path)
    async with opened_store(tmp_path / "data") as opened:
        before = (await opened.store.states(opened.account)).email
        await opened.deliver(a_message("lost"))
        after = (await opened.store.states(opened.account)).email
    given = {before, after}
    for name, later_ms in (("first", 0), ("second", 1_000)):
        async with opened_store(
            restore(tmp_path, target, name, later_ms=later_ms), ids=counted_ids(3)
        ) as opened:
            states = await opened.store.states(opened.account)
            assert not given & set(states)
            for kind in ("email", "mailbox", "thread"):
                for state in sorted(given):
                    if state < states.modseq:
                        assert await opened.store.changes(opened.account, kind, state, 100) is None
            inbox = opened.mailbox("INBOX")
            assert await opened.store.delta(opened.account, inbox, after) is None
            told = await opened.store.changes(opened.account, "email", states.email, 100)
            assert told is not None
            assert told.created == told.updated == told.destroyed == ()
            filed = await opened.deliver(a_message("new"))
            told = await opened.store.changes(opened.account, "email", states.email, 100)
            assert told is not None
            assert told.created == (filed.email,)
            given |= {*states, filed.modseq}
            assert filed.modseq < 2**53


async def test_nobody_is_signed_in_and_indexes_are_made_anew(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:

        async def sign_in(tx: Transaction) -> None:
            await tx.run(
                "INSERT INTO sessions (digest, account, created_ms, last_used_ms, expires_ms)"
                " VALUES (?1, 1, 0, 0, 9999999999999)",
                b"digest",
            )

        await opened.store.database.write(sign_in)
        await take_backup(opened.store.engine, target)
    generations = set()
    for name in ("first", "second"):
        async with opened_store(restore(tmp_path, target, name)) as opened:
            assert await rows(opened, "SELECT digest FROM sessions") == []
            ((generation,),) = await rows(opened, f"SELECT value FROM secrets WHERE name = '{GENERATION}'")  # noqa: S608
            generations.add(generation)
    assert len(generations) == 2


async def test_a_store_that_is_there_is_left_alone(tmp_path: Path) -> None:
    target = await backed_up(tmp_path)
    with pytest.raises(AlreadyExists, match="has a store already"):
        restore(tmp_path, target, "data")


async def test_what_was_broken_off_goes_on(tmp_path: Path) -> None:
    """A damaged piece stops it; without the database the folder is no store, and the next try is whole."""
    target = await backed_up(tmp_path)
    manifest = choose(target, None)
    (piece,) = [piece.file.name for pack in manifest.packs for piece in pack.pieces]
    path = tmp_path / "backup" / piece
    octets = path.read_bytes()
    path.write_bytes(octets[:-1] + b"x")
    with pytest.raises(UnfitBackup, match=piece):
        restore(tmp_path, target, "new")
    assert not (tmp_path / "new" / "store.sqlite").exists()
    path.write_bytes(octets)
    async with opened_store(restore(tmp_path, target, "new")) as opened:
        await opened.check()
        ((row,),) = [await opened.store.fetch(opened.account, opened.mailbox("INBOX"), [(1, 9)], Want.NONE)]
        assert row.uid == 1


async def test_a_backup_of_a_later_version_is_refused(tmp_path: Path) -> None:
    target = await backed_up(tmp_path)
    manifest = choose(target, None)
    values = {name: getattr(manifest, name) for name in Manifest.__struct_fields__}
    with pytest.raises(UnfitBackup, match="this version knows schema"):
        restore_store(tmp_path / "new", target, Manifest(**{**values, "schema": 99}), Silent(), now_ms=NOW_MS)


async def test_files_come_back_but_do_not_replace(tmp_path: Path) -> None:
    data = tmp_path / "data"
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(data) as opened:
        for name, text in (("dkim/a.pem", "dkim"), ("master", "secret")):
            (data / "keys" / name).parent.mkdir(exist_ok=True)
            (data / "keys" / name).write_text(text)
        files = kept_files(data, "", data / "keys" / "master")
        assert list(files) == ["keys/dkim/a.pem"]
        await take_backup(opened.store.engine, target, files=files)
    (tmp_path / "new" / "keys").mkdir(parents=True)
    new = restore(tmp_path, target, "new")
    assert (new / "keys" / "dkim" / "a.pem").read_text() == "dkim"
    assert (new / "keys" / "dkim" / "a.pem").stat().st_mode & 0o077 == 0


async def test_a_manifest_with_columns_that_are_none_is_refused_and_none_of_its_text_is_run(
    tmp_path: Path,
) -> None:
    """A backup lies where others may write, too: its names of columns go into statements."""
    target = await backed_up(tmp_path)
    manifest = choose(target, None)
    file = tmp_path / "made.sqlite"
    text = f"value) VALUES (?1, ?2); ATTACH '{file}' AS x; CREATE TABLE x.y (z); --"
    tables = [
        msgspec.structs.replace(table, columns=("name", text)) if table.table == "secrets" else table
        for table in manifest.tables
    ]
    hostile = msgspec.structs.replace(manifest, tables=tuple(tables))
    picked = tmp_path / "picked.sqlite"
    with pytest.raises(UnfitBackup):
        restore_store(tmp_path / "fresh", target, hostile, Silent(), now_ms=NOW_MS)
    with pytest.raises(UnfitBackup):
        pick_account(picked, target, hostile, 1, Silent())
    assert not file.exists()
