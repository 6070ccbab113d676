"""Header fields written: folded, seven bits wide, and closed to injection.

Standards: RFC 5322 sections 2.2.3 (folding), 3.4 and 3.6, RFC 2047, RFC 2231 sections 3 and 4,
RFC 6532 section 3.2 (addresses beyond ASCII stay UTF-8).

Each function gives one whole field with its line end and raises InvalidValue when a value holds CR, LF or
NUL or could otherwise change the field's structure.
"""

import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote

from pymailcore.base.errors import InvalidValue
from pymailcore.message.headers import EmailAddress, EmailAddressGroup
from pymailcore.message.words import encode_words

_MAX_LINE: Final = 78
_MAX_WORD: Final = 900  # a line may have 998 octets (RFC 5322 section 2.1.1)
_NAME: Final = re.compile(r"[!-9;-~]{1,76}\Z")
_FORBIDDEN: Final = re.compile(r"[\r\n\0]")
_PIECE: Final = re.compile(r"[ \t]*[^ \t]+")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_ADDR_SPEC: Final = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^\s<>(),;:\\"\[\]@\x00-\x1f\x7f]+)'
    r'(?:@(?:[^\s<>(),;:\\"\[\]@\x00-\x1f\x7f]+|\[[^\s\[\]\\<>\x00-\x1f\x7f]+\]))?\Z'
)
_ID: Final = re.compile(r"[^\s<>\x00-\x1f\x7f]+\Z")
_RAW_FOLDING: Final = re.compile(r"\r\n(?![ \t])|(?<!\r)\n|\r(?!\n)|\0")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+\Z")
_SEGMENT: Final = 60  # characters of one segment of a long parameter


def encode_header(name: str, value: str, *, utf8: bool = False) -> bytes:
    """Write an unstructured field: ASCII as it is, else with encoded-words.

    Args:
        utf8: text beyond ASCII stays as it is (RFC 6532 section 3.2); only for receivers with SMTPUTF8.
    """
    _check(name, value)
    value = value.strip(" \t")
    if not (value.isascii() or utf8) or "=?" in value or _has_control(value) or _has_long_word(value):
        value = _words(value)
    return _folded(name, value)


def raw_header(name: str, value: str) -> bytes:
    """Write a field as given (the Raw form); it may be folded, and beyond ASCII it is UTF-8."""
    if not _NAME.match(name) or _RAW_FOLDING.search(value):
        raise InvalidValue
    return f"{name}:{value}\r\n".encode("utf-8", "replace")


def address_header(name: str, addresses: Sequence[EmailAddress], *, utf8: bool = False) -> bytes:
    """Write a list of mailboxes; `utf8` as for `encode_header`."""
    _check(name, "")
    return _folded(name, ", ".join([_mailbox(address, utf8) for address in addresses]))


def grouped_address_header(name: str, groups: Sequence[EmailAddressGroup], *, utf8: bool = False) -> bytes:
    """Write a list of mailboxes and groups; `utf8` as for `encode_header`."""
    _check(name, "")
    items = []
    for group in groups:
        members = ", ".join([_mailbox(address, utf8) for address in group.addresses])
        if group.name is None:
            if members:
                items.append(members)
        else:
            items.append(f"{_phrase(group.name, utf8)}: {members};")
    return _folded(name, ", ".join(items))


def message_ids_header(name: str, ids: Sequence[str]) -> bytes:
    """Write message-ids; they are given without angle brackets."""
    _check(name, "")
    for message_id in ids:
        if not _ID.match(message_id):
            raise InvalidValue
    return _folded(name, " ".join([f"<{message_id}>" for message_id in ids]))


def urls_header(name: str, urls: Sequence[str]) -> bytes:
    """Write URLs in angle brackets (RFC 2369 section 2)."""
    _check(name, "")
    for url in urls:
        if not _ID.match(url) or not url.isascii():
            raise InvalidValue
    return _folded(name, ", ".join([f"<{url}>" for url in urls]))


def date_header(name: str, moment: datetime) -> bytes:
    """Write a date-time with its zone."""
    _check(name, "")
    return f"{name}: {format_date(moment)}\r\n".encode("ascii")


def format_date(moment: datetime) -> str:
    """Write a date-time (RFC 5322 section 3.3); one without a zone is taken for UTC of unknown origin."""
    return format_datetime(moment)


def parameter_header(name: str, value: str, parameters: dict[str, str]) -> bytes:
    """Write a field with parameters; long ones and those beyond ASCII in segments (RFC 2231)."""
    _check(name, value)
    if not value.isascii():
        raise InvalidValue
    pieces = [value]
    for key, text in parameters.items():
        if not _TOKEN.match(key) or _FORBIDDEN.search(text):
            raise InvalidValue
        pieces += _parameter(key, text)
    return _folded(name, "; ".join(pieces), keep_quoted=True)


def _parameter(key: str, text: str) -> list[str]:
    if text.isascii() and len(text) <= _SEGMENT and not _has_control(text):
        return [f"{key}={text}" if _TOKEN.match(text) else f"{key}={_quoted(text)}"]
    octets = text.encode("utf-8", "replace")
    encoded = "utf-8''" + quote(octets, safe="!#$&+-.^_`{|}~")
    if len(encoded) <= _SEGMENT:
        return [f"{key}*={encoded}"]
    segments: list[str] = []
    start = 0
    while start < len(encoded):
        end = start + _SEGMENT
        percent = encoded.rfind("%", max(start, end - 2), end)
        if percent > 0 and end < len(encoded):
            end = percent
        segments.append(f"{key}*{len(segments)}*={encoded[start:end]}")
        start = end
    return segments


def _check(name: str, value: str) -> None:
    if not _NAME.match(name) or _FORBIDDEN.search(value):
        raise InvalidValue


def _has_control(value: str) -> bool:
    return not value.replace("\t", " ").isprintable()


def _has_long_word(value: str) -> bool:
    return len(value) > _MAX_WORD and any(len(word) > _MAX_WORD for word in value.split())


def _words(value: str) -> str:
    """Put encoded-words from the first to the last word that needs them."""
    words = value.split(" ")
    needy = [
        index
        for index, word in enumerate(words)
        if not word.isascii() or "=?" in word or _has_control(word) or len(word) > _MAX_WORD
    ]
    first, last = needy[0], needy[-1]
    middle = " ".join(words[first : last + 1])
    return " ".join([*words[:first], _encoded(middle), *words[last + 1 :]])


def _encoded(text: str) -> str:
    """Choose the shorter of the two encodings for the reader's sake: Q while most of it is ASCII."""
    if len(text) <= 40 and sum(character.isascii() for character in text) * 4 >= len(text) * 3:
        octets = text.encode("utf-8", "replace")
        encoded = "".join(
            [chr(octet) if octet in _Q_PLAIN else "_" if octet == 32 else f"={octet:02X}" for octet in octets]
        )
        if len(encoded) <= 60:
            return f"=?utf-8?Q?{encoded}?="
    return encode_words(text)


# RFC 2047 section 5 (3): what may stand unencoded in a phrase, the strictest place
_Q_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def _mailbox(address: EmailAddress, utf8: bool) -> str:
    if not _ADDR_SPEC.match(address.email) or len(address.email) > _MAX_WORD:
        raise InvalidValue
    name = (address.name or "").strip()
    return f"{_phrase(name, utf8)} <{address.email}>" if name else address.email


def _phrase(name: str, utf8: bool) -> str:
    if _FORBIDDEN.search(name):
        raise InvalidValue
    name = name.strip()
    if (name.isascii() or utf8) and "=?" not in name and not _has_control(name) and not _has_long_word(name):
        return name if _ATOMS.match(name) else _quoted(name)
    return _encoded(name)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _folded(name: str, value: str, *, keep_quoted: bool = False) -> bytes:
    """Fold at white space, which unfolding gives back as it was."""
    if not value:
        return f"{name}: \r\n".encode("ascii")
    pieces = re.split(r"(?<=;)(?= )", value) if keep_quoted else _PIECE.findall(value)
    lines = []
    line = f"{name}:"
    first = True
    for piece in pieces:
        text = piece if piece[0] in " \t" else " " + piece
        if len(line) + len(text) > _MAX_LINE and not first:
            lines.append(line)
            line = text
        else:
            line += text
        first = False
    lines.append(line)
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")


def base64_lines(octets: bytes) -> bytes:
    """Write octets as base64 in lines of 76 characters (RFC 2045 section 6.8)."""
    return b"".join(
        [
            binascii.b2a_base64(octets[start : start + 57]).replace(b"\n", b"\r\n")
            for start in range(0, len(octets), 57)
        ]
    )
