"""Copies into another account, of the same tenant and of another."""

import pytest
from tests.support.stores import Opened, a_message, add_account

from pymailcore.base.errors import NotFound, OverQuota, TooLarge
from pymailcore.base.ids import AccountId, EmailId, MailboxId, TenantId
from pymailcore.store import across
from pymailcore.store.across import EmailCopy
from pymailcore.store.keywords import keyword_names, keywords_of
from pymailcore.store.ops.accounts import ensure_tenant
from pymailcore.store.types import FlagChange, Quota, Transaction, Want

ALL = ((1, 2**32 - 1),)
ADA = AccountId(2)
EVE = AccountId(3)
ELSEWHERE = TenantId(2)


@pytest.fixture
async def three(opened: Opened) -> Opened:
    """Ada has an account in the same tenant, Eve in another."""
    await opened.store.database.write(lambda tx: ensure_tenant(tx, ELSEWHERE, b"k" * 32))
    await add_account(opened.store, ADA, "ada@example.org")
    await add_account(opened.store, EVE, "eve@example.net", ELSEWHERE)
    return opened


async def box(opened: Opened, account: AccountId, path: str = "INBOX") -> MailboxId:
    found = await opened.store.mailbox_named(account, path)
    assert found is not None
    return found.id


async def blobs(tx: Transaction) -> int:
    return int((await tx.row("SELECT count(*) FROM blobs") or (0,))[0])


async def loosen(tx: Transaction) -> None:
    """Every blob has lost an owner, as far as the collector knows."""
    await tx.run(
        "INSERT INTO loose_blobs (blob) SELECT id FROM blobs WHERE id > 0 ON CONFLICT (blob) DO NOTHING"
    )


async def loose(tx: Transaction) -> int:
    return int((await tx.row("SELECT count(*) FROM loose_blobs") or (-1,))[0])


@pytest.mark.parametrize("to", [ADA, EVE])
async def test_a_copy_is_a_new_email_with_flags_and_date(three: Opened, to: AccountId) -> None:
    """RFC 9051 section 6.4.7; RFC 8474 section 5.1: another account, another id."""
    store, account, inbox = three.store, three.account, three.mailbox("INBOX")
    texts = [a_message(f"s{n}", message_id=f"<{n}@x>", in_reply_to="<root@x>") for n in range(3)]
    old = [
        await three.deliver(octets, keywords=keywords_of(["$flagged", "x"]), received_ms=n)
        for n, octets in enumerate(texts)
    ]
    await store.copy(account, inbox, [(1, 1)], inbox)  # one Email twice
    await store.set_flags(account, inbox, [(2, 2)], FlagChange.ADD, keywords_of([]), deleted=True)
    there = await box(three, to)
    before = await store.database.read(blobs)
    await store.database.write(loosen)
    done = await store.sharing.copy_across(account, inbox, ALL, to, there)
    assert (done.source, sorted(done.destination)) == ((1, 2, 3, 4), [1, 2, 3, 4])
    rows = {row.uid: row for row in await store.fetch(to, there, ALL, Want.FACTS)}
    copies = [rows[uid] for uid in done.destination]
    assert copies[0].email == copies[3].email
    assert [row.received_ms for row in copies] == [0, 1, 2, 0]
    assert {keyword_names(row.flags, row.extra) for row in copies} == {("$flagged", "x")}
    assert not {row.email for row in copies} & {one.email for one in old}
    assert len({row.thread for row in copies}) == 3
    assert [await store.message(to, EmailId(row.email)) for row in copies] == [*texts, texts[0]]
    assert (await store.database.read(blobs) == before) == (to == ADA)
    if to == ADA:  # the collector may have passed the new owners already
        assert await store.database.read(loose) == 0
    await three.check()
    # Each stands by itself.
    await store.destroy_emails(account, [one.email for one in old])
    await store.undelete.purge(everything=True)
    assert await store.message(to, EmailId(copies[1].email)) == texts[1]
    await three.check()


@pytest.mark.parametrize("to", [ADA, EVE])
async def test_all_or_nothing(three: Opened, to: AccountId) -> None:
    store, account, inbox = three.store, three.account, three.mailbox("INBOX")
    for _ in range(3):
        await three.deliver()
    there = await box(three, to)
    await store.quotas.set_account(to, Quota(emails=2))
    with pytest.raises(OverQuota):
        await store.sharing.copy_across(account, inbox, ALL, to, there)
    with pytest.raises(NotFound):
        await store.sharing.copy_across(account, inbox, ALL, to, MailboxId(77))
    with pytest.raises(NotFound):
        await store.sharing.copy_across(account, MailboxId(77), ALL, to, there)
    assert await store.fetch(to, there, ALL, Want.NONE) == []
    assert (await store.sharing.copy_across(account, inbox, [(2, 3)], to, there)).source == (2, 3)
    assert (await store.sharing.copy_across(account, inbox, [(7, 9)], to, there))[1:] == ((), ())
    await three.check()


@pytest.mark.parametrize("to", [ADA, EVE])
async def test_emails_are_copied_with_what_the_copy_is_to_have(three: Opened, to: AccountId) -> None:
    """RFC 8621 section 4.7."""
    store = three.store
    filed = await three.deliver(a_message("one"), keywords=keywords_of(["$seen"]))
    inbox, archive = await box(three, to), await box(three, to, "Archive")
    wanted = [
        EmailCopy(EmailId(77), (inbox,)),
        EmailCopy(filed.email, (inbox, archive), keywords_of(["$draft"]), 5),
        EmailCopy(filed.email, (archive,)),
    ]
    nothing, first, second = await store.sharing.copy_emails(three.account, to, wanted)
    assert nothing == []
    assert [one.mailbox for one in first] == [inbox, archive]
    one, two = await store.emails(to, [first[0].email, second[0].email])
    assert (keyword_names(one.flags, one.extra), one.received_ms) == (("$draft",), 5)
    assert (keyword_names(two.flags, two.extra), set(two.mailboxes)) == (("$seen",), {archive})
    await three.check()


async def test_another_tenant_takes_no_more_than_fits_into_memory(
    three: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(a_message())
    await three.deliver()
    where = (three.account, three.mailbox("INBOX"), ALL)
    monkeypatch.setattr(across, "MOST_OCTETS", size - 1)
    with pytest.raises(TooLarge):
        await three.store.sharing.copy_across(*where, EVE, await box(three, EVE))
    await three.store.sharing.copy_across(*where, ADA, await box(three, ADA))
    monkeypatch.setattr(across, "MOST_OCTETS", size)
    await three.store.sharing.copy_across(*where, EVE, await box(three, EVE))
    await three.check()
