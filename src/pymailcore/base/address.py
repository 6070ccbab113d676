"""Mail addresses as values.

Standards: RFC 5321 sections 4.1.2 and 2.3.11, RFC 6531 section 3.3, RFC 5890 section 2.3.2.1 (A-label).

The local part is kept as the peer wrote it, without quotes; the domain is lower case, and an
internationalised one is kept in its A-label form. Comparison for look-up is by `key`, which folds the
case of the local part: that two addresses differ in case alone is something this server does not offer.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Self

MAX_LOCALPART_OCTETS: Final = 64  # RFC 5321 section 4.5.3.1.1
MAX_DOMAIN_OCTETS: Final = 255  # RFC 5321 section 4.5.3.1.2

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\ud7ff\ue000-\U0010ffff]+"
_DOT_STRING: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z")
_LITERAL: Final = re.compile(r"\[[0-9A-Za-z.:]{2,64}\]\Z")


def normalise_domain(text: str) -> str | None:
    """Give a domain its one form: lower case, A-labels, no dot at the end; None if it is no domain.

    An address literal such as `[192.0.2.1]` is given back in lower case.
    """
    if _LITERAL.match(text):
        return text.lower()
    if not text or len(text) > MAX_DOMAIN_OCTETS:
        return None
    labels = []
    for label in unicodedata.normalize("NFC", text).lower().split("."):
        ascii_label = _a_label(label)
        if ascii_label is None or not _LABEL.match(ascii_label):
            return None
        labels.append(ascii_label)
    domain = ".".join(labels)
    return domain if len(domain) <= MAX_DOMAIN_OCTETS else None


def _a_label(label: str) -> str | None:
    if label.isascii():
        return label
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:
        return None


@dataclass(frozen=True, slots=True)
class Address:
    """`localpart@domain`; RFC 5321 calls it Mailbox, a word that here means a set of Emails."""

    localpart: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `localpart@domain`, the local part quoted or not; None when it is no address.

        Controls (C1, line and paragraph separators, directions) make it none: an address stands in trace
        fields, reports, replies and logs.
        """
        localpart, at, domain = text.rpartition("@")
        if not at:
            return None
        normal = normalise_domain(domain)
        if normal is None:
            return None
        if len(localpart) >= 2 and localpart[0] == localpart[-1] == '"':
            unquoted = re.sub(r"\\(.)", r"\1", localpart[1:-1])
            if re.search(r'(?<!\\)(?:\\\\)*"', localpart[1:-1]):
                return None
            localpart = unquoted
        elif not _DOT_STRING.match(localpart):
            return None
        if not localpart.isprintable() or not 0 < len(localpart.encode()) <= MAX_LOCALPART_OCTETS:
            return None
        return cls(localpart, normal)

    @property
    def key(self) -> str:
        """The form for look-ups: NFC, case folded."""
        return unicodedata.normalize("NFC", self.localpart).casefold() + "@" + self.domain

    @property
    def is_ascii(self) -> bool:
        """Whether the address can travel without SMTPUTF8."""
        return self.localpart.isascii()

    def __str__(self) -> str:
        """The form on the wire, the local part quoted where it must be."""
        if _DOT_STRING.match(self.localpart):
            return f"{self.localpart}@{self.domain}"
        quoted = self.localpart.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"@{self.domain}'
