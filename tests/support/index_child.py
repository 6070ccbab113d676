"""A process that files mail and indexes it until it is killed; tells of each message that is on disk."""

import sys
from pathlib import Path

import trio
from tests.support.searching import some_message
from tests.support.stores import opened_store

from pymailcore.base.ids import IdMint
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.fulltext import job
from pymailcore.store.fulltext.job import IndexJob


async def main(data: Path, first: int, metadata: str) -> None:
    """Never ends by itself."""
    hub = ChangeHub()
    job.GATHER_SECONDS = 0.0  # type: ignore[misc]
    ids = iter(range(first << 32, 1 << 62))
    mint = IdMint(lambda: 1_710_000_000_000 + (next(ids) << 1), lambda _: 0)
    async with opened_store(data, ids=mint, metadata=metadata) as opened, trio.open_nursery() as nursery:
        nursery.start_soon(IndexJob(opened.store.engine, hub, Metrics()).run)
        for number in range(first, 1_000_000):
            filed = await opened.deliver(some_message(number))
            hub.publish(opened.account, filed.modseq)
            sys.stdout.write(f"filed {number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
