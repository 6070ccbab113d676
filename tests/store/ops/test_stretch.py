r"""Set statements change what `Revision` would change, and nothing else."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from tests.support.revisions import only_revisions, tables
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.base.ids import MailboxId
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.ops import stretch
from pymailcore.store.types import Copied, FlagChange

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])
Change = Callable[[Opened, MailboxId, MailboxId, MailboxId], Awaitable[object]]


def flags(
    where: int, ranges: Sequence[tuple[int, int]], how: FlagChange, *names: str, deleted: bool
) -> Change:
    """STORE in the Inbox (0), the archive (1) or the trash (2)."""
    return lambda o, *boxes: o.store.set_flags(
        o.account, boxes[where], ranges, how, keywords_of(names), deleted=deleted
    )


def in_turn(*changes: Change) -> Change:
    """One after the other."""

    async def change(opened: Opened, *boxes: MailboxId) -> list[object]:
        return [await one(opened, *boxes) for one in changes]

    return change


def expunge(where: int, ranges: Sequence[tuple[int, int]] | None = None) -> Change:
    """EXPUNGE."""
    return lambda o, *boxes: o.store.expunge(o.account, boxes[where], ranges)


ADD, REMOVE, REPLACE = FlagChange.ADD, FlagChange.REMOVE, FlagChange.REPLACE
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
    **{
        f"{what} in {where}": change
        for n, where in ((0, "the Inbox"), (2, "the trash"))
        for what, change in {
            "mark": flags(n, ALL, ADD, deleted=True),
            "mark some": flags(n, [(1, 1), (3, 3), (6, 6)], ADD, deleted=True),
            "mark and see": flags(n, ALL, ADD, "$seen", deleted=True),
            "mark and draft": flags(n, [(1, 4)], ADD, "$draft", "x", deleted=True),
            "replace by the mark": flags(n, ALL, REPLACE, "$flagged", deleted=True),
            "mark and clear": in_turn(
                flags(n, [(1, 4)], ADD, deleted=True), flags(n, [(2, 9)], REMOVE, "$seen", deleted=True)
            ),
            "mark and replace": in_turn(
                flags(n, [(1, 3)], ADD, deleted=True), flags(n, ALL, REPLACE, "$seen", deleted=False)
            ),
            "expunge": in_turn(flags(n, ALL, ADD, deleted=True), expunge(n)),
            "expunge some": in_turn(
                flags(n, [(1, 5)], ADD, deleted=True), expunge(n, [(2, 2), (4, 9)]), expunge(n)
            ),
        }.items()
    },
    "mark everywhere": in_turn(*[flags(n, ALL, ADD, deleted=True) for n in range(3)]),
    "expunge everywhere": in_turn(
        *[flags(n, ALL, ADD, deleted=True) for n in range(3)], *[expunge(n) for n in range(3)]
    ),
    "clear everywhere": in_turn(
        *[flags(n, ALL, how, deleted=True) for how in (ADD, REMOVE) for n in (0, 2, 1)]
    ),
    "remove the archive": lambda o, _, archive, __: o.store.remove_mailbox(
        o.account, archive, with_emails=True
    ),
    "remove the trash": lambda o, _, __, trash: o.store.remove_mailbox(o.account, trash, with_emails=True),
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


@pytest.mark.parametrize("name", CHANGES)
async def test_placements_change_as_a_revision_changes_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for folder in ("set", "one by one"):
        if folder == "one by one":
            only_revisions(monkeypatch)
        async with opened_store(tmp_path / folder) as opened:
            opened.store.engine.now_ms = itertools.count(1_700_000_000_000).__next__
            where = await fill(opened)
            answer = await CHANGES[name](opened, *where)
            if isinstance(answer, Copied):
                answer = answer._replace(uid_validity=0)
            await opened.check()
            found.append([[answer], *await opened.store.database.read(tables)])
    for ours, theirs in zip(*found, strict=True):
        assert ours == theirs


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
