"""RFC 5464: entries, private and shared, their limits."""

import pytest
from tests.support.stores import Opened, add_account

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota, TooLarge
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, MailboxId, TenantId
from pymailcore.store.ops.annotations import (
    ENTRY_OCTETS,
    MAX_ENTRY_OCTETS,
    TooManyAnnotations,
    checked_entry,
)

OTHER = AccountId(2)


async def seen(
    opened: Opened, mailbox: MailboxId | None, reader: AccountId, account: AccountId | None = None
) -> dict[str, bytes]:
    """All that somebody sees; its sizes are as they are told."""
    account = account or opened.account
    sizes = await opened.store.sharing.annotation_sizes(account, mailbox, reader)
    values = await opened.store.sharing.annotations(account, mailbox, reader, sizes)
    assert {name: len(value) for name, value in values.items()} == sizes
    return values


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
    assert await seen(opened, inbox, account) == {"/shared/comment": b"all", "/private/comment": b"me"}
    assert await seen(opened, inbox, OTHER) == {"/shared/comment": b"all", "/private/comment": b"\0 you"}
    assert await seen(opened, opened.mailbox("Trash"), account) == {}
    some = await store.sharing.annotations(account, inbox, OTHER, ["/PRIVATE/comment", "/shared/none"])
    assert some == {"/private/comment": b"\0 you"}


async def test_those_of_the_server_are_shared_by_a_tenant(opened: Opened) -> None:
    """RFC 5464 section 3.1: of the server as a whole; a tenant sees nothing of another."""
    store, account, stranger = opened.store, opened.account, AccountId(3)
    await add_account(store, OTHER, "other@example.test")
    await add_account(store, stranger, "x@example.org", TenantId(DEFAULT_TENANT + 1))
    await store.sharing.set_annotations(
        account, None, account, {"/shared/comment": b"all", "/private/comment": b"me"}
    )
    await store.sharing.set_annotations(stranger, None, stranger, {"/shared/other": b"1"})
    assert await seen(opened, None, account) == {"/shared/comment": b"all", "/private/comment": b"me"}
    assert await seen(opened, None, OTHER, OTHER) == {"/shared/comment": b"all"}
    assert await seen(opened, None, stranger, stranger) == {"/shared/other": b"1"}
    await store.sharing.set_annotations(OTHER, None, OTHER, {"/shared/comment": None})
    assert await seen(opened, None, account) == {"/private/comment": b"me"}


async def test_nil_removes_and_a_second_value_replaces(opened: Opened) -> None:
    """RFC 5464 section 4.3."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    before = (await store.states(account))[1:]
    await store.sharing.set_annotations(account, inbox, account, {"/shared/a": b"1", "/shared/b": b"2"})
    await store.sharing.set_annotations(
        account, inbox, account, {"/shared/A": b"3", "/shared/b": None, "/shared/c": None}
    )
    assert await seen(opened, inbox, account) == {"/shared/a": b"3"}
    assert (await store.states(account))[1:] == before


async def test_limits_and_all_or_none(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    limits = store.sharing.annotation_limits
    await store.sharing.set_annotations(account, inbox, account, {"/shared/large": b"x" * limits.octets})
    with pytest.raises(TooLarge):
        await store.sharing.set_annotations(
            account, inbox, account, {"/shared/a": b"1", "/shared/b": b"x" * (limits.octets + 1)}
        )
    with pytest.raises(InvalidValue):
        await store.sharing.set_annotations(account, inbox, account, {"/shared/a": b"1", "b": b"2"})
    assert list(await seen(opened, inbox, account)) == ["/shared/large"]
    await store.sharing.set_annotations(
        account, inbox, account, {f"/shared/{n}": b"" for n in range(limits.entries - 1)}
    )
    with pytest.raises(TooManyAnnotations):
        await store.sharing.set_annotations(account, inbox, OTHER, {"/private/one": b""})
    assert len(await seen(opened, inbox, OTHER)) == limits.entries
    await store.sharing.set_annotations(account, inbox, OTHER, {"/private/one": b"", "/shared/0": None})
    assert len(await seen(opened, inbox, OTHER)) == limits.entries


@pytest.mark.parametrize("mailbox", ["INBOX", None])
async def test_all_of_an_account_are_bounded_together(
    opened: Opened, mailbox: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5464 section 7; what is beyond the limit may still shrink."""
    store, account = opened.store, opened.account
    place = opened.mailbox(mailbox) if mailbox else None
    limits = store.sharing.annotation_limits
    small = limits._replace(octets_together=2 * ENTRY_OCTETS + 30)
    monkeypatch.setattr(type(store.sharing), "annotation_limits", small)
    await store.sharing.set_annotations(account, place, account, {"/shared/a": b"x" * 18})
    for octets, fits in ((10, True), (11, False)):
        for scope in ("shared", "private") if mailbox else ("shared",):
            change = {f"/{scope}/b": b"x" * octets}
            if fits:
                await store.sharing.set_annotations(account, place, account, change)
                await store.sharing.set_annotations(account, place, account, {f"/{scope}/b": None})
            else:
                with pytest.raises(OverQuota):
                    await store.sharing.set_annotations(account, place, account, change)
    monkeypatch.setattr(
        type(store.sharing), "annotation_limits", limits._replace(entries=0, octets_together=0)
    )
    await store.sharing.set_annotations(account, place, account, {"/shared/a": b"less"})
    await store.sharing.set_annotations(account, place, account, {"/shared/a": None})
    assert await seen(opened, place, account) == {}


async def test_a_copy_has_those_of_everybody(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5464 section 4.1 (a rename of INBOX)."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    await store.sharing.set_annotations(account, inbox, account, {"/shared/a": b"1", "/private/a": b"2"})
    await store.sharing.set_annotations(account, inbox, OTHER, {"/private/a": b"3"})
    made = await store.create_mailbox(account, "copy")
    await store.sharing.copy_annotations(account, inbox, made.id)
    for reader, own in ((account, b"2"), (OTHER, b"3")):
        for place in (inbox, made.id):
            assert await seen(opened, place, reader) == {"/shared/a": b"1", "/private/a": own}
    with pytest.raises(NotFound):
        await store.sharing.copy_annotations(account, inbox, MailboxId(77))
    more = await store.create_mailbox(account, "more")
    limits = store.sharing.annotation_limits._replace(octets_together=6 * ENTRY_OCTETS)
    monkeypatch.setattr(type(store.sharing), "annotation_limits", limits)
    with pytest.raises(OverQuota):
        await store.sharing.copy_annotations(account, inbox, more.id)
    assert await seen(opened, more.id, account) == {}


async def test_they_go_with_their_mailbox(opened: Opened) -> None:
    store, account = opened.store, opened.account
    made = await store.create_mailbox(account, "gone")
    await store.sharing.set_annotations(account, made.id, account, {"/shared/a": b"1"})
    await store.update_mailbox(account, made.id, path="renamed")
    assert await seen(opened, made.id, account) == {"/shared/a": b"1"}
    await store.remove_mailbox(account, made.id, with_emails=True)
    assert await seen(opened, made.id, account) == {}
    for mailbox in (made.id, MailboxId(77)):
        with pytest.raises(NotFound):
            await store.sharing.set_annotations(account, mailbox, account, {"/shared/a": b"1"})


async def test_a_change_takes_a_modseq_of_the_mailbox(opened: Opened) -> None:
    """RFC 7162 section 3.2: and what changes nothing takes none."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")

    async def highest() -> tuple[int, int]:
        return (await opened.counters("INBOX")).highest_modseq, (await store.states(account)).modseq

    async def annotate(mailbox: MailboxId | None, value: bytes | None) -> None:
        await store.sharing.set_annotations(account, mailbox, account, {"/private/comment": value})

    before = (await store.states(account)).modseq
    await annotate(inbox, b"x")
    assert await highest() == (before + 1, before + 1)
    await annotate(inbox, b"x")
    await annotate(None, b"x")
    assert await highest() == (before + 1, before + 1)
    await annotate(inbox, None)
    await annotate(inbox, None)
    assert await highest() == (before + 2, before + 2)
    await opened.check()
