"""What FETCH answers from what is kept ready: each item is a column over a batch of rows.

Standards: RFC 3501 section 7.4.2, RFC 8514 section 4.2 (SAVEDATE), RFC 8970 section 3 (PREVIEW).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymailcore.base.ids import EMAIL, THREAD, encode_id
from pymailcore.imap.protocol.dates import encode_internal_date
from pymailcore.imap.protocol.enabled import Enabled
from pymailcore.imap.protocol.fetch_items import Attribute
from pymailcore.imap.protocol.responses import string
from pymailcore.imap.view import View, flags_wire
from pymailcore.store.types import FetchRow, Want

PREVIEW_LENGTH: Final = 200
"""Characters of a preview (RFC 8970 section 3.3)."""

Rows = Sequence[FetchRow]
_Column = Callable[[Rows, View], Sequence[object]]


def _flags(rows: Rows, view: View) -> Sequence[object]:
    recent_from = view.recent_from
    return [flags_wire(row[2:5], row[0] >= recent_from) for row in rows]


def fetch_start(enabled: Enabled) -> bytes:
    """How the answer for a message begins; its number, or UID, is to be put in (RFC 9586: UIDFETCH)."""
    return b"* %d UIDFETCH (" if enabled.uid_only else b"* %d FETCH ("


def _ids(kind: str, numbers: Iterable[int]) -> list[bytes]:
    return [encode_id(kind, number).encode("ascii") for number in numbers]


COLUMNS: Final[Mapping[Attribute, tuple[bytes, Want, _Column]]] = MappingProxyType(
    {
        Attribute.UID: (b"UID %d", Want.NONE, lambda rows, _: [row.uid for row in rows]),
        Attribute.FLAGS: (b"FLAGS (%b)", Want.NONE, _flags),
        Attribute.INTERNALDATE: (
            b'INTERNALDATE "%b"',
            Want.FACTS,
            lambda rows, _: [encode_internal_date(row.received_ms) for row in rows],
        ),
        Attribute.SIZE: (b"RFC822.SIZE %d", Want.FACTS, lambda rows, _: [row.size_octets for row in rows]),
        Attribute.SAVEDATE: (
            b'SAVEDATE "%b"',
            Want.SAVED,
            lambda rows, _: [encode_internal_date(row.saved_ms) for row in rows],
        ),
        Attribute.PREVIEW: (
            b"PREVIEW %b",
            Want.PREVIEW,
            lambda rows, _: [string((row.preview or "")[:PREVIEW_LENGTH].encode()) for row in rows],
        ),
        Attribute.MODSEQ: (b"MODSEQ (%d)", Want.NONE, lambda rows, _: [row.modseq for row in rows]),
        Attribute.EMAILID: (
            b"EMAILID (%b)",
            Want.NONE,
            lambda rows, _: _ids(EMAIL, (row.email for row in rows)),
        ),
        Attribute.THREADID: (
            b"THREADID (%b)",
            Want.FACTS,
            lambda rows, _: _ids(THREAD, (row.thread for row in rows)),
        ),
        Attribute.ENVELOPE: (b"ENVELOPE %b", Want.ENVELOPE, lambda rows, _: [row.envelope for row in rows]),
        Attribute.BODY: (b"BODY %b", Want.BODY, lambda rows, _: [row.body for row in rows]),
        Attribute.BODYSTRUCTURE: (
            b"BODYSTRUCTURE %b",
            Want.BODYSTRUCTURE,
            lambda rows, _: [row.bodystructure for row in rows],
        ),
    }
)
"""For each item its %-template, the columns of the store that it needs, and what writes it for many rows."""
