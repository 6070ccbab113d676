import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stores import Opened, a_message

from pymailcore.message import facts
from pymailcore.message.prepare import prepare
from pymailcore.store.ops.fetch import MAX_UID, merged, runs, width
from pymailcore.store.query import Saved
from pymailcore.store.types import Want

RANGES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=8)


def named(ranges: list[tuple[int, int]]) -> set[int]:
    return {uid for low, high in ranges for uid in range(min(low, high), max(low, high) + 1)}


@given(ranges=RANGES)
def test_merged_ranges_name_the_same_uids_once_and_in_order(ranges: list[tuple[int, int]]) -> None:
    """RFC 9051 section 9, sequence-set: order and overlap mean nothing."""
    out = merged(ranges)
    assert named(out) == named(ranges)
    assert width(ranges) == len(named(ranges))
    assert all(low <= high for low, high in out)
    assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(out))


@given(uids=st.sets(st.integers(1, 40)))
def test_runs_are_the_shortest_ranges(uids: set[int]) -> None:
    assert named(runs(sorted(uids))) == uids
    assert runs([]) == []


@pytest.mark.parametrize("want", [Want.BODY, Want.BODY | Want.PARTS, Want.BODYSTRUCTURE, Want(31)])
async def test_body_is_made_of_the_parts(opened: Opened, want: Want) -> None:
    """RFC 9051 section 7.5.2: BODY is BODYSTRUCTURE without its extension data."""
    octets = a_message(extra="MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8")
    await opened.deliver(octets)
    prepared = prepare(octets)
    inbox = opened.mailbox("INBOX")
    (row,) = await opened.store.fetch(opened.account, inbox, [(1, MAX_UID)], want)
    assert row.body == (prepared.body if want & Want.BODY else None)
    assert row.parts == (prepared.parts if want & Want.PARTS else None)
    assert row.bodystructure == (prepared.bodystructure if want & Want.BODYSTRUCTURE else None)


async def test_a_message_knows_when_it_came_into_its_mailbox(opened: Opened) -> None:
    """RFC 8514 section 4: a copy is saved when it is made, not when the message was."""
    clock = itertools.count(1_800_000_000_000, 1_000)
    opened.store.engine.now_ms = clock.__next__
    store, account, inbox, archive = (
        opened.store,
        opened.account,
        opened.mailbox("INBOX"),
        opened.mailbox("Archive"),
    )
    for _ in range(3):
        await opened.deliver()
    await store.copy(account, inbox, [(1, 1)], archive)
    await store.move(account, inbox, [(2, 2)], archive)
    rows = await store.fetch(account, archive, [(1, 9)], Want.SAVED)
    here = await store.fetch(account, inbox, [(1, 9)], Want.SAVED | Want.ENVELOPE)
    times = [row.saved_ms for row in (*here, *rows)]
    assert times == sorted(set(times))
    assert times[0] >= 1_800_000_000_000
    assert (await store.fetch(account, inbox, [(1, 1)], Want.FACTS))[0].saved_ms == 0
    assert await store.search(account, archive, Saved(since_ms=times[3])) == [2]
    assert await store.search(account, archive, Saved(before_ms=times[3])) == [1]
    assert await store.search(account, archive, Saved(times[2], times[3] + 1)) == [1, 2]
    # Only a placement was saved: JMAP has none.
    assert (await store.query(account, Saved(), []))[0] == []


@pytest.mark.parametrize("want", [Want.PREVIEW, Want.PREVIEW | Want.PARTS | Want.SAVED])
async def test_the_preview_is_that_of_jmap(opened: Opened, want: Want) -> None:
    """RFC 8970 section 3, RFC 8621 section 4.1.4: made once, at arrival."""
    octets = a_message()
    await opened.deliver(octets)
    (row,) = await opened.store.fetch(opened.account, opened.mailbox("INBOX"), [(1, MAX_UID)], want)
    assert row.preview == facts.unpack(prepare(octets).facts).preview
    (row,) = await opened.store.fetch(opened.account, opened.mailbox("INBOX"), [(1, MAX_UID)], Want.PARTS)
    assert row.preview is None
