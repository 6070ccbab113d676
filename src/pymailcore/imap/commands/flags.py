"""STORE.

Standards: RFC 3501 section 6.4.6; RFC 2180 section 4.2 (messages that are gone).
"""

from typing import Final

from pymailcore.imap.commands.select import READ_ONLY
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, bad, no, ok
from pymailcore.imap.session import Session
from pymailcore.imap.view import flags_wire
from pymailcore.store.keywords import MAX_KEYWORDS, keywords_of
from pymailcore.store.types import FetchRow, FlagChange

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
    if not ranges:
        return ok("No such message")
    rows, _ = await session.store.set_flags(
        session.account,
        view.mailbox,
        ranges,
        FlagChange(command.sign),
        keywords_of(command.flags.keywords),
        deleted=command.flags.deleted,
    )
    session.told = {row.uid: row.modseq for row in rows}
    if not command.silent:
        for start in range(0, len(rows), _ROWS):
            await session.send(_tell(session, rows[start : start + _ROWS], uid=command.uid))
    asked = sum(view.count(low, high) for low, high in ranges)
    return ok("Done") if len(rows) >= asked else GONE


def _tell(session: Session, rows: list[FetchRow], *, uid: bool) -> bytes:
    view = session.selected
    recent_from = view.recent_from
    uids = [row.uid for row in rows]
    flags = [flags_wire(row[2:5], row.uid >= recent_from) for row in rows]
    seqs = view.seqs(uids)
    if uid:
        return b"".join(
            [
                b"* %d FETCH (UID %d FLAGS (%b))\r\n" % line
                for line in zip(seqs, uids, flags, strict=True)
                if line[0]
            ]
        )
    return b"".join(
        [b"* %d FETCH (FLAGS (%b))\r\n" % line for line in zip(seqs, flags, strict=True) if line[0]]
    )
