r"""SELECT, EXAMINE, CHECK, CLOSE, UNSELECT, EXPUNGE.

Standards: RFC 3501 sections 6.3.1, 6.3.2, 6.4.1 to 6.4.3; RFC 3691 section 2; RFC 4315 section 2.1.
"""

from typing import Final

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.flags import DEFINED
from pymailcore.imap.protocol.responses import Status, no, ok
from pymailcore.imap.protocol.sequence import Ranges
from pymailcore.imap.session import Session
from pymailcore.imap.view import View

READ_ONLY: Final = no("The mailbox is selected read-only", b"READ-ONLY")


async def select(session: Session, command: c.Select) -> Status:
    """SELECT and EXAMINE; the Mailbox selected before is not any more, whatever comes of this."""
    session.select(None, 0)
    found = await session.mailbox(command.mailbox)
    notice = session.services.hub.current(session.account)
    snapshot = await session.store.snapshot(session.account, found.id)
    read_only = command.read_only or session.may_only_read
    view = View(snapshot, read_only=read_only)
    session.select(view, notice)
    permanent = b"" if read_only else DEFINED + b" \\*"
    unseen = snapshot.first_unseen
    await session.send(
        b"* FLAGS (%b)\r\n%b* OK [PERMANENTFLAGS (%b)] Kept\r\n%b"
        b"* OK [UIDVALIDITY %d] Valid\r\n* OK [UIDNEXT %d] Next\r\n"
        % (
            DEFINED,
            view.sizes(),
            permanent,
            b"* OK [UNSEEN %d] First unseen\r\n" % unseen if unseen else b"",
            view.uid_validity,
            snapshot.mailbox.uid_next,
        )
    )
    return ok("Examined", b"READ-ONLY") if read_only else ok("Selected", b"READ-WRITE")


async def check(_session: Session, _command: c.Check) -> Status:
    """CHECK: everything that was promised is on disk already."""
    return ok("Done")


async def close(session: Session, command: c.Close) -> Status:
    r"""CLOSE and UNSELECT; CLOSE expunges without telling."""
    view = session.selected
    if command.expunge and not view.read_only:
        await session.store.expunge(session.account, view.mailbox, None)
    session.select(None, 0)
    return ok("Closed")


async def expunge(session: Session, command: c.Expunge) -> Status:
    """EXPUNGE and UID EXPUNGE; the view tells what is gone."""
    view = session.selected
    if view.read_only:
        return READ_ONLY
    ranges: Ranges | None = None
    if command.uids is not None:
        ranges = view.ranges(command.uids, uid=True) or ()
    if ranges != ():
        await session.store.expunge(session.account, view.mailbox, ranges)
        session.look_again()
    return ok("Expunged")
