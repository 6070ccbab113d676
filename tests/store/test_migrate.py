import threading
from pathlib import Path

import apsw
import pytest
from tests.support.stores import a_message, opened_store

from pymailcore.message.facts import unpack
from pymailcore.message.prepare import prepare
from pymailcore.store import migrate as migrations_of
from pymailcore.store.connection import open_connection
from pymailcore.store.folding import HEADER_COLUMNS, header_values
from pymailcore.store.migrate import VERSION, VERSIONS, NewerDatabase, alone, migrate, migrations


def test_migrations_are_numbered_without_gaps_up_to_the_version() -> None:
    assert [number for number, _ in migrations()] == list(range(1, VERSION + 1))


def test_two_that_open_at_once_migrate_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def one() -> None:
        try:
            with alone(tmp_path / "lock"):
                connection = open_connection(tmp_path / "x", cache_octets=1 << 20)
                migrate(connection)
                connection.close()
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    connection = open_connection(tmp_path / "x", cache_octets=1 << 20)
    assert connection.execute("SELECT count(*) FROM schema_versions").fetchall() == [(VERSION,)]
    connection.close()


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        migrations_of, "migrations", lambda: [(1, "CREATE TABLE a (x); CREATE TABLE b (y); nonsense")]
    )
    connection = open_connection(tmp_path / "x", cache_octets=1 << 20)
    with pytest.raises(apsw.SQLError):
        migrate(connection)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert names == {"schema_versions"}
    connection.close()


async def test_a_newer_database_is_refused_unless_its_floor_allows(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data"):
        pass
    connection = open_connection(tmp_path / "data" / "store.sqlite", cache_octets=1 << 20)
    connection.execute("INSERT INTO schema_versions VALUES (98, ?)", (VERSION,))
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver()
    connection.execute("INSERT INTO schema_versions VALUES (99, ?)", (VERSION + 1,))
    with pytest.raises(NewerDatabase, match="schema 99"):
        async with opened_store(tmp_path / "data"):
            pass
    connection.close()


def test_rows_of_an_older_version_are_filled(tmp_path: Path) -> None:
    """What SORT and THREAD look at came with schema 3."""
    connection = open_connection(tmp_path / "x", cache_octets=1 << 20)
    connection.execute(VERSIONS)
    for number, sql in migrations()[:2]:
        connection.execute(sql)
        connection.execute("INSERT INTO schema_versions VALUES (?, ?)", (number, number))
    prepared = prepare(a_message("Re: older", message_id="<a@x>"))
    blank = ", ".join(["''"] * 8)
    with connection:
        for email in range(501):
            connection.execute(
                "INSERT INTO email_data VALUES (?, ?, x'', x'', ?, x'')",
                (email, prepared.envelope, prepared.facts),
            )
            connection.execute(f"INSERT INTO email_headers VALUES (?, {blank})", (email,))  # noqa: S608
    assert migrate(connection) == list(range(3, VERSION + 1))
    rows = set(connection.execute(f"SELECT {', '.join(HEADER_COLUMNS)} FROM email_headers"))  # noqa: S608
    assert rows == {header_values(unpack(prepared.facts), prepared.envelope).columns}
    connection.close()


def of_version(place: Path, version: int, rows: str) -> apsw.Connection:
    """A database as an earlier version has left it."""
    connection = open_connection(place, cache_octets=1 << 20)
    connection.execute(VERSIONS)
    for number, sql in migrations()[:version]:
        connection.execute(sql)
        connection.execute("INSERT INTO schema_versions VALUES (?, ?)", (number, number))
    connection.execute(rows)
    return connection


BEFORE_THE_DIRECTORY = """
INSERT INTO domains (id, tenant, name, created_ms)
    VALUES (10, 1, 'a.example', 1), (11, 1, 'sub.a.example', 1);
INSERT INTO accounts (id, tenant, name, admin, created_ms)
    VALUES (901, 1, 'ann@a.example', 1, 5), (902, 1, 'ben@sub.a.example', 0, 6),
    (903, 1, '"a@b"@a.example', 0, 7);
INSERT INTO addresses (address, target_account, kind, display, created_ms)
    VALUES ('ann@a.example', 901, 'primary', 'Ann@a.example', 5),
    ('x@gone.example', 901, 'alias', 'x@gone.example', 5);
"""
"""Rows of schema 3."""


def test_administrators_become_operators_and_all_know_their_domain(tmp_path: Path) -> None:
    """The directory came with schema 4."""
    connection = of_version(tmp_path / "x", 3, BEFORE_THE_DIRECTORY)
    assert migrate(connection) == list(range(4, VERSION + 1))
    held = connection.execute("SELECT account, role, scope, scope_id, created_ms FROM role_grants").fetchall()
    assert held == [(901, "operator", "installation", 0, 5)]
    domains = connection.execute("SELECT id, domain, state, kind FROM accounts ORDER BY id").fetchall()
    assert domains == [(n, d, "active", "personal") for n, d in ((901, 10), (902, 11), (903, 10))]
    assert connection.execute("SELECT domain FROM addresses ORDER BY address").fetchall() == [(10,), (0,)]
    assert connection.execute("SELECT id, name, state FROM tenants").fetchall() == [(1, "default", "active")]
    assert connection.execute(
        "SELECT state, alias_of, verified_by FROM domains WHERE id = 10"
    ).fetchall() == [("active", None, "operator")]
    connection.close()


MAIL_THAT_WAITS = """
INSERT INTO queue_messages (id, tenant, reverse_path, size_octets, recipe, smtputf8, eight_bit, created_ms)
    VALUES (7, 1, 'ann@a.example', 9, x'00', 0, 0, 5), (8, 3, NULL, 9, x'00', 0, 0, 6);
INSERT INTO queue_recipients (message, address, domain, next_try_ms, tries, state)
    VALUES (7, 'x@b.example', 'b.example', 9, 2, 'waiting'), (7, 'y@c.example', 'c.example', 9, 0, 'failed'),
    (8, 'x@b.example', 'b.example', 9, 0, 'waiting');
INSERT INTO sent (scope, scope_id, window_ms, begun_ms, messages, recipients)
    VALUES ('account', 901, 3600000, 0, 3, 4);
"""
"""Rows of schema 4."""

WAITING_ROWS = (
    "SELECT r.message, r.address, r.tries, r.state, r.flow, m.account, m.cleared FROM queue_recipients r"
    " JOIN queue_messages m ON m.id = r.message ORDER BY r.message, r.address"
)
WAITS = [
    (7, "x@b.example", 2, "waiting", -1, 0, 0),
    (7, "y@c.example", 0, "failed", -1, 0, 0),
    (8, "x@b.example", 0, "waiting", -3, 0, 0),
]
"""As schema 5 has them: nobody is known to have sent it, so it is its tenant's turn."""


def test_mail_that_waits_goes_on_waiting(tmp_path: Path) -> None:
    """Turns in the queue and what an account may send to strangers came with schema 5."""
    connection = of_version(tmp_path / "x", 4, MAIL_THAT_WAITS)
    assert migrate(connection) == list(range(5, VERSION + 1))
    assert connection.execute(WAITING_ROWS).fetchall() == WAITS
    sent = "SELECT messages, recipients, first_recipients, refused FROM sent"
    assert connection.execute(sent).fetchall() == [(3, 4, 0, 0)]
    connection.close()
