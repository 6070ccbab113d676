"""The short way for one Mailbox by time gives what the general way gives (RFC 8621 section 4.4)."""

import random

import pytest
from tests.support.stores import Opened, a_message

from pymailcore.store import query as q
from pymailcore.store.keywords import Keywords
from pymailcore.store.listing import listed_mailbox
from pymailcore.store.types import FlagChange


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("collapse", [False, True])
async def test_both_ways_agree(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, ascending: bool, collapse: bool
) -> None:
    monkeypatch.setattr("pymailcore.store.listing._CHUNK", 3)
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    source = random.Random(3)  # noqa: S311
    for n in range(24):
        octets = a_message("s", message_id=f"<{n}@x>", in_reply_to=f"<root{n % 9}@x>")
        await opened.deliver(octets, received_ms=source.randrange(12))
    await store.copy(account, inbox, [(3, 5)], inbox)
    await store.copy(account, inbox, [(3, 5)], opened.mailbox("Archive"))
    await store.set_flags(account, inbox, [(7, 9), (26, 26)], FlagChange.ADD, Keywords(), deleted=True)
    sort = [q.Sort(q.SortKey.RECEIVED, ascending=ascending)]
    listed = q.InMailbox(frozenset([inbox]))
    general = q.And((listed, q.And(())))
    for position in (0, 1, 5, 8, 20, 21, 22, 40):
        for limit in (0, 1, 3, 10, 100):
            ways = [
                await store.query(
                    account, node, sort, collapse_threads=collapse, position=position, limit=limit, total=True
                )
                for node in (listed, general)
            ]
            assert ways[0] == ways[1], (position, limit)


async def test_a_mailbox_of_somebody_else_is_empty(opened: Opened) -> None:
    sort = [q.Sort(q.SortKey.RECEIVED)]
    found = await opened.store.query(opened.account, q.InMailbox(frozenset([9])), sort, total=True)
    assert found[:3] == ([], 0, 0)


def test_only_a_whole_mailbox_by_time_goes_the_short_way() -> None:
    by_time = [q.Sort(q.SortKey.RECEIVED)]
    one = q.InMailbox(frozenset([1]))
    assert listed_mailbox(one, by_time) == 1
    assert listed_mailbox(q.And((one,)), by_time) == 1
    for node, sort in (
        (one, []),
        (one, [q.Sort(q.SortKey.SIZE)]),
        (one, [*by_time, q.Sort(q.SortKey.SIZE)]),
        (q.InMailbox(frozenset([1, 2])), by_time),
        (q.Not(one), by_time),
        (q.And((one, one)), by_time),
    ):
        assert listed_mailbox(node, sort) is None
