r"""Commands about Mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE, LIST, LSUB, STATUS, NAMESPACE.

Standards: RFC 3501 sections 5.1 and 6.3.3 to 6.3.10; RFC 2342 section 5; RFC 3348 section 4; RFC 6154
section 2; RFC 5530 section 3; RFC 9051 section 6.3.5 (a Mailbox with children cannot be deleted).

A subscription is a property of a Mailbox: what does not exist cannot be subscribed to, and a Mailbox that
is deleted is no longer subscribed.
"""

from collections.abc import Iterable
from typing import Final

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.imap.errors import CANNOT
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.names import SEPARATOR
from pymailcore.imap.protocol.patterns import compile_pattern
from pymailcore.imap.protocol.responses import Status, mailbox, no, ok
from pymailcore.imap.session import Session, store_path
from pymailcore.store.types import Mailbox

INBOX: Final = "INBOX"

_USE: Final = {
    "drafts": b"\\Drafts",
    "sent": b"\\Sent",
    "junk": b"\\Junk",
    "trash": b"\\Trash",
    "archive": b"\\Archive",
    "all": b"\\All",
    "flagged": b"\\Flagged",
}


async def create(session: Session, command: c.Create) -> Status:
    """CREATE; parents that are missing come with it, a separator at the end is dropped."""
    path = store_path(command.mailbox)
    await session.store.create_mailbox(session.account, path)
    return ok("Created")


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


async def list_mailboxes(session: Session, command: c.List) -> Status:
    """LIST and LSUB."""
    kind = b"LSUB" if command.subscribed else b"LIST"
    if not command.pattern and not command.subscribed:
        await session.send(b'* LIST (\\Noselect) "/" ""\r\n')
        return ok("Done")
    names = {found.path: found for found in await session.store.mailboxes(session.account)}
    parents = {path.rpartition(SEPARATOR)[0] for path in names}
    pattern = _inbox_pattern(command.reference + command.pattern)
    above = _above_subscribed(names.values()) if command.subscribed and pattern.endswith("%") else set()
    matcher = compile_pattern(pattern)
    inbox_matcher = compile_pattern(pattern.upper())
    for path, found in names.items():
        if not (inbox_matcher if path == INBOX else matcher).matches(path):
            continue
        attributes = [b"\\HasChildren" if path in parents else b"\\HasNoChildren"]
        if command.subscribed and not found.subscribed:
            # RFC 3501 section 6.3.9: the level above of a subscribed name, when % hides that name.
            if path not in above:
                continue
            attributes = [b"\\Noselect"]
        elif found.role in _USE and not command.subscribed:
            attributes.append(_USE[found.role])
        await session.send(b'* %b (%b) "/" %b\r\n' % (kind, b" ".join(attributes), mailbox(path)))
    return ok("Done")


def _above_subscribed(mailboxes: Iterable[Mailbox]) -> set[str]:
    """The names of all levels above subscribed Mailboxes."""
    above: set[str] = set()
    for found in mailboxes:
        name = found.path
        while found.subscribed and (name := name.rpartition(SEPARATOR)[0]) and name not in above:
            above.add(name)
    return above


def _inbox_pattern(pattern: str) -> str:
    """A pattern whose first level is INBOX in any case means INBOX."""
    first, slash, rest = pattern.partition(SEPARATOR)
    return INBOX + slash + rest if first.upper() == INBOX else pattern


async def status(session: Session, command: c.StatusOf) -> Status:
    """STATUS."""
    found = await session.mailbox(command.mailbox)
    values = {
        "MESSAGES": found.messages,
        "RECENT": 0,
        "UIDNEXT": found.uid_next,
        "UIDVALIDITY": found.uid_validity,
        "UNSEEN": found.unseen,
    }
    items = b" ".join(b"%b %d" % (item.encode("ascii"), values[item]) for item in command.items)
    await session.send(b"* STATUS %b (%b)\r\n" % (mailbox(found.path), items))
    return ok("Done")


async def namespace(session: Session, _command: c.Namespace) -> Status:
    """NAMESPACE: one of one's own, nothing of others, nothing shared."""
    await session.send(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return ok("Done")
