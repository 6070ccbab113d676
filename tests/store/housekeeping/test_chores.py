from tests.support.stores import Opened

from pymailcore.store.housekeeping.chores import Chore, load, load_all, save
from pymailcore.store.types import Transaction


async def test_notes_are_kept_and_written_over(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        assert await load(tx, "scan") == Chore({}, 0, 0)
        await save(tx, "scan", Chore({"after": 5, "step": "scan"}, 1, 2))
        await save(tx, "scan", Chore({"after": 2**62}, 3, 4))
        await save(tx, "other", Chore({}, 5, 6))
        assert await load(tx, "scan") == Chore({"after": 2**62}, 3, 4)
        assert await load_all(tx) == {"scan": Chore({"after": 2**62}, 3, 4), "other": Chore({}, 5, 6)}

    await opened.store.database.write(work)
