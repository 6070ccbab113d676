from pathlib import Path

import pytest
from tests.support.stores import Opened, counted_ids, engine_settings, opened_store, small_settings

from pymailcore.base.errors import AlreadyExists, TemporaryFailure
from pymailcore.store.opening import dry_run, open_store
from pymailcore.store.unfinished import (
    Filling,
    UnfinishedStore,
    claim,
    claim_folder,
    is_in_use,
    let_folder_go,
    let_go,
    require_usable,
)


async def test_a_store_with_an_account_is_nobodys_to_fill(opened: Opened) -> None:
    database = opened.store.database
    with pytest.raises(AlreadyExists, match=r"with the account bob@example\.org; give an empty one, or"):
        await claim(database, Filling.RESTORE)
    assert await is_in_use(database)
    await require_usable(database)


async def test_what_is_being_filled_is_used_by_nobody(opened: Opened) -> None:
    """Until the same command, which may come again, has ended; accounts that it has brought do not matter."""
    database = opened.store.database
    rows = await database.read(lambda tx: tx.rows("SELECT id, tenant, name, created_ms FROM accounts"))
    await database.write(lambda tx: tx.run("DELETE FROM accounts"))
    assert not await is_in_use(database)
    await claim(database, Filling.MOVE)
    with pytest.raises(UnfinishedStore, match="`pymailcore move-engine` has not finished"):
        await require_usable(database)
    with pytest.raises(UnfinishedStore, match="has not finished"):
        await claim(database, Filling.RESTORE)
    await database.write(lambda tx: tx.load("accounts", ("id", "tenant", "name", "created_ms"), rows))
    await claim(database, Filling.MOVE)
    assert not await is_in_use(database)
    await let_go(database)
    assert await is_in_use(database)
    await require_usable(database)


async def test_an_unfinished_store_opens_for_its_filler_only(tmp_path: Path, engine: str) -> None:
    with engine_settings(engine) as settings:
        async with opened_store(tmp_path, **settings) as opened:
            await opened.store.database.write(
                lambda tx: tx.run("INSERT INTO unfinished (what) VALUES ('restore')")
            )
        with pytest.raises(UnfinishedStore, match="a restore into this database broke off"):
            async with opened_store(tmp_path, **settings):
                pass
        async with open_store(
            small_settings(tmp_path, **settings), notify=lambda *_: None, ids=counted_ids(2), maintain=False,
            any_state=True,
        ) as store:  # fmt: skip
            await let_go(store.database)
        async with opened_store(tmp_path, **settings):
            pass


async def test_a_frozen_store_opens_for_reading(tmp_path: Path, engine: str) -> None:
    """A worker that died while the store is moved comes up again."""
    with engine_settings(engine) as settings:
        async with (
            opened_store(tmp_path, **settings) as opened,
            opened.store.database.freeze(),
            opened_store(tmp_path, **settings) as again,
        ):
            assert await again.store.mailboxes(again.account) == list(opened.mailboxes.values())


async def test_a_store_that_was_moved_does_not_open(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as opened, opened.store.database.freeze() as retire:
        await retire("it was moved to a place with a longer name")
        await retire("it was moved")
        assert await opened.store.database.retired() == "it was moved"
    with pytest.raises(TemporaryFailure, match="it was moved"):
        async with opened_store(tmp_path):
            pass


async def test_no_store_is_made_where_a_restore_broke_off(tmp_path: Path) -> None:
    claim_folder(tmp_path, "20261122T101112Z")
    refusal = f"the restore of 20261122T101112Z into {tmp_path} broke off"
    with pytest.raises(UnfinishedStore, match=refusal):
        async with opened_store(tmp_path):
            pass
    with pytest.raises(UnfinishedStore, match=refusal):
        await dry_run(small_settings(tmp_path))
    assert not (tmp_path / "locks").exists()
    let_folder_go(tmp_path)
    async with opened_store(tmp_path):
        pass
