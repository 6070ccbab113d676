import contextlib
import errno
import os
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
import trio
import trio.testing
from structlog.contextvars import merge_contextvars
from tests.support.logs import captured
from tests.support.smtp import ENVELOPE, FakeConnection, FakeRole, read_codes, server_of

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.errors import InsufficientStorage
from pymailcore.base.parties import Party, working_for
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.threads import COMPUTING, computing
from pymailcore.smtp.mail_data_spool import MailDataSpool
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings

LIMIT = 10_000
Ask = Callable[[bytes, int], Awaitable[list[bytes]]]


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
        assert spool.digest == sha256(octets).hexdigest()
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


async def test_files_are_written_and_read_in_turns_by_tenants(tmp_path: Path, budget: MailDataBudget) -> None:
    """T6: ten of one tenant wait for a thread; who is of another one waits for one of them to end."""
    places, octets = computing(), b"x" * (LIMIT + 1)
    ends = [trio.Event() for _ in range(COMPUTING + 10)]
    begun: list[trio.Event] = []

    async def work(end: trio.Event) -> None:
        async with places.place(Party(1, 10)):
            begun.append(end)
            await end.wait()

    async with trio.open_nursery() as nursery:
        for end in ends:
            nursery.start_soon(work, end)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(_set, begun[0])
        with working_for(Party(2, 20)), trio.fail_after(10):
            spool = MailDataSpool(tmp_path, budget, LIMIT)
            await fill(spool, octets, LIMIT + 1)
            assert await spool.take() == octets
            spool.forget()
        assert places.waiting == 10
        for end in ends:
            end.set()


async def _set(event: trio.Event) -> None:
    """Once all others wait."""
    await trio.testing.wait_all_tasks_blocked()
    event.set()


async def test_while_little_memory_is_taken_no_file_is_made(tmp_path: Path) -> None:
    """One that is large stays in memory beside small ones; with a second one both go to files."""
    budget = MailDataBudget(1_000_000, easy_octets=6 * LIMIT)
    first, second = MailDataSpool(tmp_path, budget, LIMIT), MailDataSpool(tmp_path, budget, LIMIT)
    await fill(first, b"x" * 5 * LIMIT, 4_096)
    assert open_files(tmp_path) == []
    await fill(second, b"y" * 3 * LIMIT, 4_096)
    assert len(open_files(tmp_path)) == 1
    await fill(first, b"z" * 2 * LIMIT, LIMIT)
    assert len(open_files(tmp_path)) == 2
    assert await first.take() == b"x" * 5 * LIMIT + b"z" * 2 * LIMIT
    assert await second.take() == b"y" * 3 * LIMIT
    for spool in (first, second):
        spool.forget()
    assert budget.free_octets == 1_000_000


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
    return [Path(f"/proc/self/fd/{descriptor}").read_bytes() for descriptor in descriptors(folder)]


def descriptors(folder: Path) -> list[int]:
    """Those of the files of a folder."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if descriptor.readlink().is_relative_to(folder):
                found.append(int(descriptor.name))
    return found


def change(descriptor: int) -> None:
    """A disk that gives other octets than it was given."""
    os.pwrite(descriptor, bytes((os.pread(descriptor, 1, 5_000)[0] ^ 1,)), 5_000)


def shorten(descriptor: int) -> None:
    """A file that lost its end."""
    os.ftruncate(descriptor, os.fstat(descriptor).st_size - 1)


def empty(descriptor: int) -> None:
    """A file that lost everything."""
    os.ftruncate(descriptor, 0)


@pytest.mark.parametrize("damage", [change, shorten, empty])
async def test_a_file_that_is_not_what_was_written_is_not_read(
    tmp_path: Path, budget: MailDataBudget, damage: Callable[[int], None]
) -> None:
    spool = MailDataSpool(tmp_path, budget, LIMIT)
    await fill(spool, os.urandom(3 * LIMIT), 4_096)
    assert spool._file is not None
    damage(spool._file.fileno())
    with pytest.raises(InsufficientStorage):
        await spool.take()
    spool.forget()
    assert budget.free_octets == 1_000_000


@pytest.mark.parametrize("lose", [lambda spool: spool._blocks.pop(), lambda spool: spool._small.clear()])
async def test_a_part_that_is_missing_is_noticed(
    tmp_path: Path, budget: MailDataBudget, lose: Callable[[MailDataSpool], None]
) -> None:
    """Each block may be sound and the message not whole: the digest is of all that came."""
    spool = MailDataSpool(tmp_path, budget, LIMIT)
    await fill(spool, os.urandom(4 * LIMIT), 4_000)
    lose(spool)
    with pytest.raises(InsufficientStorage):
        await spool.take()
    spool.forget()


async def exchange(nursery: trio.Nursery, server: SmtpServer) -> Ask:
    """Begin a conversation; gives what says something in it and reads the codes."""
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(server.serve_connection, FakeConnection(ours))
    await read_codes(theirs, 1)

    async def ask(octets: bytes, replies: int) -> list[bytes]:
        await theirs.send_all(octets)
        return await read_codes(theirs, replies)

    return ask


BIG = b"x" * 5_000 + b"\r\n"
BINARY = b"MIME-Version: 1.0\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n"
LHLO = ENVELOPE.replace(b"EHLO", b"LHLO")


@pytest.mark.parametrize(
    ("envelope", "sent", "digested", "lmtp"),
    [
        (ENVELOPE, (b"DATA\r\n", b"..a\r\nb\nc\r\n.\r\n"), b".a\r\nb\r\nc\r\n", False),
        (LHLO, (b"DATA\r\n", BIG + b".\r\n"), BIG, True),
        (ENVELOPE, (b"BDAT 2\r\na\r", b"BDAT 5002 LAST\r\n" + BIG), b"a\r\n" + BIG, False),
        (
            ENVELOPE.replace(b"<a@client.example>", b"<a@client.example> BODY=BINARYMIME"),
            (b"BDAT %d LAST\r\n" % len(BINARY) + BINARY,),
            BINARY,
            False,
        ),
    ],
    ids=["mended", "lmtp", "chunks", "binary"],
)
async def test_a_role_gets_the_digest_of_what_came(
    envelope: bytes, sent: Sequence[bytes], digested: bytes, lmtp: bool, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """However it came, from memory or the file; binary mail is what it was before it was encoded."""
    role = FakeRole()
    server = server_of(
        role,
        SmtpSettings(spool_memory_octets=1_000),
        spool_folder=tmp_path,
        extensions=Extensions(chunking=True, binarymime=True),
        repair_line_ends=True,
        lmtp=lmtp,
    )
    ask = await exchange(nursery, server)
    await ask(envelope, 3)
    for octets in sent:
        codes = await ask(octets, 1)
    assert codes == [b"250"]
    assert role.digests == [sha256(digested).hexdigest()]
    nursery.cancel_scope.cancel()


async def test_a_damaged_file_is_a_452_and_nothing_is_filed(tmp_path: Path, nursery: trio.Nursery) -> None:
    """RFC 5321 section 4.2.2: the client comes again, and the connection goes on."""
    role = FakeRole()
    ask = await exchange(
        nursery, server_of(role, SmtpSettings(spool_memory_octets=1_000), spool_folder=tmp_path)
    )
    await ask(ENVELOPE + b"DATA\r\n", 4)
    await ask(BIG, 0)
    await trio.testing.wait_all_tasks_blocked(0.01)
    for descriptor in descriptors(tmp_path):
        os.pwrite(descriptor, b"broken", 500)
    assert await ask(b".\r\n", 1) == [b"452"]
    assert role.messages == []
    await ask(ENVELOPE + b"DATA\r\n", 4)
    assert await ask(BIG + b".\r\n", 1) == [b"250"]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("answer", [None, Reply(550, "5.7.1", "No"), InsufficientStorage("disk")])
async def test_all_that_is_logged_of_a_message_names_its_digest(
    answer: Reply | InsufficientStorage | None, nursery: trio.Nursery
) -> None:
    """An operator finds the same mail again: taken or refused, in lines of ours or of the role."""

    def decide(_envelope: object, _octets: bytes) -> Reply | None:
        get_logger().info("role")
        if isinstance(answer, InsufficientStorage):
            raise answer
        return answer

    ask = await exchange(nursery, server_of(FakeRole(answer=decide)))
    await ask(ENVELOPE + b"DATA\r\n", 4)
    with captured([merge_contextvars]) as lines:
        await ask(BIG + b".\r\nRCPT TO:<unknown@host.example>\r\n", 2)
    assert [line["event"] for line in lines] == ["role"] + ["refused"] * (answer is not None)
    assert {line["digest"] for line in lines} == {sha256(BIG).hexdigest()[:16]}
    with captured([merge_contextvars]) as lines:
        get_logger().info("later")
        await ask(ENVELOPE, 3)
    assert all("digest" not in line for line in lines)
    nursery.cancel_scope.cancel()


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
