r"""Emails as JMAP sees them, on a real store."""

import pytest
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import (
    InvalidValue,
    NotFound,
    StateMismatch,
)
from pymailcore.base.ids import EmailId, MailboxId
from pymailcore.store.keywords import MAX_KEYWORDS, Keywords, keywords_of
from pymailcore.store.types import EmailUpdate, FlagChange

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])


async def test_emails_come_in_the_order_asked_for_with_what_was_asked(opened: Opened) -> None:
    store, account = opened.store, opened.account
    first, second = await opened.deliver(), await opened.deliver()
    prepared = await store.prepare(a_message())
    rows = await store.emails(account, [second.email, 99, first.email, second.email], parts=True)
    assert [row.id for row in rows] == [second.email, first.email]
    assert (rows[0].facts, rows[0].parts) == (prepared.facts, prepared.parts)
    assert rows[0].blob == second.blob
    bare = (await store.emails(account, [first.email], facts=False))[0]
    assert (bare.facts, bare.parts) == (None, None)
    many = [99] * 100 + [first.email]
    assert [row.id for row in await store.emails(account, many)] == [first.email]


async def test_updates_and_removals_can_ask_for_a_state(opened: Opened) -> None:
    """RFC 8620 section 5.3, ifInState."""
    store, account = opened.store, opened.account
    filed = await opened.deliver()
    state = (await store.states(account)).email
    with pytest.raises(StateMismatch):
        await store.update_emails(account, [EmailUpdate(filed.email, add=SEEN)], if_modseq=state - 1)
    with pytest.raises(StateMismatch):
        await store.destroy_emails(account, [filed.email], if_modseq=state + 1)
    assert await store.update_emails(account, [EmailUpdate(filed.email, add=SEEN)], if_modseq=state) == {}
    state = (await store.states(account)).email
    assert await store.destroy_emails(account, [filed.email], if_modseq=state) == [filed.email]


async def test_one_bad_update_spoils_no_other(opened: Opened) -> None:
    store, account = opened.store, opened.account
    filed = [await opened.deliver() for _ in range(4)]
    inbox, archive = opened.mailbox("INBOX"), opened.mailbox("Archive")
    refused = await store.update_emails(
        account,
        [
            EmailUpdate(filed[0].email, add=SEEN, mailboxes=frozenset()),
            EmailUpdate(EmailId(5), add=SEEN),
            EmailUpdate(filed[1].email, add=SEEN, add_mailboxes=frozenset([archive, MailboxId(9)])),
            EmailUpdate(
                filed[2].email,
                add=SEEN,
                remove_mailboxes=frozenset([inbox]),
                add_mailboxes=frozenset([archive]),
            ),
            EmailUpdate(filed[3].email, keywords=keywords_of(["a", "b"]), remove=keywords_of(["b"])),
        ],
    )
    kinds = {id_: type(failure) for id_, failure in refused.items()}
    assert kinds == {filed[0].email: InvalidValue, 5: NotFound, filed[1].email: NotFound}
    rows = {row.id: row for row in await store.emails(account, [one.email for one in filed])}
    assert [rows[one.email].flags for one in filed] == [0, 0, 1, 0]
    assert rows[filed[1].email].mailboxes == (inbox,)
    assert rows[filed[2].email].mailboxes == (archive,)
    assert rows[filed[3].email].extra == "a"
    await opened.check()


@pytest.mark.parametrize(("count", "fits"), [(-1, True), (0, True), (1, False)])
async def test_keywords_of_an_email_are_bounded(opened: Opened, count: int, fits: bool) -> None:
    filed = await opened.deliver()
    update = EmailUpdate(filed.email, keywords=keywords_of(f"k{n}" for n in range(MAX_KEYWORDS + count)))
    refused = await opened.store.update_emails(opened.account, [update])
    assert (refused == {}) == fits


async def test_marking_deleted_is_a_removal_for_jmap_and_clearing_a_creation(opened: Opened) -> None:
    r"""A placement with \Deleted does not exist for JMAP."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    filed = await opened.deliver()
    known = (await store.states(account)).email
    await store.set_flags(account, inbox, ALL, FlagChange.ADD, Keywords(), deleted=True)
    gone = await store.changes(account, "email", known, 10)
    assert gone is not None
    assert gone.destroyed == (filed.email,)
    assert await store.emails(account, [filed.email]) == []
    assert await store.message(account, filed.email) == a_message()  # IMAP still shows it
    between = (await store.states(account)).email
    await store.set_flags(account, inbox, ALL, FlagChange.REMOVE, Keywords(), deleted=True)
    back = await store.changes(account, "email", between, 10)
    assert back is not None
    assert back.created == (filed.email,)
    whole = await store.changes(account, "email", known, 10)
    assert whole is not None
    assert (whole.created, whole.updated, whole.destroyed) == ((), (filed.email,), ())
    await opened.check()
