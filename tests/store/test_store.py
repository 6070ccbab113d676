r"""The interface on a real store: what the model in tests/properties does not look at."""

import pytest
import trio
from tests.support.stores import RECEIVED_MS, Opened, a_message, add_account, opened_store

from pymailcore.base.errors import (
    AlreadyExists,
    Forbidden,
    InvalidValue,
    NotEmpty,
    NotFound,
    OverQuota,
    StateMismatch,
)
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, BlobId, EmailId, MailboxId
from pymailcore.store.blobids import part_blob
from pymailcore.store.keywords import MAX_KEYWORDS, Keywords, keywords_of
from pymailcore.store.ops.mailboxes import MAX_LEVEL_OCTETS, MAX_LEVELS, MAX_PATH_OCTETS
from pymailcore.store.query import And
from pymailcore.store.types import ROLES, EmailUpdate, FlagChange, StoredMessage, Target, Transaction, Want

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])
MULTIPART = (
    "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + ("QUJD" * 19 + "\r\n") * 40
    + "--b--\r\n"
).encode()


# --- accounts and states -------------------------------------------------------------------------


async def test_an_account_begins_with_the_mailboxes_of_its_roles(opened: Opened) -> None:
    """RFC 8621 section 2; RFC 6154."""
    mailboxes = await opened.store.mailboxes(opened.account)
    assert {mailbox.role for mailbox in mailboxes} == set(ROLES)
    assert mailboxes[0].path == "INBOX"
    assert len({mailbox.uid_validity for mailbox in mailboxes}) == len(mailboxes)
    assert all(mailbox.subscribed and mailbox.uid_next == 1 for mailbox in mailboxes)


async def test_states_of_nobody_are_not_found(opened: Opened) -> None:
    with pytest.raises(NotFound):
        await opened.store.states(AccountId(99))
    assert await opened.store.mailboxes(AccountId(99)) == []


async def test_a_removed_account_leaves_nothing_and_its_neighbour_alone(opened: Opened) -> None:
    store, other = opened.store, AccountId(2)
    await add_account(store, other, "eve@example.org")
    prepared = await store.prepare(a_message())
    for _ in range(3):
        await store.deliver(
            prepared,
            [Target(opened.account, "inbox"), Target(other, "inbox")],
            tenant=DEFAULT_TENANT,
            received_ms=RECEIVED_MS,
        )
    await store.upload(other, b"x", now_ms=0)
    await store.remove_account(other)
    assert await store.mailboxes(other) == []
    await opened.check()
    assert (await opened.counters("INBOX")).messages == 3
    owned = await store.database.read(
        lambda tx: tx.row("SELECT count(*) FROM blob_refs WHERE account = ?1", other)
    )
    assert owned == (0,)


async def test_a_write_that_changes_nothing_takes_no_modseq(opened: Opened) -> None:
    """RFC 7162 section 3.1."""
    store, account = opened.store, opened.account
    filed = await opened.deliver(keywords=SEEN)
    before = await store.states(account)
    told = list(opened.told)
    inbox = opened.mailbox("INBOX")
    await store.set_flags(account, inbox, ALL, FlagChange.ADD, SEEN)
    await store.expunge(account, inbox, None)
    await store.update_emails(account, [EmailUpdate(filed.email, add=SEEN)])
    await store.destroy_emails(account, [12345])
    await store.update_mailbox(account, inbox, sort_order=1)
    assert await store.states(account) == before
    assert opened.told == told


# --- putting mail in -----------------------------------------------------------------------------


async def test_octets_come_back_exactly_and_parts_decoded(opened: Opened) -> None:
    store, account = opened.store, opened.account
    filed = await opened.deliver(MULTIPART)
    assert await store.message(account, filed.email) == MULTIPART
    assert await store.blob(account, filed.blob) == MULTIPART
    assert await store.blob(account, part_blob(filed.email, "1")) == b"hello"
    assert await store.blob(account, part_blob(filed.email, "2")) == b"ABC" * 19 * 40
    assert await store.messages(account, [filed.email, 5, filed.email]) == [(filed.email, MULTIPART)] * 2
    for wrong in ("3", "1-1", "0"):
        with pytest.raises(NotFound):
            await store.blob(account, BlobId(f"{part_blob(filed.email, wrong)}"))


async def test_messages_stop_at_the_octets_asked_for(opened: Opened) -> None:
    ids = [(await opened.deliver()).email for _ in range(3)]
    size = len(a_message())
    for most, count in ((size - 1, 1), (size, 1), (size + 1, 2), (10 * size, 3)):
        assert len(await opened.store.messages(opened.account, ids, most_octets=most)) == count


@pytest.mark.parametrize(
    "wrong", ["", "x", "m", "mZ", "p1", "p1-", "p1-x", "b12", "b" + "g" * 64, "b" + "0" * 64]
)
async def test_blob_ids_that_are_none_are_not_found(opened: Opened, wrong: str) -> None:
    with pytest.raises(NotFound):
        await opened.store.blob(opened.account, BlobId(wrong))


async def test_what_another_account_has_looks_like_nothing(opened: Opened) -> None:
    """RFC 8620 section 6.2; a known blob id gives no claim."""
    store, other = opened.store, AccountId(2)
    await add_account(store, other, "eve@example.org")
    filed = await opened.deliver(MULTIPART)
    blob = await store.upload(opened.account, b"secret", now_ms=0)
    inbox = opened.mailbox("INBOX")
    for claimed in (blob, filed.blob, part_blob(filed.email, "2")):
        with pytest.raises(NotFound):
            await store.blob(other, claimed)
    with pytest.raises(NotFound):
        await store.message(other, filed.email)
    with pytest.raises(NotFound):
        await store.snapshot(other, inbox)
    with pytest.raises(NotFound):
        await store.set_flags(other, inbox, ALL, FlagChange.ADD, SEEN)
    with pytest.raises(NotFound):
        await store.copy(other, inbox, ALL, inbox)
    with pytest.raises(NotFound):
        await store.expunge(other, inbox, None)
    with pytest.raises(NotFound):
        await store.search(other, inbox, And(()))
    with pytest.raises(NotFound):
        await store.remove_mailbox(other, inbox, with_emails=True)
    assert await store.fetch(other, inbox, ALL, Want.NONE) == []
    assert await store.delta(other, inbox, 0) is None
    assert await store.emails(other, [filed.email]) == []
    assert await store.threads(other, [filed.thread]) == []
    assert await store.messages(other, [filed.email]) == []
    assert await store.destroy_emails(other, [filed.email]) == []
    refused = await store.update_emails(other, [EmailUpdate(filed.email, add=SEEN)])
    assert isinstance(refused[filed.email], NotFound)
    mine = next(m.id for m in await store.mailboxes(other) if m.role == "inbox")
    filed_there = await store.deliver(
        await store.prepare(a_message()), [Target(other, mine)], tenant=DEFAULT_TENANT, received_ms=0
    )
    refused = await store.update_emails(
        other, [EmailUpdate(filed_there[0].email, add_mailboxes=frozenset([inbox]))]
    )
    assert isinstance(refused[filed_there[0].email], NotFound)
    with pytest.raises(NotFound):
        await store.deliver(
            await store.prepare(a_message()), [Target(other, inbox)], tenant=DEFAULT_TENANT, received_ms=0
        )
    await opened.check()


async def test_all_targets_or_none(opened: Opened) -> None:
    store = opened.store
    prepared = await store.prepare(a_message())
    targets = [Target(opened.account, "inbox"), Target(AccountId(99), "inbox")]
    with pytest.raises(NotFound):
        await store.deliver(prepared, targets, tenant=DEFAULT_TENANT, received_ms=0)
    with pytest.raises(NotFound):
        await store.deliver(
            prepared,
            [Target(opened.account, "inbox"), Target(opened.account, "snoozed")],
            tenant=DEFAULT_TENANT,
            received_ms=0,
        )
    assert (await opened.counters("INBOX")).messages == 0
    await opened.check()


async def test_targets_of_one_account_make_one_email(opened: Opened) -> None:
    store, account = opened.store, opened.account
    filed = await store.deliver(
        await store.prepare(a_message()),
        [Target(account, "inbox", SEEN), Target(account, "archive", keywords_of(["x"]))],
        tenant=DEFAULT_TENANT,
        received_ms=RECEIVED_MS,
    )
    assert filed[0].email == filed[1].email
    row = (await store.emails(account, [filed[0].email]))[0]
    assert set(row.mailboxes) == {opened.mailbox("INBOX"), opened.mailbox("Archive")}
    assert Keywords(row.flags, row.extra) == keywords_of(["$seen", "x"])
    await opened.check()


async def test_a_full_account_refuses_at_its_quota(opened: Opened) -> None:
    size = len(a_message())

    async def limit(tx: Transaction) -> None:
        await tx.run("UPDATE accounts SET quota_octets = ?1", 2 * size)

    await opened.store.database.write(limit)
    await opened.deliver()
    await opened.deliver()
    with pytest.raises(OverQuota):
        await opened.deliver()
    await opened.check()


async def test_rows_of_others_share_the_transaction_and_hold_their_blobs(opened: Opened) -> None:
    store = opened.store
    kept: list[StoredMessage] = []

    async def also(tx: Transaction, message: StoredMessage) -> None:
        kept[:] = [message]
        await tx.run(
            "INSERT INTO queue_messages (id, tenant, size_octets, recipe, smtputf8, eight_bit, created_ms)"
            " VALUES (7, ?1, ?2, ?3, 0, 0, 0)",
            message.tenant,
            message.size_octets,
            message.recipe,
        )
        await store.hold_blobs(tx, message, 7)

    prepared = await store.prepare(MULTIPART)
    assert await store.deliver(prepared, [], tenant=DEFAULT_TENANT, received_ms=0, also=also) == []
    assert await store.rebuild(kept[0].tenant, kept[0].recipe) == MULTIPART
    await opened.check()

    async def release(tx: Transaction) -> None:
        await tx.run("DELETE FROM queue_messages")
        await store.release_blobs(tx, 7)

    await store.database.write(release)
    await opened.check()
    held = await store.database.read(lambda tx: tx.row("SELECT count(*) FROM blob_refs"))
    assert held == (0,)


async def test_an_id_that_was_minted_twice_is_minted_again(opened: Opened) -> None:
    filed = await opened.deliver()
    numbers = iter([filed.email, 5, 900_000_001, 900_000_002])
    opened.store._ids.new = lambda: next(numbers)  # type: ignore[method-assign]
    assert (await opened.deliver()).email == 900_000_001
    await opened.check()


async def test_large_messages_are_prepared_in_a_thread(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("large")
    octets = a_message(body="line of text\r\n" * 40_000)
    async with opened_store(folder / "data", inline_prepare_octets=1000) as opened:
        filed = await opened.deliver(octets)
        assert await opened.store.message(opened.account, filed.email) == octets


# --- Threads -------------------------------------------------------------------------------------


async def test_threads_need_a_shared_id_and_the_same_base_subject(opened: Opened) -> None:
    """RFC 8621 section 3."""
    first = await opened.deliver(a_message("Plan", message_id="<1@x>"))
    reply = await opened.deliver(a_message("Re: plan", message_id="<2@x>", in_reply_to="<1@x>"))
    other = await opened.deliver(a_message("Something else", message_id="<3@x>", in_reply_to="<1@x>"))
    alone = await opened.deliver(a_message("Plan"))
    assert reply.thread == first.thread
    assert len({first.thread, other.thread, alone.thread}) == 3
    threads = await opened.store.threads(opened.account, [alone.thread, 5, first.thread])
    assert threads == [(alone.thread, (alone.email,)), (first.thread, (first.email, reply.email))]


async def test_a_mail_that_links_two_threads_joins_the_older_and_they_stay_two(opened: Opened) -> None:
    """RFC 8621 section 3; RFC 8474 section 5.2."""
    old = await opened.deliver(a_message("s", message_id="<1@x>"))
    new = await opened.deliver(a_message("s", message_id="<2@x>"))
    link = await opened.deliver(a_message("s", message_id="<3@x>", in_reply_to="<2@x> <1@x>"))
    later = await opened.deliver(a_message("s", in_reply_to="<2@x>"))
    assert old.thread == link.thread
    assert later.thread == new.thread != old.thread
    await opened.check()


async def test_a_thread_whose_emails_are_gone_does_not_come_back(opened: Opened) -> None:
    first = await opened.deliver(a_message("s", message_id="<1@x>"))
    await opened.store.destroy_emails(opened.account, [first.email])
    again = await opened.deliver(a_message("s", message_id="<1@x>"))
    assert again.thread != first.thread
    changes = await opened.store.changes(opened.account, "thread", 0, 10)
    assert changes is not None
    assert changes.created == (again.thread,)
    reply = await opened.deliver(a_message("s", in_reply_to="<1@x>"))
    assert reply.thread == again.thread


async def test_unread_threads_treat_the_trash_as_apart(opened: Opened) -> None:
    """RFC 8621 section 2, the example of unreadThreads."""
    trash = opened.mailbox("Trash")
    await opened.deliver(a_message("s", message_id="<1@x>"), keywords=SEEN)
    await opened.deliver(a_message("s", in_reply_to="<1@x>"), trash)
    assert (await opened.counters("INBOX")).unread_threads == 0
    assert (await opened.counters("Trash")).unread_threads == 1
    await opened.store.update_mailbox(opened.account, trash, role="")
    assert (await opened.counters("INBOX")).unread_threads == 1
    await opened.check()
    await opened.store.update_mailbox(opened.account, trash, role="trash")
    assert (await opened.counters("INBOX")).unread_threads == 0
    await opened.check()


# --- uploads -------------------------------------------------------------------------------------


async def test_uploads_expire_and_are_bounded_in_octets(tmp_path_factory: pytest.TempPathFactory) -> None:
    """RFC 8620 section 6.1."""
    folder = tmp_path_factory.mktemp("uploads")
    async with opened_store(folder / "data", upload_octets_per_account=10, upload_hours=1.0) as opened:
        store, account = opened.store, opened.account
        blob = await store.upload(account, b"1" * 9, now_ms=0)
        assert await store.upload(account, b"1" * 9, now_ms=1) == blob
        await store.upload(account, b"2", now_ms=2)
        with pytest.raises(OverQuota):
            await store.upload(account, b"3", now_ms=3)
        assert await store.blob(account, blob) == b"1" * 9
        await store.upload(account, b"4", now_ms=3_600_001)
        with pytest.raises(NotFound):
            await store.blob(account, blob)
        await opened.check()


@pytest.mark.parametrize(("count", "fits"), [(1, True), (2, True), (3, False)])
async def test_uploads_are_bounded_in_number(
    tmp_path_factory: pytest.TempPathFactory, count: int, fits: bool
) -> None:
    folder = tmp_path_factory.mktemp("uploads")
    async with opened_store(folder / "data", uploads_per_account=2) as opened:
        for n in range(count - 1):
            await opened.store.upload(opened.account, b"%d" % n, now_ms=0)
        if fits:
            await opened.store.upload(opened.account, b"last", now_ms=0)
        else:
            with pytest.raises(OverQuota):
                await opened.store.upload(opened.account, b"last", now_ms=0)


# --- Mailboxes -----------------------------------------------------------------------------------


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
    assert inbox.role == "inbox"
    below = await store.create_mailbox(account, "inbox/Lists")
    assert (below.path, below.parent) == ("INBOX/Lists", inbox.id)
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


# --- a selected Mailbox --------------------------------------------------------------------------


async def test_a_snapshot_has_uids_and_the_first_unseen(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    for n in range(5):
        await opened.deliver(keywords=SEEN if n != 3 else Keywords())
    await store.set_flags(account, inbox, [(2, 2)], FlagChange.ADD, Keywords(), deleted=True)
    await store.expunge(account, inbox, [(1, 3)])
    snapshot = await store.snapshot(account, inbox)
    assert list(snapshot.uids) == [1, 3, 4, 5]
    assert snapshot.first_unseen == 3
    await store.set_flags(account, inbox, ALL, FlagChange.ADD, SEEN)
    assert (await store.snapshot(account, inbox)).first_unseen == 0


async def test_fetch_gives_what_is_wanted_and_no_more_than_the_limit(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    prepared = await store.prepare(a_message())
    for _ in range(70):
        await opened.deliver()
    row = (await store.fetch(account, inbox, [(2, 2)], Want(31)))[0]
    assert (row.envelope, row.body, row.bodystructure, row.parts) == (
        prepared.envelope, prepared.body, prepared.bodystructure, prepared.parts,
    )  # fmt: skip
    assert (row.size_octets, row.received_ms) == (prepared.size_octets, RECEIVED_MS)
    plain = (await store.fetch(account, inbox, [(2, 2)], Want.NONE))[0]
    assert (plain.envelope, plain.size_octets, plain.thread) == (None, 0, 0)
    for limit in (9, 10, 11, 69, 70, 71):
        assert len(await store.fetch(account, inbox, ALL, Want.NONE, limit=limit)) == min(limit, 70)
    mixed = await store.fetch(account, inbox, [(60, 61), (3, 2), (2, 4), (999, 99)], Want.FACTS)
    assert [row.uid for row in mixed] == [2, 3, 4, 60, 61]
    assert await store.fetch(account, inbox, [], Want.NONE) == []


async def test_store_unchanged_since_leaves_alone_what_is_newer(opened: Opened) -> None:
    """RFC 7162 section 3.1.3."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    first = await opened.deliver()
    await opened.deliver()
    flagged = keywords_of(["$flagged"])
    rows, late = await store.set_flags(
        account, inbox, ALL, FlagChange.ADD, flagged, unchanged_since=first.modseq - 1
    )
    assert (rows, late) == ([], [1, 2])
    rows, late = await store.set_flags(
        account, inbox, ALL, FlagChange.ADD, flagged, unchanged_since=first.modseq
    )
    assert ([row.uid for row in rows], late) == ([1], [2])
    rows, late = await store.set_flags(
        account, inbox, ALL, FlagChange.ADD, SEEN, unchanged_since=rows[0].modseq
    )
    assert ([row.uid for row in rows], late) == ([1, 2], [])
    await opened.check()


async def test_long_work_goes_in_slices_with_modseqs_of_their_own(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymailcore.store.store.SLICE_EMAILS", 3)
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(opened.deliver)
    before = (await store.states(account)).modseq
    rows, _ = await store.set_flags(account, inbox, ALL, FlagChange.ADD, SEEN)
    assert [row.uid for row in rows] == list(range(1, 11))
    assert (await store.states(account)).modseq == before + 4
    moved = await store.move(account, inbox, ALL, opened.mailbox("Archive"))
    assert moved.source == tuple(range(1, 11))
    assert moved.destination == tuple(range(1, 11))
    assert (await store.states(account)).modseq == before + 8
    copied = await store.copy(account, opened.mailbox("Archive"), ALL, inbox)
    assert copied.destination == tuple(range(11, 21))
    assert (await store.states(account)).modseq == before + 9  # COPY is atomic
    await opened.check()


async def test_copy_and_move_of_nothing_and_to_nowhere(opened: Opened) -> None:
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    archive = opened.mailboxes["Archive"]
    for operation in (store.copy, store.move):
        done = await operation(account, inbox, [(5, 9)], archive.id)
        assert done == (archive.uid_validity, (), ())
        await opened.deliver()
        with pytest.raises(NotFound):
            await operation(account, inbox, ALL, MailboxId(77))
    await opened.check()


# --- Emails --------------------------------------------------------------------------------------


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


async def test_changes_page_between_modseqs_only(opened: Opened) -> None:
    """RFC 8620 section 5.2: maxChanges is never passed."""
    store, account = opened.store, opened.account
    start = (await store.states(account)).email
    ids = [(await opened.deliver()).email for _ in range(3)]
    page = await store.changes(account, "email", start, 2)
    assert page is not None
    assert (page.created, page.more) == (tuple(ids[:2]), True)
    rest = await store.changes(account, "email", page.new_modseq, 2)
    assert rest is not None
    assert (rest.created, rest.more, rest.new_modseq) == (
        (ids[2],), False, (await store.states(account)).email,
    )  # fmt: skip
    await store.set_flags(account, opened.mailbox("INBOX"), ALL, FlagChange.ADD, SEEN)
    assert await store.changes(account, "email", rest.new_modseq, 2) is None
    assert await store.changes(account, "email", 10**9, 2) is None
