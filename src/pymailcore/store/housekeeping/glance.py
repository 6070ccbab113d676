"""Alarms for somebody who has not opened the store: `pymailcore check`, beside a server or without one."""

from typing import Final

import apsw

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.connection import open_connection
from pymailcore.store.housekeeping import alarms
from pymailcore.store.layout import Layout
from pymailcore.store.migrate import VERSION
from pymailcore.store.settings import StoreSettings
from pymailcore.store.transaction import SqliteTransaction, drive

_CACHE_OCTETS: Final = 1024 * 1024


def glance(settings: StoreSettings, *, running: bool) -> list[alarms.Alarm]:
    """Give the alarms of a store; blocks for some milliseconds.

    Those that are rows are seen only in SQLite, and only when the schema is that of this version: a look must
    not bring a store to a newer one. (On PostgreSQL: `alarms.read` on the open store of a running server.)

    Args:
        running: a server runs. Without one nobody keeps the reserve and the log in order.

    Raises:
        TemporaryFailure: the database cannot be opened.
    """
    layout = Layout(settings.data)
    if not layout.data.is_dir():
        return []
    found = [
        alarm for alarm in alarms.judge(alarms.look(layout), settings) if running or alarm.kind == alarms.DISK
    ]
    if settings.metadata or not layout.database.exists():
        return found
    try:
        return found + _rows(layout)
    except apsw.Error as error:
        raise TemporaryFailure(f"the database cannot be read: {error}") from error


def _rows(layout: Layout) -> list[alarms.Alarm]:
    connection = open_connection(layout.database, cache_octets=_CACHE_OCTETS, read_only=True)
    try:
        there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_versions'").fetchone()
        if there is None:
            return []
        row = connection.execute("SELECT max(version) FROM schema_versions").fetchone()
        if row is None or row[0] != VERSION:
            return []
        return drive(alarms.read, SqliteTransaction(connection))
    finally:
        connection.close()
