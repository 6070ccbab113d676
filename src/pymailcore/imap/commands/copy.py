"""COPY and MOVE.

Standards: RFC 3501 section 6.4.7; RFC 4315 section 3 (COPYUID); RFC 6851 sections 3.1 and 4.3.
"""

from pymailcore.base.errors import NotFound
from pymailcore.imap.commands.flags import OUT_OF_RANGE
from pymailcore.imap.commands.select import READ_ONLY
from pymailcore.imap.errors import TRYCREATE
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, ok
from pymailcore.imap.protocol.sequence import encode_runs, runs
from pymailcore.imap.session import Session
from pymailcore.store.types import Copied


async def copy(session: Session, command: c.Copy) -> Status:
    """COPY, MOVE and their UID forms."""
    view = session.selected
    if command.move and view.read_only:
        return READ_ONLY
    ranges = view.ranges(command.messages, uid=command.uid)
    if ranges is None:
        return OUT_OF_RANGE
    operation = session.store.move if command.move else session.store.copy
    try:
        to = await session.mailbox(command.mailbox)
        if not ranges:
            return ok("No such message")
        copied = await operation(session.account, view.mailbox, ranges, to.id)
    except NotFound:
        return TRYCREATE
    session.look_again()
    if not copied.source:
        return ok("The messages are gone", b"EXPUNGEISSUED")
    code = copy_uid(copied)
    if not command.move:
        return ok("Copied", code)
    await session.send(ok("Moved", code).encode())
    if session.enabled.qresync:  # RFC 6851 section 4.4
        await session.sync(expunge=True)
        return ok("Done", b"HIGHESTMODSEQ %d" % view.safe_modseq)
    return ok("Done")


def copy_uid(copied: Copied) -> bytes:
    """Write COPYUID; both sets pair up by place."""
    source, destination = encode_runs(runs(copied.source)), encode_runs(runs(copied.destination))
    return b"COPYUID %d %b %b" % (copied.uid_validity, source, destination)
