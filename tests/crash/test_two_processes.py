"""Two processes write to one SQLite store; a reader never sees half an operation (DESIGN 4.1, issue 4)."""

import time
from pathlib import Path

import pytest
import trio
from tests.support.crash.check import prepare
from tests.support.crash.child import ALL, fresh_ids
from tests.support.crash.processes import Child, Line, Nursery
from tests.support.said import Say
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.base.ids import AccountId
from pymailcore.store.types import Row, Transaction, Want

ACCOUNT = AccountId(1)
MESSAGES = 60
_PLACED = (
    "SELECT count(*), count(DISTINCT p.email), count(DISTINCT p.mailbox) FROM placements p"
    " JOIN mailboxes m ON m.id = p.mailbox WHERE m.account = ?1"
)


async def look(opened: Opened) -> int:
    """Look at one moment in several ways; gives the modseq of that moment."""
    store = opened.store
    there = await store.mailboxes(ACCOUNT)  # one snapshot
    assert sum(mailbox.messages for mailbox in there) == MESSAGES
    assert sum(mailbox.total_emails for mailbox in there) == MESSAGES
    assert sum(mailbox.unseen for mailbox in there) == MESSAGES

    async def placed(tx: Transaction) -> list[Row | None]:
        row = await tx.row("SELECT modseq FROM accounts WHERE id = ?1", ACCOUNT)
        return [await tx.row(_PLACED, ACCOUNT), row]

    counted, clock = await store.database.read(placed)
    assert counted is not None
    assert counted[:2] == (MESSAGES, MESSAGES)
    for mailbox in there:
        delta = await store.delta(ACCOUNT, mailbox.id, 0)
        assert delta is not None
        assert delta.modseq >= mailbox.highest_modseq
    assert clock is not None
    return int(clock[0])


async def watch(folder: Path, children: list[Child], moves: int) -> tuple[int, int]:
    """Look again and again while others move; gives the looks and the different moments that they saw."""
    looks = 0
    moments: set[int] = set()
    moved = dict.fromkeys(range(len(children)), 0)
    async with opened_store(folder, ids=fresh_ids()) as opened:
        with trio.fail_after(60):
            while min(moved.values()) < moves:
                moments.add(await look(opened))
                looks += 1
                for number, child in enumerate(children):
                    for line in child.lines():
                        moved[number] += _moved(line)
        for child in children:
            child.kill()
        for mailbox in await opened.store.mailboxes(ACCOUNT):
            rows = await opened.store.fetch(ACCOUNT, mailbox.id, ALL, Want.NONE, limit=10**6)
            assert [row.uid for row in rows] == sorted({row.uid for row in rows})
        await opened.check()
    return looks, len(moments)


def _moved(line: Line) -> int:
    return bool(line["moved"])


async def fill(folder: Path) -> None:
    """Make a store with messages, all of them in different Threads but a few."""
    await prepare(folder)
    async with opened_store(folder, ids=fresh_ids()) as opened:
        for number in range(MESSAGES):
            await opened.deliver(
                a_message("hello" if number % 10 == 0 else f"m{number}", message_id=f"<{number // 20}@x>")
            )


async def move_and_watch(folder: Path, moves: int) -> tuple[int, int]:
    """Two processes that move so often each, and a reader."""
    await fill(folder)
    with Nursery() as nursery:
        children = [
            nursery.start(role="shuffle", folder=str(folder), seed=f"{n}", maintain=n == 0) for n in range(2)
        ]
        return await watch(folder, children, moves)


@pytest.mark.slow
async def test_a_reader_never_sees_half_a_move(tmp_path: Path) -> None:
    _, moments = await move_and_watch(tmp_path / "data", 60)
    assert moments > 20  # it did look in between


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_reader_never_sees_half_of_five_thousand_moves(tmp_path: Path, say: Say) -> None:
    """The stated count."""
    begun = time.monotonic()
    looks, moments = await move_and_watch(tmp_path / "data", 2_500)
    say(
        f"two writing processes, 2,500 moves each: {looks} looks at {moments} moments, every one whole;"
        f" {time.monotonic() - begun:.0f} s"
    )
