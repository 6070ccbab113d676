"""Where readers put text, and the ways in which reading ends before the end."""

import re
from typing import Final

_NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_HIDDEN: Final = re.compile("[\u00ad\ufeff]")


class Unreadable(Exception):
    """Reading ends here; what was gathered so far stays."""


class Damaged(Unreadable):
    """The attachment is not what it should be."""


class Encrypted(Unreadable):
    """It cannot be read without a password."""


class LimitReached(Unreadable):
    """One of `Limits`; the text names it."""


class Unknown(Unreadable):
    """A format that nobody here reads."""


class Full(Unreadable):
    """As much text as may be taken has been gathered."""


class Gathering:
    """Text in pieces, up to a number of octets in UTF-8.

    Args:
        limit_octets: when more comes, the beginning of it is taken up to the limit, and `Full` is raised.
    """

    def __init__(self, limit_octets: int) -> None:
        self._left_octets = limit_octets
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        """Take a piece: line ends become LF, what is no text becomes a space or goes.

        Raises:
            Full: there was more than the limit.
        """
        text = _HIDDEN.sub("", _NO_TEXT.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")))
        octets = text.encode("utf-8")
        if len(octets) > self._left_octets:
            self._pieces.append(octets[: self._left_octets].decode("utf-8", "ignore"))
            self._left_octets = 0
            raise Full
        self._left_octets -= len(octets)
        self._pieces.append(text)

    @property
    def text(self) -> str:
        """All of it; empty when there is nothing but white space."""
        return "".join(self._pieces).strip()
