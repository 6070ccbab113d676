"""submissions: rows of EmailSubmissions, on both engines."""

from tests.support.stores import Opened

from pymailcore.base.ids import AccountId
from pymailcore.jmap import submissions
from pymailcore.jmap.submissions import SubmissionRow
from pymailcore.store.types import Transaction

ANN, BEN = AccountId(2**60 + 1), AccountId(2**60 + 2)
QUEUED = 2**62 + 5


def row(number: int, send_at_ms: int, status: str, queued: int | None = None) -> SubmissionRow:
    return SubmissionRow(number, 1, 2, 3, '{"rcptTo": []}', send_at_ms, status, queued)


async def test_those_whose_release_has_come_become_final(opened: Opened) -> None:
    rows = [
        row(1, 100, "pending", QUEUED),
        row(2, 101, "pending"),
        row(3, 50, "canceled"),
        row(4, 50, "final"),
    ]

    async def work(tx: Transaction) -> list[int]:
        for one in rows:
            await submissions.insert(tx, ANN, one, 5)
        await submissions.insert(tx, BEN, row(9, 50, "pending"), 5)
        found = await submissions.released(tx, ANN, 100)
        await submissions.set_undo_status(tx, ANN, [*found, 3, 9], "final", 6)
        return found

    assert await opened.store.database.write(work) == [1]

    async def look(tx: Transaction) -> list[tuple[int, str, int | None]]:
        both = await submissions.by_ids(tx, ANN, None, 10) + await submissions.by_ids(tx, BEN, None, 10)
        return sorted((one.id, one.undo_status, one.queue_message) for one in both)

    assert await opened.store.database.read(look) == [
        (1, "final", QUEUED),
        (2, "pending", None),
        (3, "canceled", None),
        (4, "final", None),
        (9, "pending", None),
    ]
