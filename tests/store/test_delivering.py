"""Filing messages and reading them back."""

import pytest
from tests.support.stores import RECEIVED_MS, Opened, a_message, add_account, opened_store

from pymailcore.base.errors import (
    NotFound,
    OverQuota,
)
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, BlobId
from pymailcore.store.blobids import part_blob
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.query import And
from pymailcore.store.types import EmailUpdate, FlagChange, StoredMessage, Target, Transaction, Want

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])
MULTIPART = (
    "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + ("QUJD" * 19 + "\r\n") * 40
    + "--b--\r\n"
).encode()


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
    opened.store._engine.ids.new = lambda: next(numbers)  # type: ignore[method-assign]
    assert (await opened.deliver()).email == 900_000_001
    await opened.check()


async def test_large_messages_are_prepared_in_a_thread(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("large")
    octets = a_message(body="line of text\r\n" * 40_000)
    async with opened_store(folder / "data", inline_prepare_octets=1000) as opened:
        filed = await opened.deliver(octets)
        assert await opened.store.message(opened.account, filed.email) == octets
