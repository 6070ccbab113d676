"""Makes an SQLite database again from a backup: whole, or what a few Emails need."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import apsw

from pymailcore.base.errors import NotFound
from pymailcore.store.backup.dump import insert_sql
from pymailcore.store.backup.manifest import Manifest, UnfitBackup
from pymailcore.store.backup.streams import read_rows, read_table
from pymailcore.store.backup.tables import Table, schema_tables
from pymailcore.store.backup.target import Target
from pymailcore.store.migrate import VERSION, migrate, migrations
from pymailcore.store.verifying.sweep import Progress

_CACHE_KIB: Final = 256 * 1024


def check_schema(manifest: Manifest) -> None:
    """Refuse a backup that this version cannot read.

    Raises:
        UnfitBackup: it was made by a later one, or has tables or columns that its schema does not have.
    """
    if manifest.schema > VERSION:
        raise UnfitBackup(
            f"the backup {manifest.name} has schema {manifest.schema} and was made by pymailcore "
            f"{manifest.version}; this version knows schema {VERSION}"
        )
    known = {table.name: table.columns for table in schema_tables(manifest.schema)}
    for table in manifest.tables:  # their names become parts of statements
        if not set(table.columns) <= set(known.get(table.table, ())):
            raise UnfitBackup(
                f"the table {table.table!r} of the backup is not one of schema {manifest.schema}"
            )


def _new_database(path: Path, schema: int) -> apsw.Connection:
    """A database with the schema that a backup has, made for being filled: not durable yet."""
    connection = apsw.Connection(str(path))
    connection.execute(
        f"PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -{_CACHE_KIB}"
    ).fetchall()  # a statement that gives a row keeps the next one waiting
    with connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, floor INTEGER NOT NULL)"
        )
        for number, sql in migrations():
            if number <= schema:
                connection.execute(sql)
                connection.execute("INSERT INTO schema_versions VALUES (?, ?)", (number, number))
        for table in schema_tables(schema):
            connection.execute(f"DELETE FROM {table.name}")  # noqa: S608 - what migrations put in is in the backup
    return connection


def rebuild_database(path: Path, target: Target, manifest: Manifest, progress: Progress) -> apsw.Connection:
    """Make the whole database of a backup in a new file, in today's schema; blocks.

    Nothing of it is certain to be on disk yet.

    Raises:
        UnfitBackup: the backup is damaged, or of a later version.
    """
    check_schema(manifest)
    connection = _new_database(path, manifest.schema)
    known = {table.name: table for table in schema_tables(manifest.schema)}
    total = sum(part.octets for table in manifest.tables for part in table.parts)
    done = 0
    progress.begin("rows")
    indexes = _drop_indexes(connection)
    for files in manifest.tables:
        table = known.get(files.table)
        if table is None:
            raise UnfitBackup(f"the table {files.table} is not known")
        sql = insert_sql(Table(files.table, files.columns, ()))
        for rows in read_rows(target, files):
            with connection:
                connection.executemany(sql, rows)
        done += sum(part.octets for part in files.parts)
        progress.at(done / total if total else 1.0)
    progress.begin("indexes")
    with connection:
        for number, index in enumerate(indexes):
            connection.execute(index)
            progress.at((number + 1) / len(indexes))
    migrate(connection)
    return connection


def _drop_indexes(connection: apsw.Connection) -> list[str]:
    """Indexes are faster made at the end; gives what makes them."""
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    with connection:
        for name, _ in rows:
            connection.execute(f"DROP INDEX {name}")
    return [str(sql) for _, sql in rows]


_PICK: Final[Mapping[str, str]] = {
    "accounts": "{id} = {me}",
    "mailboxes": "{account} = {me}",
    "annotations": "{account} = {me}",
    "emails": "{account} = {me}",
    "placements": "EXISTS (SELECT 1 FROM emails WHERE id = {email})",
    "email_data": "EXISTS (SELECT 1 FROM emails WHERE id = {email})",
    "blob_refs": "EXISTS (SELECT 1 FROM emails WHERE id = {owner})",
    "blobs": "EXISTS (SELECT 1 FROM blob_refs WHERE blob = {id})",
    "blob_octets": "EXISTS (SELECT 1 FROM blob_refs WHERE blob = {blob})",
    "secrets": "{me} <> 0",
    "sealing_keys": "{me} <> 0",
}
"""Which rows an account's messages and annotations need, in an order in which each finds what it asks for."""


def account_of(target: Target, manifest: Manifest, name: str) -> int:
    """The number that an account has in a backup.

    Raises:
        NotFound: the backup has no such account.
    """
    for rows in read_table(target, manifest, "accounts"):
        table = manifest.table("accounts")
        names = table.columns.index("name") if table is not None else 0
        for row in rows:
            if row[names] == name:
                return int(row[0])
    raise NotFound(f"the backup {manifest.name} has no account {name}")


def pick_account(
    path: Path, target: Target, manifest: Manifest, account: int, progress: Progress
) -> apsw.Connection:
    """Make a database with one account's messages only; blocks.

    Raises:
        UnfitBackup: the backup is damaged, or of a later version.
    """
    check_schema(manifest)
    connection = _new_database(path, manifest.schema)
    connection.execute("CREATE INDEX scratch_refs ON blob_refs (blob)")
    for number, (name, condition) in enumerate(_PICK.items()):
        progress.begin(name.replace("_", " "))
        files = manifest.table(name)
        if files is None:
            continue
        columns = files.columns
        marks = {column: f"?{place}" for place, column in enumerate(columns, 1)}
        mine = f"?{len(columns) + 1}"
        sql = (
            f"INSERT INTO {name} ({', '.join(columns)}) SELECT {', '.join(marks.values())}"
            f" WHERE {condition.format(**marks, me=mine)} AND {mine} <> 0"
        )
        for rows in read_rows(target, files):
            with connection:
                connection.executemany(sql, [(*row, account) for row in rows])
        progress.at((number + 1) / len(_PICK))
    migrate(connection)
    return connection
