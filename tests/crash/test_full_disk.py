"""A disk that is really full: nothing is lost, deleting works, service is back when there is room again."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from tests.support.crash.child import ALL, fresh_ids
from tests.support.stores import Opened, opened_store
from tests.support.waiting import until, until_taken

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.layout import Layout
from pymailcore.store.types import Want

pytestmark = [pytest.mark.slow, pytest.mark.needs_root]

MIB = 1024 * 1024
DISK_MIB = 24
RESERVE_OCTETS = 2 * MIB
SERVICE_SECONDS = 5.0


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system in memory of a few megabytes."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("root may not mount here (a container?): the full disk was not tried")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Filler:
    """Files messages that cannot be compressed, and remembers those that were acknowledged."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self._source = random.Random(3)  # noqa: S311
        self.there: dict[int, bytes] = {}

    async def file(self, octets: int) -> None:
        """File one."""
        text = self._source.randbytes(octets // 2).hex()
        lines = "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76))
        message = f"From: a@example.org\r\nSubject: {len(self.there)}\r\n\r\n{lines}\r\n".encode()
        self.there[(await self.opened.deliver(message)).email] = message

    async def until_full(self) -> None:
        """File until even the smallest is refused again and again."""
        for octets in (300_000, 30_000, 3_000):
            refused = 0
            while refused < 3:
                try:
                    await self.file(octets)
                except TemporaryFailure:
                    refused += 1

    async def check(self) -> None:
        """All that was acknowledged is there, byte for byte, and nothing else."""
        opened = self.opened
        await opened.check()
        rows = await opened.store.fetch(opened.account, opened.mailbox("INBOX"), ALL, Want.NONE, limit=10**6)
        assert {row.email for row in rows} == self.there.keys()
        for email, octets in self.there.items():
            assert await opened.store.message(opened.account, email) == octets  # type: ignore[arg-type]


def take_all(disk: Path) -> None:
    """Fill what is left of the disk with a file of somebody else."""
    descriptor = os.open(disk / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, bytes(4096))
    except OSError:
        return
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("reserve_octets", [RESERVE_OCTETS, 0])
async def test_on_a_full_disk_nothing_is_lost_and_the_reserve_lets_delete(
    tmp_path: Path, reserve_octets: int
) -> None:
    """DESIGN 4.2; without the reserve SQLite cannot even delete."""
    with small_disk(tmp_path / "disk") as disk:
        folder = disk / "data"
        async with opened_store(
            folder, maintain=True, reserve_octets=reserve_octets, watermark_octets=MIB, ids=fresh_ids()
        ) as opened:
            filler = Filler(opened)
            for _ in range(20):
                await filler.file(30_000)
            if reserve_octets:
                await until(Layout(folder).reserve.exists)
            await trio.to_thread.run_sync(take_all, disk)
            await filler.until_full()
            await filler.check()
            some = list(filler.there)[:10]
            if reserve_octets:
                assert await opened.store.destroy_emails(opened.account, some) == some
                for email in some:
                    del filler.there[email]
            else:
                with pytest.raises(TemporaryFailure):
                    await opened.store.destroy_emails(opened.account, some)
            await filler.check()
            await trio.to_thread.run_sync((disk / "ballast").unlink)
            await until_taken(lambda: filler.file(3_000), TemporaryFailure, seconds=SERVICE_SECONDS)
            await filler.check()
        async with opened_store(folder, ids=fresh_ids()) as filler.opened:
            await filler.check()
