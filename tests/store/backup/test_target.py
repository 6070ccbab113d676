"""Places of backups keep the same promises: a folder, and a bucket of S3."""

from pathlib import Path

import pytest
from tests.support.objects import object_settings

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.store.backup.target import Entry, FolderTarget, Target, open_target


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "folder":
        return open_target(str(tmp_path / "place"))
    bucket = request.getfixturevalue("bucket")
    settings = object_settings(request.getfixturevalue("s3_port"), bucket, tmp_path)
    return open_target(f"s3://{bucket}/some/where", settings)


def test_files_are_kept_given_and_removed(target: Target) -> None:
    with target.alone():
        target.put("a/b/one", b"0123456789")
        target.put("two", b"")
        target.put("two", b"again")
    assert sorted(target.listed()) == [Entry("a/b/one", 10), Entry("two", 5)]
    assert target.whole("a/b/one") == b"0123456789"
    assert target.get("a/b/one", 3, 4) == b"3456"
    assert target.get("a/b/one", 8, 9) == b"89"
    target.delete(["a/b/one", "never-was"])
    assert [entry.name for entry in target.listed()] == ["two"]
    with pytest.raises(NotFound):
        target.whole("a/b/one")
    with pytest.raises(NotFound):
        target.get("a/b/one", 0, 1)


def test_what_is_half_written_has_another_name(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path)
    (tmp_path / "one.part").write_bytes(b"ha")
    with pytest.raises(NotFound):
        target.whole("one")
    target.put("one", b"half or whole")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize("place", ["ftp://x/y", "s3://", "https://x"])
def test_other_places_are_refused(place: str) -> None:
    with pytest.raises(InvalidValue, match="give a folder, or s3://bucket/prefix"):
        open_target(place)
