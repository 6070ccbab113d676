"""Received fields read: which host took the message from which, and when.

Standards: RFC 5321 section 4.4 (trace information), RFC 5322 section 3.6.7, RFC 3848 (protocol names).

What the last server of ours wrote can be trusted; all below it is what others said.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

from pymailcore.message.dates import parse_date
from pymailcore.message.fields import unfolded

_MAX_LENGTH: Final = 8192
_TOKEN: Final = re.compile(
    r'\((?:[^()\\]++|\\.)*+\)|"(?:[^"\\]++|\\.)*+"?|<[^<>\s]*+>?|;|[^\s()"<;]++|.', re.DOTALL
)
_CLAUSES: Final = frozenset(("from", "by", "via", "with", "id", "for"))
_ADDRESS: Final = re.compile(r"\[(?:ipv6:)?([0-9a-f:.]{2,45})\]", re.IGNORECASE)


class Received(NamedTuple):
    """The clauses of one field; None for those that are not there.

    Attributes:
        from_: what the client said in EHLO or HELO.
        from_address: its IP address, as the server saw it.
        with_: protocol, such as "ESMTPS".
        for_: the recipient, without angle brackets.
        comments: without parentheses, in their order, by the clause that they follow.
    """

    from_: str | None
    from_address: str | None
    by: str | None
    via: str | None
    with_: str | None
    id: str | None
    for_: str | None
    date: datetime | None
    comments: tuple[tuple[str, str], ...]


def parse_received(raw: bytes) -> Received:
    """Read a raw Received value; never raises, whatever it is."""
    text = unfolded(raw[:_MAX_LENGTH])
    clauses: dict[str, str] = {}
    comments: list[tuple[str, str]] = []
    clause = ""
    date_place = -1
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if piece == ";":
            date_place = match.end()
        elif piece[0] == "(" and len(piece) > 1:
            comments.append((clause, piece[1:-1].strip()))
        elif piece.lower() in _CLAUSES and piece.lower() not in clauses and (not clause or clause in clauses):
            clause = piece.lower()
        elif clause and clause not in clauses and not piece.isspace():
            clauses[clause] = piece.strip("<>")
    # what stands behind the last ";" is the date
    date = parse_date(text[date_place:]) if date_place >= 0 else None
    seen = [clauses.get("from", ""), *(comment for clause, comment in comments if clause == "from")]
    address = next((found[1] for part in reversed(seen) if (found := _ADDRESS.search(part))), None)
    return Received(
        clauses.get("from"),
        address,
        clauses.get("by"),
        clauses.get("via"),
        clauses.get("with"),
        clauses.get("id"),
        clauses.get("for"),
        date,
        tuple(comments),
    )
