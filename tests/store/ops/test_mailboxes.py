"""Mailboxes on a real store."""

import pytest
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import (
    AlreadyExists,
    Forbidden,
    InvalidValue,
    NotEmpty,
    NotFound,
    OverQuota,
)
from pymailcore.store.ops.mailboxes import MAX_LEVEL_OCTETS, MAX_LEVELS, MAX_PATH_OCTETS
from pymailcore.store.types import ROLES


def _long(octets: int) -> str:
    """A path of as many octets in levels of 199 and a last one."""
    levels = ["x" * 199] * ((octets - 1) // 200)
    return "/".join([*levels, "y" * (octets - 200 * len(levels))])


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("x" * (MAX_LEVEL_OCTETS - 1), True),
        ("x" * MAX_LEVEL_OCTETS, True),
        ("x" * (MAX_LEVEL_OCTETS + 1), False),
        ("é" * 127, True),
        ("é" * 128, False),
        ("/".join("x" * (MAX_LEVELS - 1)), True),
        ("/".join("x" * MAX_LEVELS), True),
        ("/".join("x" * (MAX_LEVELS + 1)), False),
        (_long(MAX_PATH_OCTETS - 1), True),
        (_long(MAX_PATH_OCTETS), True),
        (_long(MAX_PATH_OCTETS + 1), False),
        ("", False),
        ("a//b", False),
        ("/a", False),
        ("a/", False),
        ("a\tb", False),
        ("a\u2028b", False),
        ("a\x7fb", False),
    ],
)
async def test_names_are_bounded_and_free_of_controls(opened: Opened, path: str, fits: bool) -> None:
    """RFC 9051 section 5.1; RFC 8621 section 2."""
    if fits:
        assert (await opened.store.create_mailbox(opened.account, path)).path == path
    else:
        with pytest.raises(InvalidValue):
            await opened.store.create_mailbox(opened.account, path)
    await opened.check()


@pytest.mark.parametrize(("more", "fits"), [(1, True), (2, True), (3, False)])
async def test_mailboxes_are_bounded_in_number(
    tmp_path_factory: pytest.TempPathFactory, more: int, fits: bool
) -> None:
    folder = tmp_path_factory.mktemp("many")
    async with opened_store(folder / "data", mailboxes_per_account=len(ROLES) + 2) as opened:
        path = "/".join("abc"[:more])
        if fits:
            await opened.store.create_mailbox(opened.account, path)
        else:
            with pytest.raises(OverQuota):
                await opened.store.create_mailbox(opened.account, path)
            assert len(await opened.store.mailboxes(opened.account)) == len(ROLES)


async def test_names_are_found_in_their_normal_form(opened: Opened) -> None:
    """RFC 9051 section 5.1: INBOX in any case; NFC."""
    store, account = opened.store, opened.account
    made = await store.create_mailbox(account, "Cafe\u0301")
    assert made.path == "Caf\u00e9"
    assert await store.mailbox_named(account, "Cafe\u0301") == made
    inbox = await store.mailbox_named(account, "iNbOx")
    assert inbox is not None
    assert (inbox.role, inbox.name, inbox.path) == ("inbox", "Inbox", "INBOX")
    below = await store.create_mailbox(account, "inbox/Lists")
    assert (below.name, below.path, below.parent) == ("Lists", "INBOX/Lists", inbox.id)
    with pytest.raises(AlreadyExists):
        await store.create_mailbox(account, "InBox")
    assert await store.mailbox_named(account, "inboxes") is None


async def test_roles_are_unique_known_and_can_be_taken_away(opened: Opened) -> None:
    store, account = opened.store, opened.account
    with pytest.raises(AlreadyExists):
        await store.create_mailbox(account, "x", role="junk")
    with pytest.raises(InvalidValue):
        await store.create_mailbox(account, "x", role="nonsense")
    await store.update_mailbox(account, opened.mailbox("Junk"), role="")
    made = await store.create_mailbox(account, "x", role="junk", sort_order=3, subscribed=False)
    assert (made.role, made.sort_order, made.subscribed) == ("junk", 3, False)
    with pytest.raises(AlreadyExists):
        await store.update_mailbox(account, opened.mailbox("Junk"), role="junk")
    await store.update_mailbox(account, made.id, subscribed=True, sort_order=4)
    changed = await opened.counters("x")
    assert (changed.role, changed.sort_order, changed.subscribed) == ("junk", 4, True)


async def test_the_inbox_stays(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    with pytest.raises(Forbidden):
        await store.remove_mailbox(account, inbox, with_emails=True)
    with pytest.raises(Forbidden):
        await store.update_mailbox(account, inbox, path="elsewhere")
    with pytest.raises(Forbidden):
        await store.update_mailbox(account, inbox, role="archive")


async def test_a_rename_takes_children_along_and_no_namesakes(opened: Opened) -> None:
    store, account = opened.store, opened.account
    for path in ("a/b/c", "ab", "a_b", "A/x"):
        await store.create_mailbox(account, path)
    a = await opened.counters("a")
    await store.update_mailbox(account, a.id, path="new/place")
    paths = {mailbox.path for mailbox in await store.mailboxes(account)}
    assert {"new", "new/place", "new/place/b", "new/place/b/c", "ab", "a_b", "A", "A/x"} <= paths
    assert not {"a", "a/b"} & paths
    await opened.check()
    with pytest.raises(InvalidValue):
        await store.update_mailbox(account, a.id, path="new/place/b/below")
    with pytest.raises(AlreadyExists):
        await store.update_mailbox(account, a.id, path="ab")
    with pytest.raises(InvalidValue):
        await store.update_mailbox(account, a.id, path="/".join("x" * (MAX_LEVELS - 1)))
    await store.update_mailbox(account, a.id, path="/".join("x" * (MAX_LEVELS - 2)))
    await opened.check()


async def test_a_removed_mailbox_takes_emails_that_are_nowhere_else(opened: Opened) -> None:
    store, account = opened.store, opened.account
    made = await store.create_mailbox(account, "a")
    alone = await opened.deliver(mailbox=made.id)
    both = await opened.deliver(mailbox=made.id)
    await store.copy(account, made.id, [(2, 2)], opened.mailbox("Archive"))
    with pytest.raises(NotEmpty):
        await store.remove_mailbox(account, made.id, with_emails=False)
    state = (await store.states(account)).mailbox
    await store.remove_mailbox(account, made.id, with_emails=True)
    assert [row.id for row in await store.emails(account, [alone.email, both.email])] == [both.email]
    changes = await store.changes(account, "mailbox", state, 10)
    assert changes is not None
    assert changes.destroyed == (made.id,)
    assert await store.delta(account, made.id, 0) is None
    again = await store.create_mailbox(account, "a")
    assert again.uid_validity > made.uid_validity
    await opened.check()
    with pytest.raises(NotFound):
        await store.remove_mailbox(account, made.id, with_emails=True)


async def test_mailbox_changes_tell_whether_only_counters_moved(opened: Opened) -> None:
    """RFC 8621 section 2.2, updatedProperties."""
    store, account = opened.store, opened.account
    state = (await store.states(account)).mailbox
    await opened.deliver()
    changes = await store.changes(account, "mailbox", state, 10)
    assert changes is not None
    assert changes.counters_only
    assert changes.updated == (opened.mailbox("INBOX"),)
    await store.update_mailbox(account, opened.mailbox("Junk"), sort_order=9)
    changes = await store.changes(account, "mailbox", state, 10)
    assert changes is not None
    assert not changes.counters_only
    assert set(changes.updated) == {opened.mailbox("INBOX"), opened.mailbox("Junk")}
