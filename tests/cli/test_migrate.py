from collections.abc import Callable
from pathlib import Path

import apsw
from click.testing import Result

from pymailcore.store.migrate import VERSION, migrations

Run = Callable[..., Result]


def make_old(data: Path) -> None:
    """A database of the first version, with an account."""
    for path in data.glob("store.sqlite*"):
        path.unlink()
    connection = apsw.Connection(str(data / "store.sqlite"))
    connection.execute(migrations()[0][1])
    connection.execute("CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, floor INTEGER NOT NULL)")
    connection.execute("INSERT INTO schema_versions VALUES (1, 1)")
    connection.execute(
        "INSERT INTO accounts (id, tenant, name, created_ms) VALUES (5, 1, 'ann@a.example', 0)"
    )
    connection.close()


def version_of(data: Path) -> int:
    connection = apsw.Connection(str(data / "store.sqlite"))
    row = connection.execute("SELECT max(version) FROM schema_versions").fetchone()
    connection.close()
    assert row is not None
    return int(row[0])


def test_a_database_of_this_version_needs_nothing(run: Run, config: Path) -> None:
    assert run("migrate").output == f"nothing to do: the database has schema {VERSION}\n"
    assert run("migrate", "--dry-run").output == f"nothing to do: the database has schema {VERSION}\n"


def test_an_older_one_is_tried_on_a_copy_and_then_migrated(run: Run, config: Path) -> None:
    data = config.parent
    data = next(path.parent for path in data.rglob("store.sqlite"))
    make_old(data)
    listed = ", ".join(str(number) for number in range(2, VERSION + 1))
    before = (data / "store.sqlite").read_bytes()
    assert run("migrate", "--dry-run").output == f"would run migration {listed}: schema {VERSION}\n"
    assert version_of(data) == 1
    assert (data / "store.sqlite").read_bytes() == before
    assert not list(data.glob("migrate*"))
    assert run("migrate").output == f"ran migration {listed}: schema {VERSION}\n"
    assert version_of(data) == VERSION
