"""What was noted about a Mailbox (RFC 5464) comes back with it."""

import itertools
from collections.abc import Callable

import pytest
from tests.support.stores import Opened, a_message, add_account

from pymailcore.base.errors import OverQuota
from pymailcore.base.ids import AccountId, EmailId, MailboxId
from pymailcore.store.types import Transaction

OTHER = AccountId(2)
NOTES = {"/shared/comment": b"all", "/private/comment": b"me"}


@pytest.fixture
async def clock(opened: Opened) -> Callable[[], int]:
    """The store's own time: a millisecond goes by with each look."""
    opened.store.engine.now_ms = clock = itertools.count(1_800_000_000_000).__next__
    return clock


async def seen(opened: Opened, mailbox: MailboxId, reader: AccountId) -> dict[str, bytes]:
    sharing = opened.store.sharing
    sizes = await sharing.annotation_sizes(opened.account, mailbox, reader)
    return await sharing.annotations(opened.account, mailbox, reader, sizes)


async def annotated(opened: Opened, path: str = "work/plans") -> MailboxId:
    """A Mailbox with one message, and notes of two people."""
    made = await opened.store.create_mailbox(opened.account, path)
    await opened.deliver(a_message(path), mailbox=made.id)
    await opened.store.sharing.set_annotations(opened.account, made.id, opened.account, dict(NOTES))
    await opened.store.sharing.set_annotations(opened.account, made.id, OTHER, {"/private/comment": b"you"})
    return made.id


async def rows(opened: Opened, mailbox: MailboxId) -> int:
    async def work(tx: Transaction) -> int:
        row = await tx.row("SELECT count(*) FROM annotations WHERE mailbox = ?1", mailbox)
        return 0 if row is None else int(row[0])

    return await opened.store.database.read(work)


@pytest.mark.parametrize("how", ["as of a moment", "by its messages"])
async def test_annotations_come_back_with_their_mailbox(
    opened: Opened, clock: Callable[[], int], how: str
) -> None:
    store, account = opened.store, opened.account
    await add_account(store, OTHER, "ada@example.org")
    gone = await annotated(opened)
    moment = clock()
    await store.remove_mailbox(account, gone, with_emails=True)
    assert await seen(opened, gone, account) == {}
    assert await rows(opened, gone) == 3
    for _ in range(2):  # the second time there is nothing to do
        if how == "as of a moment":
            await store.undelete.restore(account, at_ms=moment, path="work/plans")
        else:
            listed = await store.undelete.listed(account)
            await store.undelete.restore_emails(account, [EmailId(one.email) for one in listed])
    again = (await opened.counters("work/plans")).id
    assert again != gone
    assert await seen(opened, again, account) == NOTES
    assert await seen(opened, again, OTHER) == {"/shared/comment": b"all", "/private/comment": b"you"}
    assert await rows(opened, gone) == 0
    await opened.check()


async def test_what_the_mailbox_in_its_place_has_stays(opened: Opened, clock: Callable[[], int]) -> None:
    """Another Mailbox of the name stands for it; the names that are free there come back."""
    store, account = opened.store, opened.account
    gone = await annotated(opened)
    moment = clock()
    await store.remove_mailbox(account, gone, with_emails=True)
    made = await store.create_mailbox(account, "work/plans")
    await store.sharing.set_annotations(account, made.id, account, {"/shared/comment": b"newer"})
    await store.undelete.restore(account, at_ms=moment)
    assert await seen(opened, made.id, account) == {"/shared/comment": b"newer", "/private/comment": b"me"}


async def test_those_of_removed_mailboxes_make_room(opened: Opened) -> None:
    """They count among the octets of an account, but keep nobody from new ones."""
    store, account = opened.store, opened.account
    most = store.sharing.annotation_limits
    value = b"x" * most.octets
    count = most.octets_together // (most.octets + 200)
    half = {f"/shared/{n}": value for n in range(count // 2)}
    kept = await store.create_mailbox(account, "kept")
    stays = await store.create_mailbox(account, "stays")
    for mailbox in (kept.id, stays.id):
        await store.sharing.set_annotations(account, mailbox, account, dict(half))
    more = {f"/private/{n}": value for n in range(count // 2)}
    with pytest.raises(OverQuota):
        await store.sharing.set_annotations(account, None, account, dict(more))
    await store.remove_mailbox(account, kept.id, with_emails=False)
    assert await rows(opened, kept.id) == len(half)
    await store.sharing.set_annotations(account, None, account, dict(more))
    assert await rows(opened, kept.id) == 0
    assert await rows(opened, stays.id) == len(half)


async def test_they_go_with_what_is_remembered_of_the_mailbox(opened: Opened) -> None:
    gone = await annotated(opened)
    await opened.store.remove_mailbox(opened.account, gone, with_emails=True)
    await opened.store.undelete.purge()
    assert await rows(opened, gone) == 3, "it is remembered"
    await opened.store.undelete.purge(everything=True)
    assert await rows(opened, gone) == 0


async def test_so_many_come_back_as_there_may_be(opened: Opened, clock: Callable[[], int]) -> None:
    store, account = opened.store, opened.account
    most = store.sharing.annotation_limits.entries
    gone = await annotated(opened)
    moment = clock()
    await store.remove_mailbox(account, gone, with_emails=True)
    made = await store.create_mailbox(account, "work/plans")
    some = {f"/shared/{n}": b"" for n in range(most - 1)}
    await store.sharing.set_annotations(account, made.id, account, dict(some))
    await store.undelete.restore(account, at_ms=moment)
    assert await rows(opened, made.id) == most
