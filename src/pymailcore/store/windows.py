"""A window of the Emails that a filter takes (RFC 8620 section 5.5): position, anchor, limit, total."""

import functools
from array import array
from collections.abc import Sequence
from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId
from pymailcore.runtime.threads import compute
from pymailcore.store import evaluate, listing
from pymailcore.store.engine import Engine
from pymailcore.store.query import Filter, Sort
from pymailcore.store.types import Numbers

INLINE: Final = 10_000
"""Emails of which a window is cut on the loop; more of them in a thread."""


async def window(
    engine: Engine,
    account: AccountId,
    filter: Filter,
    sort: Sequence[Sort],
    *,
    collapse_threads: bool,
    position: int,
    limit: int,
    anchor: int | None,
    anchor_offset: int,
    total: bool,
) -> tuple[list[int], int, int | None, int]:
    """See `Store.query`: a Mailbox by time is read as far as the window needs, all else is evaluated.

    Raises:
        NotFound: the anchor is not in the result.
    """
    listed = listing.listed_mailbox(filter, sort)
    if listed is not None and anchor is None and 0 <= position <= listing.MAX_REACH - limit:
        ids, count, state = await engine.database.read(
            lambda tx: listing.list_mailbox(
                tx, account, listed, ascending=sort[0].ascending, collapse_threads=collapse_threads,
                position=position, limit=limit,
            )
        )  # fmt: skip
        return ids, position, count if total else None, state
    from_start = anchor is None and not collapse_threads and 0 <= position <= listing.MAX_REACH - limit
    reach = evaluate.Reach(position + limit, total) if from_start else None
    found, state = await evaluate.query_slowly(engine, account, filter, sort, reach)
    if isinstance(found, evaluate.First):
        return found.ids[position : position + limit], position, found.total, state
    cut = functools.partial(
        page, found, collapse_threads=collapse_threads, position=position, limit=limit,
        anchor=anchor, anchor_offset=anchor_offset,
    )  # fmt: skip
    ids, first, count = await compute(cut) if len(found.emails) > INLINE else cut()
    return ids, first, count if total else None, state


def page(
    found: evaluate.Found,
    *,
    collapse_threads: bool,
    position: int,
    limit: int,
    anchor: int | None,
    anchor_offset: int,
) -> tuple[list[int], int, int]:
    """Cut a window out of a result: ids, position of the first, total (RFC 8620 section 5.5).

    Raises:
        NotFound: the anchor is not in the result.
    """
    ids = firsts(found) if collapse_threads else found.emails
    if anchor is not None:
        try:
            position = max(0, ids.index(anchor) + anchor_offset)
        except ValueError:
            raise NotFound("the anchor is not in the result") from None
    elif position < 0:
        position = max(0, len(ids) + position)
    return ids[position : position + limit].tolist(), position, len(ids)


def firsts(found: evaluate.Found) -> Numbers:
    """The first Email of each Thread."""
    seen: set[int] = set()
    ids = array("q")
    for id_, thread in zip(*found, strict=True):
        if thread not in seen:
            seen.add(thread)
            ids.append(id_)
    return ids
