"""migrate: tables come once, whoever is first; a newer database is left alone."""

from pathlib import Path

import pytest
import trio
from tests.support.postgres import cluster
from tests.support.searching import index_all
from tests.support.stores import a_message, counted_ids, opened_store, small_settings

from pymailcore.store.migrate import VERSION, NewerDatabase
from pymailcore.store.opening import dry_run, open_store
from pymailcore.store.query import Contains, Field
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction


async def test_many_open_an_empty_database_at_once(tmp_path: Path) -> None:
    with cluster().database() as url:
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(_open, tmp_path / str(number), url)
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            assert len(await opened.store.mailboxes(opened.account)) == 6
            row = await opened.store.database.read(
                lambda tx: tx.row("SELECT count(*), max(version) FROM schema_versions")
            )
            assert row == (VERSION, VERSION)


async def _open(data: Path, url: str) -> None:
    ids = counted_ids(3)
    async with open_store(
        small_settings(data, metadata=url), notify=lambda *_: None, ids=ids, maintain=False
    ):
        pass


async def test_a_dry_run_leaves_the_database_as_it_is(tmp_path: Path) -> None:
    with cluster().database() as url:
        settings = StoreSettings(data=tmp_path, metadata=url)
        assert await dry_run(settings) == list(range(1, VERSION + 1))
        assert await dry_run(settings) == list(range(1, VERSION + 1))
        async with opened_store(tmp_path / "data", metadata=url):
            pass
        assert await dry_run(settings) == []


async def test_a_text_index_of_another_version_is_made_anew(tmp_path: Path) -> None:
    """Searches find all the same, at first by looking through messages."""
    with cluster().database() as url:
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            await opened.deliver(a_message(body="an elephant\r\n"))
            await index_all(opened)
            await opened.store.database.write(_as_before)
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            node = Contains(Field.BODY, "elephant")
            inbox = opened.mailbox("INBOX")
            for documents in (0, 1):
                row = await opened.store.database.read(
                    lambda tx: tx.row("SELECT count(*) FROM text_documents")
                )
                assert row == (documents,)
                assert await opened.store.search(opened.account, inbox, node) == [1]
                await index_all(opened)


async def _as_before(tx: Transaction) -> None:
    """The tables of an earlier version."""
    await tx.run("DROP TABLE text_documents")
    await tx.run("CREATE TABLE text_documents (email BIGINT NOT NULL, lexemes TSVECTOR)")
    await tx.run("INSERT INTO text_documents VALUES (1, '')")
    await tx.run("COMMENT ON TABLE text_generations IS NULL")


async def test_a_database_that_a_newer_version_changed_is_left_alone(tmp_path: Path) -> None:
    with cluster().database() as url:
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            await opened.store.database.write(
                lambda tx: tx.run("INSERT INTO schema_versions (version, floor) VALUES (99, 99)")
            )
        with pytest.raises(NewerDatabase, match="schema 99"):
            async with opened_store(tmp_path / "data", metadata=url):
                pass
