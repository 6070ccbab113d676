"""The neutral language of filters and sorts; IMAP SEARCH and JMAP Email/query compile to it.

Standards: RFC 9051 section 6.4.4 (SEARCH), RFC 8621 section 4.4 (Email/query).

A text needle is looked for in decoded header values and decoded text parts, both `folding.normal`: `Contains`
as a substring, `Matches` as a row of words whatever their accents. The language knows no wire form; depth and
width are bounded by the compilers.
"""

import enum
from dataclasses import dataclass
from typing import Final

from pymailcore.store.fulltext.words import How
from pymailcore.store.keywords import Keywords

__all__ = [
    "And",
    "Contains",
    "Deleted",
    "Emails",
    "Field",
    "Filter",
    "HasAttachment",
    "HasKeywords",
    "HeaderContains",
    "How",
    "InMailbox",
    "InThread",
    "InThreads",
    "Matches",
    "ModifiedSince",
    "Not",
    "NotOnlyIn",
    "Or",
    "Received",
    "Saved",
    "Sent",
    "Size",
    "Sort",
    "SortKey",
    "ThreadHasKeywords",
    "Uids",
]

_NONE: Final = Keywords()


@dataclass(frozen=True, slots=True)
class And:
    """All of them; none means every Email."""

    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not this one."""

    filter: "Filter"


@dataclass(frozen=True, slots=True)
class InMailbox:
    """Placed in at least one of these Mailboxes."""

    mailboxes: frozenset[int]


@dataclass(frozen=True, slots=True)
class NotOnlyIn:
    """Placed in at least one Mailbox other than these (`inMailboxOtherThan`)."""

    mailboxes: frozenset[int]


@dataclass(frozen=True, slots=True)
class HasKeywords:
    """Has all of these keywords."""

    keywords: Keywords


class InThread(enum.Enum):
    """How many of the visible Emails of a Thread."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ThreadHasKeywords:
    """So many Emails of its Thread, itself counted, have all of these keywords."""

    how: InThread
    keywords: Keywords


@dataclass(frozen=True, slots=True)
class Deleted:
    r"""The placement has `\Deleted`; only where one Mailbox is searched."""


@dataclass(frozen=True, slots=True)
class Uids:
    """The placement's UID is in one of these ranges, ends included; only where one Mailbox is searched."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Emails:
    """The Email is one of these."""

    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class InThreads:
    """The Email is in one of these Threads (RFC 8474 section 6)."""

    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Received:
    """`receivedAt`/INTERNALDATE in [since, before), milliseconds since 1970, None for open."""

    since_ms: int | None = None
    before_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The Date field in [since, before), milliseconds of its local day taken as UTC (RFC 9051 6.4.4)."""

    since_ms: int | None = None
    before_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """When it came into the Mailbox, in [since, before) (RFC 8514); only where one Mailbox is searched."""

    since_ms: int | None = None
    before_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """Octets in [least, below)."""

    least: int | None = None
    below: int | None = None


@dataclass(frozen=True, slots=True)
class ModifiedSince:
    """The message's modseq is at least this (RFC 7162 section 3.1.5)."""

    modseq: int


@dataclass(frozen=True, slots=True)
class HasAttachment:
    """JMAP `hasAttachment`."""


class Field(enum.Enum):
    """Where a needle is looked for."""

    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    SUBJECT = "subject"
    BODY = "body"  # all text parts, HTML as text
    TEXT = "text"
    ATTACHMENT = "attachment"  # names and text of attachments


@dataclass(frozen=True, slots=True)
class Contains:
    """The needle is a substring of a field; TEXT is all header fields, with their names, and the body."""

    field: Field
    needle: str


@dataclass(frozen=True, slots=True)
class Matches:
    """The words are in a field in a row, whatever their case and accents (RFC 8621 section 4.4.1).

    TEXT is From, To, Cc, Bcc, Subject, body and attachments, BODY the last two.
    """

    field: Field
    words: str
    how: How


@dataclass(frozen=True, slots=True)
class HeaderContains:
    """A header field of this name is there and, if the needle is not empty, contains it."""

    name: str
    needle: str


Filter = (
    And
    | Or
    | Not
    | InMailbox
    | NotOnlyIn
    | HasKeywords
    | ThreadHasKeywords
    | Deleted
    | Uids
    | Emails
    | InThreads
    | Received
    | Sent
    | Saved
    | Size
    | ModifiedSince
    | HasAttachment
    | Contains
    | Matches
    | HeaderContains
)


class SortKey(enum.Enum):
    """What Emails are ordered by; ties are broken by id."""

    RECEIVED = "receivedAt"
    SENT = "sentAt"
    SIZE = "size"
    SUBJECT = "subject"  # base subject, RFC 5256 section 2.1
    FROM = "from"  # display name, or address without one (RFC 8621 section 4.4.2, RFC 5957 section 3)
    TO = "to"
    FROM_MAILBOX = "fromMailbox"  # local part of the first address (RFC 5256 section 3)
    TO_MAILBOX = "toMailbox"
    CC_MAILBOX = "ccMailbox"
    HAS_KEYWORD = "hasKeyword"  # those without come first
    ALL_IN_THREAD = "allInThreadHaveKeyword"
    SOME_IN_THREAD = "someInThreadHaveKeyword"


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order; `keywords` are what the last three keys ask for."""

    key: SortKey
    ascending: bool = True
    keywords: Keywords = _NONE
