"""Messages that are put together from octets of the client and of the server.

Standards: RFC 4469 section 3 (CATENATE), RFC 5092 section 6 (URLs of messages and parts).

Octets of the server are taken as FETCH BODY.PEEK would give them. They are charged to the budget of messages
in transit while they are gathered, as what a client sends is.
"""

from collections.abc import Sequence

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import EmailId
from pymailcore.imap.commands.sections import cut
from pymailcore.imap.protocol.append_grammar import Part
from pymailcore.imap.protocol.message_url import MessageUrl, parse_message_url
from pymailcore.imap.session import Session
from pymailcore.store.types import FetchRow, Want


class BadUrl(Exception):
    """A URL names nothing that can be had.

    Attributes:
        url: as it was written.
    """

    def __init__(self, url: bytes) -> None:
        super().__init__("a URL names nothing")
        self.url = url


async def assemble(session: Session, parts: Sequence[Part], most: int) -> bytes | None:
    """Join parts; None when they have more than `most` octets.

    Raises:
        BadUrl: as its name says; of the first one of which it is so.
        TemporaryFailure: messages in transit take all the memory that they may.
    """
    if len(parts) == 1 and isinstance(parts[0], bytes):
        return parts[0]
    budget = session.services.budget
    gathered: list[bytes] = []
    total = charged = 0
    try:
        for part in parts:
            if isinstance(part, bytes):
                octets = part
            else:
                octets = await _read(session, part.url)
                if not budget.take(len(octets)):
                    raise TemporaryFailure("messages in transit take all the memory that they may")
                charged += len(octets)
            total += len(octets)
            if total > most:
                return None
            gathered.append(octets)
        return b"".join(gathered)
    finally:
        budget.give_back(charged)


async def _read(session: Session, text: bytes) -> bytes:
    """Give the octets that a URL names.

    Raises:
        BadUrl: there are none.
    """
    url = parse_message_url(text)
    if url is None:
        raise BadUrl(text)
    try:
        row = await _row(session, url)
        async with session.services.places.messages.place(session.account):
            octets = await session.store.message(session.account, EmailId(row.email))
    except NotFound:
        raise BadUrl(text) from None
    found = cut(url.section, octets, row.parts)
    if found is None:
        raise BadUrl(text)
    return found


async def _row(session: Session, url: MessageUrl) -> FetchRow:
    """Find the message.

    Raises:
        NotFound: there is none.
    """
    if url.mailbox:
        mailbox = await session.mailbox(url.mailbox)
        found, validity = mailbox.id, mailbox.uid_validity
    elif session.view is not None:
        found, validity = session.view.mailbox, session.view.uid_validity
    else:
        raise NotFound("no Mailbox is selected")
    if url.uid_validity not in (None, validity):
        raise NotFound("the Mailbox is another one")
    rows = await session.store.fetch(session.account, found, ((url.uid, url.uid),), Want.PARTS, limit=1)
    if not rows:
        raise NotFound("no such message")
    return rows[0]
