"""Make the zstd dictionary that columns of email_data are compressed with.

python scripts/dictionary/train_rows.py FILE

It learns from what is prepared of the messages of train.py, each column a sample of its own. A dictionary
that was released is never changed: rows on disks of others need it. A better one is a new file with a number
of its own (pymailcore.store.columns).
"""

import sys
from pathlib import Path

import zstandard
from train import Writer

from pymailcore.message.prepare import prepare

OCTETS = 4 * 1024  # no worse than 16 KiB for values of some hundred octets, and sooner in the caches
MESSAGES = 6_000
LEVEL = 3
_BODY = b"Hello,\r\nthank you for your message.\r\n" * 3


def columns(message: bytes) -> list[bytes]:
    """What is kept of a message and compressed."""
    prepared = prepare(message)
    return [prepared.parts, prepared.facts]


def main(path: Path) -> None:
    """Train, and write the dictionary."""
    templates = Path(__file__).with_name("templates.txt").read_text("utf-8")
    writer = Writer(templates, 1)
    samples = [column for _ in range(MESSAGES) for column in columns(writer.message() + _BODY)]
    dictionary = zstandard.train_dictionary(OCTETS, samples, level=LEVEL)
    path.write_bytes(dictionary.as_bytes())
    compressor = zstandard.ZstdCompressor(level=1, dict_data=dictionary)
    others = Writer(templates, 2)
    fresh = [column for _ in range(500) for column in columns(others.message() + _BODY)]
    packed = sum(len(compressor.compress(column)) for column in fresh)
    print(f"{packed / sum(map(len, fresh)):.3f} of {sum(map(len, fresh)) // 500} octets a message")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
