from pathlib import Path

import pytest
import trio
from tests.support.house import hasty, rows
from tests.support.stores import Opened, opened_store

from pymailcore.store.housekeeping import terms
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.terms import TermOver
from pymailcore.store.types import Transaction


async def put(tx: Transaction) -> None:
    await tx.run("INSERT INTO packs (id, octets, live_octets, looked_ms) VALUES (7, 0, 0, 0)")


async def test_a_housekeeper_whose_term_is_over_changes_nothing_more(opened: Opened, house: House) -> None:
    later: House = hasty(opened)
    await house.begin_term()
    assert await house.can_remove()
    await house.write(put)
    await later.begin_term()
    with pytest.raises(TermOver):
        await house.write(lambda tx: tx.run("DELETE FROM packs"))
    with pytest.raises(TermOver):
        await house.can_remove()
    assert await rows(opened, "SELECT id FROM packs") == [(7,)]
    await later.write(lambda tx: tx.run("DELETE FROM packs"))
    await house.begin_term()
    assert await house.can_remove()
    with pytest.raises(TermOver):
        await later.can_remove()


async def test_a_term_begins_when_the_slices_of_the_last_one_have_ended(
    opened: Opened, house: House, tmp_path: Path, engine: str, store_settings: dict[str, str]
) -> None:
    """On SQLite anything waits for a slice; on PostgreSQL the row of the term is why."""
    await house.begin_term()
    place = {} if engine == "sqlite" else store_settings
    folder = tmp_path / ("data" if engine == "sqlite" else "other")
    begun, order = trio.Event(), []
    token = trio.lowlevel.current_trio_token()

    async def slow(tx: Transaction) -> None:
        await put(tx)
        token.run_sync_soon(begun.set)
        for _ in range(2_000 if engine == "postgresql" else 20_000):
            await tx.row("SELECT 1")
        order.append("slice")

    async with opened_store(folder, **place) as other, trio.open_nursery() as nursery:  # type: ignore[arg-type]
        later: House = hasty(other)
        nursery.start_soon(house.write, slow)
        await begun.wait()
        await later.begin_term()
        order.append("term")
    assert order == ["slice", "term"]
    assert await rows(opened, "SELECT id FROM packs") == [(7,)]


async def test_nobody_has_a_term_at_first(opened: Opened) -> None:
    with pytest.raises(TermOver):
        await opened.store.database.write(lambda tx: terms.require(tx, "a"))
