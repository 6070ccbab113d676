"""STORE.

Standards: RFC 3501 section 6.4.6; RFC 2180 section 4.2 (messages that are gone); RFC 7162 section 3.1.3
(UNCHANGEDSINCE, MODSEQ in the answer).
"""

from collections.abc import Sequence
from typing import Final

from pymailcore.imap.commands.fetch_columns import fetch_start
from pymailcore.imap.commands.select import READ_ONLY
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, bad, no, ok
from pymailcore.imap.protocol.sequence import encode_runs, runs
from pymailcore.imap.session import Session
from pymailcore.imap.view import View, flags_wire
from pymailcore.store.keywords import MAX_KEYWORDS, keywords_of
from pymailcore.store.types import FetchRow, FlagChange, Want

OUT_OF_RANGE: Final = bad("There is no message of that number")
GONE: Final = ok("Some messages are gone", b"EXPUNGEISSUED")
TOO_MANY_FLAGS: Final = no("Too many flags", b"LIMIT")

_ROWS: Final = 1_000


async def store_flags(session: Session, command: c.StoreFlags) -> Status:
    """STORE and UID STORE."""
    view = session.selected
    if view.read_only:
        return READ_ONLY
    if len(command.flags.keywords) > MAX_KEYWORDS:
        return TOO_MANY_FLAGS
    ranges = view.ranges(command.messages, uid=command.uid)
    if ranges is None:
        return OUT_OF_RANGE
    if command.unchanged_since is not None:
        await session.enable_condstore()
    if not ranges:
        return ok("No such message")
    known = await session.catch_up() if command.silent else 0
    rows, late = await session.store.set_flags(
        session.account,
        view.mailbox,
        ranges,
        FlagChange(command.sign),
        keywords_of(command.flags.keywords),
        deleted=command.flags.deleted,
        unchanged_since=command.unchanged_since,
    )
    if session.view is None:
        return GONE
    await _answer(session, rows, command, known)
    if late:
        return await _modified(session, late, command)
    asked = sum(view.count(low, high) for low, high in ranges)
    return ok("Done") if len(rows) >= asked else GONE


async def _answer(session: Session, rows: Sequence[FetchRow], command: c.StoreFlags, known: int) -> None:
    """Tell of what was changed, or let it pass for told."""
    if command.silent and not _alone(rows, known):
        session.look_again()
    else:
        session.told = {row.uid: row.modseq for row in rows}
    if not command.silent or session.enabled.condstore:
        for start in range(0, len(rows), _ROWS):
            await session.send(_tell(session, rows[start : start + _ROWS], command))


def _alone(rows: Sequence[FetchRow], known: int) -> bool:
    """Whether nobody else has changed anything since a modseq: each slice of a STORE takes the next one."""
    taken = {row.modseq for row in rows if row.modseq > known}
    return not taken or max(taken) == known + len(taken)


def _tell(session: Session, rows: Sequence[FetchRow], command: c.StoreFlags) -> bytes:
    """Write FETCH for messages that were changed."""
    view = session.selected
    condstore, uid_only = session.enabled.condstore, session.enabled.uid_only
    uids = [row.uid for row in rows]
    columns: list[Sequence[object]] = [uids if uid_only else view.seqs(uids)]
    items = []
    if (command.uid or condstore) and not uid_only:
        items.append(b"UID %d")
        columns.append(uids)
    if condstore:
        items.append(b"MODSEQ (%d)")
        columns.append([row.modseq for row in rows])
    if not command.silent:
        items.append(b"FLAGS (%b)")
        columns.append(_flags(view, rows))
    template = fetch_start(session.enabled) + b" ".join(items) + b")\r\n"
    return b"".join([template % line for line in zip(*columns, strict=True) if line[0]])


def _flags(view: View, rows: Sequence[FetchRow]) -> list[bytes]:
    recent_from = view.recent_from
    return [flags_wire(row[2:5], row.uid >= recent_from) for row in rows]


async def _modified(session: Session, late: Sequence[int], command: c.StoreFlags) -> Status:
    """Say which messages were changed meanwhile, and how (RFC 7162 section 3.1.3, example 10)."""
    view = session.selected
    for start in range(0, len(late), _ROWS):
        some = runs(late[start : start + _ROWS])
        rows = await session.store.fetch(session.account, view.mailbox, some, Want.NONE, limit=_ROWS)
        for row in rows:
            if (seq := view.seq(row.uid)) is not None:
                await session.send(view.changed(seq, row))
        session.told = {**session.told, **{row.uid: row.modseq for row in rows}}
    numbers = late if command.uid else [seq for seq in view.seqs(late) if seq]
    return ok("Some were changed meanwhile", b"MODIFIED " + encode_runs(runs(numbers)))
