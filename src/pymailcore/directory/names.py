"""Names of tenants, domains and groups of addresses: which there may be, and their one form.

Standards: RFC 5890 section 2.3.2.1 (A-label, U-label), RFC 5321 sections 2.3.11 and 2.4 (the local part is
for its own domain to understand), RFC 6531 section 3.3 (local parts beyond ASCII), RFC 8265 section 3.3 (case
folding).

Rules. A domain is kept in lower case with A-labels and shown with U-labels. Local parts are equal when they
are after NFC and case folding (`base.address.Address.key`); the form in which an address was given first is
kept to be shown. A wildcard is an address whose local part has exactly one `*`, which stands for any text,
also for none.
"""

import re
from typing import Final, NamedTuple

from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import InvalidValue

MAX_TEXT: Final = 200
"""Characters of a name that is only shown, or of a reason."""

_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


def tenant_name(text: str) -> str:
    """Check the name of a tenant: lower-case letters, digits and dashes, 63 at most, no dash in front.

    Raises:
        InvalidValue: it is none.
    """
    if not _TENANT.match(text):
        raise InvalidValue(f"{text!r} is no name of a tenant: small letters, digits and dashes, at most 63")
    return text


def domain_name(text: str) -> str:
    """Give a domain its one form (`base.address.normalise_domain`).

    Raises:
        InvalidValue: it is none.
    """
    domain = normalise_domain(text)
    if domain is None or domain.startswith("["):
        raise InvalidValue(f"{text!r} is no domain")
    return domain


def shown_domain(domain: str) -> str:
    """The form of a domain for people: with U-labels."""
    return ".".join(_u_label(label) for label in domain.split("."))


def _u_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label


def shown_text(text: str) -> str:
    """Check a text that is only shown: one line without control characters.

    Raises:
        InvalidValue: it is too long, or has other characters.
    """
    if len(text) > MAX_TEXT:
        raise InvalidValue(f"a name or reason has at most {MAX_TEXT} characters")
    if text and not text.isprintable():
        raise InvalidValue("a name or reason is one line without control characters")
    return text.strip()


class Pattern(NamedTuple):
    """A wildcard address: what stands before the `*` of its local part, and behind it; both folded."""

    prefix: str
    suffix: str
    domain: str

    @classmethod
    def of(cls, address: Address) -> "Pattern | None":
        """Read an address as a wildcard; None when it is none."""
        localpart = Address(address.localpart, "").key[:-1]
        if localpart.count("*") != 1:
            return None
        prefix, _, suffix = localpart.partition("*")
        return cls(prefix, suffix, address.domain)

    @property
    def key(self) -> str:
        """The form in which it is kept."""
        return f"{self.prefix}*{self.suffix}@{self.domain}"

    @property
    def is_catch_all(self) -> bool:
        """Whether it takes every local part."""
        return not self.prefix and not self.suffix

    @property
    def rank(self) -> tuple[int, int, str]:
        """Sorts wildcards: the one that says most comes first, a catch-all last."""
        return (-len(self.prefix) - len(self.suffix), -len(self.prefix), self.key)

    def overlaps(self, other: "Pattern") -> bool:
        """Whether there are local parts for which both stand."""
        return (self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)) and (
            self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix)
        )

    def matches(self, localpart: str) -> bool:
        """Whether it stands for a local part, which is folded."""
        return (
            len(localpart) >= len(self.prefix) + len(self.suffix)
            and localpart.startswith(self.prefix)
            and localpart.endswith(self.suffix)
        )
