r"""Flags between the wire and the names that the store uses.

Standards: RFC 3501 section 2.3.2, RFC 5788 section 4 (registered keywords), RFC 8621 section 4.1.1
(`\Seen` is `$seen`).

`\Deleted` belongs to the placement and `\Recent` to the session; all else is a keyword of the Email.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_FLAG_OCTETS: Final = 255

_SYSTEM: Final = {
    "$seen": b"\\Seen",
    "$answered": b"\\Answered",
    "$flagged": b"\\Flagged",
    "$draft": b"\\Draft",
}
_SPELLED: Final = {
    "$forwarded": b"$Forwarded",
    "$mdnsent": b"$MDNSent",
    "$junk": b"$Junk",
    "$notjunk": b"$NotJunk",
    "$phishing": b"$Phishing",
    "$important": b"$Important",
}
_WIRE: Final = {**_SYSTEM, **_SPELLED}
_NAME: Final = {wire.upper(): name for name, wire in _SYSTEM.items()}

DEFINED: Final = b" ".join((*_SYSTEM.values(), b"\\Deleted", *_SPELLED.values()))
"""Flags that every Mailbox has; more may come at any time."""


@dataclass(frozen=True, slots=True)
class Flags:
    r"""A flag list of APPEND or STORE.

    Attributes:
        keywords: as the store names them, lower case, each once.
        deleted: `\Deleted` is among them.
    """

    keywords: tuple[str, ...] = ()
    deleted: bool = False


def parse_flags(words: Iterable[bytes]) -> Flags | None:
    r"""Read flags; None when one cannot be set by a client (`\Recent`, unknown `\Flag`, too long)."""
    keywords: dict[str, None] = {}
    deleted = False
    for word in words:
        if len(word) > MAX_FLAG_OCTETS:
            return None
        if word[:1] != b"\\":
            keywords[word.decode("ascii").lower()] = None
        elif word.upper() == b"\\DELETED":
            deleted = True
        elif (name := _NAME.get(word.upper())) is not None:
            keywords[name] = None
        else:
            return None
    return Flags(tuple(keywords), deleted)


@lru_cache(maxsize=8192)
def encode_flags(names: tuple[str, ...], deleted: bool, recent: bool) -> bytes:
    """Write a flag list without its parentheses; remembered, since a Mailbox has few different sets."""
    words = [_WIRE.get(name) or name.encode("ascii") for name in names]
    if deleted:
        words.append(b"\\Deleted")
    if recent:
        words.append(b"\\Recent")
    return b" ".join(words)
