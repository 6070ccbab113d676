"""A window of the Emails that a filter takes (RFC 8620 section 5.5): position, anchor, limit, total."""

import functools
from collections.abc import Sequence
from typing import Final

import trio

from pymailcore.base.ids import AccountId
from pymailcore.store import evaluate, listing
from pymailcore.store.engine import Engine
from pymailcore.store.query import Filter, Sort

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
    found, state = await evaluate.query_slowly(engine, account, filter, sort)
    cut = functools.partial(
        evaluate.page, found, collapse_threads=collapse_threads, position=position, limit=limit,
        anchor=anchor, anchor_offset=anchor_offset,
    )  # fmt: skip
    ids, first, count = await trio.to_thread.run_sync(cut) if len(found) > INLINE else cut()
    return ids, first, count if total else None, state
