"""RFC 5464: entries, private and shared, their limits."""

import pytest
from tests.support.stores import Opened

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota, TooLarge
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.ops.annotations import MAX_ENTRY_OCTETS, checked_entry

OTHER = AccountId(2)


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "/shared", "/shared/", "/other/x", "/shared/a//b", "/shared/a/", "/shared/a*"),
        *("/private/%", "/shared/ü", "/shared/a\n", "/shared/" + "a" * (MAX_ENTRY_OCTETS - 7)),
    ],
)
def test_what_is_no_entry(name: str) -> None:
    """RFC 5464 section 3.2."""
    with pytest.raises(InvalidValue):
        checked_entry(name)


def test_entries_have_no_case() -> None:
    assert checked_entry("/Shared/Comment") == (True, "comment")
    assert checked_entry("/PRIVATE/vendor/x/Y") == (False, "vendor/x/y")
    assert checked_entry("/shared/" + "a" * (MAX_ENTRY_OCTETS - 8))[0]


async def test_private_ones_are_seen_by_their_owner_only(opened: Opened) -> None:
    """RFC 5464 section 3.2."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    await store.sharing.set_annotations(
        account, inbox, account, {"/shared/comment": b"all", "/private/comment": b"me"}
    )
    await store.sharing.set_annotations(account, inbox, OTHER, {"/private/Comment": b"\0 you"})
    await store.sharing.set_annotations(account, None, account, {"/shared/admin": b"mailto:a@b"})
    assert await store.sharing.annotations(account, inbox, account) == {
        "/shared/comment": b"all",
        "/private/comment": b"me",
    }
    assert await store.sharing.annotations(account, inbox, OTHER) == {
        "/shared/comment": b"all",
        "/private/comment": b"\0 you",
    }
    assert await store.sharing.annotations(account, None, OTHER) == {"/shared/admin": b"mailto:a@b"}
    assert await store.sharing.annotations(account, opened.mailbox("Trash"), account) == {}


async def test_nil_removes_and_a_second_value_replaces(opened: Opened) -> None:
    """RFC 5464 section 4.3."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    before = await store.states(account)
    await store.sharing.set_annotations(account, inbox, account, {"/shared/a": b"1", "/shared/b": b"2"})
    await store.sharing.set_annotations(
        account, inbox, account, {"/shared/A": b"3", "/shared/b": None, "/shared/c": None}
    )
    assert await store.sharing.annotations(account, inbox, account) == {"/shared/a": b"3"}
    assert await store.states(account) == before


async def test_limits_and_all_or_none(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    settings = store.engine.settings
    most, octets = settings.annotations_per_mailbox, settings.annotation_octets
    await store.sharing.set_annotations(account, inbox, account, {"/shared/large": b"x" * octets})
    with pytest.raises(TooLarge):
        await store.sharing.set_annotations(
            account, inbox, account, {"/shared/a": b"1", "/shared/b": b"x" * (octets + 1)}
        )
    with pytest.raises(InvalidValue):
        await store.sharing.set_annotations(account, inbox, account, {"/shared/a": b"1", "b": b"2"})
    assert list(await store.sharing.annotations(account, inbox, account)) == ["/shared/large"]
    await store.sharing.set_annotations(
        account, inbox, account, {f"/shared/{n}": b"" for n in range(most - 1)}
    )
    with pytest.raises(OverQuota):
        await store.sharing.set_annotations(account, inbox, OTHER, {"/private/one": b""})
    assert len(await store.sharing.annotations(account, inbox, OTHER)) == most


async def test_they_go_with_their_mailbox(opened: Opened) -> None:
    store, account = opened.store, opened.account
    made = await store.create_mailbox(account, "gone")
    await store.sharing.set_annotations(account, made.id, account, {"/shared/a": b"1"})
    await store.remove_mailbox(account, made.id, with_emails=True)
    assert await store.sharing.annotations(account, made.id, account) == {}
    for mailbox in (made.id, MailboxId(77)):
        with pytest.raises(NotFound):
            await store.sharing.set_annotations(account, mailbox, account, {"/shared/a": b"1"})
