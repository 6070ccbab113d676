"""Gathers the octets of one command: its lines and its literals.

Standards: RFC 3501 sections 2.2.1 and 4.3, RFC 7888 (LITERAL+), RFC 9051 section 6.3.12 (too large), RFC 3502
section 3 and RFC 4469 section 3 (several literals of messages in one APPEND).

A command is a list of pieces: line, literal, line, literal, …, line. A line that ends with `{n}` is
followed by a literal of n octets, and no other line of the grammar can end so; thus commands can be cut
apart, and a literal refused before it is asked for, without understanding them. Each octet is searched
for a line end once, however the input is cut, and nothing is read twice.

The messages of an APPEND are charged to a budget that all connections share, octet by octet as they come in:
who only announces much holds nothing. When the budget is used up the rest is read and dropped, and the
command is refused as one that may be tried again.
"""

import re
from dataclasses import dataclass
from typing import Final

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.buffer import LineTooLong, ReceiveBuffer
from pymailcore.imap.protocol.limits import CommandLimits

_LITERAL: Final = re.compile(rb"\{([0-9]{1,20})(\+?)\}\r?\n\Z")
_TAG: Final = re.compile(rb"""[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,64}(?= )""")
_APPEND: Final = re.compile(rb"[^ ]+ (?:APPEND|(?:UID )?REPLACE [^ ]{1,32}) ", re.IGNORECASE)
_SET_METADATA: Final = re.compile(rb"[^ ]+ SETMETADATA ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Whole:
    """A command is there; lines are without their ends."""

    pieces: list[bytes]


@dataclass(frozen=True, slots=True)
class GoAhead:
    """The client waits to be asked for a literal."""


@dataclass(frozen=True, slots=True)
class TooBig:
    """A command was refused for its size.

    Attributes:
        tag: of the command, None when it has none that can be read.
        fatal: nobody knows where the next command begins.
        annotation: it would have been the value of an annotation.
    """

    tag: bytes | None
    fatal: bool
    annotation: bool = False


@dataclass(frozen=True, slots=True)
class NoRoom:
    """An APPEND was refused because the messages in transit take all the memory that they may.

    Attributes:
        tag: of the command, None when it has none that can be read.
    """

    tag: bytes | None


Taken = Whole | GoAhead | TooBig | NoRoom


class CommandReader:
    """Takes octets and gives commands; holds at most what its limits allow and one read more.

    Args:
        budget: shared with other connections; what a message takes of it is given back by `release`.
    """

    def __init__(self, limits: CommandLimits, budget: MailDataBudget) -> None:
        self.limits = limits
        self.buffer = ReceiveBuffer()
        self._mail_data = budget
        self._charged = 0
        self._begin()

    def release(self) -> None:
        """Give back what the message of the command last taken, or of one half read, takes of the budget."""
        self._mail_data.give_back(self._charged)
        self._charged = 0

    @property
    def in_literal(self) -> bool:
        """Whether the octets of a literal are due."""
        return self._in_literal

    def change_limits(self, limits: CommandLimits) -> None:
        """Read with other limits from the next command on; to be called between two commands."""
        self.limits = limits
        self._begin()

    def _begin(self) -> None:
        self._head = b""
        self._pieces: list[bytes] = []
        self._budget = self.limits.line_octets
        self._literals = 0
        self._message_octets = 0
        self._literal: list[bytes] = []
        self._missing = 0
        self._in_literal = False
        self._in_message = False
        self._refused = False
        self._no_room = False
        self._large_annotation = False

    def take(self) -> Taken | None:
        """Take the next thing that happened; None for "more octets, please"."""
        while True:
            if self._in_literal and not self._take_literal():
                return None
            try:
                line = self.buffer.take_line(self._budget)
            except LineTooLong:
                return self._refuse(fatal=True)
            if line is None:
                return None
            self._budget -= len(line)
            self._head = self._head or line
            match = _LITERAL.search(line, max(0, len(line) - 25)) if b"}" in line[-3:] else None
            taken = self._finish(line) if match is None else self._begin_literal(line, match)
            if taken is not None:
                return taken

    def _finish(self, line: bytes) -> Taken:
        if self._no_room:
            return self._put_off()
        if self._refused:
            return self._refuse(fatal=False)
        self._pieces.append(line[:-2] if line[-2:-1] == b"\r" else line[:-1])
        whole = Whole(self._pieces)
        self._begin()
        return whole

    def _begin_literal(self, line: bytes, match: re.Match[bytes]) -> Taken | None:
        size, asks = int(match[1]), not match[2]
        fits = not self._refused and self._fits(size)
        if not fits and asks:
            return self._refuse(fatal=False)
        if not fits and size > self.limits.discard_octets:
            return self._refuse(fatal=True)
        if fits and asks and self._in_message and self._mail_data.free_octets < size:
            return self._put_off()
        self._refused = not fits
        if fits:
            self._pieces.append(line[: match.start()])
        else:
            self._pieces.clear()
        self._missing, self._in_literal = size, True
        return GoAhead() if asks else None

    def _fits(self, size: int) -> bool:
        """Whether a literal is within the budgets, which it then uses up."""
        self._literals += 1
        self._in_message = False
        if self._literals > self.limits.literals:
            return False
        append = _APPEND.match(self._head)
        names_mailbox = not self._pieces and append and self._head.startswith(b"{", append.end())
        if append and not names_mailbox:
            self._message_octets += size
            self._in_message = True
            limits = self.limits
            return size <= limits.message_octets and self._message_octets <= limits.append_octets
        if size > self.limits.literal_octets:
            self._large_annotation = _SET_METADATA.match(self._head) is not None
            return False
        if size >= self._budget:
            return False
        self._budget -= size
        return True

    def _take_literal(self) -> bool:
        """Read on in a literal; gives whether it is complete."""
        if self._missing:
            octets = self.buffer.take(self._missing)
            self._missing -= len(octets)
            if octets and not self._refused:
                self._keep(octets)
            if self._missing:
                return False
        self._in_literal = False
        if not self._refused:
            self._pieces.append(b"".join(self._literal))
            self._literal.clear()
        return True

    def _keep(self, octets: bytes) -> None:
        if not self._in_message:
            self._literal.append(octets)
        elif self._mail_data.take(len(octets)):
            self._charged += len(octets)
            self._literal.append(octets)
        else:
            self._refused = self._no_room = True
            self._pieces.clear()
            self._literal.clear()
            self.release()

    def _refuse(self, *, fatal: bool) -> TooBig:
        annotation = self._large_annotation
        return TooBig(self._forget(), fatal, annotation)

    def _put_off(self) -> NoRoom:
        return NoRoom(self._forget())

    def _forget(self) -> bytes | None:
        """Drop the command; gives its tag."""
        match = _TAG.match(self._head)
        self.release()
        self._begin()
        return match[0] if match else None
