"""migrate: tables come once, whoever is first; a newer database is left alone."""

from pathlib import Path

import pytest
import trio
from tests.store.test_migrate import BEFORE_THE_DIRECTORY, MAIL_THAT_WAITS, WAITING_ROWS, WAITS
from tests.support.postgres import cluster
from tests.support.searching import index_all
from tests.support.stores import a_message, counted_ids, opened_store, small_settings

from pymailcore.store import migrate as migrations_of
from pymailcore.store.migrate import VERSION, NewerDatabase, migrations
from pymailcore.store.opening import dry_run, open_store
from pymailcore.store.postgres.database import PostgresDatabase
from pymailcore.store.postgres.opening import address
from pymailcore.store.query import Contains, Field
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Row, Transaction


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


async def test_functions_of_the_text_index_of_another_version_are_made_anew(tmp_path: Path) -> None:
    """What is indexed stays."""
    with cluster().database() as url:
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            words = " ".join(f"word{number}" for number in range(200))
            await opened.deliver(a_message("1", body=f"{words}\r\n"))
            await index_all(opened)
            await opened.store.database.write(_other_functions)
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            rows = await opened.store.database.read(
                lambda tx: tx.rows(
                    "SELECT count(*) FROM text_documents UNION ALL SELECT id FROM text_found_any('[]') AS id"
                )
            )
            assert rows == [(1,)]
            new = await opened.store.database.read(
                lambda tx: tx.rows(
                    "SELECT w.word FROM text_accounts a,"
                    " text_unknown_words(a.no, string_to_array('word0 another word199', ' ')) AS w(word)"
                )
            )
            assert new == [("another",)]  # by an index that was not there


async def _other_functions(tx: Transaction) -> None:
    await tx.run(
        "CREATE OR REPLACE FUNCTION text_found_any(queries text) RETURNS SETOF bigint"
        " LANGUAGE sql AS 'SELECT 7::bigint'"
    )
    await tx.run("DROP FUNCTION text_unknown_words")
    await tx.run("DROP FUNCTION text_word_hashes CASCADE")  # and the index
    await tx.run("COMMENT ON FUNCTION text_found IS 'another'")


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


async def test_administrators_become_operators_and_all_know_their_domain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory came with schema 4."""
    with cluster().database() as url:
        older = migrations()[:3]
        with monkeypatch.context() as patch:
            patch.setattr(migrations_of, "migrations", lambda: older)
            assert await _prepare(tmp_path, url) == [1, 2, 3]
        cluster().ask(BEFORE_THE_DIRECTORY, url.rpartition("/")[2].partition("?")[0])
        assert await _prepare(tmp_path, url) == list(range(4, VERSION + 1))
        async with opened_store(tmp_path / "data", metadata=url) as opened:

            async def work(tx: Transaction) -> list[Row]:
                return [
                    *await tx.rows("SELECT account, role, scope, scope_id, created_ms FROM role_grants"),
                    *await tx.rows(
                        "SELECT id, domain, state, kind FROM accounts WHERE id > 900 AND id < 910 ORDER BY id"
                    ),
                    *await tx.rows(
                        "SELECT domain FROM addresses WHERE target_account = 901 ORDER BY address"
                    ),
                    *await tx.rows("SELECT id, name, state FROM tenants"),
                ]

            assert [tuple(row) for row in await opened.store.database.read(work)] == [
                (901, "operator", "installation", 0, 5),
                (901, 10, "active", "personal"),
                (902, 11, "active", "personal"),
                (903, 10, "active", "personal"),
                (10,),
                (0,),
                (1, "default", "active"),
            ]


async def test_mail_that_waits_goes_on_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns in the queue came with schema 5."""
    with cluster().database() as url:
        older = migrations()[:4]
        with monkeypatch.context() as patch:
            patch.setattr(migrations_of, "migrations", lambda: older)
            assert await _prepare(tmp_path, url) == [1, 2, 3, 4]
        rows = MAIL_THAT_WAITS.replace("x'00'", "'\\x00'")
        cluster().ask(rows, url.rpartition("/")[2].partition("?")[0])
        assert await _prepare(tmp_path, url) == list(range(5, VERSION + 1))
        async with opened_store(tmp_path / "data", metadata=url) as opened:
            found = await opened.store.database.read(lambda tx: tx.rows(WAITING_ROWS))
            assert [tuple(row) for row in found] == WAITS


async def _prepare(data: Path, url: str) -> list[int]:
    settings = StoreSettings(data=data, metadata=url)

    def nothing(*_: object) -> None:
        """Nobody listens."""

    database = PostgresDatabase(address(settings), settings, notify=nothing, heard=nothing, missed=nothing)
    try:
        return await database.prepare()
    finally:
        await database.close()
