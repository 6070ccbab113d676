"""Octets of the messages and uploads that the crash tests store: each is made of its name alone."""

import base64
import random
import re
import zlib
from typing import Final

_FILES: Final = [random.Random(n).randbytes(3_000 * (n + 1)) for n in range(3)]  # noqa: S311
_NAME: Final = re.compile(rb"^Subject: (\S+)\r$", re.MULTILINE)


def message_of(token: str) -> bytes:
    """A message: mostly small; some carry a file that others carry, too; few are large."""
    source = random.Random(zlib.crc32(token.encode()))  # noqa: S311
    kind = source.random()
    head = f"From: Ada <ada@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: {token}\r\n"
    head += f"Message-ID: <{token}@crash.test>\r\n"
    if source.random() < 0.3:
        head += f"References: <root{source.randrange(20)}@crash.test>\r\n"
    text = "".join(f"{token} {n} {source.getrandbits(40):x}\r\n" for n in range(source.randrange(200)))
    if kind < 0.8:
        return (head + "\r\n" + text).encode()
    octets = source.choice(_FILES) if kind < 0.99 else source.randbytes(300_000)
    encoded = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    head += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n"
    return (
        f"{head}\r\n--cut\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--cut\r\n"
        "Content-Type: application/pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + encoded + b"--cut--\r\n"  # fmt: skip


def token_of(octets: bytes) -> str:
    """The name that a message was made of."""
    match = _NAME.search(octets)
    assert match, octets[:300]
    return match[1].decode()


def upload_of(seed: int) -> bytes:
    """The octets of an upload."""
    source = random.Random(seed)  # noqa: S311
    return source.randbytes(source.randrange(1, 20_000))
