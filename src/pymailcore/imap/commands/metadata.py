"""GETMETADATA and SETMETADATA.

Standards: RFC 5464 sections 3 and 4; RFC 5466 sections 3.2 and 4 (filters), RFC 5530 section 3 (NOPERM).

Theory of operation. Sizes are looked up first, then the values that are asked for, some at a time, so that no
answer is in memory as a whole. Anybody may have private annotations of the server; what all accounts of a
tenant share there is set by its administrators, since one user's filter must not change what others find.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pymailcore.base.errors import InvalidValue, TooLarge
from pymailcore.base.ids import MailboxId
from pymailcore.imap.commands.criteria import FILTER_ENTRIES, MAX_FILTER_OCTETS
from pymailcore.imap.errors import NOPERM
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.metadata_grammar import Depth
from pymailcore.imap.protocol.responses import Status, astring, bad, literal, no, ok, string
from pymailcore.imap.protocol.scanner import ATOM
from pymailcore.imap.protocol.search_grammar import BadFilter, parse_filter
from pymailcore.imap.session import Session
from pymailcore.store.ops.annotations import PRIVATE, SHARED, TooManyAnnotations, checked_entry
from pymailcore.store.types import Mailbox

ADMIN: Final = "/shared/admin"
"""The one entry that nobody can set."""

NO_ENTRY: Final = bad("That is no name of an entry")
NO_FILTER_NAME: Final = bad("That is no name of a filter")
NO_FILTER: Final = no("That is no list of search keys", b"CANNOT")
TOO_MANY: Final = no("There are as many annotations as there may be", b"METADATA TOOMANY")

_ROOTS: Final = (PRIVATE[:-1], SHARED[:-1])
_VENDOR: Final = re.compile(r"/(?:private|shared)/vendor(?:/[^/]+)?")
_OCTETS: Final = 131_072
"""Values that are read at a time, but for one that is larger."""


async def get_metadata(session: Session, command: c.GetMetadata) -> Status:
    """GETMETADATA: what is asked for by name and is not there is NIL; what is below a name is there."""
    depth, most = command.options.depth, command.options.max_octets
    try:
        asked = {_base(name, depth): name for name in command.entries}
    except InvalidValue:
        return NO_ENTRY
    place = await _place(session, command.mailbox)
    computed = {} if place is not None else {ADMIN: _admin(session)}
    sharing, account = session.store.sharing, session.account
    sizes = await sharing.annotation_sizes(account, place, account)
    sizes |= {name: len(value) for name, value in computed.items()}
    chosen = _chosen(asked, depth, sizes)
    longer = [sizes[name] for name in chosen if most is not None and sizes.get(name, 0) > most]
    if longer:
        chosen = {name: text for name, text in chosen.items() if sizes.get(name, 0) < min(longer)}
    for some in _portions(tuple(chosen), sizes):
        values = await sharing.annotations(account, place, account, some) | computed
        pairs = [astring(chosen[name].encode("ascii")) + b" " + _value(values.get(name)) for name in some]
        where = session.name(command.mailbox)
        await session.send(b"* METADATA %b (%b)\r\n" % (where, b" ".join(pairs)))
    if longer:
        return ok("Some values are larger", b"METADATA LONGENTRIES %d" % max(longer))
    return ok("Done")


def checked_entries(names: Iterable[str]) -> dict[str, str] | None:
    """Give entries by the one form of their names; None when one is no name."""
    try:
        return {_checked(name): name for name in names}
    except InvalidValue:
        return None


async def metadata_of(session: Session, found: Mailbox, asked: Mapping[str, str]) -> bytes:
    """Write METADATA of a Mailbox for LIST (RFC 9590): entries of `checked_entries`."""
    values = await session.store.sharing.annotations(session.account, found.id, session.account, list(asked))
    pairs = [astring(text.encode("ascii")) + b" " + _value(values.get(name)) for name, text in asked.items()]
    return b"* METADATA %b (%b)\r\n" % (session.name(found.path), b" ".join(pairs))


async def set_metadata(session: Session, command: c.SetMetadata) -> Status:
    """SETMETADATA: all or none."""
    try:
        changes = {_checked(name): value for name, value in command.values}
    except InvalidValue:
        return NO_ENTRY
    place = await _place(session, command.mailbox)
    sharing, account = session.store.sharing, session.account
    largest = sharing.annotation_limits.octets
    if place is None:
        refused = await _refused_by_server(session, changes, min(largest, MAX_FILTER_OCTETS))
        if refused is not None:
            return refused
    try:
        await sharing.set_annotations(account, place, account, changes)
    except TooLarge:
        return _too_large(largest)
    except TooManyAnnotations:
        return TOO_MANY
    return ok("Done")


async def _place(session: Session, name: str) -> MailboxId | None:
    """The Mailbox of that name; None for the server.

    Raises:
        NotFound: there is none.
    """
    return (await session.mailbox(name)).id if name else None


def _checked(name: str) -> str:
    """Give the one form of a name (RFC 5464 section 3.2).

    Raises:
        InvalidValue: it is none, or names only the vendor, for which all entries of theirs stand.
    """
    shared, entry = checked_entry(name)
    name = (SHARED if shared else PRIVATE) + entry
    if _VENDOR.fullmatch(name):
        raise InvalidValue("an entry of a vendor has four components at least")
    return name


def _base(name: str, depth: Depth) -> str:
    """Give the one form of a name, or of what entries may be below.

    Raises:
        InvalidValue: it is none.
    """
    if depth is Depth.ZERO:
        return _checked(name)
    if name.lower() in _ROOTS:
        return name.lower()
    shared, entry = checked_entry(name)
    return (SHARED if shared else PRIVATE) + entry


def _admin(session: Session) -> bytes:
    """How to reach the administrator (RFC 5464 section 6.2.2)."""
    domain = session.whose.name.rpartition("@")[2]
    return (session.settings.admin_uri or f"mailto:postmaster@{domain}").encode("ascii")


def _chosen(asked: Mapping[str, str], depth: Depth, sizes: Mapping[str, int]) -> dict[str, str]:
    """Which entries are returned, with their names as the client writes them."""
    chosen: dict[str, str] = {}
    for base, text in asked.items():
        if base in sizes or depth is Depth.ZERO:
            chosen[base] = text
        if depth is not Depth.ZERO:
            for name in sorted(sizes):
                below = name.removeprefix(base + "/")
                if below != name and (depth is Depth.INFINITY or "/" not in below):
                    chosen.setdefault(name, asked.get(name, name))
    return chosen


def _portions(names: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Cut a list into pieces whose values are not too large together."""
    some: list[str] = []
    octets = 0
    for name in names:
        octets += sizes.get(name, 0)
        if some and octets > _OCTETS:
            yield some
            some, octets = [], sizes.get(name, 0)
        some.append(name)
    if some:
        yield some


def _value(octets: bytes | None) -> bytes:
    if octets is None:
        return b"NIL"
    return b"~" + literal(octets) if b"\0" in octets else string(octets)


def _too_large(largest: int) -> Status:
    return no("The value is too large", b"METADATA MAXSIZE %d" % largest)


async def _refused_by_server(
    session: Session, changes: Mapping[str, bytes | None], largest_filter: int
) -> Status | None:
    """Why annotations of the server cannot be set, if they cannot."""
    if ADMIN in changes:
        return NOPERM
    shared = any(name.startswith(SHARED) for name in changes)
    if shared and not await session.services.directory.administers(session.whose):
        return NOPERM
    for name, value in changes.items():
        home = next((home for home in FILTER_ENTRIES if name.startswith(home)), None)
        if home is not None:
            refused = _refused_filter(name.removeprefix(home), value, largest_filter)
            if refused is not None:
                return refused
    return None


def _refused_filter(name: str, value: bytes | None, largest: int) -> Status | None:
    """Why a filter cannot be stored, if it cannot (RFC 5466 sections 3.2 and 4)."""
    if "/" in name or not ATOM.fullmatch(name.encode("ascii")):
        return NO_FILTER_NAME
    if value is None:
        return None
    if len(value) > largest:
        return _too_large(largest)
    try:
        parse_filter(value)
    except BadFilter:
        return NO_FILTER
    return None
