"""backend: a reading runs once more where octets are not what their row says."""

import pytest
from tests.support.stores import Opened

from pymailcore.store.packs import DamagedBlob
from pymailcore.store.places import BlobReader
from pymailcore.store.types import Reading, Row, Transaction


async def count(tx: Transaction) -> Row | None:
    return await tx.row("SELECT count(*) FROM mailboxes")


@pytest.mark.parametrize("damaged", [0, 1, 2])
async def test_a_reading_that_misses_runs_once_more_on_new_snapshots(opened: Opened, damaged: int) -> None:
    runs = []

    def plan(_: BlobReader) -> Reading[Row]:
        runs.append(1)
        first = yield count
        second = yield count
        assert first == second
        if len(runs) <= damaged:
            raise DamagedBlob("moved")
        row: Row = second
        return row

    if damaged < 2:
        assert await opened.store.engine.reading(plan) == (6,)
    else:
        with pytest.raises(DamagedBlob):
            await opened.store.engine.reading(plan)
    assert len(runs) == min(damaged + 1, 2)


async def test_what_an_operation_of_a_reading_raises_ends_it(opened: Opened) -> None:
    async def fails(_: Transaction) -> None:
        raise ValueError("no")

    def plan(_: BlobReader) -> Reading[None]:
        yield fails

    with pytest.raises(ValueError, match="no"):
        await opened.store.engine.reading(plan)
    assert len(await opened.store.mailboxes(opened.account)) == 6
