"""A backup taken on one node while another node keeps house."""

from pathlib import Path

import trio
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.house import hasty, rows
from tests.support.stores import EnginePlace, Opened, opened_store

from pymailcore.store.backup.manifest import generations
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.encoding import PLAIN
from pymailcore.store.housekeeping.holds import Lapsed
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.objects import ObjectHouse
from pymailcore.store.housekeeping.sweeper import sweep
from pymailcore.store.layout import Layout
from pymailcore.store.objects.packs import Stored


class WaitingTarget(FolderTarget):
    """Waits where it is to copy a file of the installation, which comes after all packs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.wrote = trio.Event()
        self.goes_on = trio.Event()
        self.token = trio.lowlevel.current_trio_token()

    async def _wait(self) -> None:
        with trio.move_on_after(10):  # where a test fails there must be an end
            await self.goes_on.wait()

    def put(self, name: str, octets: bytes) -> None:
        """Write a file, that one when the test says so."""
        if name.endswith("files/0000"):
            trio.from_thread.run_sync(self.wrote.set, trio_token=self.token)
            trio.from_thread.run(self._wait, trio_token=self.token)
        super().put(name, octets)


async def test_nothing_is_removed_on_any_node_while_a_backup_is_taken(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace, engine: str, nursery: trio.Nursery
) -> None:
    await opened.deliver()
    house: House = hasty(opened)
    bucket = FakeBucket()
    packs_on(bucket).write([Stored(1, b"k" * 32, 1, PLAIN, b"x")])
    objects = ObjectHouse(house, packs_on(bucket))
    file = Layout(house.settings.data).packs / f"{5:016x}.pack"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"not a record")
    await sweep(house)
    target = WaitingTarget(tmp_path / "backup")
    folder = tmp_path / ("data" if engine == "sqlite" else "other")
    ended = trio.Event()

    async def back_up() -> None:
        await take_backup(other.store.engine, target, files={"x": b"x"})
        ended.set()

    with trio.fail_after(10):
        async with opened_store(folder, **store_settings) as other:
            nursery.start_soon(back_up)
            await target.wrote.wait()
            await sweep(house)
            await objects._remove([-1])
            assert file.exists()
            assert bucket.held
            target.goes_on.set()
            await ended.wait()
            await sweep(house)
            await objects._remove([-1])
    assert not file.exists()
    assert bucket.held == {}
    assert len(generations(target)) == 1


async def test_a_backup_whose_hold_has_lapsed_is_none(
    tmp_path: Path, opened: Opened, engine: str, nursery: trio.Nursery
) -> None:
    """On SQLite there is no other node; its lock cannot lapse."""
    await opened.deliver()
    target = WaitingTarget(tmp_path / "backup")
    lapsed: list[bool] = []
    ended = trio.Event()

    async def back_up() -> None:
        try:
            await take_backup(opened.store.engine, target, files={"x": b"x"})
        except Lapsed:
            lapsed.append(True)
        ended.set()

    with trio.fail_after(10):
        nursery.start_soon(back_up)
        await target.wrote.wait()
        assert len(await rows(opened, "SELECT * FROM holds")) == (engine == "postgresql")
        await opened.store.database.write(lambda tx: tx.run("UPDATE holds SET until_ms = 0"))
        target.goes_on.set()
        await ended.wait()
    assert bool(lapsed) == (engine == "postgresql")
    assert len(generations(target)) == (engine == "sqlite")
