"""The recount finds each thing that can be wrong."""

import pytest
from tests.support.stores import Opened

from pymailcore.store.keywords import Keywords
from pymailcore.store.types import FlagChange, Transaction
from pymailcore.store.verify import verify_counts


@pytest.mark.parametrize(
    "damage",
    [
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
        "INSERT INTO email_data SELECT 5, envelope, bodystructure, parts, facts, recipe FROM email_data"
        " LIMIT 1",
        "INSERT INTO email_headers SELECT 5, '', '', '', '', '', '', '', ''",
    ],
)
async def test_each_damage_is_found(opened: Opened, damage: str) -> None:
    await opened.deliver()
    await opened.deliver()
    await opened.store.set_flags(
        opened.account, opened.mailbox("INBOX"), [(2, 2)], FlagChange.ADD, Keywords(), deleted=True
    )
    await opened.check()

    async def spoil(tx: Transaction) -> None:
        assert await tx.run(damage)

    await opened.store.database.write(spoil)
    assert await opened.store.database.read(verify_counts) != []
