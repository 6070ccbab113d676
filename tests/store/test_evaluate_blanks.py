"""Needles of nothing but blanks (RFC 9051 section 6.4.4): no index answers them; messages are looked at."""

import pytest
from tests.support.searching import index_all, scanned
from tests.support.stores import Opened, a_message

from pymailcore.store import query as q
from pymailcore.store.evaluate import candidates_in

HTML = "Content-Type: text/html; charset=utf-8"
BODIES = {
    1: ("word\r\n", ""),
    2: ("two words\r\n", ""),
    3: ("line\r\nline\r\n", ""),  # a line's end is white space as any other
    4: ("", ""),
    5: ("  word \r\n\r\n", ""),  # none at the ends
    6: ("<p>one</p><p>two</p>", HTML),
    7: ("a&nbsp;b", HTML),
    8: ("word,word\r\n", ""),
    9: ("word, word\r\n", ""),
}


@pytest.mark.parametrize("needle", [" ", "  ", "\t", "\u00a0"])
async def test_a_blank_is_in_what_has_two_words(opened: Opened, needle: str) -> None:
    for body, extra in BODIES.values():
        await opened.deliver(a_message("subject", body=body, extra=extra))
    inbox = opened.mailbox("INBOX")
    await index_all(opened)
    for node, expected in (
        (q.Contains(q.Field.BODY, needle), [2, 3, 6, 7, 9]),
        (q.Not(q.Contains(q.Field.BODY, needle)), [1, 4, 5, 8]),
        (q.Contains(q.Field.TEXT, needle), list(BODIES)),  # there is one behind each field's name
        (q.Contains(q.Field.SUBJECT, needle), []),
        (q.HeaderContains("from", needle), list(BODIES)),
    ):
        assert await opened.store.search(opened.account, inbox, node) == expected, node
        assert await scanned(opened.store, opened, inbox, node) == expected, node


async def test_other_keys_leave_what_is_looked_at_for_a_blank(opened: Opened) -> None:
    """Only what a word of the same search is in; that is what bounds it, and `search_seconds`."""
    for body, extra in BODIES.values():
        await opened.deliver(a_message("subject", body=body, extra=extra))
    await index_all(opened)
    engine, inbox = opened.store.engine, opened.mailbox("INBOX")
    blank = q.Contains(q.Field.BODY, " ")

    async def looked_at(node: q.Filter) -> int:
        found = await engine.reading(lambda _: candidates_in(engine.text_index, opened.account, inbox, node))
        return found.total

    assert await looked_at(blank) == 9
    assert await looked_at(q.And((q.Contains(q.Field.BODY, "two"), blank))) == 2
