r"""A selected Mailbox on a real store."""

import pytest
import trio
from tests.support.stores import RECEIVED_MS, Opened, a_message

from pymailcore.base.errors import (
    NotFound,
    OverQuota,
)
from pymailcore.base.ids import MailboxId
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.types import FlagChange, Want

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])


async def test_a_snapshot_has_uids_and_the_first_unseen(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    for n in range(5):
        await opened.deliver(keywords=SEEN if n != 3 else Keywords())
    await store.set_flags(account, inbox, [(2, 2)], FlagChange.ADD, Keywords(), deleted=True)
    await store.expunge(account, inbox, [(1, 3)])
    snapshot = await store.snapshot(account, inbox)
    assert list(snapshot.uids) == [1, 3, 4, 5]
    assert snapshot.first_unseen == 3
    await store.set_flags(account, inbox, ALL, FlagChange.ADD, SEEN)
    assert (await store.snapshot(account, inbox)).first_unseen == 0


async def test_fetch_gives_what_is_wanted_and_no_more_than_the_limit(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    prepared = await store.prepare(a_message())
    for _ in range(70):
        await opened.deliver()
    row = (await store.fetch(account, inbox, [(2, 2)], Want(31)))[0]
    assert (row.envelope, row.body, row.bodystructure, row.parts) == (
        prepared.envelope, prepared.body, prepared.bodystructure, prepared.parts,
    )  # fmt: skip
    assert (row.size_octets, row.received_ms) == (prepared.size_octets, RECEIVED_MS)
    plain = (await store.fetch(account, inbox, [(2, 2)], Want.NONE))[0]
    assert (plain.envelope, plain.size_octets, plain.thread) == (None, 0, 0)
    for limit in (9, 10, 11, 69, 70, 71):
        assert len(await store.fetch(account, inbox, ALL, Want.NONE, limit=limit)) == min(limit, 70)
    mixed = await store.fetch(account, inbox, [(60, 61), (3, 2), (2, 4), (999, 99)], Want.FACTS)
    assert [row.uid for row in mixed] == [2, 3, 4, 60, 61]
    assert await store.fetch(account, inbox, [], Want.NONE) == []


async def test_store_unchanged_since_leaves_alone_what_is_newer(opened: Opened) -> None:
    """RFC 7162 section 3.1.3."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    first = await opened.deliver()
    await opened.deliver()
    flagged = keywords_of(["$flagged"])
    rows, late = await store.set_flags(
        account, inbox, ALL, FlagChange.ADD, flagged, unchanged_since=first.modseq - 1
    )
    assert (rows, late) == ([], [1, 2])
    rows, late = await store.set_flags(
        account, inbox, ALL, FlagChange.ADD, flagged, unchanged_since=first.modseq
    )
    assert ([row.uid for row in rows], late) == ([1], [2])
    rows, late = await store.set_flags(
        account, inbox, ALL, FlagChange.ADD, SEEN, unchanged_since=rows[0].modseq
    )
    assert ([row.uid for row in rows], late) == ([1, 2], [])
    await opened.check()


async def test_long_work_goes_in_slices_with_modseqs_of_their_own(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymailcore.store.bulk.SLICE_EMAILS", 3)
    monkeypatch.setattr("pymailcore.store.bulk.SLICE_SET", 3)
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(opened.deliver)
    before = (await store.states(account)).modseq
    rows, _ = await store.set_flags(account, inbox, ALL, FlagChange.ADD, SEEN)
    assert [row.uid for row in rows] == list(range(1, 11))
    assert (await store.states(account)).modseq == before + 4
    moved = await store.move(account, inbox, ALL, opened.mailbox("Archive"))
    assert moved.source == tuple(range(1, 11))
    assert moved.destination == tuple(range(1, 11))
    assert (await store.states(account)).modseq == before + 8
    copied = await store.copy(account, opened.mailbox("Archive"), ALL, inbox)
    assert copied.destination == tuple(range(11, 21))
    assert (await store.states(account)).modseq == before + 9  # COPY is atomic
    await opened.check()


async def test_copy_and_move_of_nothing_and_to_nowhere(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    archive = opened.mailboxes["Archive"]
    for operation in (store.copy, store.move):
        done = await operation(account, inbox, [(5, 9)], archive.id)
        assert done == (archive.uid_validity, (), ())
        await opened.deliver()
        with pytest.raises(NotFound):
            await operation(account, inbox, ALL, MailboxId(77))
    await opened.check()


async def test_copies_of_the_same_messages_have_an_end(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COPY 1:* into the same Mailbox doubles it each time: no quota of octets or Emails counts that."""
    monkeypatch.setattr("pymailcore.store.ops.selected.FREE_COPIES", 3)
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    await opened.deliver()
    for _ in range(4):  # 16 times what the account has
        await store.copy(account, inbox, ALL, inbox)
    with pytest.raises(OverQuota):
        await store.copy(account, inbox, ALL, inbox)
    assert (await opened.counters("INBOX")).messages == 16
    await store.copy(account, inbox, ALL, opened.mailbox("Archive"))
    await opened.check()
