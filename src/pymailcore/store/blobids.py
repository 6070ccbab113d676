"""Blob ids as clients see them (RFC 8620 section 6).

`m` and an Email's number: the octets of a whole message. `p`, the number, and the IMAP part path with
dashes: the decoded content of one part. `b` and 64 hex digits: an upload, by its address under the tenant's
key. An id is honoured only for the account that has the Email or the upload.
"""

import re
from typing import Final, NamedTuple

from pymailcore.base.ids import BlobId, decode_id, encode_id

_UPLOAD: Final = re.compile(r"b[0-9a-f]{64}\Z")
_PATH: Final = re.compile(r"\d{1,6}(?:-\d{1,6}){0,99}\Z")


class EmailBlob(NamedTuple):
    """The whole message of an Email."""

    email: int


class PartBlob(NamedTuple):
    """One part of an Email; `path` as IMAP numbers parts ("1.2")."""

    email: int
    path: str


class UploadBlob(NamedTuple):
    """An upload."""

    key: bytes


def blob_numbers(key: bytes) -> tuple[int, int]:
    """Numbers that the row of an address may have: 63 bits of it each."""
    return int.from_bytes(key[:8], "big") >> 1, int.from_bytes(key[8:16], "big") >> 1


def email_blob(email: int) -> BlobId:
    """The blob id of an Email's octets."""
    return BlobId(encode_id("m", email))


def part_blob(email: int, path: str) -> BlobId:
    """The blob id of a part's decoded content; `path` as IMAP numbers parts ("1.2")."""
    return BlobId(f"{encode_id('p', email)}-{path.replace('.', '-')}")


def upload_blob(key: bytes) -> BlobId:
    """The blob id of an upload."""
    return BlobId("b" + key.hex())


def parse_blob(blob: str) -> EmailBlob | PartBlob | UploadBlob | None:
    """Read a blob id; None when it is none (then nothing has it)."""
    if blob.startswith("m"):
        email = decode_id("m", blob)
        return None if email is None else EmailBlob(email)
    if blob.startswith("p"):
        number, _, path = blob.partition("-")
        email = decode_id("p", number)
        return None if email is None or not _PATH.match(path) else PartBlob(email, path.replace("-", "."))
    return UploadBlob(bytes.fromhex(blob[1:])) if _UPLOAD.match(blob) else None
