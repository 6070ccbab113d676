"""What SEARCH can ask for, as a tree.

Standards: RFC 3501 section 6.4.4.
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


@dataclass(frozen=True, slots=True)
class Dated:
    """BEFORE, ON, SINCE, SENTBEFORE, SENTON, SENTSINCE as days in [since, before)."""

    clock: Clock
    since: date | None = None
    before: date | None = None


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
    | Larger
    | Smaller
    | Holds
    | HeaderHolds
)
