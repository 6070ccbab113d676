"""Operations on kept mail, run as a transaction that was lost runs them: again, with the same arguments."""

from tests.support.stores import Opened, a_message, add_account

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, EmailId
from pymailcore.store.ops import kept
from pymailcore.store.ops.quota import NO_LIMITS
from pymailcore.store.types import Transaction

NOW_MS = 1_900_000_000_000


async def loosen(tx: Transaction) -> None:
    """Every blob has lost an owner, as far as the collector knows."""
    await tx.run(
        "INSERT INTO loose_blobs (blob) SELECT id FROM blobs WHERE id NOT IN (SELECT blob FROM loose_blobs)"
    )


async def loose(tx: Transaction) -> int:
    return int((await tx.row("SELECT count(*) FROM loose_blobs") or (-1,))[0])


async def test_an_email_comes_back_once(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    filed = await opened.deliver()
    await store.destroy_emails(account, [filed.email])
    await store.database.write(loosen)
    key = await store.engine.tenant_key(DEFAULT_TENANT)
    back = [kept.Back(filed.email, 500, 501, (inbox, inbox, opened.mailbox("Archive")))]

    async def work(tx: Transaction) -> int:
        return await kept.restore(tx, account, back, key, NO_LIMITS, NOW_MS)

    assert [await store.database.write(work) for _ in range(3)] == [2, 0, 0]
    await opened.check()
    assert await store.message(account, EmailId(500)) == a_message()
    # The collector may have passed the new owner of the blobs already: they are no candidates any more.
    assert await store.database.read(loose) == 0
    assert await store.database.read(lambda tx: kept.newest(tx, [filed.email, EmailId(9)])) == {
        filed.email: 500
    }


async def test_nobody_brings_back_what_is_not_theirs(opened: Opened) -> None:
    store, account = opened.store, opened.account
    other = AccountId(2)
    await add_account(store, other, "ada@example.org")
    filed = await opened.deliver()
    await store.destroy_emails(account, [filed.email])
    key = await store.engine.tenant_key(DEFAULT_TENANT)
    box = (await store.mailboxes(other))[0].id

    async def work(tx: Transaction) -> int:
        wanted = [kept.Back(filed.email, 500, 501, (box,))]
        return await kept.restore(tx, other, wanted, key, NO_LIMITS, NOW_MS)

    assert await store.database.write(work) == 0
    assert await store.database.read(lambda tx: kept.left_last(tx, other, [filed.email])) == []
    assert await store.undelete.listed(other) == []
    assert len(await store.undelete.listed(account)) == 1
    await opened.check()


async def test_slices_of_a_purge_take_the_oldest(opened: Opened) -> None:
    store, account = opened.store, opened.account
    filed = [await opened.deliver() for _ in range(5)]
    for n, one in enumerate(filed):
        store.engine.now_ms = lambda n=n: NOW_MS + n  # type: ignore[misc]
        await store.destroy_emails(account, [one.email])
    assert await store.database.read(kept.accounts_with_kept) == [account]
    for before_ms, most, gone in ((NOW_MS, 9, 0), (NOW_MS + 3, 2, 2), (NOW_MS + 3, 2, 1), (NOW_MS + 3, 2, 0)):
        done = await store.database.write(
            lambda tx, before_ms=before_ms, most=most: kept.purge(tx, account, before_ms, most)  # type: ignore[misc]
        )
        assert done == gone
        await opened.check()
    assert [row.email for row in await store.undelete.listed(account)] == [filed[4].email, filed[3].email]
    assert await store.database.write(lambda tx: kept.purge(tx, AccountId(9), NOW_MS, 5)) == 0
