"""Reads the words of one command.

Standards: RFC 3501 section 9 (`atom`, `astring`, `string`, `literal`, `number`, `list-mailbox`).

Every method either takes at least one octet or raises, so no input makes a parser run in circles (James
CVE-2021-40111). Octets above 127 are taken in quoted strings, as clients do send them.
"""

import re
from typing import Final

ATOM: Final = re.compile(rb"""[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+""")
_ASTRING: Final = re.compile(rb"""[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+""")
_LIST_MAILBOX: Final = re.compile(rb"""[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+""")
_FLAG: Final = re.compile(rb"""\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+""")
_QUOTED: Final = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"')
_ESCAPE: Final = re.compile(rb'\\(["\\])')
_NUMBER: Final = re.compile(rb"[0-9]{1,10}")
_TAG: Final = re.compile(rb"""[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,64}""")
_NUMBER64: Final = re.compile(rb"[0-9]{1,19}")
_SET: Final = re.compile(rb"(?:[0-9*:,]|\$(?![^ )]))+")

MAX_NUMBER: Final = 2**32 - 1
MAX_NUMBER64: Final = 2**63 - 1


class BadCommand(Exception):
    """The command breaks the grammar; the text is for the client and repeats nothing of what it sent."""


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


class Scanner:
    """A place in the pieces of one command.

    Attributes:
        utf8: names of Mailboxes are in UTF-8, as IMAP4rev2 has them, and not in modified UTF-7.
        charsets: a search may name its charset.
    """

    def __init__(self, pieces: list[bytes], *, utf8: bool = False, charsets: bool = True) -> None:
        self.utf8 = utf8
        self.charsets = charsets
        self._pieces = pieces
        self._piece = 0
        self._line = pieces[0]
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._line) and self._piece + 1 >= len(self._pieces)

    @property
    def at_blank_end(self) -> bool:
        """Whether nothing is left but spaces."""
        return self._piece + 1 >= len(self._pieces) and not self._line[self._at :].strip(b" ")

    def sees(self, octets: bytes) -> bool:
        """Whether these octets come next."""
        return self._line.startswith(octets, self._at)

    def sees_word(self, name: bytes) -> bool:
        """Whether this atom, in any case, comes next."""
        match = ATOM.match(self._line, self._at)
        return match is not None and match[0].upper() == name

    def sees_set(self) -> bool:
        """Whether a sequence set comes next."""
        return self.matches(_SET)

    def matches(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether what comes next begins as a pattern says."""
        return pattern.match(self._line, self._at) is not None

    def takes(self, octets: bytes) -> bool:
        """Take these octets if they come next."""
        if not self._line.startswith(octets, self._at):
            return False
        self._at += len(octets)
        return True

    def expect(self, octets: bytes, what: str) -> None:
        """Take these octets."""
        if not self.takes(octets):
            raise BadCommand(f"Expected {what}")

    def space(self) -> None:
        """Take the one space between arguments."""
        self.expect(b" ", "a space and another argument")

    def end(self) -> None:
        """Be at the end; spaces that some clients leave there are passed over."""
        while self.takes(b" "):
            pass
        if not self.at_end:
            raise BadCommand("Too many arguments")

    def maybe(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """Take what a pattern, which matches one octet at least, matches; None when it does not."""
        match = pattern.match(self._line, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def word(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """Take what a pattern, which matches one octet at least, matches."""
        match = pattern.match(self._line, self._at)
        if match is None:
            raise BadCommand(f"Expected {what}")
        self._at = match.end()
        return match[0]

    def tag(self) -> bytes:
        """Take a tag."""
        return self.word(_TAG, "a tag")

    def atom(self, what: str) -> bytes:
        """Take an atom."""
        return self.word(ATOM, what)

    def flag(self) -> bytes:
        """Take a flag."""
        return self.word(_FLAG, "a flag")

    def set_text(self) -> bytes:
        """Take what a sequence set is made of."""
        return self.word(_SET, "a sequence set")

    def number(self, what: str = "a number") -> int:
        """Take a number of at most 32 bits."""
        number = int(self.word(_NUMBER, what))
        if number > MAX_NUMBER:
            raise BadCommand(f"Expected {what} of at most 32 bits")
        return number

    def number64(self, what: str = "a number") -> int:
        """Take a number of at most 63 bits (RFC 9051 section 9, `number64`)."""
        number = int(self.word(_NUMBER64, what))
        if number > MAX_NUMBER64:
            raise BadCommand(f"Expected {what} of at most 63 bits")
        return number

    def skip(self) -> None:
        """Pass over all that is left."""
        self._piece = len(self._pieces) - 1
        self._line = self._pieces[self._piece]
        self._at = len(self._line)

    def string(self, what: str) -> bytes:
        """Take a quoted string or a literal."""
        if self.sees(b'"'):
            match = _QUOTED.match(self._line, self._at)
            if match is None:
                raise BadCommand(f"Expected {what} that ends with a quote")
            self._at = match.end()
            text = match[1]
            if self.utf8 and not text.isascii() and not _is_utf8(text):
                raise BadCommand(f"Expected {what} in UTF-8")
            return _ESCAPE.sub(rb"\1", text) if b"\\" in text else text
        return self.literal(what)

    def literal(self, what: str) -> bytes:
        """Take a literal."""
        if self._at != len(self._line) or self._piece + 2 >= len(self._pieces):
            raise BadCommand(f"Expected {what}")
        octets = self._pieces[self._piece + 1]
        self._piece += 2
        self._line = self._pieces[self._piece]
        self._at = 0
        return octets

    def astring(self, what: str) -> bytes:
        """Take an atom, in which `]` may stand, or a string."""
        atom = self.maybe(_ASTRING)
        return self.string(what) if atom is None else atom

    def list_mailbox(self) -> bytes:
        """Take a pattern of LIST."""
        atom = self.maybe(_LIST_MAILBOX)
        return self.string("a pattern") if atom is None else atom

    def nstring(self, what: str) -> bytes | None:
        """Take a string or NIL."""
        match = ATOM.match(self._line, self._at)
        if match is not None and match[0].upper() == b"NIL":
            self._at = match.end()
            return None
        return self.string(what)
