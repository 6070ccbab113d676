"""Lines of commands and of SASL responses, and what no line may hold.

Standards: RFC 5321 sections 2.3.8 and 4.5.3.1.4, RFC 4954 section 4.
"""

import re
from typing import Final

from pymailcore.sasl import wire
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.lines import LineBuffer, LineTooLong
from pymailcore.smtp.protocol.reply import CommandRefused

MAX_COMMAND_OCTETS: Final = 2_048  # RFC 5321 section 4.5.3.1.4 asks for 512, with CRLF; SMTPUTF8 for more
MAX_RESPONSE_OCTETS: Final = wire.MAX_LINE_OCTETS + 2  # RFC 4954 section 4
MAX_LONG_LINES: Final = 2  # the second one ends the conversation
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")


class CommandLines:
    """Takes lines from a buffer, one by one.

    Attributes:
        long_lines: how many were too long.
    """

    __slots__ = ("_buffer", "long_lines")

    def __init__(self, buffer: LineBuffer) -> None:
        self._buffer = buffer
        self.long_lines = 0

    @property
    def hopeless(self) -> bool:
        """Whether so many lines were too long that there is no point in going on."""
        return self.long_lines >= MAX_LONG_LINES

    def take(self, limit: int) -> bytes | None:
        """Take one line without its end; None when there is no whole one.

        Raises:
            CommandRefused: the line is too long, does not end with CRLF or holds a control character.
        """
        try:
            line = self._buffer.take_line(limit)
        except LineTooLong:
            self.long_lines += 1
            raise CommandRefused(reply.LINE_TOO_LONG) from None
        if line is None:
            return None
        if line[-2:] == b"\r\n" and not _CONTROL.search(line, 0, len(line) - 2):
            return line[:-2]
        raise CommandRefused(reply.BAD_LINE)
