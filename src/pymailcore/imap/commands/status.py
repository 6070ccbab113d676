"""STATUS.

Standards: RFC 3501 section 6.3.10, RFC 9051 section 6.3.11, RFC 7162 section 3.1.7, RFC 8474 section 4.3.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymailcore.base.ids import MAILBOX, encode_id
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, ok
from pymailcore.imap.protocol.status_items import StatusItem
from pymailcore.imap.session import Session
from pymailcore.store.types import Mailbox


def mailbox_id(found: Mailbox) -> bytes:
    """Write the id of a Mailbox (RFC 8474 section 4)."""
    return encode_id(MAILBOX, found.id).encode("ascii")


VALUES: Final[Mapping[StatusItem, Callable[[Session, Mailbox], bytes]]] = MappingProxyType(
    {
        StatusItem.MESSAGES: lambda _, found: b"%d" % found.messages,
        StatusItem.RECENT: lambda *_: b"0",
        StatusItem.UIDNEXT: lambda _, found: b"%d" % found.uid_next,
        StatusItem.UIDVALIDITY: lambda _, found: b"%d" % found.uid_validity,
        StatusItem.UNSEEN: lambda _, found: b"%d" % found.unseen,
        StatusItem.HIGHESTMODSEQ: lambda _, found: b"%d" % found.highest_modseq,
        StatusItem.MAILBOXID: lambda _, found: b"(%b)" % mailbox_id(found),
        StatusItem.SIZE: lambda _, found: b"%d" % found.size_octets,
        StatusItem.DELETED: lambda _, found: b"%d" % found.deleted,
        StatusItem.APPENDLIMIT: lambda session, _: b"%d" % session.settings.message_octets,
    }
)
"""How the value of each item is written."""


async def _deleted_storage(session: Session, found: Mailbox) -> bytes:
    """What EXPUNGE would give back to the quota: Emails that are nowhere else (RFC 9208 section 4.1.4)."""
    if not found.deleted:
        return b"0"
    return b"%d" % await session.store.quotas.reclaimable(session.account, found.id)


LOOKED_UP: Final[Mapping[StatusItem, Callable[[Session, Mailbox], Awaitable[bytes]]]] = MappingProxyType(
    {StatusItem.DELETED_STORAGE: _deleted_storage}
)
"""The same for items whose value is not in the Mailbox's row."""


async def status_response(session: Session, found: Mailbox, items: Sequence[StatusItem]) -> bytes:
    """Write STATUS of a Mailbox, for STATUS itself and for LIST."""
    if StatusItem.HIGHESTMODSEQ in items:
        await session.enable_condstore()
    values = [
        item.value
        + b" "
        + (VALUES[item](session, found) if item in VALUES else await LOOKED_UP[item](session, found))
        for item in items
    ]
    return b"* STATUS %b (%b)\r\n" % (session.name(found.path), b" ".join(values))


async def status(session: Session, command: c.StatusOf) -> Status:
    """STATUS."""
    found = await session.mailbox(command.mailbox)
    await session.send(await status_response(session, found, command.items))
    return ok("Done")
