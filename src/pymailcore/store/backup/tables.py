"""The tables of the store, as both engines have them: columns, and a key by which they are read in pages.

They are read off the migrations themselves, so that a new table or column can never be forgotten.
"""

from functools import cache
from typing import Final, NamedTuple

import apsw

from pymailcore.store.migrate import VERSION, migrations

_KEYS: Final = {
    "addresses": (
        "address",
        "coalesce(target_account, 0)",
        "coalesce(target_address, '')",
        "coalesce(group_id, 0)",
    ),
    "removed": ("account", "kind", "modseq", "id"),
}
"""Tables without a primary key: what makes their rows different from each other."""

ENGINE_OWN: Final = frozenset({"schema_versions", "operations", "holds", "unfinished"})
"""Tables that belong to a database and not to the mail in it."""


class Table(NamedTuple):
    """A table.

    Attributes:
        key: columns or expressions, never null, different for each row; pages come in its order.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


@cache
def schema_tables(version: int = VERSION) -> tuple[Table, ...]:
    """All tables of a schema version, by name."""
    connection = apsw.Connection(":memory:")
    try:
        for number, sql in migrations():
            if number <= version:
                connection.execute(sql)
        names = [
            str(row[0])
            for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        ]
        return tuple(
            [
                _table(connection, name)
                for name in names
                if name not in ENGINE_OWN and not name.startswith("sqlite_")
            ]
        )
    finally:
        connection.close()


def _table(connection: apsw.Connection, name: str) -> Table:
    rows = list(connection.execute("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid", (name,)))
    primary = [str(column) for column, place in sorted(rows, key=lambda row: int(row[1])) if place]
    return Table(name, tuple([str(column) for column, _ in rows]), _KEYS.get(name) or tuple(primary))
