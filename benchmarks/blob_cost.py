"""CPU time and octets of one blob on its way to disk: compression, dictionary, sealing, checks.

python -m benchmarks.blob_cost [--messages 300]

The first blob of messages, with headers made of scripts/dictionary/templates.txt by another seed than
those that the dictionary was trained with, and English text of our documents; then 1 MiB that does not
compress.
"""

import argparse
import importlib.util
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pymailcore.store.blobs import address_of
from pymailcore.store.encoding import Decoder, Encoder
from pymailcore.store.packs import checked, in_row, record_head
from pymailcore.store.sealing import Sealer

ROOT = Path(__file__).parents[1]
KEY = b"k" * 32
ROUNDS = 7


def beginnings(count: int) -> list[bytes]:
    """Header sections unlike those that the dictionary was trained with, but of the same templates."""
    path = ROOT / "scripts" / "dictionary" / "train.py"
    spec = importlib.util.spec_from_file_location("train", path)
    assert spec is not None
    assert spec.loader is not None
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    writer = train.Writer(path.with_name("templates.txt").read_text("utf-8"), 77)
    return [writer.message().partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for _ in range(count)]


def texts(count: int, octets: int) -> list[bytes]:
    """Stretches of English text."""
    whole = b"\n".join(path.read_bytes() for path in sorted((ROOT / "docs").rglob("*.md")))
    places = random.Random(5)
    starts = [places.randrange(max(1, len(whole) - octets)) for _ in range(count)]
    return [whole[start : start + octets].replace(b"\n", b"\r\n") for start in starts]


def cost(name: str, work: Callable[[], object], count: int) -> None:
    """Print what one of them costs, at best."""
    best = min(_seconds(work) for _ in range(ROUNDS))
    print(f"  {name:36s} {best / count * 1e6:8.2f} us")


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(blobs: Sequence[tuple[bytes, int]]) -> None:
    """Measure blobs, each with the length of its header."""
    count = len(blobs)
    octets = sum(len(blob) for blob, _ in blobs)
    encoder, without = Encoder(3), Encoder(3)
    without._headers = without._zstd  # noqa: SLF001 - the way it was before there was a dictionary
    sealer, decoder = Sealer(1, os.urandom(32)), Decoder()
    encoded = [encoder.encode(*blob) for blob in blobs]
    plain = sum(len(without.encode(*blob)[1]) for blob in blobs)
    sealed = [sealer.seal(1, KEY, *one) for one in encoded]
    rows = [in_row(len(blob), *one) for (blob, _), one in zip(blobs, sealed, strict=True)]
    print(
        f"{octets // count} octets: stored {plain / octets:.3f} without the dictionary,"
        f" {sum(len(one) for _, one in encoded) / octets:.3f} with it,"
        f" {sum(len(one) for _, one in sealed) / octets:.3f} sealed"
    )
    cost("compress, without dictionary", lambda: [without.encode(*blob) for blob in blobs], count)
    cost("compress, with it", lambda: [encoder.encode(*blob) for blob in blobs], count)
    cost("seal", lambda: [sealer.seal(1, KEY, *one) for one in encoded], count)
    cost("head of the record", lambda: [record_head(1, KEY, 1, 1, one, 1) for _, one in encoded], count)
    cost("check of the CRC", lambda: [checked(row, row.octets or b"") for row in rows], count)
    pairs = list(zip(encoded, sealed, strict=True))
    cost("open", lambda: [sealer.open(1, KEY, one[0], other[1]) for one, other in pairs], count)
    sizes = [(*one, len(blob)) for one, (blob, _) in zip(encoded, blobs, strict=True)]
    cost("decompress", lambda: [decoder.decode(*one) for one in sizes], count)
    cost("hash for the address", lambda: [address_of(KEY, blob) for blob, _ in blobs], count)


def main() -> None:
    """Measure small mail of several sizes, and one large blob."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=300)
    count = parser.parse_args().messages
    heads = beginnings(count)
    for octets in (0, 1_500, 5_500):
        measure([(head + text, len(head)) for head, text in zip(heads, texts(count, octets), strict=True)])
    measure([(os.urandom(1024 * 1024), 0)] * 20)


if __name__ == "__main__":
    main()
