"""Fills columns that a migration has added, or whose form has changed, from what rows have in other forms.

A fill is an operation over everything there is, run in the transaction of its migration, so that no code
ever meets a row that lacks what its schema promises. It takes some 40 µs an Email that it makes anew.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from pymailcore.message import facts as message_facts
from pymailcore.store.columns import DamagedColumn, unpack_column
from pymailcore.store.folding import HEADER_COLUMNS, HeaderValues, header_values
from pymailcore.store.types import Row, Transaction

_SLICE: Final = 500
_ROWS: Final = (
    "SELECT d.email, d.facts, d.envelope FROM email_data d JOIN email_headers h ON h.email = d.email"
    " WHERE d.email > ?1{} ORDER BY d.email LIMIT ?2"
)
_TEXTS: Final = "h.from_text || h.to_text || h.cc_text || h.bcc_text || h.subject_text"
_EVERY: Final = _ROWS.format("")
_NOT_ASCII: Final = _ROWS.format(f" AND octet_length({_TEXTS}) > length({_TEXTS})")
_UPDATE: Final = (
    "UPDATE email_headers SET "  # noqa: S608 - names of columns, which are constants
    + ", ".join(f"{column} = ?{place}" for place, column in enumerate(HEADER_COLUMNS, 2))
    + " WHERE email = ?1"
)


async def refill_headers(tx: Transaction) -> int:
    """Make email_headers anew from the facts of each Email; gives how many.

    Rows whose facts cannot be read stay as they are; `verify` finds them.
    """
    return await _refill(tx, _EVERY)


async def refill_folded(tx: Transaction) -> int:
    """The same for texts that are not ASCII alone: some of these `folding.fold` made otherwise once.

    U+0130 and ligatures with marks behind them; no needle found such a text.
    """
    return await _refill(tx, _NOT_ASCII)


async def _refill(tx: Transaction, sql: str) -> int:
    place, count = -1, 0
    while rows := await tx.rows(sql, place, _SLICE):
        fresh = [(row[0], *values.columns) for row in rows if (values := _values(row)) is not None]
        await tx.run_many(_UPDATE, fresh)
        place, count = rows[-1][0], count + len(fresh)
    return count


def _values(row: Row) -> HeaderValues | None:
    try:
        return header_values(message_facts.unpack(unpack_column(bytes(row[1]))), bytes(row[2]))
    except (msgspec.MsgspecError, DamagedColumn, ValueError):
        return None


FILLS: Final[Mapping[int, Callable[[Transaction], Awaitable[object]]]] = MappingProxyType(
    {3: refill_headers, 7: refill_folded}
)
"""By the number of the migration after whose statements they run."""
