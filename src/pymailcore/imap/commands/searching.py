"""What SEARCH, SORT and THREAD share: finding messages, within limits.

Standards: RFC 9585 section 4 (INPROGRESS), RFC 5530 section 3 (LIMIT), RFC 5466 section 3.1
(UNDEFINED-FILTER).

Theory of operation. A command has a deadline, and an account has a few places for such commands in a process.
One that lasts gets company after a while: a task that tells the client now and then that work goes on, and
one that reads. What it reads waits for its turn; that the client has gone ends the work. A client that has
only closed its sending side is taken for gone then, too.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import trio

from pymailcore.imap.commands.criteria import EVERYTHING, FILTER_ENTRIES, compile_key, with_filters
from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.responses import Status, no, ok, string
from pymailcore.imap.protocol.states import State
from pymailcore.imap.session import Session
from pymailcore.store import query as q

T = TypeVar("T")

TOO_LONG: Final = no("The search takes too long", b"LIMIT")
MOST_LOOKS: Final = 2_000_000
"""Keys times messages that are searched in one piece: some tenths of a second of the database."""

ALONE_SECONDS: Final = 1.0
"""So long nobody looks whether the client is still there."""


class Progress:
    """How far a command is; unknown (None) until somebody knows."""

    def __init__(self) -> None:
        self.done: int | None = None
        self.total: int | None = None

    async def at(self, done: int, total: int) -> None:
        """Note that so many of all messages are done with."""
        self.done, self.total = done, total
        await trio.lowlevel.checkpoint()


async def within_limits(session: Session, work: Callable[[Progress], Awaitable[T]]) -> T | None:
    """Do dear work; None when it took too long, or the client has gone meanwhile."""
    progress = Progress()
    done: T | None = None
    with trio.move_on_after(session.settings.search_seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_company, session, progress, nursery.cancel_scope)
            async with session.services.places.searches.place(session.account):
                done = await work(progress)
            nursery.cancel_scope.cancel()
    return done


async def _keep_company(session: Session, progress: Progress, working: trio.CancelScope) -> None:
    every = session.settings.search_progress_seconds
    begun = trio.current_time()
    await trio.sleep(min(ALONE_SECONDS, every))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, session, working)
        while True:
            begun += every
            await trio.sleep_until(begun)
            session.protocol.send(in_progress(session.protocol.tag, progress).encode())
            with trio.CancelScope(shield=True):  # a response is never cut short; the send has its deadline
                await session.flush()


async def _watch(session: Session, working: trio.CancelScope) -> None:
    """Read once, which is as much as is kept; nothing to be read any more is the end of the work."""
    await session.wire.receive()
    if session.protocol.at_end or session.protocol.state is State.CLOSED:
        working.cancel()


def in_progress(tag: bytes, progress: Progress) -> Status:
    """Say that a command is still at work (RFC 9585 section 4)."""
    if progress.done is None or not progress.total:
        return ok("Still searching", b"INPROGRESS (%b NIL NIL)" % string(tag))
    counts = b"%d %d" % (min(progress.done, progress.total), progress.total)
    return ok("Still searching", b"INPROGRESS (%b %b)" % (string(tag), counts))


async def resolved(session: Session, key: k.SearchKey) -> k.SearchKey:
    """Put stored keys in the place of the names of filters.

    MODSEQ switches CONDSTORE on (RFC 7162 section 3.1).

    Raises:
        UndefinedFilter: one is not there, or is none.
    """
    if k.contains(key, k.ModifiedSince):
        await session.enable_condstore()
    if not k.contains(key, k.Filtered):
        return key
    account, sharing = session.account, session.store.sharing
    names = [
        name
        for name in await sharing.annotation_sizes(account, None, account)
        if name.startswith(FILTER_ENTRIES)
    ]
    key = with_filters(key, await sharing.annotations(account, None, account, names))
    if k.contains(key, k.ModifiedSince):
        await session.enable_condstore()
    return key


async def _window_by_window(session: Session, wanted: q.Filter, size: int, progress: Progress) -> list[int]:
    """Search so many messages at a time; between them the search may end before its time."""
    view = session.selected
    uids = view.uids
    found: list[int] = []
    for start in range(0, len(uids), size):
        last = min(start + size, len(uids)) - 1
        some = q.And((q.Uids(((uids[start], uids[last]),)), wanted))
        found += await session.store.search(session.account, view.mailbox, some)
        await progress.at(last + 1, len(uids))
    return found


async def find(
    session: Session, key: k.SearchKey, progress: Progress, *, gone: bool = False
) -> Sequence[int]:
    """Give the UIDs of what a key takes and the client knows of, ascending.

    Args:
        gone: messages that have just been expunged may be among them.
    """
    view = session.selected
    named = k.object_ids(key)
    if named:
        session.services.directory.note_ids(session.whose, "SEARCH", named, peer=session.peer)
    wanted = compile_key(key, view, session.services.now_ms())
    if gone and wanted == EVERYTHING:
        return view.uids
    size = max(1, MOST_LOOKS // k.leaves(key))
    if size >= len(view):
        found = await session.store.search(session.account, view.mailbox, wanted, progress=progress.at)
    else:
        found = await _window_by_window(session, wanted, size, progress)
    last = view.last_uid
    return [uid for uid in found if uid <= last] if found and found[-1] > last else found
