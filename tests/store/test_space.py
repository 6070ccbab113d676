import errno
import os
from pathlib import Path

import apsw
import pytest
from tests.support.stores import opened_store

from pymailcore.base.errors import InsufficientStorage
from pymailcore.store.space import Space, is_full
from pymailcore.store.types import Transaction


def free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def test_the_reserve_is_made_given_up_once_and_made_again(tmp_path: Path) -> None:
    space = Space(tmp_path, tmp_path / "reserve", reserve_octets=65_536, watermark_octets=0)
    assert not space.release_reserve()
    space.make_reserve()
    space.make_reserve()
    assert (tmp_path / "reserve").stat().st_size == 65_536
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 65_536
    assert space.release_reserve()
    assert not space.release_reserve()
    space.make_reserve()
    assert [path.name for path in tmp_path.iterdir()] == ["reserve"]


def test_no_reserve_is_made_where_there_is_no_room(tmp_path: Path) -> None:
    Space(tmp_path, tmp_path / "reserve", reserve_octets=free(tmp_path), watermark_octets=0).make_reserve()
    Space(tmp_path, tmp_path / "reserve", reserve_octets=0, watermark_octets=0).make_reserve()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (apsw.FullError("database or disk is full"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (apsw.IOError("disk I/O error"), False),
        (None, False),
    ],
)
def test_what_says_that_there_is_no_room(error: Exception | None, full: bool) -> None:
    assert is_full(error) is full


def test_below_the_watermark_nothing_is_taken_in(tmp_path: Path) -> None:
    Space(tmp_path, tmp_path / "r", reserve_octets=0, watermark_octets=1).require()
    with pytest.raises(InsufficientStorage):
        Space(tmp_path, tmp_path / "r", reserve_octets=0, watermark_octets=2**62).require()


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_what_is_to_come_must_leave_the_watermark(tmp_path: Path, more: int, fits: bool) -> None:
    """With an octet less than fits, as many, and one more; looked at once a second at most."""
    space = Space(tmp_path, tmp_path / "reserve", reserve_octets=0, watermark_octets=4_096)
    most = space.free_octets() - 4_096
    if fits:
        space.require(most + more)
    else:
        with pytest.raises(InsufficientStorage):
            space.require(most + more)


async def test_a_nearly_full_disk_refuses_mail_and_uploads_but_deletes(tmp_path: Path) -> None:
    """RFC 5321 section 4.2.3: 452 is for the protocol; here it is InsufficientStorage."""
    async with opened_store(tmp_path / "data") as opened:
        filed = await opened.deliver()
    async with opened_store(tmp_path / "data", watermark_octets=2**62) as opened:
        with pytest.raises(InsufficientStorage):
            await opened.deliver()
        with pytest.raises(InsufficientStorage):
            await opened.store.upload(opened.account, b"x", now_ms=0)
        assert await opened.store.destroy_emails(opened.account, [filed.email]) == [filed.email]
        await opened.check()


async def test_a_full_disk_gives_up_the_reserve_and_the_operation_runs_again(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data", reserve_octets=65_536, maintain=True) as opened:
        reserve = tmp_path / "data" / "reserve"
        database = opened.store.database
        while not reserve.exists():
            await database.read(lambda tx: tx.row("SELECT 1"))
        runs = []

        async def work(tx: Transaction) -> str:
            runs.append(reserve.exists())
            if reserve.exists():
                raise apsw.FullError("of the test")
            return "deleted"

        assert await database.write(work) == "deleted"
        assert runs == [True, False]
