"""A process that files, reads and lets go of mail until its standard input ends; tells what it kept.

python -m tests.support.house_child FOLDER SEED
"""

import json
import random
import sys
from pathlib import Path

import trio
from tests.support.house import FOREVER_MS, long_text
from tests.support.stores import a_message, counted_ids, opened_store

from pymailcore.base.ids import EmailId
from pymailcore.store.ops import kept

TEXTS = 12


def message(number: int) -> bytes:
    """One of a few messages, so that the same octets come and go all the time."""
    return a_message(f"message {number}", body=long_text(number))


async def main(folder: Path, seed: int) -> None:
    """Work until told to end."""
    source = random.Random(seed)  # noqa: S311
    there: dict[EmailId, int] = {}
    filed = read = 0
    ended = trio.Event()

    async def wait() -> None:
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
        ended.set()

    async with (
        opened_store(folder, ids=counted_ids(seed), pack_octets=16_384) as opened,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(wait)
        print("ready", flush=True)  # noqa: T201
        while not ended.is_set():
            number = source.randrange(TEXTS)
            there[(await opened.deliver(message(number))).email] = number
            filed += 1
            some = source.choice(list(there))
            assert await opened.store.message(opened.account, some) == message(there[some])
            read += 1
            if len(there) > 6 or source.random() < 0.4:
                gone = source.choice(list(there))
                del there[gone]
                await opened.store.destroy_emails(opened.account, [gone])
                await opened.store.database.write(lambda tx: kept.purge(tx, opened.account, FOREVER_MS, 1000))
    print(json.dumps({"filed": filed, "read": read, "there": there}), flush=True)  # noqa: T201


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
