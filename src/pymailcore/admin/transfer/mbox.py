r"""Files in the mbox family, cut into messages and put together; no I/O.

Standards: RFC 4155 appendix A (the From_ line, UTC, LF).

Theory. A message begins with a line `From SENDER DATE` that stands at the beginning of the file or after an
empty line and has a time and a year in it; without that a text that says "From here on" would begin a
message. Variants: mboxo writes `>From ` for a line `From ` of the text, mboxrd one `>` more for each `>*From
`, mboxcl says Content-Length and quotes, mboxcl2 says Content-Length and does not. `auto` takes
Content-Length where the length leads to the end of a message, quoting as mboxrd, and takes off no quotes
where a counted text has a bare `From `.

What mailbox programs keep in the header (Status, X-Status, X-Keywords, X-UID, X-IMAP, X-IMAPbase, and
Content-Length in a variant that counts) is not part of the message. What we wrote ourselves begins with
Status, X-Status and X-Keywords in this order; then fields of these names further down are the message's own.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from pymailcore.admin.transfer.flags import Flags, read_status, write_status
from pymailcore.admin.transfer.lines import with_crlf, with_lf
from pymailcore.message.dates import milliseconds, parse_date

Variant = Literal["auto", "mboxo", "mboxrd", "mboxcl", "mboxcl2"]

CHUNK_OCTETS: Final = 256 * 1024
MAX_FROM_LINE_OCTETS: Final = 1_024
MAX_HEADER_OCTETS: Final = 128 * 1024
_SLACK_OCTETS: Final = 2 * MAX_HEADER_OCTETS

_FROM: Final = re.compile(rb"From [^\n]*[0-9]{1,2}:[0-9]{2}[^\n]*\b[0-9]{4}\b[^\n]*\Z")
_DATE: Final = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:[A-Z][a-z]{2} [ 0-9][0-9]|[0-9]{1,2} [A-Z][a-z]{2}) .*\Z"
)
_END_OF_HEADER: Final = re.compile(rb"(?:\A|\n)\r?\n")
_LENGTH: Final = re.compile(rb"^Content-Length:[ \t]*([0-9]{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_OURS: Final = re.compile(rb"Status: ?([^\r\n]*)\r?\nX-Status: ?([^\r\n]*)\r?\nX-Keywords: ?([^\r\n]*)\r?\n")
_KEPT: Final = re.compile(
    rb"^(Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|Content-Length):([^\n]*\n(?:[ \t][^\n]*\n)*)",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED_RD: Final = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_QUOTED_O: Final = re.compile(rb"^>(?=From )", re.MULTILINE)
_TO_QUOTE: Final = re.compile(rb"^(?=>*From )", re.MULTILINE)
_BARE: Final = re.compile(rb"^From ", re.MULTILINE)
_RETURN_PATH: Final = re.compile(rb"^Return-Path:[ \t]*<([^<>\s]{1,254})>", re.IGNORECASE | re.MULTILINE)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class NotMbox(Exception):
    """The file does not begin with a From_ line."""


class Piece(NamedTuple):
    """One message as it lies in the file.

    Attributes:
        octets: without the From_ line and the empty line behind it; None: longer than what may be held.
        digest: of what was passed over, to name it.
        counted: Content-Length led to its end.
    """

    from_line: bytes
    octets: bytes | None
    size_octets: int
    digest: bytes
    counted: bool = False


class Content(NamedTuple):
    """A message as it is for the store."""

    octets: bytes
    flags: Flags
    internal: bool = False  # no mail: what some programs keep at the beginning of a file


def is_from_line(line: bytes) -> bool:
    """Whether a line, without its end, begins a message."""
    return line.startswith(b"From ") and _FROM.match(line) is not None


def from_line_ms(line: bytes) -> int | None:
    """The time in a From_ line, taken as UTC where it names no zone; None when there is none to be read."""
    text = line.decode("utf-8", "replace").strip()
    words = text.split(" ")
    for first in range(2, min(len(words), 12)):
        rest = " ".join(words[first:]).strip()
        if _DATE.match(rest) and (moment := parse_date(rest)) is not None:
            return milliseconds(moment)
    return None


def split(read: Callable[[int], bytes], *, variant: Variant = "auto", most_octets: int) -> Iterator[Piece]:
    """Cut a file into messages; holds one message and one read at most.

    Args:
        read: gives at most so many octets; none at the end.
        most_octets: a longer message is passed over.

    Raises:
        NotMbox: before anything else.
    """
    return _Splitter(read, variant, most_octets).pieces()


class _Splitter:
    def __init__(self, read: Callable[[int], bytes], variant: Variant, most_octets: int) -> None:
        self._read = read
        self._counts = variant in ("auto", "mboxcl", "mboxcl2")
        self._most = most_octets + _SLACK_OCTETS
        self._buffer = bytearray()
        self._ended = False

    def _more(self) -> bool:
        octets = b"" if self._ended else self._read(CHUNK_OCTETS)
        self._ended = not octets
        self._buffer += octets
        return not self._ended

    def pieces(self) -> Iterator[Piece]:
        while b"\n" not in self._buffer and len(self._buffer) < MAX_FROM_LINE_OCTETS and self._more():
            pass
        if not self._buffer:
            return
        first, _, _ = bytes(self._buffer[:MAX_FROM_LINE_OCTETS]).partition(b"\n")
        if not is_from_line(first.rstrip(b"\r")):
            raise NotMbox
        while self._buffer:
            end = self._buffer.find(b"\n") + 1 or len(self._buffer)
            line = bytes(self._buffer[:end]).rstrip(b"\r\n")
            del self._buffer[:end]
            yield self._counted(line) or self._searched(line)

    def _counted(self, line: bytes) -> Piece | None:
        """Take a message whose Content-Length leads to its end."""
        if not self._counts:
            return None
        while (match := _END_OF_HEADER.search(self._buffer)) is None:
            if len(self._buffer) > MAX_HEADER_OCTETS or not self._more():
                return None
        length = _LENGTH.search(bytes(self._buffer[: match.end()]))
        if length is None or (end := match.end() + int(length[1])) > self._most:
            return None
        while len(self._buffer) < end + MAX_FROM_LINE_OCTETS and self._more():
            pass
        if end > len(self._buffer):
            return None
        behind = bytes(self._buffer[end : end + MAX_FROM_LINE_OCTETS]).lstrip(b"\r\n")
        if behind and not is_from_line(behind.partition(b"\n")[0].rstrip(b"\r")):
            return None
        octets = bytes(self._buffer[:end])
        del self._buffer[:end]
        while self._buffer.startswith((b"\r", b"\n")):
            del self._buffer[:1]
        return Piece(line, octets, len(octets), b"", counted=True)

    def _searched(self, line: bytes) -> Piece:
        """Take a message up to the next From_ line."""
        seen = passed = 0
        digest = hashlib.sha256()
        while (place := self._boundary(seen)) is None:
            seen = max(0, len(self._buffer) - MAX_FROM_LINE_OCTETS - 8)
            if len(self._buffer) > self._most:
                digest.update(self._buffer[:seen])
                passed += seen
                del self._buffer[:seen]
                seen = 0
            if not self._more():
                place = len(self._buffer), len(self._buffer)
                if self._buffer.endswith((b"\n\n", b"\n\r\n")) or bytes(self._buffer[:3]) in (b"\n", b"\r\n"):
                    place = place[0] - (2 if self._buffer.endswith(b"\r\n") else 1), place[1]
                break
        end, begin = place
        octets = bytes(self._buffer[:end])
        del self._buffer[:begin]
        if passed:
            digest.update(octets)
            return Piece(line, None, passed + end, digest.digest())
        return Piece(line, octets, end, b"")

    def _boundary(self, start: int) -> tuple[int, int] | None:
        """Where the message ends, and where the next From_ line begins."""
        buffer = self._buffer
        while (at := buffer.find(b"\nFrom ", start)) >= 0:
            end = at - 1 if buffer[at - 1 : at] == b"\r" else at  # of the empty line's beginning
            if end == 0 or buffer[end - 1 : end] == b"\n":
                stop = buffer.find(b"\n", at + 1, at + 1 + MAX_FROM_LINE_OCTETS)
                if stop >= 0 and is_from_line(bytes(buffer[at + 1 : stop]).rstrip(b"\r")):
                    return end, at + 1
            start = at + 1
        return None


def content_of(piece: Piece, variant: Variant = "auto") -> Content:
    """Take the quoting and the fields of mailbox programs away; lines get their CRLF."""
    assert piece.octets is not None  # noqa: S101 - for the type checker
    octets = _unquoted(piece, variant)
    if (ours := _OURS.match(octets)) is not None:
        status = [text.decode("utf-8", "replace") for text in ours.groups()]
        return Content(with_crlf(octets[ours.end() :]), read_status(*status))
    match = _END_OF_HEADER.search(octets)
    end = match.start() + 1 if match else len(octets)
    header, values = octets[:end], dict[bytes, str]()

    def drop(field: re.Match[bytes]) -> bytes:
        name = field[1].lower()
        if name == b"content-length" and not piece.counted:
            return field[0]
        values[name] = field[2].decode("utf-8", "replace").strip()
        return b""

    header = _KEPT.sub(drop, header)
    flags = read_status(values.get(b"status", ""), values.get(b"x-status", ""), values.get(b"x-keywords", ""))
    internal = b"x-imap" in values and b"FOLDER INTERNAL DATA" in header
    return Content(with_crlf(header + octets[end:]), flags, internal)


def _unquoted(piece: Piece, variant: Variant) -> bytes:
    octets = piece.octets or b""
    if b">From " not in octets or variant == "mboxcl2":
        return octets
    if variant == "auto" and piece.counted and _BARE.search(octets):
        return octets
    return (_QUOTED_RD if variant in ("auto", "mboxrd") else _QUOTED_O).sub(b"", octets)


def write_message(octets: bytes, flags: Flags, received_ms: int) -> tuple[bytes, bool]:
    """Write a message as mboxrd, and say whether reading gives exactly its octets again."""
    moment = datetime.fromtimestamp(received_ms // 1000, UTC)
    found = _RETURN_PATH.search(octets[: octets.find(b"\r\n\r\n") + 2])
    day = f"{_DAYS[moment.weekday()]} {_MONTHS[moment.month - 1]} {moment.day:2d}"
    date = f"{day} {moment:%H:%M:%S} {moment.year:04d}"
    text, exact = with_lf(octets)
    status = "Status: {}\nX-Status: {}\nX-Keywords: {}\n".format(*write_status(flags))
    head = b"From %b %b\n" % (found[1] if found else b"MAILER-DAEMON", date.encode("ascii"))
    return head + status.encode("ascii") + _TO_QUOTE.sub(b">", text) + b"\n", exact
