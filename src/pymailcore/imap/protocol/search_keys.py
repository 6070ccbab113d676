"""What SEARCH can ask for, as a tree.

Standards: RFC 9051 section 6.4.4, RFC 3501 section 6.4.4 (RECENT, NEW, OLD), and the extensions named beside
each.
"""

import enum
from dataclasses import dataclass
from datetime import date

from pymailcore.imap.protocol.sequence import SequenceSet


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class Both:
    """All of these keys."""

    keys: tuple["SearchKey", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """OR."""

    first: "SearchKey"
    second: "SearchKey"


@dataclass(frozen=True, slots=True)
class Without:
    """NOT, and the keys that begin with UN."""

    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class Messages:
    """A sequence set, or UID and a set."""

    messages: SequenceSet
    uid: bool = False


@dataclass(frozen=True, slots=True)
class HasKeyword:
    """SEEN, ANSWERED, FLAGGED, DRAFT, KEYWORD: the name as the store has it."""

    name: str


@dataclass(frozen=True, slots=True)
class IsDeleted:
    """DELETED."""


@dataclass(frozen=True, slots=True)
class IsRecent:
    """RECENT; NEW and OLD are made of it."""


class Clock(enum.Enum):
    """Which time a date key looks at."""

    INTERNAL = enum.auto()
    SENT = enum.auto()
    SAVED = enum.auto()  # RFC 8514


@dataclass(frozen=True, slots=True)
class Dated:
    """BEFORE, ON, SINCE and those with SENT and SAVED before them, as days in [since, before)."""

    clock: Clock
    since: date | None = None
    before: date | None = None


@dataclass(frozen=True, slots=True)
class Aged:
    """OLDER and YOUNGER (RFC 5032): INTERNALDATE is at least, or at most, so many seconds ago."""

    older: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class Larger:
    """LARGER: more octets than this."""

    octets: int


@dataclass(frozen=True, slots=True)
class Smaller:
    """SMALLER: fewer octets than this."""

    octets: int


@dataclass(frozen=True, slots=True)
class Holds:
    """BCC, BODY, CC, FROM, SUBJECT, TEXT, TO: `field` is the key in lower case."""

    field: str
    needle: str


@dataclass(frozen=True, slots=True)
class HeaderHolds:
    """HEADER."""

    name: str
    needle: str


@dataclass(frozen=True, slots=True)
class HasEmailId:
    """EMAILID (RFC 8474): the id as written."""

    id: str


@dataclass(frozen=True, slots=True)
class HasThreadId:
    """THREADID (RFC 8474): the id as written."""

    id: str


@dataclass(frozen=True, slots=True)
class ModifiedSince:
    """MODSEQ (RFC 7162 section 3.1.5): a mod-sequence of at least this."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """FUZZY (RFC 6203)."""

    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class Filtered:
    """FILTER (RFC 5466): the keys that are stored under a name, which is in lower case."""

    name: str


SearchKey = (
    All
    | Both
    | Either
    | Without
    | Messages
    | HasKeyword
    | IsDeleted
    | IsRecent
    | Dated
    | Aged
    | Larger
    | Smaller
    | Holds
    | HeaderHolds
    | HasEmailId
    | HasThreadId
    | ModifiedSince
    | Fuzzy
    | Filtered
)


def parts(key: SearchKey) -> tuple[SearchKey, ...]:
    """The keys of which a key is made."""
    match key:
        case Both(keys):
            return keys
        case Either(first, second):
            return first, second
        case Without(inner) | Fuzzy(inner):
            return (inner,)
    return ()


def object_ids(key: SearchKey) -> list[str]:
    """The ids that a key names (RFC 8474 section 6)."""
    if isinstance(key, HasEmailId | HasThreadId):
        return [key.id]
    return [text for part in parts(key) for text in object_ids(part)]


def leaves(key: SearchKey) -> int:
    """How many keys that are made of no others a key has."""
    return sum(map(leaves, parts(key))) or 1


def has_numbers(key: SearchKey) -> bool:
    """Whether a key names messages by number."""
    if isinstance(key, Messages):
        return bool(key.messages.ranges) and not key.uid
    return any(map(has_numbers, parts(key)))


def contains(key: SearchKey, kind: type) -> bool:
    """Whether a key, or one of which it is made, is of a kind."""
    return isinstance(key, kind) or any(contains(part, kind) for part in parts(key))
