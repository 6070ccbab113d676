from pathlib import Path

import apsw
import pytest

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.connection import NotDurable, open_connection


@pytest.mark.parametrize("read_only", [False, True])
def test_every_connection_is_durable(tmp_path: Path, read_only: bool) -> None:
    connection = open_connection(tmp_path / "x", cache_octets=1 << 20, read_only=read_only)
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 3
    assert connection.pragma("wal_autocheckpoint") == 0
    connection.close()


def test_a_database_that_cannot_do_wal_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A full disk can leave a connection in another mode; a memory database does the same here."""
    real = apsw.Connection
    monkeypatch.setattr(apsw, "Connection", lambda _, **more: real(":memory:", **more))
    with pytest.raises(NotDurable, match="memory"):
        open_connection(tmp_path / "x", cache_octets=1 << 20)


def test_a_file_that_cannot_be_opened_is_a_temporary_failure(tmp_path: Path) -> None:
    with pytest.raises(TemporaryFailure):
        open_connection(tmp_path / "missing" / "x", cache_octets=1 << 20)
