"""Octets in a named charset to text; unknown names, faults and surrogates never raise.

Standards: RFC 2046 section 4.1.2 (charset), RFC 2978 (registered names), RFC 6532 section 3 (UTF-8).

Only codecs of text are in reach: what Python calls a codec but is none (base64, zip, punycode,
unicode_escape) and UTF-7, whose readers can be led to see what a filter did not, are unknown here.
"""

import codecs
import re
from encodings.aliases import aliases
from typing import Final, NamedTuple

from pymailcore.message.slices import MAX_CALL, count, pieces, ranges

_UTF8: Final = "utf-8"

_KNOWN: Final = re.compile(
    r"utf-8|utf8|(?:us-)?ascii|ansi_x3\.4-1968|iso646-us|"
    r"iso-?8859-(?:[1-9]|1[013-6])(?:-[ie])?|latin-?(?:[1-9]|10)|l1|"
    r"(?:windows|cp|x-cp)-?(?:125[0-8]|874|1251)|cp(?:437|85[0-8]|86[0-9]|737|775|932|949|950|1006|720)|"
    r"ibm(?:437|85[0-8]|86[0-9]|037|1047)|koi8-(?:r|u|t)|"
    r"gb2312|gbk|gb18030|x-gbk|cp936|hz-gb-2312|hz|big5|big5-hkscs|euc-(?:jp|kr|tw|cn)|euc_(?:jp|kr)|"
    r"shift[_-]jis|sjis|x-sjis|ms_kanji|windows-31j|iso-2022-(?:jp(?:-[123]|-2004|-ext)?|kr)|"
    r"ks_c_5601-1987|ks_c_5601|ksc5601|uhc|johab|tis-620|"
    r"utf-16(?:le|be)?|utf-32(?:le|be)?|utf16|utf32|ucs-2|"
    r"mac(?:intosh|roman|cyrillic|greek|turkish|iceland)?|x-mac-(?:roman|cyrillic)|ptcp154|viscii-?",
)

_ALIASES: Final = {
    "utf8": _UTF8,
    # RFC 2046 section 4.1.2: the default. Senders put more into it than it holds, so it is read as UTF-8.
    "us-ascii": "ascii",
    "ansi_x3.4-1968": "ascii",
    "iso646-us": "ascii",
    # What is labelled Latin-1 is Windows-1252 in practice (WHATWG Encoding section 4.2).
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "euc-cn": "gb18030",
    "hz-gb-2312": "hz",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "windows-31j": "cp932",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "macintosh": "mac_roman",
    "mac": "mac_roman",
    "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "ucs-2": "utf-16",
}


# Every codec of text that Python brings, by any of its names. Only names in this set are looked up, because
# Python remembers each name that it was asked for.
_NOT_TEXT: Final = frozenset(
    (
        "base64_codec",
        "bz2_codec",
        "hex_codec",
        "mbcs",
        "oem",
        "quopri_codec",
        "rot_13",
        "uu_codec",
        "zlib_codec",
    )
)
_NEVER: Final = frozenset(("utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"))
_NAMES: Final = {alias.lower(): name for alias, name in aliases.items()}
_CODECS: Final = (frozenset(aliases.values()) - _NOT_TEXT - _NEVER) | {
    "cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_r", "koi8_t", "koi8_u", "mac_arabic",
    "mac_croatian", "mac_farsi", "mac_romanian", "utf_8_sig", "iso8859_1",
}  # fmt: skip
_PUNCTUATION: Final = re.compile(r"[^a-z0-9.]+")


def python_codec(label: str) -> str | None:
    """Give the name of Python's codec for a charset name; None when the charset is not known."""
    name = label.strip().strip("\"'").lower()
    if name in (_UTF8, ""):
        return _UTF8 if name else None
    if len(name) > 40:
        return None
    if not _KNOWN.fullmatch(name):
        plain = _PUNCTUATION.sub("_", name)
        plain = _NAMES.get(plain, plain)
        return plain if plain in _CODECS else None
    name = _ALIASES.get(name, name.removeprefix("x-"))
    if name.startswith("windows-"):
        name = "cp" + name[8:]
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def decode_strict(octets: bytes, label: str) -> str | None:
    """Decode octets; None when the charset is unknown. What is not of the charset becomes U+FFFD."""
    codec = python_codec(label)
    if codec is None:
        return None
    if codec == "ascii":
        return decode_8bit(octets)
    try:
        return without_surrogates(_decode(octets, codec, "replace"))
    except (UnicodeError, ValueError):  # pragma: no cover - no codec in reach does; a new one might
        return None


def decode_text(octets: bytes, label: str) -> tuple[str, bool]:
    """Decode the octets of a body, and tell whether that went wrong (RFC 8621 section 4.1.4).

    Returns:
        the text, and True when the charset was unknown or its octets were not of it.
    """
    text, problem, _ = decode_counted(octets, label)
    return text, problem


class Decoded(NamedTuple):
    """Text out of octets.

    Attributes:
        problem: the charset was unknown or its octets were not of it.
        replaced: how often U+FFFD stands in the text for what could not be decoded.
    """

    text: str
    problem: bool
    replaced: int


def decode_counted(octets: bytes, label: str) -> Decoded:
    """Decode the octets of a body, and count what was replaced."""
    codec = python_codec(label or "us-ascii")
    if codec is not None:
        try:
            text = _decode(octets, codec, "strict")
        except (UnicodeError, ValueError):
            if codec not in ("ascii", _UTF8):
                return _replace(octets, codec)
        else:
            clean = without_surrogates(text)
            return Decoded(clean, False, 0 if clean is text else _marks(clean) - _marks(text))
    return Decoded(decode_8bit(octets), True, 0)


def _decode(octets: bytes, codec: str, errors: str) -> str:
    if len(octets) <= MAX_CALL:
        return octets.decode(codec, errors)
    decoder = codecs.getincrementaldecoder(codec)(errors)
    pieces = [decoder.decode(octets[first:last]) for first, last in ranges(0, len(octets))]
    pieces.append(decoder.decode(b"", final=True))
    return "".join(pieces)


def _replace(octets: bytes, codec: str) -> Decoded:
    try:
        text = without_surrogates(_decode(octets, codec, "replace"))
    except (UnicodeError, ValueError):  # pragma: no cover - as above
        return Decoded(decode_8bit(octets), True, 0)
    # Python's codecs give U+FFFD for themselves only from the encodings of Unicode and GB 18030.
    return Decoded(text, True, _marks(text) - _marks(_decode(octets, codec, "ignore")))


def _marks(text: str) -> int:
    return count(text, "\ufffd", 0, len(text))


def decode_replacing(octets: bytes) -> str:
    """Decode UTF-8, with U+FFFD for what is none."""
    return _decode(octets, _UTF8, "replace")


def decode_8bit(octets: bytes) -> str:
    """Decode octets without a name: UTF-8 where that is what they are, else Latin-1."""
    try:
        return _decode(octets, _UTF8, "strict")
    except UnicodeDecodeError:
        return "".join([piece.decode("latin-1") for piece in pieces(octets)])


def without_surrogates(text: str) -> str:
    """Put U+FFFD for lone surrogates, which some codecs let pass and UTF-8 cannot carry."""
    if text.isascii():
        return text
    if all(_is_encodable(piece) for piece in pieces(text)):
        return text
    out = []
    start = 0
    while start < len(text):
        stop = min(start + MAX_CALL // 4, len(text))
        if "\ud800" <= text[stop - 1] < "\udc00":  # its other half may follow
            stop += 1
        out.append(text[start:stop].encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        start = stop
    return "".join(out)


def _is_encodable(text: str) -> bool:
    try:
        text.encode(_UTF8)
    except UnicodeEncodeError:
        return False
    return True
