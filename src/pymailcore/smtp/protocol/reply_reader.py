"""Replies of a server, read line by line.

Standards: RFC 5321 sections 4.2 and 4.2.1, RFC 2034 section 4, RFC 3463 section 2.

More lenient than the standard: a line may end with a lone LF, and its text may hold any octets; controls come
out as `?`. A reply whose lines carry different codes counts as the worst of them, so that it is a success
only where all of them say so. Stricter: a reply has at most 100 lines.
"""

import re
from typing import Final

from pymailcore.smtp.protocol.lines import LineBuffer, LineTooLong
from pymailcore.smtp.protocol.reply import Reply

MAX_LINE_OCTETS: Final = 2_048  # RFC 5321 section 4.5.3.1.5 asks for 512
MAX_LINES_COUNT: Final = 100

_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*?))?\r?\n\Z", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|\Z)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class BadReply(Exception):
    """What came is no reply of SMTP, or is longer than a reply may be."""


class ReplyReader:
    """Holds at most one read and one unfinished reply of 100 lines."""

    def __init__(self) -> None:
        self._buffer = LineBuffer()
        self._code = 0
        self._lines: list[str] = []

    @property
    def has_octets(self) -> bool:
        """Whether octets are here that belong to no reply taken."""
        return bool(self._buffer) or bool(self._lines)

    def append(self, octets: bytes) -> None:
        """Add what arrived."""
        self._buffer.append(octets)

    def take(self) -> Reply | None:
        """Take one whole reply; None while there is none.

        Raises:
            BadReply: the peer does not speak SMTP; nothing after this can be relied on.
        """
        while True:
            try:
                line = self._buffer.take_line(MAX_LINE_OCTETS)
            except LineTooLong:
                raise BadReply("a reply line is too long") from None
            if line is None:
                return None
            found = _LINE.match(line)
            if found is None:
                raise BadReply("a reply line has no code")
            code = self._code = max(int(found[1]), self._code)
            self._lines.append(_CONTROL.sub("?", (found[3] or b"").decode("utf-8", "replace")))
            if found[2] != b"-":
                lines, self._lines, self._code = self._lines, [], 0
                return _reply(code, lines)
            if len(self._lines) >= MAX_LINES_COUNT:
                raise BadReply("a reply has too many lines")


def _reply(code: int, lines: list[str]) -> Reply:
    """Take the enhanced code out of the lines, when it fits the code (RFC 2034 section 4)."""
    enhanced = ""
    found = _ENHANCED.match(lines[0])
    if found is not None and found[1][0] == str(code)[0]:
        enhanced = found[1]
        lines = [line.removeprefix(enhanced).lstrip(" ") for line in lines]
    return Reply(code, enhanced, "\n".join(lines))
