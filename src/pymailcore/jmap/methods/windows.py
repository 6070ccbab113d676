"""The window of a result that a /query asks for, where the whole result is at hand.

Standards: RFC 8620 section 5.5.
"""

from collections.abc import Sequence

from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.standard import Query


def window(found: Sequence[str], query: Query, *, most: int) -> tuple[list[str], int]:
    """Cut the window out of a result; gives it with the place of its first item.

    Raises:
        MethodError: anchorNotFound.
    """
    if query.anchor is not None:
        if query.anchor not in found:
            raise MethodError("anchorNotFound")
        start = max(0, found.index(query.anchor) + query.anchor_offset)
    elif query.position < 0:
        start = max(0, len(found) + query.position)
    else:
        start = query.position
    start = min(start, len(found))
    limit = most if query.limit is None else min(query.limit, most)
    return list(found[start : start + limit]), start
