"""Commands about Mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE, NAMESPACE.

Standards: RFC 3501 sections 5.1 and 6.3.3 to 6.3.7; RFC 2342 section 5; RFC 6154 section 3; RFC 5530
section 3; RFC 8474 section 4.1 (MAILBOXID); RFC 9051 sections 6.3.5 (a Mailbox with children cannot be
deleted) and 6.3.9.7 (OLDNAME).

A subscription is a property of a Mailbox: what does not exist cannot be subscribed to, and a Mailbox that
is deleted is no longer subscribed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.base.errors import AlreadyExists, NotFound, OverQuota
from pymailcore.imap.commands.list import USES, tell_name
from pymailcore.imap.commands.status import mailbox_id
from pymailcore.imap.errors import CANNOT
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.names import SEPARATOR
from pymailcore.imap.protocol.responses import Status, no, ok
from pymailcore.imap.session import Session, store_path

CREATED_USES: Final[Mapping[bytes, str]] = MappingProxyType(
    {USES[role].lower(): role for role in ("drafts", "sent", "junk", "trash", "archive")}
)
"""Uses that a Mailbox can be made with; the others are views of all mail, and no Mailbox."""

USE_ATTR: Final = no("No mailbox can be made with that use now", b"USEATTR")


async def create(session: Session, command: c.Create) -> Status:
    """CREATE; parents that are missing come with it, a separator at the end is dropped.

    An account has one Mailbox of a use: a second one is refused (RFC 6154 section 3).
    """
    path = store_path(command.mailbox)
    role: str | None = None
    if command.uses:
        role = CREATED_USES.get(command.uses[0])
        if role is None or len(command.uses) > 1:
            return USE_ATTR
    try:
        made = await session.store.create_mailbox(session.account, path, role=role)
    except AlreadyExists:
        if role is not None and await session.store.mailbox_named(session.account, path) is None:
            return USE_ATTR
        raise
    await tell_name(session, made, command.mailbox)
    return ok("Created", b"MAILBOXID (%b)" % mailbox_id(made))


async def delete(session: Session, command: c.Delete) -> Status:
    """DELETE; the messages go with the Mailbox."""
    found = await session.mailbox(command.mailbox)
    if found.role == "inbox":
        return no("INBOX cannot be deleted", b"CANNOT")
    if session.view is not None and session.view.mailbox == found.id:
        session.select(None, 0)
        session.protocol.deselect()
    await session.store.remove_mailbox(session.account, found.id, with_emails=True)
    return ok("Deleted")


async def rename(session: Session, command: c.Rename) -> Status:
    """RENAME; that of INBOX moves its messages to a new Mailbox and leaves it, empty, where it is."""
    found = await session.mailbox(command.mailbox)
    path = store_path(command.to)
    if found.role == "inbox":
        made = await session.store.create_mailbox(session.account, path)
        try:  # RFC 5464 section 4.1: they stay with INBOX, too
            await session.store.sharing.copy_annotations(session.account, found.id, made.id)
        except OverQuota:
            await session.store.remove_mailbox(session.account, made.id, with_emails=False)
            raise
        ranges = ((1, 2**32 - 1),)
        await session.store.move(session.account, found.id, ranges, made.id)
        return ok("Moved what was in INBOX")
    if path.startswith(found.path + SEPARATOR):
        return CANNOT
    await session.store.update_mailbox(session.account, found.id, path=path)
    await tell_name(session, found._replace(path=path), command.to)
    return ok("Renamed")


async def subscribe(session: Session, command: c.Subscribe) -> Status:
    """SUBSCRIBE and UNSUBSCRIBE."""
    try:
        found = await session.mailbox(command.mailbox)
    except NotFound:
        if command.subscribed:
            raise
        return ok("It was not subscribed to")
    await session.store.update_mailbox(session.account, found.id, subscribed=command.subscribed)
    return ok("Subscribed" if command.subscribed else "Unsubscribed")


async def namespace(session: Session, _command: c.Namespace) -> Status:
    """NAMESPACE: one of one's own, nothing of others, nothing shared."""
    await session.send(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return ok("Done")
