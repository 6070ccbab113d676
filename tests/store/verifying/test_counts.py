"""The recount finds each thing that can be wrong."""

import pytest
from tests.support.stores import Opened, add_account

from pymailcore.base.ids import AccountId
from pymailcore.store.keywords import Keywords
from pymailcore.store.types import FlagChange, Transaction
from pymailcore.store.verifying import counts
from pymailcore.store.verifying.counts import (
    StillMoving,
    count_large_mailbox,
    count_mailbox,
    sum_account,
    sum_large_account,
    verify_account,
    verify_counts,
)

DAMAGES = [
    "UPDATE mailboxes SET messages = messages + 1",
    "UPDATE mailboxes SET unseen = unseen + 1 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET deleted = 7 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET size_octets = 7 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET total_emails = 7 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET unread_emails = 7 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET total_threads = 7 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET unread_threads = 7 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET uid_next = 1 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET highest_modseq = 1 WHERE path = 'INBOX'",
    "UPDATE mailboxes SET parent = 5 WHERE path = 'INBOX'",
    "UPDATE emails SET visible = 1 - visible",
    "UPDATE emails SET flags = 1 - flags",
    "UPDATE emails SET thread = 5",
    "UPDATE emails SET changed_modseq = 999",
    "UPDATE emails SET size_octets = 1",
    "UPDATE accounts SET used_octets = 1",
    "UPDATE placements SET email = 5 WHERE uid = 1",
    "UPDATE placements SET mailbox = 5 WHERE uid = 1",
    "DELETE FROM placements WHERE uid = 2",
    "DELETE FROM email_data",
    "DELETE FROM email_headers",
    "DELETE FROM blob_refs",
    "DELETE FROM blobs",
    "DELETE FROM emails",
    "DELETE FROM threads",
    "DELETE FROM thread_mailboxes",
    "UPDATE threads SET members = 7",
    "UPDATE threads SET emails = 7",
    "UPDATE threads SET unread = 7",
    "UPDATE threads SET unread_trash = 7",
    "UPDATE thread_mailboxes SET emails = 7",
    "INSERT INTO threads VALUES (5, 1, 0, 0, 0, 0, 0, 0)",
    "INSERT INTO blob_refs VALUES (5, (SELECT min(id) FROM blobs), 1, 1)",
    "INSERT INTO email_data SELECT 5, envelope, bodystructure, parts, facts, recipe FROM email_data LIMIT 1",
    "INSERT INTO email_headers (email, from_text, to_text, cc_text, bcc_text, subject_text, base_subject,"
    " from_sort, to_sort) SELECT 5, '', '', '', '', '', '', '', ''",
]


class Undone(Exception):
    """Takes a damage back."""


async def some_mail(opened: Opened) -> None:
    await opened.deliver()
    await opened.deliver()
    await opened.store.set_flags(
        opened.account, opened.mailbox("INBOX"), [(2, 2)], FlagChange.ADD, Keywords(), deleted=True
    )
    await opened.check()


async def test_each_damage_is_found(opened: Opened) -> None:
    await some_mail(opened)
    for damage in DAMAGES:
        found: list[str] = []

        async def spoil(tx: Transaction, damage: str = damage, found: list[str] = found) -> None:
            assert await tx.run(damage)
            found[:] = await verify_counts(tx)
            raise Undone

        with pytest.raises(Undone):
            await opened.store.database.write(spoil)
        assert found, damage
    await opened.check()


async def test_one_account_is_counted_alone(opened: Opened) -> None:
    await some_mail(opened)
    await add_account(opened.store, AccountId(2), "eve@example.org")

    async def spoil(tx: Transaction) -> None:
        await tx.run("UPDATE mailboxes SET messages = 7 WHERE path = 'INBOX' AND account = 1")
        await tx.run("UPDATE threads SET members = 7")

    await opened.store.database.write(spoil)
    read = opened.store.database.read
    assert len(await read(lambda tx: verify_account(tx, AccountId(1)))) == 3
    assert await read(lambda tx: verify_account(tx, AccountId(2))) == []


async def test_counting_in_slices_gives_the_same(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_SLICE", 1)
    await some_mail(opened)
    await opened.deliver(mailbox="trash")
    read = opened.store.database.read
    for path in ("INBOX", "Trash", "Sent"):
        mailbox = opened.mailbox(path)
        whole = await read(lambda tx, mailbox=mailbox: count_mailbox(tx, mailbox))  # type: ignore[misc]
        assert await count_large_mailbox(read, mailbox) == whole
        assert whole is not None
        assert whole.fault(mailbox) == []
    assert await sum_large_account(read, 1) == await read(lambda tx: sum_account(tx, 1))
    assert await count_large_mailbox(read, 999) is None
    assert await sum_large_account(read, 999) is None


async def test_what_never_holds_still_is_not_called_wrong(opened: Opened) -> None:
    await some_mail(opened)

    async def read_and_deliver(work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        await opened.deliver()
        return await opened.store.database.read(work)

    with pytest.raises(StillMoving):
        await count_large_mailbox(read_and_deliver, opened.mailbox("INBOX"))
    with pytest.raises(StillMoving):
        await sum_large_account(read_and_deliver, 1)
