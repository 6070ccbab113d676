"""connection: what a server must keep, and what its errors mean."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog.testing
from tests.support.postgres import ROLE, Cluster, cluster
from tests.support.stores import EnginePlace, Opened, opened_store, shared
from tests.support.waiting import block_until

from pymailcore.base.errors import AlreadyExists, InsufficientStorage, TemporaryFailure
from pymailcore.store.postgres import connection
from pymailcore.store.postgres.connection import NotDurable, UnfitServer, changed_rows, failure_of, is_gone


@pytest.fixture
def loosened(request: pytest.FixtureRequest) -> Iterator[str]:
    """A setting of the server that is off for the time of a test."""
    name = str(request.param)
    server = cluster()
    _set(server, f"ALTER SYSTEM SET {name} = off", name, "off")
    yield name
    _set(server, f"ALTER SYSTEM RESET {name}", name, "on")


def _set(server: Cluster, sql: str, name: str, value: str) -> None:
    server.sql(sql)
    server.sql("SELECT pg_reload_conf()")
    block_until(lambda: server.sql(f"SHOW {name}") == value)


@pytest.mark.parametrize("loosened", ["fsync", "full_page_writes", "synchronous_commit"], indirect=True)
async def test_a_server_whose_commits_are_no_promise_is_refused(
    loosened: str, tmp_path: Path, store_settings: EnginePlace
) -> None:
    with pytest.raises(NotDurable, match=f"{loosened} = off"):
        async with opened_store(tmp_path / "data", **store_settings):
            pass


async def test_a_server_that_is_too_old_is_refused(
    tmp_path: Path, store_settings: EnginePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "OLDEST", 990_000)
    with pytest.raises(UnfitServer, match="99 or later"):
        async with opened_store(tmp_path / "data", **store_settings):
            pass


async def test_a_user_whom_no_policy_binds_is_told_of(tmp_path: Path) -> None:
    with cluster().database() as url, structlog.testing.capture_logs() as logs:
        for user, warned in ((ROLE, False), ("test", True)):
            async with opened_store(tmp_path / user, metadata=url.replace(f"{ROLE}@", f"{user}@")):
                assert any("row-level security" in line["event"] for line in logs) is warned


async def test_text_must_be_utf_8(tmp_path: Path) -> None:
    name = "latin"
    cluster().sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1'")
    try:
        with pytest.raises(UnfitServer, match="LATIN1"):
            async with opened_store(tmp_path / "data", metadata=cluster().url(name)):
                pass
    finally:
        cluster().sql(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_database_that_is_not_there_is_a_permanent_fault_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnfitServer, match="absent"):
        async with opened_store(tmp_path / "data", metadata=cluster().url("absent")):
            pass


async def test_sessions_have_limits_of_time(opened: Opened) -> None:
    row = await opened.store.database.read(
        lambda tx: tx.row("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
    )
    assert row == ("30s", "10s")
    assert shared()


@pytest.mark.parametrize(
    ("error", "kind", "gone"),
    [
        (asyncpg.AdminShutdownError("x"), TemporaryFailure, True),
        (asyncpg.ConnectionDoesNotExistError("x"), TemporaryFailure, True),
        (asyncpg.InterfaceError("connection is closed"), TemporaryFailure, True),
        (ConnectionResetError(), TemporaryFailure, True),
        (TimeoutError(), TemporaryFailure, True),
        (asyncio.IncompleteReadError(b"", 1), TemporaryFailure, True),
        (asyncpg.QueryCanceledError("x"), TemporaryFailure, False),
        (asyncpg.DeadlockDetectedError("x"), TemporaryFailure, False),
        (asyncpg.LockNotAvailableError("x"), TemporaryFailure, False),
        (asyncpg.DiskFullError("x"), InsufficientStorage, False),
        (asyncpg.UndefinedTableError("x"), asyncpg.UndefinedTableError, False),
        (AlreadyExists("x"), AlreadyExists, False),
    ],
)
def test_an_error_means_one_thing(error: Exception, kind: type[Exception], gone: bool) -> None:
    assert type(failure_of(error)) is kind
    assert is_gone(error) is gone


def test_the_command_tag_says_how_many_rows() -> None:
    assert [changed_rows(tag) for tag in ("UPDATE 3", "INSERT 0 7", "DO", "")] == [3, 7, 0, 0]
