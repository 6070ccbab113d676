"""Octets on disk of a corpus in which attachments are sent more than once, beside a Maildir of the same mail.

python -m benchmarks.store_disk [--messages 2000] [--files 60] [--folder DIR]

Half of the messages are plain text. The others carry a file: mostly one of a few that many people send,
encoded by four kinds of programs (line lengths, names, boundaries differ), some one that nobody else sends.
Files are half compressible (documents), half not (pictures).
"""

import argparse
import base64
import os
import random
from pathlib import Path

import apsw
import trio

from benchmarks.store_support import (
    allocated_octets,
    appender,
    by_callers,
    command_line,
    folder_octets,
    message,
    octets_by_part,
    opened,
    start,
    text,
)
from pymailcore.store.layout import Layout


def _file(number: int) -> bytes:
    source = random.Random(f"file {number}")
    octets = int(source.lognormvariate(11.3, 0.9))  # about 80 KB in the middle, some of a megabyte
    return source.randbytes(octets) if number % 2 else text(source, octets).encode()


def _with_file(number: int, file: int) -> bytes:
    program = number % 4
    octets = _file(file)
    line = (76, 76, 72, 60)[program]
    encoded = base64.b64encode(octets)
    lines = b"\r\n".join(encoded[start : start + line] for start in range(0, len(encoded), line))
    boundary = f"----=_{program}_{number:x}"
    head, _, body = message(number, 2500).partition(b"\r\n\r\n")
    head = head.rpartition(b"\r\nContent-Type")[0]
    return b"".join(
        [
            head,
            f'\r\nContent-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'.encode(),
            b"Content-Type: text/plain; charset=utf-8\r\n\r\n",
            body,
            f'\r\n--{boundary}\r\nContent-Type: application/octet-stream; name="file{file}.bin"\r\n'.encode(),
            b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n",
            lines,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )


def corpus(count: int, files: int) -> list[bytes]:
    """All messages."""
    source = random.Random(count)
    out = []
    for number in range(count):
        kind = source.random()
        if kind < 0.5:
            out.append(message(number, source.choice((1500, 3000, 6000, 20_000))))
        elif kind < 0.85:
            out.append(_with_file(number, source.randrange(files)))
        else:
            out.append(_with_file(number, files + number))
    return out


def _write_maildir(folder: Path, messages: list[bytes]) -> None:
    folder.mkdir()
    for number, octets in enumerate(messages):
        (folder / f"{number}.host,S={len(octets)}:2,S").write_bytes(octets)
    os.sync()


def _empty_log(database: Path) -> None:
    connection = apsw.Connection(str(database))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()


async def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Store the corpus both ways."""
    messages = await trio.to_thread.run_sync(corpus, arguments.messages, arguments.files)
    sent = sum(map(len, messages))
    async with opened(folder / "store") as store:
        run = await by_callers(20, messages, appender(store, 1))
    print(f"{run}, {sent / run.seconds / 1e6:.0f} MB/s")
    await trio.to_thread.run_sync(_empty_log, Layout(folder / "store").database)
    await trio.to_thread.run_sync(_write_maildir, folder / "maildir", messages)
    packs = folder_octets(folder / "store" / "packs")
    database = Layout(folder / "store").database.stat().st_size
    maildir = folder_octets(folder / "maildir")
    print(f"{len(messages)} messages, {sent / 1e6:.1f} MB sent")
    print(
        f"packs {packs / sent:.3f} + database {database / sent:.3f} = {(packs + database) / sent:.3f} of that"
    )
    print(
        f"Maildir {maildir / sent:.3f} of that, by blocks {allocated_octets(folder / 'maildir') / sent:.3f}"
    )
    print(f"store over Maildir: {(packs + database) / maildir:.3f}")
    parts = octets_by_part(Layout(folder / "store").database)
    for name, octets in list(parts.items())[:14]:
        print(f"  {name:20s} {octets / len(messages):6.0f} octets a message")


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--files", type=int, default=60)
    start(parser, main)
