"""RFC 4314: who may do what with a Mailbox of somebody else."""

from dataclasses import replace

import pytest
from tests.support.stores import Opened, add_account

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.ops.rights import ALL_RIGHTS, Right, checked_rights

ADA = AccountId(2)
EVE = AccountId(3)


@pytest.fixture
async def shared(opened: Opened) -> Opened:
    """Two more accounts."""
    await add_account(opened.store, ADA, "ada@example.org")
    await add_account(opened.store, EVE, "eve@example.org")
    return opened


def test_rights_have_one_form() -> None:
    """RFC 4314 section 2.1.1: `c` and `d` are older."""
    assert checked_rights("arl") == "lra"
    assert checked_rights("llc") == "lk"
    assert checked_rights("d") == "xte"
    assert checked_rights("") == ""
    with pytest.raises(InvalidValue):
        checked_rights("z")


async def test_rights_add_up_and_negative_ones_take_away(shared: Opened) -> None:
    """RFC 4314 section 2."""
    store, account, inbox = shared.store, shared.account, shared.mailbox("INBOX")
    await store.sharing.set_rights(account, inbox, "anyone", "lr")
    await store.sharing.set_rights(account, inbox, "Ada@Example.org", "ws")
    await store.sharing.set_rights(account, inbox, "-eve@example.org", "r")
    assert await store.sharing.rights_of(inbox, account) == ALL_RIGHTS
    assert await store.sharing.rights_of(inbox, ADA) == "lrsw"
    assert await store.sharing.rights_of(inbox, EVE) == "l"
    await store.sharing.set_rights(account, inbox, "-anyone", "l")
    assert await store.sharing.rights_of(inbox, EVE) == ""
    assert await store.sharing.rights(account, inbox) == [
        Right("-anyone", None, "l"),
        Right("-eve@example.org", EVE, "r"),
        Right("ada@example.org", ADA, "sw"),
        Right("anyone", None, "lr"),
    ]
    assert await store.sharing.rights_of(MailboxId(77), ADA) == ""


async def test_a_mailbox_is_found_by_those_named(shared: Opened) -> None:
    store, account, inbox = shared.store, shared.account, shared.mailbox("INBOX")
    await store.sharing.set_rights(account, inbox, "ada@example.org", "lr")
    await store.sharing.set_rights(account, shared.mailbox("Sent"), "anyone", "lr")
    assert await store.sharing.shared_with(ADA) == [(account, inbox)]
    assert await store.sharing.shared_with(EVE) == []
    await store.sharing.set_rights(account, inbox, "ada@example.org", "")
    assert await store.sharing.shared_with(ADA) == []
    assert await store.sharing.rights_of(inbox, ADA) == ""


async def test_a_change_is_one_of_the_mailbox(shared: Opened) -> None:
    """RFC 8620 section 5.2."""
    store, account, inbox = shared.store, shared.account, shared.mailbox("INBOX")
    before = await store.states(account)
    for _ in range(2):
        await store.sharing.set_rights(account, inbox, "anyone", "lr")
        now = await store.states(account)
        assert (now.modseq, now.mailbox) == (before.modseq + 1, before.modseq + 1)
    changes = await store.changes(account, "mailbox", before.mailbox, 10)
    assert changes is not None
    assert (changes.updated, changes.counters_only) == ((inbox,), False)
    await store.sharing.set_rights(account, inbox, "eve@example.org", "")  # was not on the list
    assert await store.states(account) == now


async def test_limits_and_names(shared: Opened) -> None:
    store, account, inbox = shared.store, shared.account, shared.mailbox("INBOX")
    for identifier in ("", "-", "a\nb", "x" * 256):
        with pytest.raises(InvalidValue):
            await store.sharing.set_rights(account, inbox, identifier, "l")
    with pytest.raises(NotFound):
        await store.sharing.set_rights(account, inbox, "nobody@example.org", "l")
    with pytest.raises(NotFound):
        await store.sharing.set_rights(ADA, inbox, "anyone", "l")
    with pytest.raises(NotFound):
        await store.sharing.rights(ADA, inbox)
    await store.sharing.set_rights(account, inbox, "anyone", "l")
    await store.sharing.set_rights(account, inbox, "-anyone", "l")
    store.engine.settings = replace(store.engine.settings, rights_per_mailbox=2)
    with pytest.raises(OverQuota):
        await store.sharing.set_rights(account, inbox, "ada@example.org", "l")
    assert len(await store.sharing.rights(account, inbox)) == 2


async def test_they_go_with_the_mailbox_and_with_the_account(shared: Opened) -> None:
    store, account = shared.store, shared.account
    made = await store.create_mailbox(account, "gone")
    for mailbox in (made.id, shared.mailbox("INBOX")):
        await store.sharing.set_rights(account, mailbox, "ada@example.org", "l")
    await store.remove_mailbox(account, made.id, with_emails=False)
    assert await store.sharing.shared_with(ADA) == [(account, shared.mailbox("INBOX"))]
    await store.remove_account(ADA)
    assert await store.sharing.rights(account, shared.mailbox("INBOX")) == []
