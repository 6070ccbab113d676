import contextlib
import errno
import os
from pathlib import Path

import pytest
import trio
import trio.testing
from tests.support.smtp import ENVELOPE, FakeConnection, FakeRole, read_codes, server_of

from pymailcore.base.budget import MailDataBudget
from pymailcore.smtp.mail_data_spool import MailDataSpool
from pymailcore.smtp.settings import SmtpSettings

LIMIT = 10_000


@pytest.fixture
def budget() -> MailDataBudget:
    return MailDataBudget(1_000_000)


async def fill(spool: MailDataSpool, octets: bytes, step: int) -> None:
    """Keep octets as a driver does."""
    for start in range(0, len(octets), step):
        assert spool.keep(octets[start : start + step])
        if spool.overflowing:
            await spool.spill()


@pytest.mark.parametrize("step", [1, 999, 4_096, 30_000])
@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT, LIMIT + 1, 5 * LIMIT])
async def test_what_goes_in_comes_out(tmp_path: Path, budget: MailDataBudget, size: int, step: int) -> None:
    """In memory and in a file, at n - 1, n and n + 1; twice on one connection."""
    spool = MailDataSpool(tmp_path, budget, LIMIT)
    for octets in (os.urandom(size), b"second"):
        await fill(spool, octets, step)
        assert await spool.take() == octets
        spool.forget()
        assert budget.free_octets == 1_000_000
    assert names(tmp_path) == []


async def test_a_slow_peer_holds_no_memory(tmp_path: Path, budget: MailDataBudget) -> None:
    """Decided once for all peers: memory up to the limit until the message is whole."""
    spool = MailDataSpool(tmp_path, budget, LIMIT)
    await fill(spool, b"x" * 500_000, 4_096)
    assert budget.free_octets >= 1_000_000 - LIMIT
    assert await spool.take() == b"x" * 500_000
    assert budget.free_octets == 500_000
    spool.forget()


async def test_what_is_on_disk_says_nothing(tmp_path: Path, budget: MailDataBudget) -> None:
    """The key is in this process only."""
    spool = MailDataSpool(tmp_path, budget, LIMIT)
    await fill(spool, b"secret " * 3_000, 4_096)
    (octets,) = open_files(tmp_path)
    assert len(octets) >= 21_000 - LIMIT
    assert b"secret" not in octets
    spool.forget()
    assert open_files(tmp_path) == []


def names(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def open_files(folder: Path) -> list[bytes]:
    """What is in the files of a folder that this process has open, with or without a name."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if descriptor.readlink().is_relative_to(folder):
                found.append(descriptor.read_bytes())
    return found


async def test_without_memory_nothing_is_kept(tmp_path: Path) -> None:
    """RFC 5321 section 4.2.2: 452."""
    budget = MailDataBudget(30_000)
    spool = MailDataSpool(tmp_path, budget, LIMIT)
    assert spool.keep(b"x" * 20_000)
    assert not spool.keep(b"x" * 20_000)
    assert budget.free_octets == 30_000
    await fill(spool, b"x" * 40_000, 4_096)
    assert await spool.take() is None
    spool.forget()
    assert budget.free_octets == 30_000


async def test_a_full_disk_is_a_452_after_the_whole_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    """RFC 5321 section 4.2.2; the connection goes on, and so does the next message."""

    def full(_descriptor: int, _octets: memoryview) -> int:
        raise OSError(errno.ENOSPC, "full")

    role = FakeRole()
    server = server_of(role, SmtpSettings(spool_memory_octets=1_000), spool_folder=tmp_path)
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(server.serve_connection, FakeConnection(ours))
    await theirs.send_all(ENVELOPE + b"DATA\r\n")
    await read_codes(theirs, 5)
    monkeypatch.setattr("pymailcore.smtp.mail_data_spool.os.write", full)
    await theirs.send_all(b"x" * 5_000 + b"\r\n.\r\n")
    assert await read_codes(theirs, 1) == [b"452"]
    assert server.budget.free_octets == server.settings.max_mail_data_memory_octets
    monkeypatch.undo()
    await theirs.send_all(ENVELOPE + b"DATA\r\n")
    await read_codes(theirs, 4)
    await theirs.send_all(b"y" * 5_000 + b"\r\n.\r\n")
    assert await read_codes(theirs, 1) == [b"250"]
    assert role.messages[0][1] == b"y" * 5_000 + b"\r\n"
    nursery.cancel_scope.cancel()
