"""Sizes and numbers as people write them."""

import re
from typing import Final

from pymailcore.base.errors import InvalidValue

_SIZE: Final = re.compile(r"(\d{1,15})([KMGT]?)\Z", re.ASCII | re.IGNORECASE)


def read_size(text: str, *, plain: bool) -> int | None:
    """Read a number, or a size such as 500M or 5G; "none" gives None.

    Args:
        plain: a number without a unit.

    Raises:
        InvalidValue: it is none of these.
    """
    if text.lower() == "none":
        return None
    match = _SIZE.match(text)
    if match is None or (plain and match[2]):
        raise InvalidValue(f"{text!r} is neither a {'number' if plain else 'size'} nor none")
    return int(match[1]) << (10 * " KMGT".index(match[2].upper() or " "))
