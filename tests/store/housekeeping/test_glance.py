from pathlib import Path

import apsw
import pytest
from tests.support.house import hasty
from tests.support.stores import opened_store, small_settings

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.glance import glance


async def test_a_glance_sees_alarms_beside_an_open_store_and_without_one(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "data", reserve_octets=1)
    assert glance(settings, running=True) == []
    async with opened_store(tmp_path / "data") as opened:
        await hasty(opened).alarms(alarms.SCRUB, [alarms.Alarm(alarms.SCRUB, "a:1", "x")])
        assert [alarm.kind for alarm in glance(settings, running=True)] == [alarms.RESERVE, alarms.SCRUB]
    assert [alarm.kind for alarm in glance(settings, running=False)] == [alarms.SCRUB]


async def test_a_glance_changes_no_schema(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    connection = apsw.Connection(str(tmp_path / "store.sqlite"))
    assert glance(settings, running=False) == []
    connection.execute("CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, floor INTEGER NOT NULL)")
    connection.execute("INSERT INTO schema_versions VALUES (1, 1)")
    assert glance(settings, running=False) == []
    tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    connection.close()
    assert tables == [("schema_versions",)]


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(TemporaryFailure):
        glance(small_settings(tmp_path), running=False)
