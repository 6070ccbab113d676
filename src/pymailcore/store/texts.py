"""The text of stored messages, for searches that look through it.

Standards: RFC 9051 section 6.4.4 (BODY, TEXT, HEADER), RFC 8621 section 4.4.1.
"""

import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import orjson

from pymailcore.base.errors import NotFound
from pymailcore.message.headers import as_text, split_fields
from pymailcore.message.structure import Part, unpack, walk
from pymailcore.message.text import decode_body, file_text, is_text_file, searchable_text
from pymailcore.store import query as q
from pymailcore.store.folding import normal, sought
from pymailcore.store.fulltext.words import FIELD, PART_FIELD, has_phrase, plain_text
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.places import BlobReader
from pymailcore.store.reading import StoredRows, stored_rows
from pymailcore.store.recipes import DamagedMessage
from pymailcore.store.types import Reading, Transaction

MAX_TEXT_OCTETS: Final = 4 * 1024 * 1024  # of one message that are looked through
MAX_FILE_OCTETS: Final = 1024 * 1024  # of one attachment that is text
MOST_MESSAGES: Final = 64  # that are opened at a time
MOST_OCTETS: Final = 8 * 1024 * 1024


_DAMAGE: Final = (NotFound, DamagedBlob, DamagedMessage, msgspec.MsgspecError)
_UNNAMED: Final = ("",) * 5

SIGNATURES: Final = frozenset(
    {"arc-message-signature", "arc-seal", "dkim-signature", "domainkey-signature", "x-google-dkim-signature"}
)
_SIGNED: Final = re.compile(r"(?:(?<=[; ])|^)(bh? ?=)[^;]*")
"""Of these fields, what TEXT does not look at: hashes and signatures (RFC 6376 section 3.5), long random
numbers in letters, which would have any short needle in them. HEADER with the name of the field looks at
them, too."""

_OPAQUE: Final = frozenset(
    {
        "x-gm-message-state",
        "x-google-smtp-source",
        "x-microsoft-antispam-message-info",
        "x-microsoft-antispam-message-info-original",
        "x-ms-exchange-antispam-messagedata-0",
    }
)
"""Fields that are nothing but such numbers."""

LEFT_OUT: Final = SIGNATURES | _OPAQUE
"""Fields of whose values TEXT does not see all."""

_NAMED: Final = {
    q.Field.FROM: 0,
    q.Field.TO: 1,
    q.Field.CC: 2,
    q.Field.BCC: 3,
    q.Field.SUBJECT: 4,
}
_HEADERS: Final = (
    "SELECT email, from_text, to_text, cc_text, bcc_text, subject_text FROM email_headers"
    " WHERE email IN (SELECT value FROM json_each(?1))"
)


class SearchedMessage:
    """One message that a search looks into; what was asked for once is kept.

    Args:
        named: normal From, To, Cc, Bcc, Subject, as rows have them.

    Attributes:
        attached: normal text of attachments, their names among it, where somebody has it; else `files`.
    """

    def __init__(self, octets: bytes, root: Part, named: Sequence[str] = _UNNAMED) -> None:
        self._octets = octets
        self.named = named
        self.attached: str | None = None
        self.root = root
        self._fields: list[tuple[str, str]] | None = None
        self._header: str | None = None
        self._body: str | None = None
        self._plain: dict[q.Field, str] = {}

    def matches(self, node: q.Filter) -> bool:
        """Whether a text node is true of it, as far as that is seen: not the text of attachments."""
        match node:
            case q.HeaderContains(name, needle):
                name, needle = normal(name), sought(needle)
                return any(name == field and needle in value for field, value in self.fields())
            case q.Contains(q.Field.TEXT, needle):
                return (needle := sought(needle)) in self.header() or needle in self.body()
            case q.Contains(q.Field.BODY, needle):
                return sought(needle) in self.body()
            case q.Contains(field, needle) if field in _NAMED:
                return sought(needle) in self.named[_NAMED[field]]
            case q.Matches(field, row, how):
                row = plain_text(normal(row))
                return any(
                    has_phrase(self._plain_text(one), row, how) for one in _LOOKED_AT.get(field, (field,))
                )
        raise TypeError(f"not a text node: {node!r}")

    def fields(self) -> list[tuple[str, str]]:
        """Header fields of the message: names in lower case, normal values."""
        if self._fields is None:
            self._fields = self._fields_of(self.root)
        return self._fields

    def header(self) -> str:
        """Normal text of all header fields with their marks, those of parts behind those of the message."""
        if self._header is None:
            lines = [f"{FIELD}{_line(name, value)}" for name, value in self.fields()]
            for part in walk(self.root):
                if part is not self.root:
                    lines += [f"{PART_FIELD}{_line(name, value)}" for name, value in self._fields_of(part)]
            self._header = "".join(lines)
        return self._header

    def body(self) -> str:
        """Normal text of all text parts."""
        if self._body is None:
            self._body = normal(searchable_text(self._octets, self.root, MAX_TEXT_OCTETS))
        return self._body

    def written(self, limit_octets: int) -> str:
        """Text of all text parts as it was written."""
        return searchable_text(self._octets, self.root, limit_octets)

    def names(self) -> str:
        """Normal names of attachments."""
        return normal("\n".join(part.filename for part in walk(self.root) if part.filename))

    def files(self) -> str:
        """Normal names of attachments, and the text of those that only their names call text."""
        found = [self.names()]
        left = MAX_TEXT_OCTETS
        for part in walk(self.root):
            if part.filename and left > 0:
                text = file_text(self._octets, part, min(left, MAX_FILE_OCTETS))
                left -= len(text)
                found.append(normal(text))
        return " ".join(filter(None, found))

    def content(self, part: Part) -> bytes:
        """The octets of a part, its transfer encoding undone."""
        return decode_body(self._octets, part)

    def _fields_of(self, part: Part) -> list[tuple[str, str]]:
        header = self._octets[part.header_start : part.body_start]
        return [(name.lower(), normal(as_text(raw))) for name, raw in split_fields(header)]

    def _plain_text(self, field: q.Field) -> str:
        found = self._plain.get(field)
        if found is None:
            if field in _NAMED:
                text = self.named[_NAMED[field]]
            elif field is q.Field.ATTACHMENT:
                text = self.files() if self.attached is None else self.attached
            else:
                text = self.body()
            found = self._plain[field] = plain_text(text)
        return found


def _line(name: str, value: str) -> str:
    """A field as TEXT looks at it."""
    if name in _OPAQUE:
        value = ""
    elif name in SIGNATURES:
        value = _SIGNED.sub(r"\1", value)
    return f"{name}: {value}" if value else f"{name}:"


_LOOKED_AT: Final = {
    q.Field.BODY: (q.Field.BODY, q.Field.ATTACHMENT),
    q.Field.TEXT: (*_NAMED, q.Field.BODY, q.Field.ATTACHMENT),
}


def _nothing(part: Part) -> bool:  # noqa: ARG001 - what `opened` takes
    return False


def opened(
    blobs: BlobReader, ids: Sequence[int], also: Callable[[Part], bool] = _nothing
) -> Reading[tuple[int, dict[int, SearchedMessage]]]:
    """Read some of the first of these Emails, those that are gone or damaged left out.

    Of a large file without text there are NULs in place of its octets, unless it is among those that are
    wanted `also`.

    Returns:
        How many of `ids` are done with, at least one, and their messages.
    """
    some = ids[:MOST_MESSAGES]
    named: dict[int, Sequence[str]] = {}

    async def work(tx: Transaction) -> dict[int, StoredRows]:
        rows = await stored_rows(tx, some, None, MOST_OCTETS, leave_damaged=True)
        listed = orjson.dumps(list(rows)).decode()
        named.update((email, texts) for email, *texts in await tx.rows(_HEADERS, listed))
        return rows

    def read(email: int, stored: StoredRows) -> SearchedMessage:
        root = unpack(stored.parts)
        wanted = {
            part.body_start for part in walk(root) if part.type == "text" or is_text_file(part) or also(part)
        }
        return SearchedMessage(stored.rebuild_parts(blobs, wanted), root, named.get(email, _UNNAMED))

    rows: dict[int, StoredRows] = yield work
    done = some.index(next(reversed(rows))) + 1 if len(rows) < len(some) and rows else len(some)
    found: dict[int, SearchedMessage] = {}
    damaged = []
    for email, stored in rows.items():
        try:
            found[email] = read(email, stored)
        except _DAMAGE:
            damaged.append(email)
    if damaged:  # their blobs may have moved since
        rows = yield lambda tx: stored_rows(tx, damaged, leave_damaged=True)
        for email, stored in rows.items():
            with contextlib.suppress(*_DAMAGE):
                found[email] = read(email, stored)
    return done, found
