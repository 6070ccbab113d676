"""Long searches: RFC 9585 (INPROGRESS), RFC 5530 (LIMIT), and what becomes of them when the client goes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
import trio
from tests.support import mails
from tests.support.imap_client import FAST, ImapWorld

from pymailcore.imap.commands import searching
from pymailcore.imap.commands.searching import Progress, in_progress
from pymailcore.imap.settings import ImapSettings

QUICK = ImapSettings(search_progress_seconds=0.02)


@dataclass
class Slow:
    """Stands for `Store.search` over a large Mailbox: goes on until it is told to end."""

    counts: tuple[int, int] | None = (5, 10)
    begun: trio.Event = field(default_factory=trio.Event)
    go: trio.Event = field(default_factory=trio.Event)
    cut: trio.Event = field(default_factory=trio.Event)

    async def search(
        self, *_: object, progress: Callable[[int, int], Awaitable[None]] | None = None
    ) -> list[int]:
        """Wait."""
        assert progress is not None
        if self.counts is not None:
            await progress(*self.counts)
        self.begun.set()
        try:
            await self.go.wait()
        except trio.Cancelled:
            self.cut.set()
            raise
        return [1]


@pytest.fixture
def slow(world: ImapWorld, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """A store whose searches take long, and a server that is soon out of patience."""
    world.settings = QUICK
    slow = Slow()
    monkeypatch.setattr(world.store, "search", slow.search)
    return slow


async def test_a_client_hears_that_work_goes_on(world: ImapWorld, slow: Slow) -> None:
    """RFC 9585 section 4: the tag and how far it is."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.send(b"x9 SEARCH SEEN\r\n")
        for _ in range(2):
            assert await client.line() == b'* OK [INPROGRESS ("x9" 5 10)] Still searching'
        slow.go.set()
        while (line := await client.line()).startswith(b"* OK [INPROGRESS"):
            pass
        assert line == b"* SEARCH 1"
        assert await client.line() == b"x9 OK Done"
        await client.ok("NOOP")


async def test_how_far_may_not_be_known(world: ImapWorld, slow: Slow) -> None:
    """RFC 9585 section 4: NIL for what is not known; SORT and THREAD tell it, too."""
    slow.counts = None
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        for command in (b"SORT (DATE)", b"THREAD REFERENCES"):
            await client.send(b"y %b UTF-8 SEEN\r\n" % command)
            assert await client.line() == b'* OK [INPROGRESS ("y" NIL NIL)] Still searching'
            slow.go.set()
            assert (await client.reply(b"y")).status == "OK"
            slow.go = trio.Event()


def test_no_more_is_done_than_there_is() -> None:
    progress = Progress()
    progress.done, progress.total = 11, 10
    assert in_progress(b'a"b', progress).code == b'INPROGRESS ("a\\"b" 10 10)'
    progress.total = 0
    assert in_progress(b"a", progress).code == b'INPROGRESS ("a" NIL NIL)'


async def test_a_quick_search_says_nothing_of_it(world: ImapWorld) -> None:
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        assert await client.ok("SEARCH ALL") == [b"SEARCH 1"]


async def test_a_search_ends_when_its_client_has_gone(world: ImapWorld, slow: Slow) -> None:
    """I4: nobody waits for the answer."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.send(b"x SEARCH SEEN\r\n")
        await slow.begun.wait()
    with trio.fail_after(10):
        await slow.cut.wait()
        await world.ended.wait()


async def test_a_search_ends_when_the_server_does(world: ImapWorld, slow: Slow) -> None:
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.send(b"x SEARCH SEEN\r\n")
        assert (await client.line()).startswith(b"* OK [INPROGRESS")
        world.draining.set()
        with trio.fail_after(10):
            await slow.cut.wait()
            while (line := await client.line()).startswith(b"* OK [INPROGRESS"):
                pass
        assert line.startswith(b"* BYE [UNAVAILABLE]")


async def test_what_a_client_says_meanwhile_waits_for_its_turn(world: ImapWorld, slow: Slow) -> None:
    """RFC 3501 section 5.5: commands are done in the order in which they come."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.send(b"x SEARCH RETURN (SAVE) SEEN\r\n")
        await slow.begun.wait()
        await client.send(b"y FETCH $ UID\r\nz NOOP\r\n")
        assert (await client.line()).startswith(b"* OK [INPROGRESS")
        slow.go.set()
        assert (await client.reply(b"x")).status == "OK"
        assert (await client.reply(b"y")).untagged == [b"1 FETCH (UID 1)"]
        assert (await client.reply(b"z")).status == "OK"


async def test_a_search_with_many_keys_goes_window_by_window(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I4: what the database does in one piece is bounded; answers are the same."""
    for n in range(10):
        await world.deliver(mails.plain() if n % 3 else mails.picture())
    store, asked = world.store.search, []

    async def counted(*args: object, **named: object) -> Sequence[int]:
        asked.append(args)
        return await store(*args, **named)  # type: ignore[arg-type]  # passed on as they are

    async with await world.log_in("INBOX") as client:
        keys = "OR SUBJECT meeting (FROM nobody TO nobody)"
        whole = await client.ok(f"SEARCH {keys}")
        assert whole == [b"SEARCH 2 3 5 6 8 9"]
        await client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        monkeypatch.setattr(world.store, "search", counted)
        monkeypatch.setattr(searching, "MOST_LOOKS", 12)
        assert await client.ok(f"UID SEARCH {keys}") == [b"SEARCH 3 5 6 8 9"]
        assert len(asked) == 3  # of 9 messages, 4 at a time


async def test_the_deadline_counts_waiting_for_a_place(world: ImapWorld, slow: Slow) -> None:
    """I4: two at a time for an account, and NO [LIMIT] for one that waits too long."""
    await world.deliver(mails.plain())
    world.settings = ImapSettings(search_seconds=0.1)
    async with await world.log_in("INBOX") as client:
        assert (await client.command("SEARCH SEEN")).code == "LIMIT"
    assert slow.cut.is_set()
    world.settings = FAST
