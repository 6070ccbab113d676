"""What a client has switched on for its connection.

Standards: RFC 5161 section 3 (ENABLE), RFC 9051 section 6.3.1; the features beside each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(slots=True)
class Enabled:
    """Features that change what both sides may say; each stays on until the connection ends.

    Attributes:
        rev2: IMAP4rev2 (RFC 9051).
        utf8_accept: UTF-8 in strings (RFC 6855 section 3).
        condstore: mod-sequences are told with all changes (RFC 7162 section 3.1); other commands switch it
            on, too.
        qresync: VANISHED in place of EXPUNGE (RFC 7162 section 3.2.3).
        uid_only: no numbers of messages in either direction (RFC 9586).
    """

    rev2: bool = False
    utf8_accept: bool = False
    condstore: bool = False
    qresync: bool = False
    uid_only: bool = False

    @property
    def vanished(self) -> bool:
        """Whether VANISHED says what is expunged."""
        return self.qresync or self.uid_only

    @property
    def utf8(self) -> bool:
        """Whether names and strings are UTF-8, and names are not in modified UTF-7."""
        return self.rev2 or self.utf8_accept


def _rev2(enabled: Enabled) -> None:
    enabled.rev2 = True


def _utf8_accept(enabled: Enabled) -> None:
    enabled.utf8_accept = True


def _condstore(enabled: Enabled) -> None:
    enabled.condstore = True


def _qresync(enabled: Enabled) -> None:
    enabled.condstore = enabled.qresync = True


def _uid_only(enabled: Enabled) -> None:
    enabled.uid_only = True


SWITCHES: Final[Mapping[str, tuple[bytes, Callable[[Enabled], None]]]] = MappingProxyType(
    {
        "IMAP4REV2": (b"IMAP4rev2", _rev2),
        "UTF8=ACCEPT": (b"UTF8=ACCEPT", _utf8_accept),
        "CONDSTORE": (b"CONDSTORE", _condstore),
        "QRESYNC": (b"QRESYNC", _qresync),
        "UIDONLY": (b"UIDONLY", _uid_only),
    }
)
"""What ENABLE takes, in upper case: the name as it is announced, and what it does."""
