r"""Set statements change what `Revision` would change, and nothing else."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.base.ids import MailboxId
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.ops import stretch
from pymailcore.store.types import FlagChange, Row, Transaction

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])
TABLES = (
    "SELECT path, uid_next, highest_modseq, counts_modseq, messages, unseen, deleted, size_octets,"
    " total_emails, unread_emails, total_threads, unread_threads FROM mailboxes ORDER BY path",
    "SELECT flags, extra, visible, flags_modseq, created_modseq, changed_modseq FROM emails ORDER BY id",
    "SELECT m.path, p.uid, p.email, p.deleted, p.arrived_modseq, p.modseq FROM placements p"
    " JOIN mailboxes m ON m.id = p.mailbox ORDER BY 1, 2",
    "SELECT members, emails, unread, unread_trash, created_modseq, changed_modseq FROM threads ORDER BY id",
    "SELECT tm.thread, m.path, tm.emails FROM thread_mailboxes tm JOIN mailboxes m ON m.id = tm.mailbox"
    " ORDER BY 1, 2",
    "SELECT modseq, email_modseq, mailbox_modseq, thread_modseq, used_octets FROM accounts",
    "SELECT modseq, uid, arrived FROM expunged ORDER BY modseq, uid",
    "SELECT kind, modseq, created FROM removed ORDER BY modseq, kind, id",
)

Change = Callable[[Opened, MailboxId, MailboxId, MailboxId], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "copy": lambda o, inbox, archive, _: o.store.copy(o.account, inbox, ALL, archive),
    "copy some": lambda o, inbox, archive, _: o.store.copy(o.account, inbox, [(2, 3), (5, 6)], archive),
    "move": lambda o, inbox, archive, _: o.store.move(o.account, inbox, ALL, archive),
    "move some": lambda o, inbox, archive, _: o.store.move(o.account, inbox, [(1, 1), (4, 5)], archive),
    "move to trash": lambda o, inbox, _, trash: o.store.move(o.account, inbox, ALL, trash),
    "move some to trash": lambda o, inbox, _, trash: o.store.move(o.account, inbox, [(1, 2), (6, 6)], trash),
    "copy to trash": lambda o, inbox, _, trash: o.store.copy(o.account, inbox, ALL, trash),
    "out of the trash": lambda o, inbox, _, trash: o.store.move(o.account, trash, ALL, inbox),
    "on the spot": lambda o, inbox, *_: o.store.copy(o.account, inbox, ALL, inbox),
}


async def fill(opened: Opened) -> tuple[MailboxId, MailboxId, MailboxId]:
    """Threads of several Emails, seen and unseen, some of them in other Mailboxes, too."""
    inbox, archive, trash = (opened.mailbox(path) for path in ("INBOX", "Archive", "Trash"))
    store, account = opened.store, opened.account
    for n in range(6):
        octets = a_message("s", message_id=f"<{n}@x>", in_reply_to=f"<root{n % 3}@x>")
        await opened.deliver(octets, keywords=SEEN if n % 4 == 1 else Keywords())
    await opened.deliver(a_message("s", in_reply_to="<root0@x>"), archive)
    await opened.deliver(a_message("s", in_reply_to="<root1@x>"), trash)
    await store.copy(account, inbox, [(2, 3)], archive)
    await store.copy(account, inbox, [(5, 5)], trash)
    return inbox, archive, trash


async def tables(tx: Transaction) -> list[list[Row]]:
    return [await tx.rows(sql) for sql in TABLES]


@pytest.mark.parametrize("name", CHANGES)
async def test_placements_change_as_a_revision_changes_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> bool:
        return False

    found = []
    for folder in ("set", "one by one"):
        if folder == "one by one":
            monkeypatch.setattr(stretch, "is_plain", never)
        async with opened_store(tmp_path / folder) as opened:
            where = await fill(opened)
            answer = await CHANGES[name](opened, *where)
            await opened.check()
            found.append((answer.source, answer.destination, await opened.store.database.read(tables)))  # type: ignore[attr-defined]
    ours, theirs = found
    assert ours[:2] == theirs[:2]
    without_ids = [[row[-6:] for row in rows] for rows in ours[2]]
    assert without_ids == [[row[-6:] for row in rows] for rows in theirs[2]]


@pytest.mark.parametrize("how", list(FlagChange))
@pytest.mark.parametrize("names", [["$seen"], ["$draft"], ["$flagged", "x"], ["$seen", "$draft"], []])
async def test_keywords_move_the_counters(opened: Opened, how: FlagChange, names: list[str]) -> None:
    """RFC 8621 section 2; RFC 7162 section 3.1: one modseq for all, none for nothing."""
    inbox, archive, trash = await fill(opened)
    for mailbox in (inbox, archive, trash, inbox):
        before = (await opened.store.states(opened.account)).modseq
        rows, _ = await opened.store.set_flags(opened.account, mailbox, ALL, how, keywords_of(names))
        await opened.check()
        now = (await opened.store.states(opened.account)).modseq
        assert now in (before, before + 1)
        assert now == before or any(row.modseq == now for row in rows)
    assert now == before  # the Inbox was done already


async def test_a_list_with_gaps_is_a_stretch(opened: Opened) -> None:
    assert stretch.stretch(5, [3, 4, 5]) == (5, 3, 5, None)
    assert stretch.stretch(5, [3]) == (5, 3, 3, None)
    assert stretch.stretch(5, [3, 5]) == (5, 3, 5, "[3,5]")
    inbox, *_ = await fill(opened)
    rows = await opened.store.database.read(lambda tx: stretch.rows(tx, stretch.stretch(inbox, [2, 4, 5])))
    assert [row.uid for row in rows] == [2, 4, 5]
