import pytest
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT, MailboxId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import Target


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
