r"""SELECT, EXAMINE, CHECK, CLOSE, UNSELECT, EXPUNGE.

Standards: RFC 3501 sections 6.3.1, 6.3.2, 6.4.1 to 6.4.3; RFC 3691 section 2; RFC 4315 section 2.1;
RFC 7162 sections 3.1.8, 3.2.5, 3.2.7 and 3.2.11; RFC 8474 section 4.2 (MAILBOXID); RFC 9051 section 6.3.2.
"""

import unicodedata
from typing import Final

from pymailcore.imap.commands.list import list_response
from pymailcore.imap.commands.status import mailbox_id
from pymailcore.imap.errors import UID_REQUIRED
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.flags import DEFINED
from pymailcore.imap.protocol.responses import Status, bad, no, ok
from pymailcore.imap.protocol.select_options import Resync
from pymailcore.imap.protocol.sequence import LARGEST, Ranges, encode_runs, members, runs
from pymailcore.imap.session import Session
from pymailcore.imap.view import View
from pymailcore.store.types import Snapshot, Want

READ_ONLY: Final = no("The mailbox is selected read-only", b"READ-ONLY")
NOT_ENABLED: Final = bad("ENABLE QRESYNC first")
CLOSED: Final = b"* OK [CLOSED] Closed\r\n"
ALL_UIDS: Final[Ranges] = ((1, LARGEST),)

_ROWS: Final = 1_000
"""Messages whose flags are sent together."""


async def select(session: Session, command: c.Select) -> Status:
    """SELECT and EXAMINE; the Mailbox selected before is not any more, whatever comes of this."""
    options = command.options
    if session.view is not None:
        await session.send(CLOSED)
    session.select(None, 0)
    if options.resync is not None and not session.enabled.qresync:
        return NOT_ENABLED
    if options.resync is not None and options.resync.matches and session.enabled.uid_only:
        return UID_REQUIRED
    if options.condstore:
        await session.enable_condstore()
    found = await session.mailbox(command.mailbox)
    notice = session.services.hub.current(session.account)
    snapshot = await session.store.snapshot(session.account, found.id)
    read_only = command.read_only or session.may_only_read
    view = View(snapshot, read_only=read_only, enabled=session.enabled)
    session.select(view, notice)
    await session.send(_welcome(session, view, snapshot))
    if session.enabled.rev2:
        normal = unicodedata.is_normalized("NFC", command.mailbox)
        old_name = "" if normal else command.mailbox
        await session.send(await list_response(session, found, old_name=old_name))
    if options.resync is not None and options.resync.uid_validity == view.uid_validity:
        await _resync(session, options.resync)
    return ok("Examined", b"READ-ONLY") if read_only else ok("Selected", b"READ-WRITE")


def _welcome(session: Session, view: View, snapshot: Snapshot) -> bytes:
    """Say what a client has to know of a Mailbox."""
    permanent = b"" if view.read_only else DEFINED + b" \\*"
    numbered = not (session.enabled.rev2 or session.enabled.uid_only)
    unseen = snapshot.first_unseen if numbered else 0
    return b"* FLAGS (%b)\r\n%b* OK [PERMANENTFLAGS (%b)] Kept\r\n%b%b%b" % (
        DEFINED,
        view.sizes(),
        permanent,
        b"* OK [UNSEEN %d] First unseen\r\n" % unseen if unseen else b"",
        b"* OK [UIDVALIDITY %d] Valid\r\n* OK [UIDNEXT %d] Next\r\n"
        % (view.uid_validity, snapshot.mailbox.uid_next),
        (view.highest_modseq() if session.enabled.condstore else b"")
        + b"* OK [MAILBOXID (%b)] Id\r\n" % mailbox_id(snapshot.mailbox),
    )


async def _resync(session: Session, known: Resync) -> None:
    """Tell a client that comes back what has happened (RFC 7162 section 3.2.5)."""
    view = session.selected
    ranges = ALL_UIDS if known.uids is None else known.uids
    matched = view.last_match(known.matches)
    await tell_vanished(session, tuple((max(low, matched + 1), high) for low, high in ranges), known.modseq)
    changed = await session.store.past.changed_uids(session.account, view.mailbox, known.modseq)
    changed = members(ranges, changed)
    for start in range(0, len(changed), _ROWS):
        some = runs(changed[start : start + _ROWS])
        rows = await session.store.fetch(session.account, view.mailbox, some, Want.NONE, limit=_ROWS)
        lines = [view.changed(seq, row) for row in rows if (seq := view.seq(row.uid)) is not None]
        await session.send(b"".join(lines))


async def tell_vanished(session: Session, ranges: Ranges, since: int) -> None:
    """Say which UIDs of ascending ranges have gone since a modseq, or ever when that is too long ago."""
    view = session.selected
    gone = await session.store.past.vanished(session.account, view.mailbox, since)
    missing = view.missing(ranges)
    if gone is not None:
        missing = tuple(runs(members(missing, gone)))
    if missing:
        await session.send(b"* VANISHED (EARLIER) %b\r\n" % encode_runs(missing))


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
        gone = await session.store.expunge(session.account, view.mailbox, ranges)
        session.look_again()
        if gone and session.enabled.qresync:  # RFC 7162 section 3.2.7
            await session.sync(expunge=True)
            return ok("Expunged", b"HIGHESTMODSEQ %d" % view.safe_modseq)
    return ok("Expunged")
