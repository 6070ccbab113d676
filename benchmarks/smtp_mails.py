"""The mails that `smtp_load` sends: small ones of a text and its HTML, and ones with a file of a megabyte.

A pool of them is made once and kept in a file. Where `MARK` stands, the sender puts the number of the mail,
in the header and in each part, so that no two mails have a part in common that they should not have. Every
second large mail carries the same file, as mails do that go around an office.
"""

import base64
import random
from pathlib import Path
from typing import Final

from benchmarks.store_support import text

MARK: Final = b"@NUMBER@"
"""As long as the eight digits in its place; no text, field or base64 has it by chance."""

_SMALL: Final = 1_000
_LARGE: Final = 16
_FILE_OCTETS: Final = 1024 * 1024


def write_pool(kind: str, path: Path) -> None:
    """Make the mails of a kind, `small` or `large`."""
    made = map(_small, range(_SMALL)) if kind == "small" else map(_large, range(_LARGE))
    path.write_bytes(b"\0".join(made))


def read_pool(path: Path) -> list[list[bytes]]:
    """The mails, each as the stretches between its marks, ready for DATA with the dot at the end."""
    return [mail.split(MARK) for mail in path.read_bytes().split(b"\0")]


def _header(number: int, kind: str) -> str:
    source = random.Random(number)
    return (
        "Received: from client.example ([192.0.2.1]) by relay.example.net;\r\n"
        " Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"From: Sender {number % 97} <sender{number % 97}@example.net>\r\nTo: user@bench.test\r\n"
        f"Subject: Report {MARK.decode()} {text(source, 30).split()[0]}\r\n"
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"Message-ID: <{MARK.decode()}.{source.getrandbits(64):x}@example.net>\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/{kind}; boundary="=_bench"\r\n\r\n'
    )


def _small(number: int) -> bytes:
    words = text(random.Random(f"text {number}"), 3_600)
    paragraphs = words.replace("\r\n", "</p>\r\n<p>")
    return (
        f"{_header(number, 'alternative')}--=_bench\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nMail {MARK.decode()}\r\n{words}"
        "--=_bench\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f"<html><body><p>Mail {MARK.decode()}</p>\r\n<p>{paragraphs}</p></body></html>\r\n"
        "--=_bench--\r\n.\r\n"
    ).encode()


def _large(number: int) -> bytes:
    own = number % 2
    octets = random.Random(f"file {number * own}").randbytes(_FILE_OCTETS)
    lines = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return b"".join(
        [
            _header(number, "mixed").encode(),
            b"--=_bench\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nMail ",
            MARK,
            b"\r\n",
            text(random.Random(f"text {number}"), 1_500).encode(),
            b"--=_bench\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n",
            b'Content-Disposition: attachment; filename="file.bin"\r\n\r\n',
            (MARK + lines[len(MARK) :]) if own else lines,
            b"--=_bench--\r\n.\r\n",
        ]
    )
