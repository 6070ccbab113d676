r"""LIST, LSUB and XLIST.

Standards: RFC 3501 sections 6.3.8 and 6.3.9; RFC 3348 section 4; RFC 5258 section 3 (LIST-EXTENDED); RFC
5819 section 2 (LIST-STATUS); RFC 6154 section 2 and RFC 8457 section 3 (special use); RFC 9590 section 3
(LIST-METADATA).
XLIST is older than RFC 6154: the same list with `\Inbox`, and with other words for three uses.

A subscription is a property of a Mailbox and every level above a Mailbox is one, so `\NonExistent` is never
said.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import trio

from pymailcore.imap.commands.metadata import NO_ENTRY, checked_entries, metadata_of
from pymailcore.imap.commands.status import status_response
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.list_grammar import ListOptions
from pymailcore.imap.protocol.names import SEPARATOR
from pymailcore.imap.protocol.patterns import compile_pattern
from pymailcore.imap.protocol.responses import Status, ok
from pymailcore.imap.session import Session
from pymailcore.store.types import Mailbox

INBOX: Final = "INBOX"

USES: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        "drafts": b"\\Drafts",
        "sent": b"\\Sent",
        "junk": b"\\Junk",
        "trash": b"\\Trash",
        "archive": b"\\Archive",
        "all": b"\\All",
        "flagged": b"\\Flagged",
        "important": b"\\Important",
    }
)
"""Attributes of roles that IMAP knows."""

_XLIST_USES: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        **USES,
        "inbox": b"\\Inbox",
        "junk": b"\\Junk \\Spam",
        "all": b"\\All \\AllMail",
        "flagged": b"\\Flagged \\Starred",
    }
)
_STEP: Final = 64
"""Names that are matched without letting others work."""

_DONE: Final = ok("Done")


async def list_mailboxes(session: Session, command: c.List) -> Status:
    """LIST, basic and extended."""
    options = command.options
    if options is None and command.patterns == ("",):
        await session.send(b'* LIST (\\Noselect) "/" ""\r\n')
        return _DONE
    options = options or ListOptions()
    entries = checked_entries(options.entries)
    if entries is None:
        return NO_ENTRY
    names = await _names(session)
    selected = {path for path, found in names.items() if _is_selected(found, options)}
    matches = _matcher(command.reference, command.patterns)
    matched = await _matched(names, matches)
    below = _above(selected) if options.recursive else set()
    hidden = _above(path for path in selected if path not in matched) if options.recursive else set()
    criteria = _criteria(options)
    parents = _parents(names)
    for path in names:
        if path not in matched or (path not in selected and path not in hidden):
            continue
        found = names[path]
        attributes = _attributes(found, parents, USES)
        if options.tell_subscribed and found.subscribed:
            attributes.append(b"\\Subscribed")
        child_info = b' ("CHILDINFO" (%b))' % criteria if path in below else b""
        await session.send(_line(b"LIST", attributes, session.name(path) + child_info))
        if path in selected:
            await _details(session, found, options, entries)
    return _DONE


async def lsub(session: Session, command: c.Lsub) -> Status:
    """LSUB: with `%` at the end also the levels above what is subscribed to (RFC 3501 section 6.3.9)."""
    names = await _names(session)
    parents = _parents(names)
    subscribed = {path for path, found in names.items() if found.subscribed}
    above = _above(subscribed) if command.pattern.endswith("%") else set()
    matched = await _matched(names, _matcher(command.reference, (command.pattern,)))
    for path, found in names.items():
        if path not in matched or (path not in subscribed and path not in above):
            continue
        attributes = _attributes(found, parents, {}) if path in subscribed else [b"\\Noselect"]
        await session.send(_line(b"LSUB", attributes, session.name(path)))
    return _DONE


async def xlist(session: Session, command: c.Xlist) -> Status:
    """XLIST."""
    if not command.pattern:
        await session.send(b'* XLIST (\\Noselect) "/" ""\r\n')
        return _DONE
    names = await _names(session)
    parents = _parents(names)
    matched = await _matched(names, _matcher(command.reference, (command.pattern,)))
    for path in (path for path in names if path in matched):
        attributes = _attributes(names[path], parents, _XLIST_USES)
        await session.send(_line(b"XLIST", attributes, session.name(path)))
    return _DONE


async def list_response(session: Session, found: Mailbox, *, old_name: str = "") -> bytes:
    """Write the LIST of one Mailbox; with OLDNAME for one that was asked for, or found, by another name."""
    parents = _parents(await _names(session))
    old = b' ("OLDNAME" (%b))' % session.name(old_name) if old_name else b""
    attributes = _attributes(found, parents, USES)
    if found.subscribed:
        attributes.append(b"\\Subscribed")
    return _line(b"LIST", attributes, session.name(found.path) + old)


async def tell_name(session: Session, found: Mailbox, given: str) -> None:
    """Say how a Mailbox is called that the client names in another form (RFC 9051 section 6.3.9.7)."""
    if session.enabled.rev2 and not unicodedata.is_normalized("NFC", given):
        await session.send(await list_response(session, found, old_name=given))


async def _names(session: Session) -> dict[str, Mailbox]:
    return {found.path: found for found in await session.store.mailboxes(session.account)}


async def _matched(names: Iterable[str], matches: Callable[[str], bool]) -> set[str]:
    """The names that a pattern takes; others work meanwhile."""
    matched: set[str] = set()
    for count, path in enumerate(names):
        if count % _STEP == _STEP - 1:
            await trio.lowlevel.checkpoint()
        if matches(path):
            matched.add(path)
    return matched


def _matcher(reference: str, patterns: Iterable[str]) -> Callable[[str], bool]:
    """Give what tells whether a path is taken by one of the patterns; an empty one takes nothing."""
    texts = [_inbox_pattern(reference + pattern) for pattern in patterns if pattern]
    compiled = [(compile_pattern(text), compile_pattern(text.upper())) for text in texts]

    def matches(path: str) -> bool:
        place = 1 if path == INBOX else 0
        return any(pair[place].matches(path) for pair in compiled)

    return matches


def _inbox_pattern(pattern: str) -> str:
    """A pattern whose first level is INBOX in any case means INBOX."""
    first, slash, rest = pattern.partition(SEPARATOR)
    return INBOX + slash + rest if first.upper() == INBOX else pattern


def _is_selected(found: Mailbox, options: ListOptions) -> bool:
    if options.subscribed and not found.subscribed:
        return False
    return not options.special_use or found.role in USES


def _criteria(options: ListOptions) -> bytes:
    """What CHILDINFO says that children were selected by."""
    names = (b'"SUBSCRIBED"' if options.subscribed else b"", b'"SPECIAL-USE"' if options.special_use else b"")
    return b" ".join(filter(None, names))


def _parents(names: Iterable[str]) -> set[str]:
    return {path.rpartition(SEPARATOR)[0] for path in names}


def _above(paths: Iterable[str]) -> set[str]:
    """The names of all levels above some Mailboxes."""
    above: set[str] = set()
    for path in paths:
        name = path
        while (name := name.rpartition(SEPARATOR)[0]) and name not in above:
            above.add(name)
    return above


def _attributes(found: Mailbox, parents: set[str], uses: Mapping[str, bytes]) -> list[bytes]:
    attributes = [b"\\HasChildren" if found.path in parents else b"\\HasNoChildren"]
    if found.role is not None and found.role in uses:
        attributes.append(uses[found.role])
    return attributes


def _line(kind: bytes, attributes: Iterable[bytes], rest: bytes) -> bytes:
    return b'* %b (%b) "/" %b\r\n' % (kind, b" ".join(attributes), rest)


async def _details(
    session: Session, found: Mailbox, options: ListOptions, entries: Mapping[str, str]
) -> None:
    """Say what is asked for besides attributes."""
    if options.status:
        await session.send(await status_response(session, found, options.status))
    if entries:
        await session.send(await metadata_of(session, found, entries))
