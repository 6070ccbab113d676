"""A window of a result (RFC 8620 section 5.5; RFC 8621 section 4.4.3)."""

from array import array
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.searching import index_all
from tests.support.stores import RECEIVED_MS, Opened, a_message

from pymailcore.base.errors import NotFound
from pymailcore.store import compiling, windows
from pymailcore.store import query as q
from pymailcore.store.evaluate import First, Found, Reach, query_slowly
from pymailcore.store.keywords import Keywords, keywords_of

SEEN: Final = keywords_of(["$seen"])
SORTS: Final[list[list[q.Sort]]] = [
    [],
    [q.Sort(q.SortKey.RECEIVED, ascending=False)],
    [q.Sort(q.SortKey.SUBJECT), q.Sort(q.SortKey.SIZE, ascending=False)],
    [q.Sort(q.SortKey.HAS_KEYWORD, ascending=False, keywords=SEEN), q.Sort(q.SortKey.FROM)],
    [q.Sort(q.SortKey.SOME_IN_THREAD, keywords=SEEN)],
]
WINDOWS: Final = [
    (position, limit, total)
    for position, limit in ((0, 3), (2, 4), (5, 0), (0, 0), (11, 5), (50, 2))
    for total in (False, True)
]
FILTERS: Final[list[q.Filter]] = [
    q.Size(least=1),
    q.Size(below=0),
    q.Contains(q.Field.BODY, "even"),
    q.Or((q.Contains(q.Field.SUBJECT, "s1"), q.HasKeywords(SEEN))),
]


@pytest.mark.parametrize("tail", [False, True], ids=["known", "with a tail"])
async def test_a_window_from_the_start_is_that_of_the_whole(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tail: bool
) -> None:
    """The database is asked for no more than a window wants; where it must be looked at messages, for all."""
    monkeypatch.setattr(compiling, "SHORT", 0)
    for n in range(12):
        body = "even\r\n" if n % 2 == 0 else "odd\r\n"
        octets = a_message(f"s{n % 5}", body=body, sender=f"p{n % 3}@example.org")
        await opened.deliver(
            octets, keywords=SEEN if n % 3 == 0 else Keywords(), received_ms=RECEIVED_MS + n % 4
        )
    await index_all(opened)
    if tail:
        await opened.deliver(a_message("s1", body="even\r\n"))
    query = opened.store.query
    for node in FILTERS:
        for sort in SORTS:
            every, *_ = await query(opened.account, node, sort, position=-1_000, limit=1_000)
            for position, limit, total in WINDOWS:
                ids, at, count, _ = await query(
                    opened.account, node, sort, position=position, limit=limit, total=total
                )
                assert ids == every[position : position + limit], (node, sort, position, limit)
                assert (at, count) == (position, len(every) if total else None)


async def test_no_more_is_fetched_than_a_window_wants(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless messages must be looked at, which may drop any."""
    monkeypatch.setattr(compiling, "SHORT", 0)
    for n in range(5):
        await opened.deliver(a_message(f"s{n}", body="even\r\n"))
    await index_all(opened)
    engine, reach = opened.store.engine, Reach(2, total=True)
    found, _ = await query_slowly(engine, opened.account, FILTERS[2], [], reach)
    assert isinstance(found, First)
    assert (len(found.ids), found.total) == (2, 5)
    await opened.deliver(a_message("last", body="even\r\n"))
    found, _ = await query_slowly(engine, opened.account, FILTERS[2], [], reach)
    assert isinstance(found, Found)
    assert len(found.emails) == 6


@given(
    found=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), unique_by=lambda row: row[0]),
    collapse=st.booleans(),
    position=st.integers(-40, 40),
    limit=st.integers(0, 40),
    anchor=st.none() | st.integers(0, 30),
    offset=st.integers(-40, 40),
)
def test_a_window_is_that_of_a_plain_list(
    found: list[tuple[int, int]], collapse: bool, position: int, limit: int, anchor: int | None, offset: int
) -> None:
    """RFC 8620 section 5.5; RFC 8621 section 4.4.3."""
    plain = [
        id_ for n, (id_, thread) in enumerate(found)
        if not collapse or thread not in [other for _, other in found[:n]]
    ]  # fmt: skip
    arguments = {"collapse_threads": collapse, "position": position, "limit": limit, "anchor_offset": offset}
    rows = Found(array("q", [row[0] for row in found]), array("q", [row[1] for row in found]))
    if anchor is not None and anchor not in plain:
        with pytest.raises(NotFound):
            windows.page(rows, **arguments, anchor=anchor)  # type: ignore[arg-type]
        return
    start = position + (len(plain) if position < 0 else 0) if anchor is None else plain.index(anchor) + offset
    expected = [plain[n] for n in range(len(plain)) if max(start, 0) <= n < max(start, 0) + limit]
    ids, first, total = windows.page(rows, **arguments, anchor=anchor)  # type: ignore[arg-type]
    assert (ids, total) == (expected, len(plain))
    assert first == max(start, 0)


async def test_a_window_of_very_many_emails_is_cut_in_a_thread(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives what one that is cut on the loop gives; what is refused is refused."""
    ids = [(await opened.deliver(a_message(f"s{n}"))).email for n in range(5)]
    by_id = [q.Sort(q.SortKey.SIZE)]
    query = opened.store.query
    expected = await query(opened.account, q.And(()), by_id, anchor=ids[3], anchor_offset=-1, total=True)
    assert expected[:3] == (ids[2:], 2, 5)
    monkeypatch.setattr(windows, "INLINE", 0)
    again = await query(opened.account, q.And(()), by_id, anchor=ids[3], anchor_offset=-1, total=True)
    assert again == expected
    with pytest.raises(NotFound):
        await query(opened.account, q.And(()), by_id, anchor=ids[0] - 1)
