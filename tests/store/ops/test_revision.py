import pytest
from tests.support.stores import Opened

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.ops.revision import Revision
from pymailcore.store.types import Transaction


async def test_a_revision_that_touches_nothing_takes_no_modseq(opened: Opened) -> None:
    """RFC 7162 section 3.1."""
    filed = await opened.deliver()
    before = await opened.store.states(opened.account)

    async def work(tx: Transaction) -> int | None:
        revision = await Revision.begin(tx, opened.account, 1)
        await revision.load([filed.email, 5])
        assert list(revision.messages) == [filed.email]
        message = revision.messages[filed.email]
        revision.set_keywords(message, message.keywords)
        revision.mark(message, message.placements[0], 0)
        return await revision.finish()

    assert await opened.store.database.write(work) is None
    assert await opened.store.states(opened.account) == before


async def test_all_that_a_revision_changes_has_one_modseq(opened: Opened) -> None:
    filed = [await opened.deliver() for _ in range(3)]
    archive = opened.mailbox("Archive")

    async def work(tx: Transaction) -> int | None:
        revision = await Revision.begin(tx, opened.account, 1)
        await revision.mailbox(archive)
        await revision.load([one.email for one in filed])
        one, two, three = (revision.messages[there.email] for there in filed)
        revision.set_keywords(one, keywords_of(["$seen"]))
        revision.place(two, archive)
        revision.unplace(three, three.placements[0])
        return await revision.finish()

    modseq = await opened.store.database.write(work)
    assert modseq == filed[-1].modseq + 1
    states = await opened.store.states(opened.account)
    assert states[:4] == (modseq,) * 4
    assert opened.told[-1] == (opened.account, modseq)
    await opened.check()


async def test_a_revision_needs_an_account_and_its_mailboxes(opened: Opened) -> None:
    async def nobody(tx: Transaction) -> None:
        await Revision.begin(tx, AccountId(9), 1)

    async def nowhere(tx: Transaction) -> None:
        await (await Revision.begin(tx, opened.account, 1)).mailbox(77)

    for work in (nobody, nowhere):
        with pytest.raises(NotFound):
            await opened.store.database.write(work)
