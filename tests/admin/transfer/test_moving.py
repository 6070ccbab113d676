import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.objects import make_bucket, moto_server, object_settings
from tests.support.postgres import cluster
from tests.support.searching import index_all
from tests.support.stores import Opened, a_message, counted_ids, opened_store, small_settings
from tests.support.transfers import mail_of

from pymailcore.admin.transfer.moving import Mismatch, Mover, Packs, read_sample
from pymailcore.base.errors import AlreadyExists, TemporaryFailure
from pymailcore.base.ids import IdMint
from pymailcore.runtime.clock import now_ms
from pymailcore.store import query as q
from pymailcore.store.backup.dump import load
from pymailcore.store.backup.tables import schema_tables
from pymailcore.store.keywords import keywords_of
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import FlagChange
from pymailcore.store.verifying.sweep import Silent


def new_ids() -> IdMint:
    """Ids that no mint of the test has given."""
    return IdMint(now_ms, random.getrandbits)


async def fill(opened: Opened) -> None:
    """Mail of all sizes, copies, flags, removals and a Mailbox with a name."""
    work = await opened.store.create_mailbox(opened.account, "Work/Café")
    for number in range(12):
        body = f"{number}" * (400_000 if number == 3 else 3_000 if number % 2 else 10)
        await opened.deliver(
            a_message(f"Grüße {number}", body=body, message_id=f"<{number}@example.org>"),
            work.id if number % 3 else "inbox",
            keywords=keywords_of(["$seen", "work"][: number % 3]),
        )
    await opened.store.set_flags(
        opened.account, work.id, [(1, 2)], FlagChange.ADD, keywords_of([]), deleted=True
    )
    await opened.store.expunge(opened.account, work.id, [(1, 1)])
    await opened.store.copy(opened.account, work.id, [(3, 4)], opened.mailbox("INBOX"))


@asynccontextmanager
async def empty(data: Path, **settings: Any) -> AsyncIterator[Store]:  # noqa: ANN401 - of StoreSettings
    """A store without an account."""
    async with open_store(
        small_settings(data, **settings),
        notify=lambda *_: None,
        ids=counted_ids(7),
        maintain=False,
        any_state=True,
    ) as store:
        yield store


async def move(source: Store, target: Store) -> Mover:
    mover = Mover(source, target, Silent())
    await mover.claim()
    await mover.copy_packs()
    async with source.database.freeze():
        await mover.copy_packs()
        await mover.copy_rows()
        await mover.check()
        await mover.finish()
    assert await read_sample(target) > 0
    return mover


@asynccontextmanager
async def copied(folder: Path) -> AsyncIterator[tuple[Mover, Store]]:
    """A store whose packs and rows are in another one; gives that, not compared yet."""
    async with opened_store(folder / "one") as opened, empty(folder / "two") as target:
        await fill(opened)
        mover = Mover(opened.store, target, Silent())
        await mover.copy_packs()
        await mover.copy_rows()
        yield mover, target


async def picture(opened: Opened) -> list[object]:
    """All that a client sees, with numbers that must not change."""
    store, account = opened.store, opened.account
    boxes = await store.mailboxes(account)
    snapshots = [list((await store.snapshot(account, box.id)).uids) for box in boxes]
    return [await mail_of(opened), boxes, snapshots, await store.states(account)]


async def test_a_store_goes_to_the_other_engine_and_back(tmp_path: Path) -> None:
    """Ids, UIDs, modseqs and octets are the same, and both take new mail."""
    with cluster().database() as url:
        async with opened_store(tmp_path / "data") as opened:
            await fill(opened)
            before = await picture(opened)
            async with empty(tmp_path / "data", metadata=url) as target:
                mover = await move(opened.store, target)
            assert mover.moved.packs == 0
            assert mover.moved.tables["emails"] == 11
        async with opened_store(tmp_path / "data", metadata=url, ids=new_ids()) as opened:
            assert await picture(opened) == before
            await opened.deliver(a_message("new"))
            await opened.check()
            before = await picture(opened)
            async with empty(tmp_path / "back") as target:
                mover = await move(opened.store, target)
            assert mover.moved.packs > 0
        async with opened_store(tmp_path / "back", ids=new_ids()) as opened:
            assert await picture(opened) == before
            await opened.deliver(a_message("newer"))
            await opened.check()


async def test_the_text_index_is_made_anew_and_no_hit_is_lost(tmp_path: Path) -> None:
    """It is not moved: searches look through the mail until the new engine has its own."""
    node = q.Contains(q.Field.TEXT, "grüße")

    async def found(opened: Opened) -> list[int]:
        return sorted((await opened.store.query(opened.account, node, [], limit=100))[0])

    with cluster().database() as url:
        async with opened_store(tmp_path / "data") as opened:
            await fill(opened)
            await index_all(opened)
            expected = await found(opened)
            assert len(expected) == 10
            async with empty(tmp_path / "data", metadata=url) as target:
                await move(opened.store, target)
        async with opened_store(tmp_path / "data", metadata=url, ids=new_ids()) as opened:
            assert not await opened.store.database.read(lambda tx: tx.rows("SELECT 1 FROM text_accounts"))
            assert await found(opened) == expected
            await index_all(opened)
            assert await found(opened) == expected
            expected.append((await opened.deliver(a_message("Grüße"))).email)
            async with empty(tmp_path / "back") as target:
                await move(opened.store, target)
        async with opened_store(tmp_path / "back", ids=new_ids()) as opened:
            assert await found(opened) == sorted(expected)
            await index_all(opened)
            assert await found(opened) == sorted(expected)


async def test_a_store_in_use_is_no_target(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened, empty(tmp_path / "two") as source:
        with pytest.raises(AlreadyExists, match=r"bob@example\.org"):
            await Mover(source, opened.store, Silent()).claim()


async def test_a_copy_that_was_broken_off_is_begun_anew(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "one") as opened, empty(tmp_path / "two") as target:
        await fill(opened)
        rows = await opened.store.database.read(lambda tx: tx.rows("SELECT * FROM emails"))
        (emails,) = [table for table in schema_tables() if table.name == "emails"]
        await target.database.write(lambda tx: load(tx, emails, rows[:3]))
        mover = await move(opened.store, target)
        assert mover.moved.tables["emails"] == 11


async def test_a_row_that_differs_is_found(tmp_path: Path) -> None:
    async with copied(tmp_path) as (mover, target):
        await target.database.write(
            lambda tx: tx.run("UPDATE emails SET received_ms = received_ms + 1 WHERE flags = 1")
        )
        with pytest.raises(Mismatch, match="table emails"):
            await mover.check()


async def test_a_pack_that_is_missing_is_found(tmp_path: Path) -> None:
    async with copied(tmp_path) as (mover, _):
        next((tmp_path / "two" / "packs").glob("*.pack")).unlink()
        with pytest.raises(Mismatch, match="packs are missing"):
            await mover.check()


async def test_packs_that_grow_meanwhile_are_copied_again(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "one") as opened, empty(tmp_path / "two") as target:
        await fill(opened)
        mover = Mover(opened.store, target, Silent())
        await mover.copy_packs()
        await opened.deliver(a_message("late", body="late" * 1_000))
        await mover.copy_packs()
        sizes = Packs(opened.store.engine.settings, None).sizes()
        there = Packs(target.engine.settings, None).sizes()
        assert there == {pack: size for pack, size in sizes.items() if pack in there}
        assert len(there) >= 1


async def test_nobody_writes_while_it_is_frozen(tmp_path: Path) -> None:
    """Reading goes on; writing does again afterwards. tests/store/postgres has the same for PostgreSQL."""
    async with opened_store(tmp_path / "data") as opened:
        async with opened.store.database.freeze():
            assert await opened.store.mailboxes(opened.account)
            with pytest.raises(TemporaryFailure, match="being moved"):
                await opened.deliver(a_message())
        await opened.deliver(a_message())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_store_that_was_moved_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    """Also for those who open it later; until somebody undoes it."""
    with contextlib.ExitStack() as stack:
        # a database of its own: what keeps writers away would stay in one that tests share
        url = stack.enter_context(cluster().database()) if kind == "postgresql" else ""
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            async with opened.store.database.freeze() as retire:
                await retire("it's 100% at postgresql://new")
            with pytest.raises(TemporaryFailure, match="it's 100% at postgresql://new"):
                await opened.deliver(a_message())
            assert await opened.store.mailboxes(opened.account)
        with pytest.raises(TemporaryFailure, match="postgresql://new"):
            async with opened_store(tmp_path / "data", metadata=url) as again:
                await again.deliver(a_message())


async def test_packs_become_objects_and_files_again(tmp_path: Path) -> None:
    """A pack of the number n is the object -n; moto stands for S3."""
    with moto_server() as port, cluster().database() as url:
        make_bucket(port, "mail")
        bucket: dict[str, Any] = {
            "metadata": url,
            "blobs": "s3://mail/x",
            "s3_endpoint": f"http://127.0.0.1:{port}",
            "s3_credentials_file": object_settings(port, "mail", tmp_path).credentials_file,
        }
        async with opened_store(tmp_path / "one") as opened:
            await fill(opened)
            before = await picture(opened)
            async with empty(tmp_path / "two", **bucket) as target:
                assert (await move(opened.store, target)).moved.packs > 0
        assert list((tmp_path / "two" / "packs").glob("*.pack")) == []
        async with opened_store(tmp_path / "two", **bucket, ids=new_ids()) as opened:
            assert await picture(opened) == before
            async with empty(tmp_path / "three") as target:
                await move(opened.store, target)
        for path in (tmp_path / "three" / "packs").glob("*.pack"):
            assert (tmp_path / "one" / "packs" / path.name).read_bytes() == path.read_bytes()
        async with opened_store(tmp_path / "three") as opened:
            assert await picture(opened) == before
            await opened.check()
