"""What the index is asked for one filter is bounded (RFC 9051 section 6.4.4: any number of keys)."""

from collections.abc import Awaitable, Callable

import pytest
from tests.support.searching import index_all, scanned
from tests.support.stores import Opened, a_message

from pymailcore.store import compiling
from pymailcore.store import query as q
from pymailcore.store.compiling import Compiler, Known, ask_index, simplified
from pymailcore.store.fulltext import sqlite_phrases
from pymailcore.store.fulltext.lookup import Expression, Spot
from pymailcore.store.fulltext.sqlite_lookup import SqliteIndex
from pymailcore.store.postgres import text_index
from pymailcore.store.types import Reading, Transaction


def test_needles_that_are_in_every_text_are_no_conditions() -> None:
    empty = q.Contains(q.Field.BODY, "")
    node = q.And((empty, q.Not(q.Or((empty, q.Matches(q.Field.TEXT, " ", q.How.PREFIX))))))
    assert simplified(node) == q.And((q.And(()), q.Not(q.Or((q.And(()), q.And(()))))))
    blank = q.Contains(q.Field.BODY, " \t")
    assert simplified(blank) == blank
    assert simplified(q.HeaderContains("X-Tag", "")) == q.HeaderContains("X-Tag", "")
    with pytest.raises(TypeError):
        simplified(q.Contains(q.Field.ATTACHMENT, "x"))


async def test_many_needles_together_ask_the_index_for_so_much_and_no_more(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not asked for is looked for in the messages; the answer is the same."""
    monkeypatch.setattr(sqlite_phrases, "TOGETHER", 1)
    monkeypatch.setattr(text_index, "TOGETHER", 1)
    monkeypatch.setattr(compiling, "MOST_TEXTS", 100)
    monkeypatch.setattr(compiling, "SHORT", 0)
    monkeypatch.setattr(compiling, "FEW", 0)
    for number in range(3):
        body = " ".join(f"a{number}x{n}" for n in range(40))
        await opened.deliver(a_message(str(number), body=body + "\r\n"))
    await index_all(opened)
    needles = ["x1", "a1", "x", "a0x", "9", "x3", "2x", "a2x39", "0x1"]
    node = q.Or(tuple(q.Contains(q.Field.BODY, needle) for needle in needles * 5))
    index = opened.store.engine.text_index

    async def work(tx: Transaction) -> Known:
        spot = await index.spot(tx, opened.account)
        return await ask_index(tx, index, opened.account, spot, node, 3)

    known = await opened.store.engine.reading(lambda _: _one(work))
    asked = sum(len(expression.texts) for expression in known.expressions.values())
    assert 0 < asked <= 100
    assert len(known.expressions) < len(needles) * 5
    inbox = opened.mailbox("INBOX")
    for some in (node, q.Not(node), q.And(node.filters[:4]), q.And((node, q.Not(node.filters[1])))):
        found = await opened.store.search(opened.account, inbox, some)
        assert found == await scanned(opened.store, opened, inbox, some)


def _one(work: Callable[[Transaction], Awaitable[Known]]) -> Reading[Known]:
    """A reading of one operation."""
    found: Known = yield work
    return found


def test_what_the_index_does_not_know_is_one_argument() -> None:
    """Two thousand numbers at most, whatever number of needles asks for them."""
    needles = [q.Contains(q.Field.BODY, f"x{n}") for n in range(9)]
    asked = {id(one): Expression(("x",), exact=bool(n % 2)) for n, one in enumerate(needles)}
    compiler = Compiler([1], Known(SqliteIndex(), Spot(1, 1), [5, 6], asked), placed=False)
    node = q.Or(tuple(needles))
    compiler.bound(node, upper=True)
    compiler.collect(node)
    assert compiler.args.count("[5,6]") == 1
