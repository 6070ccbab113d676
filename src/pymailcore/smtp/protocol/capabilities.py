"""What a server offers, read once from its answer to EHLO or LHLO.

Standards: RFC 5321 section 4.1.1.1, RFC 1870 section 3 (SIZE), RFC 9422 section 3 (LIMITS).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Self

from pymailcore.smtp.protocol.reply import Reply

_LIMIT: Final = re.compile(r"([A-Z0-9][A-Z0-9-]*)=([1-9][0-9]{0,5})\Z")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Keywords with their parameters, and what follows from them.

    A parameter that cannot be read counts as not given; of limits the smallest that is named twice.

    Attributes:
        size_octets: largest message taken; None: nothing was said.
        recipients_count: most recipients of one transaction (RCPTMAX).
        domains_count: most domains of the recipients of one transaction (RCPTDOMAINMAX).
        transactions_count: most transactions of one connection (MAILMAX).
    """

    keywords: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)
    size_octets: int | None = None
    recipients_count: int | None = None
    domains_count: int | None = None
    transactions_count: int | None = None

    @classmethod
    def read(cls, answer: Reply) -> Self:
        """Read the lines after the first."""
        pairs = (line.partition(" ") for line in answer.text.split("\n")[1:])
        keywords = {keyword.upper(): parameters.strip() for keyword, _, parameters in pairs}
        size = keywords.get("SIZE", "")
        limits: dict[str, int] = {}
        for word in keywords.get("LIMITS", "").upper().split():
            found = _LIMIT.match(word)
            if found is not None:
                limits[found[1]] = min(int(found[2]), limits.get(found[1], int(found[2])))
        return cls(
            keywords=MappingProxyType(keywords),
            size_octets=int(size[:20]) or None if size.isdecimal() and size.isascii() else None,
            recipients_count=limits.get("RCPTMAX"),
            domains_count=limits.get("RCPTDOMAINMAX"),
            transactions_count=limits.get("MAILMAX"),
        )

    def without(self, keyword: str) -> Self:
        """The same but for one keyword."""
        kept = {name: parameters for name, parameters in self.keywords.items() if name != keyword}
        return replace(self, keywords=MappingProxyType(kept))

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords


NOTHING_OFFERED: Final = Capabilities()
