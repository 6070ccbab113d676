"""Commands as values.

Standards: RFC 3501 section 6, and the extensions named beside each.
"""

from dataclasses import dataclass, field

from pymailcore.imap.protocol.append_grammar import NewMessage
from pymailcore.imap.protocol.fetch_items import FetchItem
from pymailcore.imap.protocol.fetch_modifiers import NO_MODIFIERS, FetchModifiers
from pymailcore.imap.protocol.flags import Flags
from pymailcore.imap.protocol.list_grammar import ListOptions
from pymailcore.imap.protocol.metadata_grammar import MetadataOptions, Values
from pymailcore.imap.protocol.search_keys import SearchKey
from pymailcore.imap.protocol.search_options import ReturnOptions
from pymailcore.imap.protocol.select_options import NO_OPTIONS, SelectOptions
from pymailcore.imap.protocol.sequence import SequenceSet
from pymailcore.imap.protocol.sort_grammar import SortCriterion, ThreadAlgorithm
from pymailcore.imap.protocol.status_items import StatusItem


@dataclass(frozen=True, slots=True)
class Capability:
    """CAPABILITY."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP."""


@dataclass(frozen=True, slots=True)
class Logout:
    """LOGOUT."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS."""


@dataclass(frozen=True, slots=True)
class Id:
    """ID (RFC 2971): what the client says about itself, at most 30 pairs."""

    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE; with an initial response as in RFC 4959, decoded."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE (RFC 5161): names in upper case."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    """NAMESPACE (RFC 2342)."""


@dataclass(frozen=True, slots=True)
class Idle:
    """IDLE (RFC 2177)."""


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, and EXAMINE when `read_only`."""

    mailbox: str
    read_only: bool = False
    options: SelectOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Create:
    """CREATE.

    Attributes:
        uses: special uses that it is to have (RFC 6154 section 3), in lower case.
    """

    mailbox: str
    uses: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    """RENAME."""

    mailbox: str
    to: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE, and UNSUBSCRIBE when not `subscribed`."""

    mailbox: str
    subscribed: bool = True


@dataclass(frozen=True, slots=True)
class List:
    """LIST.

    Attributes:
        options: of the extended form (RFC 5258); None for the basic one.
    """

    reference: str
    patterns: tuple[str, ...]
    options: ListOptions | None = None


@dataclass(frozen=True, slots=True)
class Lsub:
    """LSUB."""

    reference: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Xlist:
    """XLIST: what some programs ask for instead of LIST with special uses."""

    reference: str
    pattern: str


@dataclass(frozen=True, slots=True)
class StatusOf:
    """STATUS: items in the order given."""

    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class GetQuota:
    """GETQUOTA (RFC 9208)."""

    root: bytes


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    """GETQUOTAROOT (RFC 9208)."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS DEFLATE (RFC 4978)."""


@dataclass(frozen=True, slots=True)
class Unauthenticate:
    """UNAUTHENTICATE (RFC 8437)."""


@dataclass(frozen=True, slots=True)
class GetJmapAccess:
    """GETJMAPACCESS (RFC 9698)."""


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """GETMETADATA (RFC 5464).

    Attributes:
        mailbox: empty for the server.
        entries: without repeats, as they are written.
    """

    mailbox: str
    entries: tuple[str, ...]
    options: MetadataOptions


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """SETMETADATA (RFC 5464).

    Attributes:
        mailbox: empty for the server.
    """

    mailbox: str
    values: Values = field(repr=False)


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND of one message, or of several (RFC 3502)."""

    mailbox: str
    messages: tuple[NewMessage, ...]


@dataclass(frozen=True, slots=True)
class Replace:
    """REPLACE and UID REPLACE (RFC 8508).

    Attributes:
        old: the one message that goes.
    """

    old: SequenceSet
    mailbox: str
    message: NewMessage
    uid: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """CHECK."""


@dataclass(frozen=True, slots=True)
class Close:
    """CLOSE, and UNSELECT (RFC 3691) when it must not expunge."""

    expunge: bool = True


@dataclass(frozen=True, slots=True)
class Expunge:
    """EXPUNGE, and UID EXPUNGE (RFC 4315 section 2.1) when there are UIDs."""

    uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH and UID SEARCH.

    Attributes:
        options: of RETURN (RFC 4731); None for the plain answer.
    """

    key: SearchKey
    uid: bool = False
    options: ReturnOptions | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """SORT and UID SORT (RFC 5256), with RETURN as in RFC 5267 section 3."""

    criteria: tuple[SortCriterion, ...]
    key: SearchKey
    uid: bool = False
    options: ReturnOptions | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """THREAD and UID THREAD (RFC 5256)."""

    algorithm: ThreadAlgorithm
    key: SearchKey
    uid: bool = False


@dataclass(frozen=True, slots=True)
class CannotSearch:
    """A SEARCH or SORT with SAVE, in a charset that is not known: nothing is saved (RFC 5182 section 2.1)."""

    uid: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH and UID FETCH; items without repeats, in the order given."""

    messages: SequenceSet
    items: tuple[FetchItem, ...]
    uid: bool = False
    modifiers: FetchModifiers = NO_MODIFIERS


@dataclass(frozen=True, slots=True)
class StoreFlags:
    """STORE and UID STORE.

    Attributes:
        sign: `+`, `-` or `=`, as store.types.FlagChange writes it.
        unchanged_since: messages with a higher mod-sequence are left alone (RFC 7162 section 3.1.3).
    """

    messages: SequenceSet
    sign: str
    flags: Flags
    silent: bool = False
    uid: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY and UID COPY; MOVE and UID MOVE (RFC 6851) when `move`."""

    messages: SequenceSet
    mailbox: str
    uid: bool = False
    move: bool = False


Command = (
    Capability
    | Noop
    | Logout
    | StartTls
    | Id
    | Login
    | Authenticate
    | Enable
    | Namespace
    | Idle
    | Select
    | Create
    | Delete
    | Rename
    | Subscribe
    | List
    | Lsub
    | Xlist
    | StatusOf
    | GetQuota
    | GetQuotaRoot
    | Compress
    | Unauthenticate
    | GetJmapAccess
    | GetMetadata
    | SetMetadata
    | Append
    | Replace
    | Check
    | Close
    | Expunge
    | Search
    | Sort
    | Thread
    | CannotSearch
    | Fetch
    | StoreFlags
    | Copy
)
