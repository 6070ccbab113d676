"""Work on a large Mailbox over IMAP: a server in this process, a blocking client in another.

python benchmarks/imap_fetch.py [--messages 10000] [--octets 8192]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import trio

from benchmarks.imap_noop import ACCOUNT, imap_server
from benchmarks.store_support import message
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.store import Store
from pymailcore.store.types import Target

CLIENT = """
import socket, sys, time
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.recv(65536)
def ask(line):
    peer.sendall(b"zz9 " + line + b"\\r\\n")
    octets, tail = 0, b""
    while not (tail.endswith(b"\\r\\n") and b"\\r\\nzz9 " in b"\\r\\n" + tail):
        piece = peer.recv(1048576)
        octets += len(piece)
        tail = (tail + piece)[-300:]
    assert b"\\r\\nzz9 OK" in b"\\r\\n" + tail, tail
    return octets
ask(b"LOGIN a b")
for line in sys.argv[2:]:
    times = []
    for _ in range(1 if line.startswith(("MOVE", "COPY")) else 4):
        begun = time.perf_counter()
        octets = ask(line.encode())
        times.append((time.perf_counter() - begun) * 1000)
    rate = octets / min(times) / 1000
    print(f"{line:46s} first {times[0]:8.1f} ms, best {min(times):8.1f} ms, {rate:8.1f} MB/s")
"""

WORK = (
    "SELECT INBOX",
    "FETCH 1:* (FLAGS UID RFC822.SIZE INTERNALDATE)",
    "FETCH 1:* (ENVELOPE BODYSTRUCTURE)",
    "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
    "FETCH 1:* BODY.PEEK[]",
    "SEARCH UNSEEN SINCE 1-Jan-2020",
    "SEARCH FROM sender96",
    "STORE 1:* +FLAGS (\\Flagged)",
    "STORE 1:* FLAGS.SILENT (\\Seen)",
    "COPY 1:* Archive",
    "MOVE 1:* Trash",
)


async def fill(store: Store, count: int, octets: int) -> None:
    """Put messages into the Inbox."""
    limit = trio.CapacityLimiter(100)

    async def one(number: int) -> None:
        async with limit:
            prepared = await store.prepare(message(number, octets))
            targets = [Target(ACCOUNT, "inbox")]
            await store.deliver(
                prepared, targets, tenant=DEFAULT_TENANT, received_ms=1_700_000_000_000 + number
            )

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)


async def main(arguments: argparse.Namespace) -> None:
    """Fill a Mailbox and let a client work on it."""
    with tempfile.TemporaryDirectory() as folder:
        async with imap_server(Path(folder)) as (port, store):
            begun = time.perf_counter()
            await fill(store, arguments.messages, arguments.octets)
            print(f"{arguments.messages} messages in {time.perf_counter() - begun:.1f} s")
            await trio.run_process([sys.executable, "-c", CLIENT, str(port), *WORK])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--octets", type=int, default=8192)
    trio.run(main, parser.parse_args())
