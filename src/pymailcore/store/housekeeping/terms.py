"""Whose turn it is to keep house: a number in a row, which fences off whoever was housekeeper before.

Theory: the lock "house" says who may begin, and a lock can be lost without its holder's knowing at once: a
process that was stopped, a network that is cut. So a new housekeeper first writes down a number of its own,
its term. Each slice of housekeeping looks, in its own transaction, whether the term there is still its own,
and keeps that row from being changed until it has ended. So a new term waits for the slice that is being
written, and after it no slice of an older term is committed any more: rows are safe whatever clocks and
networks do.

Files and objects cannot be removed inside a transaction. The term is looked at just before
(`House.can_remove`), for each few of them; a process that is stopped between that look and the removal
removes late. What it then removes are packs and objects that had been named by nothing for
`pack_gone_minutes` or a day when it looked, and that no row can come to name (ops.blob_rows); every later
housekeeper finds the same and removes the same. The number of a pack is never used again, so it is never
another one that is hit.

Moving blobs out of rows into objects (`objects.packing`), bringing damaged ones back (`healing`) and counting
(`Quotas.count`) need no fence: the first two change only rows that are still as they were read, the last
writes what anybody would count.
"""

from typing import Final

import orjson

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.types import Transaction

NAME: Final = "term"

_MAKE: Final = (
    "INSERT INTO chores (name, place, begun_ms, ended_ms) VALUES (?1, '{}', 0, 0)"
    " ON CONFLICT (name) DO NOTHING"
)
_LOCK: Final = "SELECT name FROM chores WHERE name = ?1 /*lock*/"
_SET: Final = "UPDATE chores SET place = ?2, begun_ms = ?3 WHERE name = ?1"
_LOOK: Final = "SELECT place FROM chores WHERE name = ?1"
_SHARE: Final = f"{_LOOK} /*share*/"


class TermOver(TemporaryFailure):
    """Another process keeps house now."""


async def begin(tx: Transaction, term: str, now_ms: int) -> None:
    """Begin a term, and end every other."""
    await tx.run(_MAKE, NAME)
    await tx.row(_LOCK, NAME)
    await tx.run(_SET, NAME, orjson.dumps({"term": term}).decode(), now_ms)


async def require(tx: Transaction, term: str, *, reading: bool = False) -> None:
    """Make sure that a term lasts, and goes on lasting until this transaction has ended.

    Args:
        reading: only look, in a transaction that cannot keep anybody waiting.

    Raises:
        TermOver: it does not.
    """
    row = await tx.row(_LOOK if reading else _SHARE, NAME)
    if row is None or orjson.loads(row[0]).get("term") != term:
        raise TermOver("another process keeps house now")
