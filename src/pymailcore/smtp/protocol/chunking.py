"""BDAT: mail data in chunks of announced length.

Standards: RFC 3030 sections 2 and 3.

Theory: whatever becomes of a chunk, exactly the announced octets are taken from the connection, so that no
octet of a message is ever read as a command. A length that cannot be read, or that nobody would wait for,
ends the conversation: nobody knows then where the next command begins.
"""

import re
from dataclasses import dataclass
from typing import Final

from pymailcore.smtp.protocol.lines import LineBuffer
from pymailcore.smtp.protocol.mail_data import BareLineEnd
from pymailcore.smtp.protocol.reply import Reply

MAX_CHUNKS_COUNT: Final = 10_000
"""Chunks of one message: each costs a reply, and nobody honest sends so many small ones."""
_BDAT: Final = re.compile(rb"([0-9]{1,18})(?: +(LAST))?\Z", re.IGNORECASE)


@dataclass(slots=True)
class Chunk:
    """One chunk on its way in.

    Attributes:
        size_octets: as announced.
        left_octets: still to be taken from the connection.
        last: the message is whole after it.
        stray: the reply to a chunk that belongs to no message, given when it has been read over.
        early: it came before EHLO.
    """

    size_octets: int
    left_octets: int
    last: bool
    stray: Reply | None = None
    early: bool = False

    def take(self, buffer: LineBuffer) -> bytes:
        """Take what there is of it."""
        octets = buffer.take_some(self.left_octets)
        self.left_octets -= len(octets)
        return octets

    def skip(self, buffer: LineBuffer) -> bytes | None:
        """Read it over: octets to forget, b"" at its end, None when there are none yet."""
        return (self.take(buffer) or None) if self.left_octets else b""

    @property
    def received(self) -> Reply:
        """The reply to a chunk that is not the last one."""
        return Reply(250, "2.0.0", f"{self.size_octets} octets received")


def parse_chunk(arguments: bytes) -> Chunk | None:
    """Read the arguments of BDAT; None when they are none."""
    match = _BDAT.match(arguments)
    if match is None:
        return None
    return Chunk(int(match[1]), int(match[1]), match[2] is not None)


class ChunkedText:
    """Watches the line ends of a text that comes in pieces, for messages without BODY=BINARYMIME."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def check(self, octets: bytes, *, whole: bool = False) -> None:
        """Look at the next piece.

        Args:
            whole: the message ends with it.

        Raises:
            BareLineEnd: a CR or LF is not part of a CRLF.
        """
        returns, feeds = octets.count(b"\r"), octets.count(b"\n")
        pairs = octets.count(b"\r\n")
        if self._after_cr and (octets or whole):
            if not octets.startswith(b"\n"):
                raise BareLineEnd
            feeds -= 1
            self._after_cr = False
        if octets.endswith(b"\r"):
            returns -= 1
            self._after_cr = True
        if not returns == feeds == pairs or (whole and self._after_cr):
            raise BareLineEnd


TOO_MANY_CHUNKS: Final = Reply(554, "5.5.0", "Too many chunks")
CHUNK_SYNTAX: Final = Reply(521, "5.5.4", "The length of a chunk cannot be read, closing")
CHUNK_TOO_LARGE: Final = Reply(552, "5.3.4", "Chunk too large, closing")
