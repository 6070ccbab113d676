import pytest
from tests.support.stores import Opened, a_message, add_account

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, MailboxId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import FlagChange, Incoming, Target, Want

OTHER = AccountId(2)


async def test_an_email_has_a_row_for_each_placement(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    filed = await store.deliver(
        await store.prepare(a_message()),
        [Target(account, inbox), Target(account, "inbox", keywords_of(["x"]))],
        tenant=DEFAULT_TENANT,
        received_ms=5,
    )
    assert [one.uid for one in filed] == [1, 2]
    assert len({(one.email, one.thread, one.modseq, one.mailbox) for one in filed}) == 1
    counters = await opened.counters("INBOX")
    assert (counters.messages, counters.total_emails) == (2, 1)
    await opened.check()


@pytest.mark.parametrize("where", ["snoozed", MailboxId(5)])
async def test_a_mailbox_that_is_not_there_is_not_found(opened: Opened, where: MailboxId | str) -> None:
    before = await opened.store.states(opened.account)
    with pytest.raises(NotFound):
        await opened.deliver(mailbox=where)
    assert await opened.store.states(opened.account) == before
    await opened.check()


async def test_many_messages_are_filed_as_one(opened: Opened) -> None:
    """RFC 3502: in order, all or none; one modseq for an account; one Thread where they belong together."""
    store, account = opened.store, opened.account
    await add_account(store, OTHER, "ada@example.org")
    texts = [a_message("s", message_id=f"<{n}@x>", in_reply_to="<root@x>") for n in range(3)]
    prepared = [await store.prepare(octets) for octets in (*texts, a_message("another"))]
    places = ([Target(account, "inbox")], [Target(account, "inbox"), Target(OTHER, "inbox")])
    messages = [Incoming(one, places[n % 2], n) for n, one in enumerate(prepared)]
    filed = await store.append_many(messages, tenant=DEFAULT_TENANT)
    assert [[(one.account, one.uid) for one in some] for some in filed] == [
        [(account, 1)], [(account, 2), (OTHER, 1)], [(account, 3)], [(account, 4), (OTHER, 2)],
    ]  # fmt: skip
    mine = [some[0] for some in filed]
    assert len({one.modseq for one in mine}) == 1
    assert len({one.thread for one in mine[:3]}) == 1
    assert mine[3].thread != mine[0].thread
    assert [await store.message(account, one.email) for one in mine[:3]] == texts
    missing = Incoming(prepared[0], [Target(OTHER, "snoozed")], 5)
    before = await store.states(account)
    with pytest.raises(NotFound):
        await store.append_many([messages[0], missing], tenant=DEFAULT_TENANT)
    assert await store.states(account) == before
    assert await store.append_many([], tenant=DEFAULT_TENANT) == []
    await opened.check()


async def test_a_message_may_come_with_the_mark(opened: Opened) -> None:
    r"""RFC 9051 section 6.3.12: APPEND with `\Deleted`; JMAP does not see it until the mark is cleared."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    message = Incoming(await store.prepare(a_message()), [Target(account, inbox, deleted=True)], 5)
    ((filed,),) = await store.append_many([message], tenant=DEFAULT_TENANT)
    await opened.check()
    assert (await store.fetch(account, inbox, [(1, 1)], Want.NONE))[0].deleted == 1
    assert await store.emails(account, [filed.email]) == []
    await store.set_flags(account, inbox, [(1, 1)], FlagChange.REMOVE, keywords_of([]), deleted=True)
    assert [row.id for row in await store.emails(account, [filed.email])] == [filed.email]
    await opened.check()
