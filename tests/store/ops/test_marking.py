r"""`\Deleted`, EXPUNGE, COPY, MOVE and keywords in any order change what `Revision` would change.

RFC 9051 sections 6.4.3 to 6.4.8, RFC 8621 section 2 (counters), RFC 7162 section 3.1.
"""

import itertools
import random
from pathlib import Path

import pytest
from tests.support.revisions import only_revisions, tables
from tests.support.stores import EnginePlace, Opened, a_message, opened_store

from pymailcore.base.ids import MailboxId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.ops import marking, stretch
from pymailcore.store.types import Copied, FlagChange, Row, Transaction

PATHS = ("INBOX", "Archive", "Trash")
KEYWORDS = ("$seen", "$draft", "$flagged", "x")


async def one_step(opened: Opened, boxes: list[MailboxId], source: random.Random) -> object:
    """Change something, as the source of chance says."""
    store, account = opened.store, opened.account
    what = source.choice(["append", "mark", "mark", "flags", "expunge", "copy", "move", "destroy"])
    box, other = source.choice(boxes), source.choice(boxes)
    low = source.randrange(1, 9)
    ranges = [(low, low + source.randrange(6))]
    names = source.sample(KEYWORDS, source.randrange(3))
    if what == "append":
        number = source.randrange(4)
        octets = a_message("s", in_reply_to=f"<root{number}@x>")
        return (await opened.deliver(octets, box, keywords=keywords_of(names)))._replace(
            uid_validity=0, mailbox=MailboxId(0)
        )
    if what in {"mark", "flags"}:
        how = source.choice(list(FlagChange))
        keywords = keywords_of(names if what == "flags" else [])
        deleted = what == "mark" or source.random() < 0.5
        since = source.choice([None, None, (await store.states(account)).modseq - source.randrange(9)])
        return await store.set_flags(
            account, box, ranges, how, keywords, deleted=deleted, unchanged_since=since
        )
    if what == "expunge":
        return await store.expunge(account, box, source.choice([None, ranges]))
    if what == "destroy":
        rows = await store.database.read(lambda tx: tx.rows("SELECT id FROM emails ORDER BY id"))
        return await store.destroy_emails(account, [source.choice(rows)[0]] if rows else [])
    work = store.copy if what == "copy" else store.move
    done = await work(account, box, ranges, other)
    assert isinstance(done, Copied)
    return done._replace(uid_validity=0)


async def story(
    data: Path, seed: int, steps: int, where: EnginePlace | None = None
) -> list[tuple[object, list[list[Row]]]]:
    """Answers and rows after each step."""
    source = random.Random(seed)  # noqa: S311
    out: list[tuple[object, list[list[Row]]]] = []
    async with opened_store(data, **(where or {})) as opened:
        opened.store.engine.now_ms = itertools.count(1_700_000_000_000).__next__
        boxes = [opened.mailbox(path) for path in PATHS]
        for _ in range(steps):
            answer = await one_step(opened, boxes, source)
            out.append((answer, await opened.store.database.read(tables)))
        await opened.check()
    return out


async def compare(tmp_path: Path, seed: int, steps: int) -> None:
    ours = await story(tmp_path / "set", seed, steps)
    with pytest.MonkeyPatch.context() as patch:
        only_revisions(patch)
        theirs = await story(tmp_path / "one by one", seed, steps)
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert mine == other, number


@pytest.mark.parametrize("seed", range(6))
async def test_any_story_ends_as_revisions_end_it(tmp_path: Path, seed: int) -> None:
    await compare(tmp_path, seed, 25)


async def test_both_engines_end_a_story_alike(tmp_path: Path, store_settings: EnginePlace) -> None:
    ours = await story(tmp_path / "sqlite", 7, 30)
    theirs = await story(tmp_path / "here", 7, 30, store_settings)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine[0] == other[0]
        assert [sorted(rows, key=repr) for rows in mine[1]] == [sorted(rows, key=repr) for rows in other[1]]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
async def test_any_long_story_ends_as_revisions_end_it(tmp_path: Path, seed: int) -> None:
    await compare(tmp_path, seed, 60)


async def test_an_email_that_is_twice_in_a_mailbox_is_not_plain(opened: Opened) -> None:
    inbox = opened.mailbox("INBOX")
    for _ in range(3):
        await opened.deliver()
    await opened.store.copy(opened.account, inbox, [(2, 2)], inbox)

    async def plain(tx: Transaction) -> list[bool]:
        return [await marking.is_plain(tx, stretch.stretch(inbox, uids)) for uids in ([1, 3], [1, 2], [4])]

    assert await opened.store.database.read(plain) == [True, False, False]
