from pathlib import Path

import apsw
import trio
from tests.support.stores import a_message, opened_store, small_settings

from pymailcore.store.connection import open_connection
from pymailcore.store.layout import Layout
from pymailcore.store.maintenance import Maintenance
from pymailcore.store.space import Space


def log_frames(layout: Layout) -> tuple[int, int]:
    connection = open_connection(layout.database, cache_octets=1 << 20)
    frames = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    connection.close()
    return frames


async def test_the_log_is_copied_back_once_it_is_long(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    async with opened_store(layout.data) as opened:
        for n in range(10):
            await opened.deliver(a_message(f"{n}"))
        in_log, copied = log_frames(layout)
        assert in_log > 30
        assert copied == 0  # nobody else copies
        space = Space(layout.data, layout.reserve, reserve_octets=0, watermark_octets=0)

        def maintain(**changes: int) -> None:
            maintenance = Maintenance(
                lambda: open_connection(layout.database, cache_octets=1 << 20),
                layout,
                space,
                small_settings(layout.data, **changes),
            )
            maintenance.close()

        await trio.to_thread.run_sync(lambda: maintain())
        assert log_frames(layout) == (in_log, 0)
        await trio.to_thread.run_sync(lambda: maintain(passive_checkpoint_octets=4096))
        assert log_frames(layout) == (in_log, in_log)
        await opened.deliver(a_message("more"))
        assert log_frames(layout)[0] < in_log
        await trio.to_thread.run_sync(lambda: maintain(restart_checkpoint_octets=4096))
        in_log, copied = log_frames(layout)
        assert in_log == copied
        await opened.deliver(a_message("and more"))
        await opened.check()


async def test_a_long_log_is_emptied_once_nothing_is_written(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    async with opened_store(layout.data) as opened:
        for n in range(5):
            await opened.deliver(a_message(f"{n}"))
        space = Space(layout.data, layout.reserve, reserve_octets=0, watermark_octets=0)

        def look(quiet_seconds: float, **changes: int) -> int:
            maintenance = Maintenance(
                lambda: open_connection(layout.database, cache_octets=1 << 20),
                layout,
                space,
                small_settings(layout.data, **changes),
                quiet_seconds=quiet_seconds,
            )
            maintenance.close()
            return layout.wal.stat().st_size

        long = await trio.to_thread.run_sync(lambda: look(0.0))
        assert long > 100_000  # under 16 MiB it stays
        everything = {"passive_checkpoint_octets": 1}
        await trio.to_thread.run_sync(lambda: look(60.0, **everything))  # copies back
        assert (
            await trio.to_thread.run_sync(lambda: look(60.0, **everything)) == long
        )  # not quiet long enough
        assert await trio.to_thread.run_sync(lambda: look(0.0, **everything)) == 0
        await opened.deliver(a_message("more"))
        await opened.check()
        assert (await opened.counters("INBOX")).messages == 6
