"""opening: the address of the database, and a store over rows in PostgreSQL and blobs in a folder."""

from pathlib import Path

import pytest
from tests.support.stores import small_settings

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.postgres.opening import address


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("postgresql://mail@db.example/mail?sslmode=require", "postgresql://mail:p%40ss%2F@db.example/mail?sslmode=require"),
        ("postgresql://mail:old@db.example:6432/mail", "postgresql://mail:p%40ss%2F@db.example:6432/mail"),
    ],
)  # fmt: skip
def test_the_password_may_be_in_a_file(tmp_path: Path, metadata: str, expected: str) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/\n")
    settings = small_settings(tmp_path, metadata=metadata, metadata_password_file=file)
    assert address(settings) == expected
    assert address(small_settings(tmp_path, metadata=metadata)) == metadata


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    settings = small_settings(
        tmp_path, metadata="postgresql://mail@db/mail", metadata_password_file=tmp_path / "absent"
    )
    with pytest.raises(TemporaryFailure, match="absent"):
        address(settings)


def test_settings_do_not_show_a_password(tmp_path: Path) -> None:
    assert "secret" not in repr(small_settings(tmp_path, metadata="postgresql://mail:secret@db/mail"))
