r"""APPEND and REPLACE.

Standards: RFC 3501 section 6.3.11; RFC 4315 section 3 (APPENDUID); RFC 9051 section 6.3.12; RFC 3502
(MULTIAPPEND); RFC 3516 section 4.4 (literal8); RFC 4469 section 3 (CATENATE); RFC 8508 section 3 (REPLACE).

The octets are kept as they came, with one exception: NUL cannot be given back in a literal (RFC 3501 section
4.3.1). Where a client is allowed to send it, in literal8, parts that have it are kept in base64; else, and
where it stands in a header, the message is refused.

All messages of a command are kept, or none. A message that is replaced leaves in the same transaction in
which the new one comes.
"""

from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.imap.commands.catenate import BadUrl, assemble
from pymailcore.imap.commands.flags import OUT_OF_RANGE, TOO_MANY_FLAGS
from pymailcore.imap.commands.select import READ_ONLY
from pymailcore.imap.errors import TRYCREATE
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.append_grammar import NewMessage
from pymailcore.imap.protocol.message_url import url_text
from pymailcore.imap.protocol.responses import Status, no, ok
from pymailcore.imap.protocol.sequence import encode_runs, runs
from pymailcore.imap.session import Session
from pymailcore.message.downgrade import downgrade
from pymailcore.message.downgrade_header import CannotConvert
from pymailcore.runtime.threads import compute
from pymailcore.store.keywords import MAX_KEYWORDS, keywords_of
from pymailcore.store.types import Appended, Incoming, Mailbox, Target

EMPTY: Final = no("A message cannot be empty", b"CANNOT")
HAS_NUL: Final = no("A message cannot hold NUL", b"CANNOT")
UNKNOWN_CTE: Final = no("NUL stands where it cannot be encoded", b"UNKNOWN-CTE")
TOO_BIG: Final = no("The message is too large", b"TOOBIG")
NO_UTF8: Final = no("Enable UTF8=ACCEPT first", b"CANNOT")
NO_MESSAGE: Final = no("There is no such message", b"EXPUNGEISSUED")

_INLINE_OCTETS: Final = 262_144


class _Refused(Exception):
    """A message cannot be taken."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.text)
        self.status = status


async def append(session: Session, command: c.Append) -> Status:
    """APPEND; OK is said once all messages are on disk."""
    try:
        mailbox = await session.mailbox(command.mailbox)
        incoming = [await _incoming(session, message, mailbox) for message in command.messages]
        filed = await session.store.append_many(incoming, tenant=session.whose.tenant)
    except NotFound:
        return TRYCREATE
    except _Refused as refused:
        return refused.status
    return ok("Kept", _kept(session, [appended for (appended,) in filed]))


async def replace(session: Session, command: c.Replace) -> Status:
    """REPLACE and UID REPLACE: what has come is told before what has gone is."""
    view = session.selected
    if view.read_only:
        return READ_ONLY
    ranges = view.ranges(command.old, uid=command.uid)
    if ranges is None:
        return OUT_OF_RANGE
    if not ranges:
        return NO_MESSAGE
    try:
        mailbox = await session.mailbox(command.mailbox)
    except NotFound:
        return TRYCREATE
    try:
        incoming = await _incoming(session, command.message, mailbox)
        filed = await session.store.replace(
            session.account, view.mailbox, ranges[0][0], incoming, tenant=session.whose.tenant
        )
    except NotFound:
        there = await session.store.mailbox_named(session.account, mailbox.path)
        return TRYCREATE if there is None else NO_MESSAGE
    except _Refused as refused:
        return refused.status
    await session.send(ok("The new message is kept", _kept(session, filed)).encode())
    return ok("Replaced")


async def _incoming(session: Session, message: NewMessage, mailbox: Mailbox) -> Incoming:
    """Make a message ready to be filed.

    Raises:
        _Refused: it cannot be.
    """
    if len(message.flags.keywords) > MAX_KEYWORDS:
        raise _Refused(TOO_MANY_FLAGS)
    if message.utf8 and not session.enabled.utf8:
        raise _Refused(NO_UTF8)
    octets = await _octets(session, message)
    flags = message.flags
    target = Target(session.account, mailbox.id, keywords_of(flags.keywords), flags.deleted)
    prepared = await session.store.prepare(octets)
    return Incoming(
        prepared, [target], session.services.now_ms() if message.time_ms is None else message.time_ms
    )


async def _octets(session: Session, message: NewMessage) -> bytes:
    """Put a message together.

    Raises:
        _Refused: there is nothing, or too much, or what cannot be kept.
    """
    most = session.settings.message_octets
    try:
        octets = await assemble(session, message.parts, most)
    except BadUrl as bad:
        raise _Refused(no("There is no such message or part", b"BADURL " + url_text(bad.url))) from None
    if octets is None:  # a single literal is not even read when it is larger
        raise _Refused(TOO_BIG)
    if not octets:
        raise _Refused(EMPTY)
    if b"\0" not in octets:
        return octets
    if not message.binary:
        raise _Refused(HAS_NUL)
    return await _without_nul(octets, most)


async def _without_nul(octets: bytes, most: int) -> bytes:
    """Encode the parts that hold NUL (RFC 3516 section 4.4 allows it).

    Raises:
        _Refused: NUL stands in a header, or in what is signed; or the message grows too large.
    """
    try:
        if len(octets) <= _INLINE_OCTETS:
            encoded = downgrade(octets, eight_bit=True, header=False)
        else:
            encoded = await compute(lambda: downgrade(octets, eight_bit=True, header=False))
    except CannotConvert:
        raise _Refused(UNKNOWN_CTE) from None
    if b"\0" in encoded:
        raise _Refused(UNKNOWN_CTE)
    if len(encoded) > most:
        raise _Refused(TOO_BIG)
    return encoded


def _kept(session: Session, filed: list[Appended]) -> bytes:
    """Count what was kept, have the view look, and write APPENDUID."""
    metrics = session.services.metrics
    session.look_again()
    for appended in filed:
        metrics.messages_accepted.labels("imap").inc()
        metrics.message_octets.observe(appended.size_octets)
    uids = encode_runs(runs([appended.uid for appended in filed]))
    return b"APPENDUID %d %b" % (filed[0].uid_validity, uids)
