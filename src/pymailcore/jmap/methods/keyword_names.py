"""Keywords as a client names them.

Standards: RFC 8621 section 4.1.1 (`keywords`).
"""

from collections.abc import Iterable
from typing import Final

from pymailcore.jmap.protocol.errors import SetError, invalid_properties
from pymailcore.store.keywords import MAX_KEYWORD_OCTETS, MAX_KEYWORDS, Keywords, keywords_of

_FORBIDDEN: Final = frozenset('(){]%*"\\')


def is_keyword(name: str) -> bool:
    """Whether a text is a keyword: 1 to 255 visible ASCII characters without those of _FORBIDDEN."""
    return (
        0 < len(name) <= MAX_KEYWORD_OCTETS
        and all("!" <= character <= "~" for character in name)
        and not _FORBIDDEN.intersection(name)
    )


def keyword_set(names: Iterable[str]) -> Keywords:
    """Make a set of names.

    Raises:
        SetError: invalidProperties for what is no keyword, tooManyKeywords.
    """
    taken = list(names)
    if any(not is_keyword(name) for name in taken):
        raise invalid_properties(["keywords"], "a name that is no keyword")
    if len(taken) > MAX_KEYWORDS:
        raise SetError("tooManyKeywords")
    return keywords_of(taken)


def keywords_property(value: object) -> Keywords:
    """Read the `keywords` property: names to true."""
    if not isinstance(value, dict) or not all(item is True for item in value.values()):
        raise invalid_properties(["keywords"], "keywords maps names to true")
    return keyword_set(value)
