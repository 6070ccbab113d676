"""Header fields that make an answer with somebody else's octets harmless.

Standards: RFC 6266 (Content-Disposition), RFC 8187 section 3.2 (UTF-8 in parameters), RFC 8620 section 6.2.

The name and the type come from a URL, thus from anybody who can make a user click: no value reaches a header
field as it is. Types that a browser would run are given as octet-stream; all are attachments in a sandbox.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import quote

from pymailcore.jmap.asgi import NO_SNIFF, Header

OCTET_STREAM: Final = "application/octet-stream"
MAX_NAME: Final = 200

SAFE_TYPES: Final = frozenset(
    [
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        "image/bmp",
        "image/tiff",
        "image/heic",
        "image/x-icon",
        "text/plain",
        "text/csv",
        "text/calendar",
        "text/vcard",
        "text/markdown",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "audio/mp4",
        "audio/aac",
        "audio/flac",
        "video/mp4",
        "video/webm",
        "video/ogg",
        "video/quicktime",
        "video/mpeg",
        "application/pdf",
        "application/zip",
        "application/gzip",
        "application/x-tar",
        "application/x-7z-compressed",
        "application/json",
        "application/rtf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "application/pgp-signature",
        "application/pgp-keys",
        "application/pkcs7-mime",
        "application/pkcs7-signature",
        "message/rfc822",
    ]
)
"""What is given under its own name; none of these runs script in the origin of the server."""

_NOT_IN_NAMES: Final = re.compile(r'[\\/:*?"<>|;%]')
_FULL: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}\Z")


def safe_type(media_type: str) -> str:
    """Give the type if it is on the list, else application/octet-stream; parameters are dropped."""
    bare = media_type.partition(";")[0].strip().lower()
    return bare if bare in SAFE_TYPES else OCTET_STREAM


def is_media_type(text: str) -> bool:
    """Whether a text has the form of a media type without parameters."""
    return _FULL.match(text.lower()) is not None


def safe_name(name: str) -> str:
    """Give a file name without controls, direction marks, or what means something to a file system."""
    kept = "".join(
        " " if unicodedata.category(character).startswith("Z") else character
        for character in unicodedata.normalize("NFC", name[: MAX_NAME * 4])
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    kept = _NOT_IN_NAMES.sub("_", kept).strip(" .")
    if len(kept) > MAX_NAME:
        stem, dot, ending = kept.rpartition(".")
        kept = stem[: MAX_NAME - 20] + dot + ending[:19] if dot else kept[:MAX_NAME]
    return kept or "download"


def content_disposition(name: str) -> bytes:
    """The value of Content-Disposition: always an attachment, the name in ASCII and in UTF-8."""
    name = safe_name(name)
    plain = name.encode("ascii", "replace").replace(b"?", b"_")
    if plain.decode() == name:
        return b'attachment; filename="%s"' % plain
    return b"attachment; filename=\"%s\"; filename*=UTF-8''%s" % (plain, quote(name, safe="").encode())


def download_headers(name: str, media_type: str, etag: str) -> list[Header]:
    """Header fields for octets that never change under their address (RFC 8620 section 6.2)."""
    return [
        (b"content-type", safe_type(media_type).encode()),
        (b"content-disposition", content_disposition(name)),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"private, immutable, max-age=31536000"),
        (b"etag", b'"%s"' % etag.encode("ascii")),
        NO_SNIFF,
    ]
