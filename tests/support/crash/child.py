"""Processes that use a store until they are killed: forked by one that has imported everything already.

`python -m tests.support.crash.child SOCKET` takes orders on a socket: a role with its arguments and the end
of a pipe, on which the child reports line by line, or a process to wait for. A line that was written whole
is there for the parent however the child ends.
"""

import json
import mmap
import os
import random
import secrets
import signal
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import trio
from tests.support.crash.ledger import Ledger
from tests.support.crash.load import Report, Worker, boxes_of
from tests.support.stores import opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId, IdMint, MailboxId
from pymailcore.store.types import Want

BOXES: Final = ("INBOX", "Archive", "Junk", "Trash")
ALL: Final = ((1, 2**32 - 1),)
_MAX_ORDER: Final = 65_536

Order = dict[str, Any]


def fresh_ids() -> IdMint:
    """Ids as a real process mints them."""
    return IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)


def usable(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that came as JSON."""
    return {name: Path(value) if name.endswith("_file") else value for name, value in settings.items()}


async def load(order: Order, report: Report) -> None:
    """Mixed work of several tasks, from what a ledger says there is."""
    ledger = Ledger.loaded(Path(order["ledger"]))
    async with opened_store(
        Path(order["folder"]), maintain=order["maintain"], ids=fresh_ids(), passive_checkpoint_octets=400_000,
        **usable(order["settings"]),
    ) as opened:  # fmt: skip
        boxes = await boxes_of(opened.store, BOXES)

        async def task(number: int) -> None:
            source = random.Random(f"{order['seed']} {number}")  # noqa: S311
            owner = f"p{order['process']}t{number}"
            try:
                await Worker(opened.store, owner, ledger, boxes, report, source).work()
            except TemporaryFailure as failure:
                report({"owner": owner, "stopped": str(failure)})

        async with trio.open_nursery() as nursery:
            for number in range(order["tasks"]):
                nursery.start_soon(task, number)


async def shuffle(order: Order, report: Report) -> None:
    """Move messages of one account between Mailboxes, in stretches, for ever."""
    source = random.Random(order["seed"])  # noqa: S311
    account = AccountId(1)
    async with opened_store(Path(order["folder"]), maintain=order["maintain"], ids=fresh_ids()) as opened:
        boxes = (await boxes_of(opened.store, BOXES))[account]
        while True:
            here, there = (MailboxId(box) for box in source.sample(boxes, 2))
            rows = await opened.store.fetch(account, here, ALL, Want.NONE, limit=10**6)
            uids = sorted(row.uid for row in source.sample(rows, source.randrange(len(rows) + 1)))
            copied = await opened.store.move(account, here, [(uid, uid) for uid in uids], there)
            report({"moved": len(copied.source)})


ROLES: Final[dict[str, Callable[[Order, Report], Awaitable[None]]]] = {"load": load, "shuffle": shuffle}


def _be(order: Order, pipe: int) -> None:
    switch: mmap.mmap | bytes = b"\0"
    if order.get("switch"):
        with Path(order["switch"]).open("rb") as file:
            switch = mmap.mmap(file.fileno(), 1, prot=mmap.PROT_READ)

    def report(line: Order) -> None:
        while switch[0]:  # the power is off: nobody hears what we say
            signal.pause()
        os.write(pipe, json.dumps(line).encode() + b"\n")

    try:
        trio.run(ROLES[order["role"]], order, report)
    except BrokenPipeError:
        return
    except BaseException:
        report({"error": traceback.format_exc()[-3000:]})
        raise


def main() -> None:
    """Take orders until the other end is gone."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    while True:
        octets, pipes, _, _ = socket.recv_fds(orders, _MAX_ORDER, 1)
        if not octets:
            return
        order = json.loads(octets)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            orders.send(json.dumps(status).encode())
            continue
        process = os.fork()
        if not process:
            orders.close()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            _be(order, pipes[0])
            os._exit(0)
        os.close(pipes[0])
        orders.send(json.dumps(process).encode())


if __name__ == "__main__":
    main()
