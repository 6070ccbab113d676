"""From the pieces of a command to a value.

Standards: RFC 3501 section 9; RFC 2177 section 4, RFC 2342 section 6, RFC 2971 section 4, RFC 3691
section 4, RFC 4315 section 4, RFC 4959 section 6, RFC 5161 section 4, RFC 5256 section 5, RFC 5464 section 5,
RFC 6851 section 5, RFC 9394 section 4.

Each command has one small function; the table at the end leads from its name to it.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.dates import parse_date_time
from pymailcore.imap.protocol.fetch_grammar import parse_fetch_items
from pymailcore.imap.protocol.flags import Flags, parse_flags
from pymailcore.imap.protocol.metadata_grammar import (
    MetadataOptions,
    parse_entries,
    parse_entry_values,
    parse_metadata_options,
    sees_options,
)
from pymailcore.imap.protocol.names import decode_name
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_grammar import UnknownCharset, parse_criteria, parse_search
from pymailcore.imap.protocol.search_keys import Filtered, Fuzzy, SearchKey, contains
from pymailcore.imap.protocol.search_options import ReturnOptions, parse_partial, parse_return
from pymailcore.imap.protocol.sequence import SequenceSet, parse_set
from pymailcore.imap.protocol.sort_grammar import SortKey, parse_algorithm, parse_criteria_list
from pymailcore.sasl.wire import decode_initial

MAX_FLAGS: Final = 256
MAX_ID_PAIRS: Final = 30  # RFC 2971 section 3.3
STATUS_ITEMS: Final = frozenset({"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"})

_STORE: Final = re.compile(rb"([+-]?)FLAGS(\.SILENT)?", re.IGNORECASE)
_DATE_TIME: Final = re.compile(rb'"([^"]{26})"')
_ANY: Final = re.compile(rb"[!-~]+")


def parse_command(scanner: Scanner) -> c.Command:
    """Read a command; the scanner stands behind the tag.

    Raises:
        BadCommand: it breaks the grammar.
        UnknownCharset: SEARCH in a charset that is not known.
    """
    scanner.space()
    name = scanner.atom("a command").upper()
    parse = _COMMANDS.get(name)
    if parse is None:
        raise BadCommand("Unknown command")
    command = parse(scanner)
    scanner.end()
    return command


def _mailbox(scanner: Scanner) -> str:
    scanner.space()
    return _decoded(scanner.astring("a mailbox name"))


def _decoded(octets: bytes) -> str:
    name = decode_name(octets)
    if name is None:
        raise BadCommand("Mailbox name is too long or not in modified UTF-7")
    return name


def _text(octets: bytes, what: str) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise BadCommand(f"Expected {what} in UTF-8") from None


def _set(scanner: Scanner) -> SequenceSet:
    messages = parse_set(scanner.set_text())
    if messages is None:
        raise BadCommand("Expected a sequence set")
    return messages


def _messages(scanner: Scanner) -> SequenceSet:
    scanner.space()
    return _set(scanner)


def _flag_words(scanner: Scanner) -> list[bytes]:
    words: list[bytes] = []
    while not scanner.takes(b")"):
        if words:
            scanner.space()
        if len(words) == MAX_FLAGS:
            raise BadCommand("Too many flags")
        words.append(scanner.flag())
    return words


def _flags(words: list[bytes]) -> Flags:
    flags = parse_flags(words)
    if flags is None:
        raise BadCommand("A flag cannot be set")
    return flags


def _id(scanner: Scanner) -> c.Id:
    scanner.space()
    if not scanner.takes(b"("):
        if scanner.nstring("a list or NIL") is not None:
            raise BadCommand("Expected a list or NIL")
        return c.Id(())
    fields: list[tuple[str, str]] = []
    while not scanner.takes(b")"):
        if fields:
            scanner.space()
        if len(fields) == MAX_ID_PAIRS:
            raise BadCommand("Too many fields")
        name = scanner.string("a field name")
        scanner.space()
        value = scanner.nstring("a value or NIL") or b""
        if len(name) > 30 or len(value) > 1024:
            raise BadCommand("A field is too long")
        fields.append((_text(name, "a field name"), _text(value, "a value")))
    return c.Id(tuple(fields))


def _login(scanner: Scanner) -> c.Login:
    scanner.space()
    user = _text(scanner.astring("a user name"), "a user name")
    scanner.space()
    return c.Login(user, _text(scanner.astring("a password"), "a password"))


def _authenticate(scanner: Scanner) -> c.Authenticate:
    scanner.space()
    mechanism = scanner.atom("a mechanism").decode("ascii").upper()
    if scanner.at_end:
        return c.Authenticate(mechanism)
    scanner.space()
    initial = decode_initial(scanner.word(_ANY, "base64"))
    if initial is None:
        raise BadCommand("Initial response is not base64")
    return c.Authenticate(mechanism, initial)


def _enable(scanner: Scanner) -> c.Enable:
    names: dict[str, None] = {}
    while not names or scanner.sees(b" "):
        scanner.space()
        names[scanner.atom("a capability").decode("ascii").upper()] = None
        if len(names) > MAX_FLAGS:
            raise BadCommand("Too many capabilities")
    return c.Enable(tuple(names))


def _rename(scanner: Scanner) -> c.Rename:
    return c.Rename(_mailbox(scanner), _mailbox(scanner))


def _list(scanner: Scanner, *, subscribed: bool) -> c.List:
    reference = _mailbox(scanner)
    scanner.space()
    return c.List(reference, _decoded(scanner.list_mailbox()), subscribed)


def _status(scanner: Scanner) -> c.StatusOf:
    mailbox = _mailbox(scanner)
    scanner.space()
    scanner.expect(b"(", "a list of status items")
    items: dict[str, None] = {}
    while not items or not scanner.takes(b")"):
        if items:
            scanner.space()
        item = scanner.atom("a status item").decode("ascii").upper()
        if item not in STATUS_ITEMS:
            raise BadCommand("Unknown status item")
        items[item] = None
    return c.StatusOf(mailbox, tuple(items))


def _get_metadata(scanner: Scanner) -> c.GetMetadata:
    options = None
    if scanner.sees(b" ("):
        scanner.space()
        options = parse_metadata_options(scanner)
    mailbox = _mailbox(scanner)
    scanner.space()
    if options is None and sees_options(scanner):
        options = parse_metadata_options(scanner)
        scanner.space()
    return c.GetMetadata(mailbox, parse_entries(scanner), options or MetadataOptions())


def _set_metadata(scanner: Scanner) -> c.SetMetadata:
    mailbox = _mailbox(scanner)
    scanner.space()
    return c.SetMetadata(mailbox, parse_entry_values(scanner))


def _append(scanner: Scanner) -> c.Append:
    mailbox = _mailbox(scanner)
    scanner.space()
    flags, time_ms = Flags(), None
    if scanner.takes(b"("):
        flags = _flags(_flag_words(scanner))
        scanner.space()
    if scanner.sees(b'"'):
        time_ms = parse_date_time(scanner.word(_DATE_TIME, "a date and time")[1:-1])
        if time_ms is None:
            raise BadCommand("Expected a date and time")
        scanner.space()
    return c.Append(mailbox, flags, time_ms, scanner.literal("a literal"))


def _search(scanner: Scanner, *, uid: bool = False) -> c.Command:
    scanner.space()
    options = parse_return(scanner)
    try:
        key = parse_search(scanner)
    except UnknownCharset as fault:
        return _cannot_search(scanner, options, fault, uid=uid)
    _require_fuzzy(key, asked=options is not None and options.relevancy)
    return c.Search(key, uid, options)


def _sort(scanner: Scanner, *, uid: bool = False) -> c.Command:
    scanner.space()
    options = parse_return(scanner)
    criteria = parse_criteria_list(scanner)
    scanner.space()
    try:
        key = parse_criteria(scanner)
    except UnknownCharset as fault:
        return _cannot_search(scanner, options, fault, uid=uid)
    asked = any(criterion.key is SortKey.RELEVANCY for criterion in criteria)
    _require_fuzzy(key, asked=asked or (options is not None and options.relevancy))
    return c.Sort(criteria, key, uid, options)


def _thread(scanner: Scanner, *, uid: bool = False) -> c.Thread:
    scanner.space()
    algorithm = parse_algorithm(scanner)
    scanner.space()
    return c.Thread(algorithm, parse_criteria(scanner), uid)


def _cannot_search(
    scanner: Scanner, options: ReturnOptions | None, fault: UnknownCharset, *, uid: bool
) -> c.CannotSearch:
    if fault.bad or options is None or not options.save:
        raise fault
    scanner.skip()
    return c.CannotSearch(uid)


def _require_fuzzy(key: SearchKey, *, asked: bool) -> None:
    # What a filter has in it is seen when it is read.
    if asked and not contains(key, Fuzzy) and not contains(key, Filtered):  # RFC 6203 section 4
        raise BadCommand("RELEVANCY needs FUZZY")


def _fetch(scanner: Scanner, *, uid: bool = False) -> c.Fetch:
    messages = _messages(scanner)
    scanner.space()
    items = parse_fetch_items(scanner)
    partial = None
    if uid and scanner.takes(b" ("):  # RFC 9394 section 3.3
        if scanner.atom("a modifier").upper() != b"PARTIAL":
            raise BadCommand("Unknown modifier")
        scanner.space()
        partial = parse_partial(scanner)
        scanner.expect(b")", "a parenthesis that ends the modifiers")
    return c.Fetch(messages, items, uid, partial)


def _store(scanner: Scanner, *, uid: bool = False) -> c.StoreFlags:
    messages = _messages(scanner)
    scanner.space()
    match = _STORE.fullmatch(scanner.atom("FLAGS"))
    if match is None:
        raise BadCommand("Expected FLAGS, +FLAGS or -FLAGS")
    scanner.space()
    if scanner.takes(b"("):
        words = _flag_words(scanner)
    else:
        words = [scanner.flag()]
        while scanner.takes(b" "):
            words.append(scanner.flag())
            if len(words) > MAX_FLAGS:
                raise BadCommand("Too many flags")
    sign = match[1].decode("ascii") or "="
    return c.StoreFlags(messages, sign, _flags(words), match[2] is not None, uid)


def _copy(scanner: Scanner, *, uid: bool = False, move: bool = False) -> c.Copy:
    messages = _messages(scanner)
    return c.Copy(messages, _mailbox(scanner), uid, move)


def _uid(scanner: Scanner) -> c.Command:
    scanner.space()
    parse = _UID_COMMANDS.get(scanner.atom("a command").upper())
    if parse is None:
        raise BadCommand("Unknown UID command")
    return parse(scanner)


def _nothing(command: c.Command) -> Callable[[Scanner], c.Command]:
    return lambda _scanner: command


_UID_COMMANDS: Final[Mapping[bytes, Callable[[Scanner], c.Command]]] = MappingProxyType(
    {
        b"SEARCH": lambda s: _search(s, uid=True),
        b"SORT": lambda s: _sort(s, uid=True),
        b"THREAD": lambda s: _thread(s, uid=True),
        b"FETCH": lambda s: _fetch(s, uid=True),
        b"STORE": lambda s: _store(s, uid=True),
        b"COPY": lambda s: _copy(s, uid=True),
        b"MOVE": lambda s: _copy(s, uid=True, move=True),
        b"EXPUNGE": lambda s: c.Expunge(_messages(s)),
    }
)
_COMMANDS: Final[Mapping[bytes, Callable[[Scanner], c.Command]]] = MappingProxyType(
    {
        b"CAPABILITY": _nothing(c.Capability()),
        b"NOOP": _nothing(c.Noop()),
        b"LOGOUT": _nothing(c.Logout()),
        b"STARTTLS": _nothing(c.StartTls()),
        b"ID": _id,
        b"LOGIN": _login,
        b"AUTHENTICATE": _authenticate,
        b"ENABLE": _enable,
        b"NAMESPACE": _nothing(c.Namespace()),
        b"IDLE": _nothing(c.Idle()),
        b"SELECT": lambda s: c.Select(_mailbox(s)),
        b"EXAMINE": lambda s: c.Select(_mailbox(s), read_only=True),
        b"CREATE": lambda s: c.Create(_mailbox(s)),
        b"DELETE": lambda s: c.Delete(_mailbox(s)),
        b"RENAME": _rename,
        b"SUBSCRIBE": lambda s: c.Subscribe(_mailbox(s)),
        b"UNSUBSCRIBE": lambda s: c.Subscribe(_mailbox(s), subscribed=False),
        b"LIST": lambda s: _list(s, subscribed=False),
        b"LSUB": lambda s: _list(s, subscribed=True),
        b"STATUS": _status,
        b"GETMETADATA": _get_metadata,
        b"SETMETADATA": _set_metadata,
        b"APPEND": _append,
        b"CHECK": _nothing(c.Check()),
        b"CLOSE": _nothing(c.Close()),
        b"UNSELECT": _nothing(c.Close(expunge=False)),
        b"EXPUNGE": _nothing(c.Expunge()),
        b"SEARCH": _search,
        b"SORT": _sort,
        b"THREAD": _thread,
        b"FETCH": _fetch,
        b"STORE": _store,
        b"COPY": _copy,
        b"MOVE": lambda s: _copy(s, move=True),
        b"UID": _uid,
    }
)
