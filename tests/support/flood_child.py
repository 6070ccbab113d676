"""A process that is flooded with wrong sign-ins; prints by how many octets its memory grew at most.

python -m tests.support.flood_child FOLDER COUNT THREADS WAITING
"""

import contextlib
import resource
import sys
from pathlib import Path

import structlog
import trio
from tests.support.directories import Clock, mint
from tests.support.stores import small_settings

from pymailcore.base.errors import MailError
from pymailcore.directory.directory import Directory
from pymailcore.directory.settings import DirectorySettings
from pymailcore.sasl.steps import Credentials
from pymailcore.store.opening import open_store


def resident_octets() -> int:
    """Memory of this process at the moment."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def most_octets() -> int:
    """The most memory that this process has had (`ru_maxrss` begins with that of the process before exec)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def flood(folder: Path, count: int, threads: int, waiting: int) -> int:
    """Sign in wrongly so many times at once, with Argon2id as it is by default."""
    settings = DirectorySettings(
        hashing_threads_count=threads, hashing_waiting_count=waiting, failures_per_minute=count * 10
    )
    clock = Clock()
    ids = mint(clock)
    async with open_store(small_settings(folder), notify=lambda *_: None, ids=ids, maintain=False) as store:
        directory = Directory(store.database, store, ids, lambda *_: None, settings, now_ms=clock)

        async def guess(number: int) -> None:
            with contextlib.suppress(MailError):
                await directory.authenticate(
                    Credentials(f"u{number}@a.example", "", "wrong"),
                    peer=f"10.{number % 250}.0.1",
                    protocol="imap",
                )

        await guess(0)
        before = resident_octets()
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(guess, number)
        return most_octets() - before


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    grown = trio.run(flood, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    sys.stdout.write(f"{grown}\n")
