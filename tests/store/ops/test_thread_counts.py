from tests.support.stores import Opened, a_message

from pymailcore.base.ids import AccountId
from pymailcore.store.ops.thread_counts import ThreadCounts, ThreadDelta
from pymailcore.store.types import Transaction


async def test_a_new_thread_counts_in_its_mailbox(opened: Opened) -> None:
    """RFC 8621 section 2."""

    async def work(tx: Transaction) -> tuple[dict[int, list[int]], object]:
        counts = ThreadCounts(tx, AccountId(1), 5, trash=9)
        await counts.write({7: ThreadDelta(members=1, emails=1, unread=1, list_changed=True, pairs={3: 1})})
        await counts.write({8: ThreadDelta()})
        return counts.mailboxes, await tx.rows("SELECT id, emails, created_modseq FROM threads")

    async def undone(tx: Transaction) -> None:
        assert await work(tx) == ({3: [1, 1]}, [(7, 1, 5)])
        await tx.run("DELETE FROM threads")
        await tx.run("DELETE FROM thread_mailboxes")

    await opened.store.database.write(undone)
    await opened.check()


async def test_unread_threads_count_once_and_only_where_they_are(opened: Opened) -> None:
    for n in range(3):
        await opened.deliver(a_message("s", message_id=f"<{n}@x>", in_reply_to="<root@x>"))
    await opened.deliver(a_message("s", in_reply_to="<root@x>"), "archive")
    for path in ("INBOX", "Archive"):
        found = await opened.counters(path)
        assert (found.total_threads, found.unread_threads) == (1, 1)
    assert (await opened.counters("Sent")).total_threads == 0
