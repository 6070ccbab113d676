"""From the pieces of a command to a value.

Standards: RFC 3501 section 9; RFC 2177 section 4, RFC 2342 section 6, RFC 2971 section 4, RFC 3691
section 4, RFC 4315 section 4, RFC 4959 section 6, RFC 5161 section 4, RFC 5464 section 5.

Each command has one small function; the table at the end leads from its name to it.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol import message_grammar as m
from pymailcore.imap.protocol import words
from pymailcore.imap.protocol.append_grammar import parse_message, parse_messages
from pymailcore.imap.protocol.list_grammar import parse_list, parse_plain_list
from pymailcore.imap.protocol.metadata_grammar import (
    MetadataOptions,
    parse_entries,
    parse_entry_values,
    parse_metadata_options,
    sees_options,
)
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.select_options import parse_select_options
from pymailcore.imap.protocol.status_items import parse_status_items
from pymailcore.sasl.wire import decode_initial

MAX_CAPABILITIES: Final = 256
MAX_ID_PAIRS: Final = 30  # RFC 2971 section 3.3

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
        fields.append((words.text(name, "a field name"), words.text(value, "a value")))
    return c.Id(tuple(fields))


def _login(scanner: Scanner) -> c.Login:
    scanner.space()
    user = words.text(scanner.astring("a user name"), "a user name")
    scanner.space()
    return c.Login(user, words.text(scanner.astring("a password"), "a password"))


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
        if len(names) > MAX_CAPABILITIES:
            raise BadCommand("Too many capabilities")
    return c.Enable(tuple(names))


def _select(scanner: Scanner, *, read_only: bool = False) -> c.Select:
    return c.Select(words.mailbox(scanner), read_only, parse_select_options(scanner))


def _rename(scanner: Scanner) -> c.Rename:
    return c.Rename(words.mailbox(scanner), words.mailbox(scanner))


def _use(scanner: Scanner, _: tuple[bytes, ...]) -> tuple[bytes, ...]:
    scanner.space()
    scanner.expect(b"(", "a list of special uses")
    return tuple(dict.fromkeys(flag.lower() for flag in words.flag_words(scanner)))


def _create(scanner: Scanner) -> c.Create:
    mailbox = words.mailbox(scanner)
    if not scanner.sees(b" ("):
        return c.Create(mailbox)
    scanner.space()
    return c.Create(mailbox, words.modifiers(scanner, {b"USE": _use}, (), "parameter"))


def _status(scanner: Scanner) -> c.StatusOf:
    mailbox = words.mailbox(scanner)
    scanner.space()
    return c.StatusOf(mailbox, parse_status_items(scanner))


def _get_quota(scanner: Scanner) -> c.GetQuota:
    scanner.space()
    return c.GetQuota(scanner.astring("a quota root"))


def _compress(scanner: Scanner) -> c.Compress:
    scanner.space()
    if scanner.atom("DEFLATE").upper() != b"DEFLATE":
        raise BadCommand("Expected DEFLATE")
    return c.Compress()


def _get_metadata(scanner: Scanner) -> c.GetMetadata:
    options = None
    if scanner.sees(b" ("):
        scanner.space()
        options = parse_metadata_options(scanner)
    mailbox = words.mailbox(scanner)
    scanner.space()
    if options is None and sees_options(scanner):
        options = parse_metadata_options(scanner)
        scanner.space()
    return c.GetMetadata(mailbox, parse_entries(scanner), options or MetadataOptions())


def _set_metadata(scanner: Scanner) -> c.SetMetadata:
    mailbox = words.mailbox(scanner)
    scanner.space()
    return c.SetMetadata(mailbox, parse_entry_values(scanner))


def _append(scanner: Scanner) -> c.Append:
    return c.Append(words.mailbox(scanner), parse_messages(scanner))


def _replace(scanner: Scanner, *, uid: bool = False) -> c.Replace:
    scanner.space()
    old = words.sequence_set(scanner)
    if not old.is_single:
        raise BadCommand("Expected one number")
    return c.Replace(old, words.mailbox(scanner), parse_message(scanner), uid)


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
        b"SEARCH": lambda s: m.search(s, uid=True),
        b"SORT": lambda s: m.sort(s, uid=True),
        b"THREAD": lambda s: m.thread(s, uid=True),
        b"FETCH": lambda s: m.fetch(s, uid=True),
        b"STORE": lambda s: m.store(s, uid=True),
        b"COPY": lambda s: m.copy(s, uid=True),
        b"MOVE": lambda s: m.copy(s, uid=True, move=True),
        b"EXPUNGE": lambda s: c.Expunge(words.messages(s)),
        b"REPLACE": lambda s: _replace(s, uid=True),
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
        b"SELECT": _select,
        b"EXAMINE": lambda s: _select(s, read_only=True),
        b"CREATE": _create,
        b"DELETE": lambda s: c.Delete(words.mailbox(s)),
        b"RENAME": _rename,
        b"SUBSCRIBE": lambda s: c.Subscribe(words.mailbox(s)),
        b"UNSUBSCRIBE": lambda s: c.Subscribe(words.mailbox(s), subscribed=False),
        b"LIST": lambda s: c.List(*parse_list(s)),
        b"LSUB": lambda s: c.Lsub(*parse_plain_list(s)),
        b"XLIST": lambda s: c.Xlist(*parse_plain_list(s)),
        b"STATUS": _status,
        b"GETQUOTA": _get_quota,
        b"GETQUOTAROOT": lambda s: c.GetQuotaRoot(words.mailbox(s)),
        b"COMPRESS": _compress,
        b"UNAUTHENTICATE": _nothing(c.Unauthenticate()),
        b"GETJMAPACCESS": _nothing(c.GetJmapAccess()),
        b"GETMETADATA": _get_metadata,
        b"SETMETADATA": _set_metadata,
        b"APPEND": _append,
        b"REPLACE": _replace,
        b"CHECK": _nothing(c.Check()),
        b"CLOSE": _nothing(c.Close()),
        b"UNSELECT": _nothing(c.Close(expunge=False)),
        b"EXPUNGE": _nothing(c.Expunge()),
        b"SEARCH": m.search,
        b"SORT": m.sort,
        b"THREAD": m.thread,
        b"FETCH": m.fetch,
        b"STORE": m.store,
        b"COPY": m.copy,
        b"MOVE": lambda s: m.copy(s, move=True),
        b"UID": _uid,
    }
)
