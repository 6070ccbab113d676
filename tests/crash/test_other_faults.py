"""Faults of single calls, one by one: locks, the reserve, shared memory, folders, a pack, a connection.

`test_faults` lets the k-th call of SQLite and of the packs fail; here are those that go past both, and what
must have happened inside after a failure, which the next acknowledged message alone does not show.
Issue 4; DESIGN 4.2.
"""

import errno
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
import trio
from tests.support.crash.calls import failing, no_shared_memory, path_of
from tests.support.crash.child import fresh_ids
from tests.support.crash.faults import Faults
from tests.support.crash.recording import Recorder, leave
from tests.support.crash.taps import tapped
from tests.support.stores import Opened, a_message, opened_store
from tests.support.waiting import until

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import EmailId
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.layout import Layout
from pymailcore.store.types import Transaction

RESERVE_OCTETS: Final = 256 * 1024
LONG_LOG_OCTETS: Final = 17 * 1024 * 1024
"""In the log these need a second piece of shared memory."""


async def works(opened: Opened) -> None:
    """It takes mail, deletes it, and all is as it should be."""
    filed = await opened.deliver(a_message("again"))
    assert await opened.store.destroy_emails(opened.account, [filed.email]) == [filed.email]
    await opened.check()


# --- locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EIO])
@pytest.mark.parametrize("name", ["write", "frozen"])
async def test_a_lock_that_cannot_be_had_refuses_and_is_tried_again(
    tmp_path: Path, name: str, error: int
) -> None:
    """The writer lives on: who waits for it is answered."""
    lock = Layout(tmp_path / "data").locks / name

    def taken(file: int, how: int) -> bool:
        return path_of(file) == lock and how != fcntl.LOCK_UN

    async with opened_store(tmp_path / "data") as opened:
        kept = await opened.deliver()
        with failing(fcntl, "flock", error, taken) as fired:
            for _ in range(2):
                with pytest.raises(TemporaryFailure, match="locked"):
                    await opened.deliver()
        assert len(fired) == 2
        await works(opened)
        assert await opened.store.message(opened.account, EmailId(kept.email)) == a_message()


async def test_lock_files_that_cannot_be_made_keep_the_store_closed(tmp_path: Path) -> None:
    locks = Layout(tmp_path / "data").locks
    with (
        failing(os, "open", errno.ENOSPC, lambda path, *_: Path(path).parent == locks) as fired,
        pytest.raises(OSError, match="No space"),
    ):
        async with opened_store(tmp_path / "data"):
            pass
    assert fired
    async with opened_store(tmp_path / "data") as opened:
        await works(opened)


# --- the reserve ----------------------------------------------------------------------------------


@asynccontextmanager
async def with_reserve(folder: Path) -> AsyncIterator[Opened]:
    async with opened_store(folder, maintain=True, reserve_octets=RESERVE_OCTETS) as opened:
        yield opened


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("open", errno.ENOSPC),
        ("posix_fallocate", errno.ENOSPC),
        ("posix_fallocate", errno.EIO),
        ("rename", errno.EROFS),
        ("statvfs", errno.EIO),
    ],
)
async def test_a_reserve_that_cannot_be_made_is_made_later(tmp_path: Path, call: str, error: int) -> None:
    """Meanwhile nothing of it lies about, and all else goes on."""
    data = tmp_path / "data"

    def concerns(where: object, *_: object) -> bool:
        path = path_of(where) if isinstance(where, int) else Path(str(where))
        return path.name.startswith("reserve") or (call == "statvfs" and path == data)

    with ExitStack() as faults:
        fired = faults.enter_context(failing(os, call, error, concerns))
        async with with_reserve(data) as opened:
            await until(lambda: len(fired) > 1)  # it has been tried again
            if call != "statvfs":  # without it nobody knows whether there is room for mail
                await works(opened)
            assert list(data.glob("reserve*")) == []
            faults.close()
            await until(Layout(data).reserve.exists)
            await works(opened)


async def test_a_half_made_reserve_that_stays_does_not_end_the_maintenance(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def named(path: object, *_: object) -> bool:
        return Path(str(path)).name.startswith("reserve")

    with ExitStack() as faults:
        faults.enter_context(failing(os, "rename", errno.EROFS, named))
        fired = faults.enter_context(failing(os, "unlink", errno.EROFS, named))
        async with with_reserve(data) as opened:
            await until(lambda: len(fired) > 1)
            await works(opened)
            faults.close()
            await until(Layout(data).reserve.exists)
            assert list(data.glob("reserve*")) == [Layout(data).reserve]


async def test_a_full_disk_gives_the_reserve_up_and_gets_it_back(tmp_path: Path) -> None:
    """The call that found no room is done again in the room of the reserve, and is acknowledged."""
    data = tmp_path / "data"
    reserve = Layout(data).reserve
    faults = Faults()
    with tapped(faults) as files:
        async with opened_store(data, files=files, maintain=True, reserve_octets=RESERVE_OCTETS) as opened:
            filed = await opened.deliver()
            await until(reserve.exists)
            made = reserve.stat().st_ctime_ns
            faults.arm(1, errno.ENOSPC, lasting=False)
            assert await opened.store.destroy_emails(opened.account, [filed.email]) == [filed.email]
            assert faults.fired == ["write store.sqlite-wal"]
            await until(lambda: reserve.exists() and reserve.stat().st_ctime_ns > made)
            with failing(os, "unlink", errno.EROFS, lambda path, *_: Path(path) == reserve) as fired:
                assert not opened.store.engine.space.release_reserve()
            assert fired
            assert reserve.exists()


async def test_a_disk_that_does_not_answer_takes_nothing_in(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with opened_store(data, watermark_octets=1) as opened:
        with failing(os, "statvfs", errno.EIO, lambda path: Path(path) == data) as fired:
            opened.store.engine.space._looked = float("-inf")
            with pytest.raises(TemporaryFailure, match="does not answer"):
                await opened.deliver()
        assert fired
        await works(opened)


# --- shared memory, folders -----------------------------------------------------------------------


async def test_a_shared_memory_file_that_cannot_be_had_keeps_the_store_closed(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver()
    with no_shared_memory(errno.ENOMEM) as fired, pytest.raises(TemporaryFailure):
        async with opened_store(tmp_path / "data"):
            pass
    assert fired
    async with opened_store(tmp_path / "data") as opened:
        await works(opened)


async def test_a_shared_memory_file_that_cannot_grow_refuses_what_needs_more_of_it(tmp_path: Path) -> None:
    async def much(tx: Transaction) -> None:
        await tx.run("INSERT INTO secrets (name, value) VALUES ('much', zeroblob(?1))", LONG_LOG_OCTETS)

    async with opened_store(tmp_path / "data") as opened:
        kept = await opened.deliver()
        with no_shared_memory(errno.ENOMEM) as fired:
            with pytest.raises(TemporaryFailure):
                await opened.store.database.write(much)
            assert fired
        await opened.store.database.write(much)
        await works(opened)
        assert await opened.store.message(opened.account, EmailId(kept.email)) == a_message()


async def test_a_folder_that_cannot_be_put_on_disk_keeps_the_store_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        failing(os, "fsync", errno.EIO, lambda file: path_of(file) == data) as fired,
        pytest.raises(OSError, match="Input/output"),
    ):
        async with opened_store(data):
            pass
    assert fired
    async with opened_store(data) as opened:
        await works(opened)


# --- after a failure ------------------------------------------------------------------------------


async def test_the_folder_of_a_new_pack_that_is_not_on_disk_refuses_what_is_in_the_pack(
    tmp_path: Path,
) -> None:
    packs = Layout(tmp_path / "data").packs
    async with opened_store(tmp_path / "data") as opened:
        with (
            failing(os, "fsync", errno.EIO, lambda file: path_of(file) == packs) as fired,
            pytest.raises(TemporaryFailure),
        ):
            await opened.deliver()
        assert len(fired) == 1
        assert len(list(packs.iterdir())) == 1
        await opened.deliver()
        assert len(list(packs.iterdir())) == 2


@pytest.mark.parametrize(("at", "call"), [(2, "write"), (3, "sync"), (4, "sync_folder")])
async def test_a_pack_that_failed_is_never_written_again(tmp_path: Path, at: int, call: str) -> None:
    """Not even for the same message sent again: what was thought to be in the pack may not be there."""
    packs = Layout(tmp_path / "data").packs
    faults = Faults()
    with tapped(faults) as files:
        async with opened_store(tmp_path / "data", files=files, ids=fresh_ids()) as opened:
            faults.arm(at, errno.EIO, lasting=False)
            with pytest.raises(TemporaryFailure):
                await opened.deliver()
            assert [fired.split()[0] for fired in faults.fired] == [call]
            (failed,) = packs.iterdir()
            octets = failed.read_bytes()
            filed = await opened.deliver()
            assert failed.read_bytes() == octets
            failed.unlink()
            assert await opened.store.message(opened.account, EmailId(filed.email)) == a_message()


async def test_a_message_sent_again_after_a_failed_sync_survives_a_power_cut(tmp_path: Path) -> None:
    """The failed sync has thrown away what it was to write, and no later one brings it back."""
    data = tmp_path / "data"
    async with opened_store(data, ids=fresh_ids()):
        pass
    (tmp_path / "before").mkdir()
    leave(data, [], tmp_path / "before" / "data", seed=0)
    recorder = Recorder(data, failing=1.0, seed=0)
    with tapped(recorder) as files:
        async with opened_store(data, files=files, ids=fresh_ids()) as opened:
            with pytest.raises(TemporaryFailure):
                await opened.deliver()
            recorder.heal()
            filed = await opened.deliver()
            events = [*recorder.events]
    assert recorder.failed
    for seed in range(5):
        left = tmp_path / f"left{seed}"
        leave(tmp_path / "before" / "data", events, left, seed=seed)
        async with opened_store(left, ids=fresh_ids()) as opened:
            assert await opened.store.message(opened.account, EmailId(filed.email)) == a_message()
            await opened.check()


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_after_an_input_output_error_the_connection_is_a_new_one(tmp_path: Path, at: int) -> None:
    """What SQLite believes to be on disk may not be there: never sync again and hope."""
    faults = Faults()
    with tapped(faults) as files:
        async with opened_store(tmp_path / "data", files=files) as opened:
            database = opened.store.database
            assert isinstance(database, SqliteDatabase)
            filed = await opened.deliver()
            before = database.writer._connection
            faults.arm(at, errno.EIO, lasting=False)
            gone = await opened.store.destroy_emails(opened.account, [filed.email])  # tried again, alone
            assert len(faults.fired) == 1
            assert gone == [filed.email]
            assert database.writer._connection is not before
            await works(opened)


async def test_what_failed_leaves_nothing_when_others_of_its_batch_are_committed(tmp_path: Path) -> None:
    """A savepoint for each."""
    async with opened_store(tmp_path / "data") as opened:
        database = opened.store.database

        async def note(tx: Transaction, name: str) -> None:
            await tx.run("INSERT INTO secrets (name, value) VALUES (?1, ?2)", name, b"x")
            if name == "note 1":
                raise LookupError(name)

        async def one(name: str) -> None:
            with suppress(LookupError):
                await database.write(lambda tx: note(tx, name))

        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(one, f"note {number}")
        rows = await database.read(
            lambda tx: tx.rows("SELECT name FROM secrets WHERE name LIKE 'note %' ORDER BY 1")
        )
        assert [row[0] for row in rows] == ["note 0", "note 2", "note 3"]
