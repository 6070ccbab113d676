"""P6: what a search keeps of each Email does not grow with the conditions of its filter."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Final

import pytest
from tests.support import hostile
from tests.support.stores import Opened

from pymailcore.store import query as q
from pymailcore.store.evaluate import Candidates, First, candidates_of
from pymailcore.store.keywords import keywords_of

ROWS: Final = 8_000
MANY_ROWS: Final = 200_000
OCTETS_OF_A_ROW: Final = 200
"""What Python holds at most while it fetches, by row: some 45, and 700,000 for the statement; a hundred
columns took 900."""

NEWEST: Final = [q.Sort(q.SortKey.RECEIVED, ascending=False)]


def texts(count: int) -> list[q.Filter]:
    """Conditions that no index answers here, as there is none."""
    return [q.Contains(q.Field.BODY, f"q{n}x") for n in range(count)]


def others(count: int) -> list[q.Filter]:
    """Conditions that rows answer, each for other rows."""
    keywords = [keywords_of(["work", f"k{n}"]) for n in range(count)]
    return [q.HasKeywords(keywords[n]) if n % 2 else q.Size(least=200 + n) for n in range(count)]


FILTERS: Final[dict[str, Callable[[], q.Filter]]] = {
    "texts": lambda: q.Or(tuple(texts(100))),
    "texts and others": lambda: q.Or((*texts(50), *others(50))),
    "exclusions": lambda: q.And(tuple([q.Not(one) for one in texts(100)])),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_a_row_is_small_whatever_the_filter_has(opened: Opened, name: str) -> None:
    engine = opened.store.engine
    await hostile.fill_with_one_thread(opened.store, opened.account, opened.mailbox("INBOX"), ROWS)
    node = FILTERS[name]()

    async def found() -> Candidates | First:
        plan = candidates_of(engine.text_index, opened.account, node, NEWEST)
        return (await engine.reading(lambda _: plan))[0]

    assert (await found()).total == ROWS
    tracemalloc.start()
    try:
        assert (await found()).total == ROWS
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most / ROWS < OCTETS_OF_A_ROW


@pytest.mark.long
@pytest.mark.parametrize("name", FILTERS)
async def test_a_hundred_conditions_on_very_many_emails(
    opened: Opened, name: str, say: Callable[[str], None]
) -> None:
    """The whole search: rows, then all that is looked at."""
    await hostile.fill_with_one_thread(opened.store, opened.account, opened.mailbox("INBOX"), MANY_ROWS)
    ids, *_ = await opened.store.query(opened.account, q.Size(below=0), NEWEST)
    assert ids == []
    gc.collect()
    before = hostile.peak(anew=True)
    _, _, total, _ = await opened.store.query(opened.account, FILTERS[name](), NEWEST, total=True)
    grown = hostile.peak() - before
    where = f"{MANY_ROWS} Emails on {opened.store.database.kind}"
    say(f"a hundred conditions ({name}) on {where}: {grown / 2**20:+.0f} MiB, {total} found")
    assert grown < hostile.MOST_GROWTH
