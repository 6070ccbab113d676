"""Gathers the octets of one response of a server: its lines and its literals.

Standards: RFC 3501 sections 2.2.2 and 4.3, RFC 9051 section 9 (`literal8`).

A response is a list of pieces as `scanner.Scanner` reads them: line, literal, line, … A literal that is
longer than a message may be is read and dropped, so that one message too many is no reason to lose the
conversation.
"""

import re
from dataclasses import dataclass
from typing import Final

from pymailcore.base.buffer import LineTooLong, ReceiveBuffer

MAX_LINE_OCTETS: Final = 4 * 1024 * 1024
"""All lines of a response together, and its literals that are no message."""

MAX_LITERALS: Final = 64
"""Literals in one response."""

MAX_DROPPED_OCTETS: Final = 2**32 - 1
"""A literal of more octets than a 32-bit size can say is nonsense (RFC 3501 section 9, `number`)."""

_LITERAL: Final = re.compile(rb"~?\{([0-9]{1,20})\}\r?\n\Z")


class BadResponse(Exception):
    """The server says what the protocol does not allow, or too much; the conversation is over."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One response; lines are without their ends.

    Attributes:
        dropped: a literal was too long; an empty one stands in its place.
    """

    pieces: list[bytes]
    dropped: bool = False


class ResponseReader:
    """Takes octets and gives responses; holds one message, one response's lines and one read at most.

    Args:
        message_octets: the longest literal that is kept.
    """

    def __init__(self, message_octets: int) -> None:
        self._message_octets = message_octets
        self._buffer = ReceiveBuffer()
        self._begin()

    def _begin(self) -> None:
        self._pieces: list[bytes] = []
        self._budget = MAX_LINE_OCTETS
        self._held_octets = 0
        self._literals = 0
        self._literal: list[bytes] = []
        self._missing = 0
        self._in_literal = False
        self._dropping = False
        self._dropped = False

    def append(self, octets: bytes) -> None:
        """Add what arrived."""
        self._buffer.append(octets)

    def take(self) -> Raw | None:
        """Take the next response; None for "more octets, please".

        Raises:
            BadResponse: a limit is passed.
        """
        while True:
            if self._in_literal and not self._take_literal():
                return None
            try:
                line = self._buffer.take_line(self._budget)
            except LineTooLong:
                raise BadResponse("a line is too long") from None
            if line is None:
                return None
            self._budget -= len(line)
            if self._budget <= 0:
                raise BadResponse("a response is too long")
            match = _LITERAL.search(line, max(0, len(line) - 26)) if b"}" in line[-3:] else None
            if match is None:
                self._pieces.append(line[:-2] if line[-2:-1] == b"\r" else line[:-1])
                raw = Raw(self._pieces, self._dropped)
                self._begin()
                return raw
            self._begin_literal(line[: match.start()], int(match[1]))

    def _begin_literal(self, line: bytes, size: int) -> None:
        self._literals += 1
        if self._literals > MAX_LITERALS or size > MAX_DROPPED_OCTETS:
            raise BadResponse("a response has too many literals or one without end")
        self._pieces.append(line)
        self._missing, self._in_literal = size, True
        self._dropping = self._held_octets + size > self._message_octets
        if self._dropping:
            self._dropped = True
        else:
            self._held_octets += size

    def _take_literal(self) -> bool:
        """Read on in a literal; gives whether it is complete."""
        if self._missing:
            octets = self._buffer.take(self._missing)
            self._missing -= len(octets)
            if not self._dropping:
                self._literal.append(octets)
            if self._missing:
                return False
        self._in_literal = False
        self._pieces.append(b"".join(self._literal))
        self._literal = []
        return True
