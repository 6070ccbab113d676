"""Modifiers of FETCH and of STORE.

Standards: RFC 4466 sections 2.4 and 2.5 (where they stand), RFC 7162 section 7 (CHANGEDSINCE, VANISHED,
UNCHANGEDSINCE), RFC 9394 section 3.3 (PARTIAL).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_options import PartialRange, parse_partial
from pymailcore.imap.protocol.words import modifiers


@dataclass(frozen=True, slots=True)
class FetchModifiers:
    """What stands behind the items of a FETCH.

    Attributes:
        partial: which of the messages (RFC 9394 section 3.3).
        changed_since: only messages with a higher mod-sequence (RFC 7162 section 3.1.4.1).
        vanished: messages that have gone since then are told, too (RFC 7162 section 3.2.6).
    """

    partial: PartialRange | None = None
    changed_since: int | None = None
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class StoreModifiers:
    """What stands before the flags of a STORE.

    Attributes:
        unchanged_since: messages with a higher mod-sequence are left alone (RFC 7162 section 3.1.3).
    """

    unchanged_since: int | None = None


NO_MODIFIERS: Final = FetchModifiers()


def _partial(scanner: Scanner, found: FetchModifiers) -> FetchModifiers:
    scanner.space()
    return replace(found, partial=parse_partial(scanner))


def _changed_since(scanner: Scanner, found: FetchModifiers) -> FetchModifiers:
    scanner.space()
    return replace(found, changed_since=scanner.number64("a mod-sequence"))


def _vanished(_scanner: Scanner, found: FetchModifiers) -> FetchModifiers:
    return replace(found, vanished=True)


def _unchanged_since(scanner: Scanner, _found: StoreModifiers) -> StoreModifiers:
    scanner.space()
    return StoreModifiers(scanner.number64("a mod-sequence"))


_FETCH: Final[Mapping[bytes, Callable[[Scanner, FetchModifiers], FetchModifiers]]] = MappingProxyType(
    {b"PARTIAL": _partial, b"CHANGEDSINCE": _changed_since, b"VANISHED": _vanished}
)
_STORE: Final[Mapping[bytes, Callable[[Scanner, StoreModifiers], StoreModifiers]]] = MappingProxyType(
    {b"UNCHANGEDSINCE": _unchanged_since}
)


def parse_fetch_modifiers(scanner: Scanner, *, uid: bool) -> FetchModifiers:
    """Read modifiers with the space before them, if they come next."""
    if not scanner.sees(b" ("):
        return NO_MODIFIERS
    scanner.space()
    found = modifiers(scanner, _FETCH, NO_MODIFIERS)
    if (found.partial is not None or found.vanished) and not uid:
        raise BadCommand("PARTIAL and VANISHED are for UID FETCH")
    if found.vanished and found.changed_since is None:
        raise BadCommand("VANISHED needs CHANGEDSINCE")
    return found


def parse_store_modifiers(scanner: Scanner) -> StoreModifiers:
    """Read modifiers with the space behind them, if they come next."""
    if not scanner.sees(b"("):
        return StoreModifiers()
    found = modifiers(scanner, _STORE, StoreModifiers())
    scanner.space()
    return found
