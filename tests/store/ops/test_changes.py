"""What changed since a state."""

from tests.support.stores import Opened

from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import FlagChange, Transaction

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])


async def test_changes_page_between_modseqs_only(opened: Opened) -> None:
    """RFC 8620 section 5.2: maxChanges is never passed."""
    store, account = opened.store, opened.account
    start = (await store.states(account)).email
    ids = [(await opened.deliver()).email for _ in range(3)]
    page = await store.changes(account, "email", start, 2)
    assert page is not None
    assert (page.created, page.more) == (tuple(ids[:2]), True)
    rest = await store.changes(account, "email", page.new_modseq, 2)
    assert rest is not None
    assert (rest.created, rest.more, rest.new_modseq) == (
        (ids[2],), False, (await store.states(account)).email,
    )  # fmt: skip
    await store.set_flags(account, opened.mailbox("INBOX"), ALL, FlagChange.ADD, SEEN)
    assert await store.changes(account, "email", rest.new_modseq, 2) is None
    assert await store.changes(account, "email", 10**9, 2) is None


async def test_what_the_log_no_longer_reaches_cannot_be_told(opened: Opened) -> None:
    """RFC 8620 section 5.2 (cannotCalculateChanges); RFC 7162 section 3.2.5.2 (all of it anew)."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    filed = [await opened.deliver() for _ in range(4)]
    await store.destroy_emails(account, [filed[0].email])
    floor = (await store.states(account)).modseq
    await store.destroy_emails(account, [filed[1].email])

    async def compact(tx: Transaction) -> None:
        await tx.run("UPDATE accounts SET log_floor = ?2 WHERE id = ?1", account, floor)
        await tx.run("DELETE FROM removed WHERE account = ?1 AND modseq <= ?2", account, floor)
        await tx.run("DELETE FROM expunged WHERE mailbox = ?1 AND modseq <= ?2", inbox, floor)

    await store.database.write(compact)
    for kind in ("email", "thread", "mailbox"):
        assert await store.changes(account, kind, floor - 1, 100) is None
    assert await store.delta(account, inbox, floor - 1) is None
    changes = await store.changes(account, "email", floor, 100)
    delta = await store.delta(account, inbox, floor)
    assert changes is not None
    assert delta is not None
    assert (changes.created, changes.destroyed, delta.expunged) == ((), (filed[1].email,), (2,))
    await opened.check()


async def test_a_rename_is_not_hidden_between_two_pages(opened: Opened) -> None:
    """RFC 8621 section 2.2: updatedProperties must not keep a client from the new name."""
    store, account, archive = opened.store, opened.account, opened.mailbox("Archive")
    since = (await store.states(account)).mailbox
    await store.update_mailbox(account, archive, path="Attic")
    await store.create_mailbox(account, "x")
    await opened.deliver(mailbox=archive)
    told: list[bool] = []
    more = True
    while more:
        page = await store.changes(account, "mailbox", since, 1)
        assert page is not None
        told += [page.counters_only] * (archive in page.updated)
        more, since = page.more, page.new_modseq
    assert told[0] is False


async def test_what_went_and_came_again_is_created_before_it_is_updated(opened: Opened) -> None:
    """RFC 8620 section 5.2, page by page: nobody is told of a change of what he was never told of."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    since = (await store.states(account)).email
    first, second = await opened.deliver(), await opened.deliver()
    for how in (FlagChange.ADD, FlagChange.REMOVE):
        await store.set_flags(account, inbox, [(first.uid, first.uid)], how, keywords_of([]), deleted=True)
    created: list[int] = []
    more = True
    while more:
        page = await store.changes(account, "email", since, 1)
        assert page is not None
        created += page.created
        assert set(page.updated) <= set(created)
        more, since = page.more, page.new_modseq
    assert set(created) == {first.email, second.email}
