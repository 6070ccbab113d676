r"""Keywords of an Email: a set of bits for the common ones and text for the rest.

Standards: RFC 8621 section 4.1.1 (keywords), RFC 9051 section 2.3.2 (flags), RFC 5788 (registry).

A set is the pair (flags, extra): `flags` has bit n set for `SYSTEM[n]`, `extra` holds all other keywords,
lower case, sorted, joined by one space. Equal sets are equal pairs, so a protocol can cache what it makes
of a pair. `\Deleted` is no keyword: it belongs to a placement.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

SYSTEM: Final = (
    "$seen",
    "$answered",
    "$flagged",
    "$draft",
    "$forwarded",
    "$mdnsent",
    "$junk",
    "$notjunk",
    "$phishing",
    "$important",
)
SEEN: Final = 1
ANSWERED: Final = 2
FLAGGED: Final = 4
DRAFT: Final = 8

MAX_KEYWORDS: Final = 128  # on one Email
MAX_KEYWORD_OCTETS: Final = 255  # RFC 8621 section 4.1.1

_BIT: Final = {name: 1 << n for n, name in enumerate(SYSTEM)}


class Keywords(NamedTuple):
    """A set of keywords."""

    flags: int = 0
    extra: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All names in it, the common ones first."""
        return keyword_names(self.flags, self.extra)

    def __or__(self, other: tuple[int, str]) -> "Keywords":
        flags, extra = other
        return Keywords(self.flags | flags, _joined(set(self.extra.split()) | set(extra.split())))

    def without(self, other: tuple[int, str]) -> "Keywords":
        """What is in this set and not in the other."""
        flags, extra = other
        return Keywords(self.flags & ~flags, _joined(set(self.extra.split()) - set(extra.split())))


def _joined(names: set[str]) -> str:
    return " ".join(sorted(names))


def keywords_of(names: Iterable[str]) -> Keywords:
    """Make a set of names in any case; the caller has checked their spelling."""
    flags = 0
    extra = set()
    for name in names:
        folded = name.lower()
        bit = _BIT.get(folded)
        if bit is None:
            extra.add(folded)
        else:
            flags |= bit
    return Keywords(flags, _joined(extra))


@lru_cache(maxsize=4096)
def keyword_names(flags: int, extra: str) -> tuple[str, ...]:
    """Give the names of a set; remembered, since a mailbox has few different sets."""
    return (*(name for name, bit in _BIT.items() if flags & bit), *extra.split())
