"""Folder names between other stores and ours.

Standards: RFC 3501 section 5.1.3 (modified UTF-7), RFC 6154 section 2 (special use).

Names that come in are made fit for the store rather than refused: an import that stops at one odd name helps
nobody.
"""

import binascii
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from pymailcore.base.modified_utf7 import decode_name, encode_name

MAX_LEVELS: Final = 32
MAX_LEVEL_OCTETS: Final = 255
MAX_PATH_OCTETS: Final = 2048
MAX_FILE_NAME_OCTETS: Final = 240
_REPLACED: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_SHIFT: Final = re.compile(r"&([A-Za-z0-9+,]*)-")

_USUAL: Final = {
    "drafts": "drafts",
    "draft": "drafts",
    "sent": "sent",
    "sent items": "sent",
    "sent mail": "sent",
    "sent messages": "sent",
    "sent-mail": "sent",
    "junk": "junk",
    "junk e-mail": "junk",
    "junk email": "junk",
    "junk mail": "junk",
    "spam": "junk",
    "bulk mail": "junk",
    "trash": "trash",
    "bin": "trash",
    "deleted": "trash",
    "deleted items": "trash",
    "deleted messages": "trash",
    "archive": "archive",
    "archives": "archive",
}


def usual_role(path: str) -> str | None:
    """The role that a folder of the first level has by its English name."""
    return _USUAL.get(path.lower())


def decode_level(octets: bytes) -> str:
    """Read a name: modified UTF-7 where it is that, else UTF-8, else Latin-1."""
    if (name := decode_name(octets)) is not None:
        return name
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
    return _SHIFT.sub(_unshift, text) if text.isascii() else text


def _unshift(match: re.Match[str]) -> str:
    """Read a shift that is not in the canonical form; what cannot be read stays as it is."""
    digits = match[1].replace(",", "/").encode("ascii")
    if not digits:
        return "&"
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4)).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return match[0]


def clean_path(levels: Sequence[str]) -> str:
    """Make a path of levels that the store takes, whatever they are."""
    if len(levels) > MAX_LEVELS:
        levels = [*levels[: MAX_LEVELS - 1], "_".join(levels[MAX_LEVELS - 1 :])]
    path = "/".join([_clean_level(level) for level in levels]) or "_"
    if path.partition("/")[0].upper() == "INBOX":
        path = "INBOX" + path[5:]
    if len(path.encode()) > MAX_PATH_OCTETS:
        first, _, rest = path.partition("/")
        path = f"{first}/{shortened(rest.replace('/', '_'), MAX_LEVEL_OCTETS)}"
    return path


def _clean_level(level: str) -> str:
    level = "".join(
        "_" if character == "/" or unicodedata.category(character) in _REPLACED else character
        for character in unicodedata.normalize("NFC", level[:MAX_PATH_OCTETS])
    )
    return shortened(level or "_", MAX_LEVEL_OCTETS)


def shortened(text: str, octets: int) -> str:
    """Cut a text, so that two that differ stay two."""
    if len(text.encode()) <= octets:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    return text.encode()[: octets - 9].decode("utf-8", "ignore") + "-" + mark


def file_name(level: str) -> str:
    """Write a level as part of a file's name: modified UTF-7 in which dots are encoded, too.

    Thus it has no separator of any kind, does not begin with a dot and does not end a file's name.
    """
    name = encode_name(level).decode("ascii").replace(".", "&AC4-")
    return shortened(name, MAX_FILE_NAME_OCTETS)
