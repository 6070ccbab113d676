"""SASLprep: names and passwords in the one form in which they are compared and hashed.

Standards: RFC 4013 section 2, which takes Unicode 3.2 (RFC 3454) for its measure: what was added to Unicode
later is unassigned here.
"""

import stringprep
import unicodedata
from typing import Final

from pymailcore.base.errors import InvalidValue

_UNICODE: Final = unicodedata.ucd_3_2_0
# RFC 4013 section 2.3; C.1.2 is gone by then, but for what NFKC brings back.
_PROHIBITED: Final = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, *, stored: bool) -> str:
    """Prepare a name or a password.

    Args:
        text: bounded by the caller; the work grows with its length.
        stored: to be kept (RFC 3454 section 7: nothing unassigned), or only to be compared with what is.

    Raises:
        InvalidValue: it has a character that may not be in it.
    """
    if text.isascii():
        if not text.isprintable():  # tables C.2.1 and C.2.2 of ASCII
            raise InvalidValue("a control character is not allowed")
        return text
    mapped = "".join(_mapped(character) for character in text)
    prepared = _UNICODE.normalize("NFKC", mapped)
    for character in prepared:
        if any(is_in(character) for is_in in _PROHIBITED):
            raise InvalidValue("a character is not allowed")
        if stored and stringprep.in_table_a1(character):
            raise InvalidValue("a character is not assigned in Unicode 3.2")
    _check_direction(prepared)
    return prepared


def _mapped(character: str) -> str:
    """RFC 4013 section 2.1: other spaces become spaces, what is commonly ignored goes."""
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _check_direction(text: str) -> None:
    """RFC 3454 section 6: text that runs from right to left does so from end to end."""
    right = [stringprep.in_table_d1(character) for character in text]
    if not any(right):
        return
    if any(map(stringprep.in_table_d2, text)):
        raise InvalidValue("both directions of writing are mixed")
    if not (right[0] and right[-1]):
        raise InvalidValue("text from right to left does not begin and end so")
