r"""APPEND.

Standards: RFC 3501 section 6.3.11; RFC 4315 section 3 (APPENDUID); RFC 9051 section 6.3.12.

The octets are kept as they came. NUL cannot be given back in a literal (RFC 3501 section 4.3.1), so a
message with one is refused.
"""

from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.imap.commands.flags import TOO_MANY_FLAGS
from pymailcore.imap.errors import TRYCREATE
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, no, ok
from pymailcore.imap.session import Session
from pymailcore.store.keywords import MAX_KEYWORDS, Keywords, keywords_of
from pymailcore.store.types import FlagChange, Target

EMPTY: Final = no("A message cannot be empty", b"CANNOT")
HAS_NUL: Final = no("A message cannot hold NUL", b"CANNOT")


async def append(session: Session, command: c.Append) -> Status:
    """APPEND; OK is said once the message is on disk."""
    if session.principal is None:
        raise RuntimeError("APPEND before login")
    if not command.message:
        return EMPTY
    if b"\0" in command.message:
        return HAS_NUL
    if len(command.flags.keywords) > MAX_KEYWORDS:
        return TOO_MANY_FLAGS
    services = session.services
    try:
        mailbox = await session.mailbox(command.mailbox)
        prepared = await services.store.prepare(command.message)
        (appended,) = await services.store.deliver(
            prepared,
            [Target(session.account, mailbox.id, keywords_of(command.flags.keywords))],
            tenant=session.principal.tenant,
            received_ms=services.now_ms() if command.time_ms is None else command.time_ms,
        )
    except NotFound:
        return TRYCREATE
    if command.flags.deleted:
        uid = appended.uid
        await services.store.set_flags(
            session.account, mailbox.id, ((uid, uid),), FlagChange.ADD, Keywords(), deleted=True
        )
    session.look_again()
    services.metrics.messages_accepted.labels("imap").inc()
    services.metrics.message_octets.observe(prepared.size_octets)
    return ok("Kept", b"APPENDUID %d %d" % (appended.uid_validity, appended.uid))
