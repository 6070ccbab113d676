"""Rich Text Format: the words of a document, in one pass over its octets.

Standards: Rich Text Format (RTF) Specification 1.9.1: groups and destinations, character sets of fonts
(fcharset), Unicode characters (u and uc), binary data (bin).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.gathering import Gathering, LimitReached

_TOKEN: Final = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?"
    rb"|\\'([0-9a-fA-F]{2})"
    rb"|\\([^a-zA-Z])"
    rb"|([{}])"
    rb"|([^\\{}\r\n]+)"
    rb"|[\r\n]+|\\"
)
_SKIPPED: Final = frozenset(
    b"fonttbl colortbl stylesheet filetbl pict objdata objclass objname fldinst datafield themedata"
    b" colorschememapping datastore latentstyles listtable listoverridetable revtbl rsidtbl generator"
    b" xmlnstbl bkmkstart bkmkend sn sv sp panose falt fontemb mmath atrfstart atrfend atnid blipuid"
    b" revtim creatim printim buptim passwordhash".split()
)
_STARRED: Final = frozenset(b"shpinst shptxt ud annotation atnauthor nesttableprops".split())
_BREAKS: Final[Mapping[bytes, str]] = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"nestrow": "\n",
    b"cell": "\t", b"nestcell": "\t", b"tab": "\t",
    b"emdash": "\u2014", b"endash": "\u2013", b"bullet": "\u2022",
    b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c", b"rdblquote": "\u201d",
    b"emspace": " ", b"enspace": " ", b"qmspace": " ",
}  # fmt: skip
_SIGNS: Final[Mapping[bytes, bytes]] = {
    b"~": b" ", b"_": b"-", b"{": b"{", b"}": b"}", b"\\": b"\\", b"\r": b"\n", b"\n": b"\n",
}  # fmt: skip
_CHARSETS: Final[Mapping[int, str]] = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257",
    204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_PIECE_OCTETS: Final = 65_536
_PAGES: Final[Mapping[int, str]] = {
    **{
        page: f"cp{page}"
        for page in (
            *(437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874),
            *(932, 949, 950, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258),
        )
    },
    936: "gbk", 1361: "johab", 10000: "mac_roman", 10007: "mac_cyrillic", 10029: "mac_latin2", 65001: "utf-8",
}  # fmt: skip
CODECS: Final = frozenset({*_CHARSETS.values(), *_PAGES.values()})
"""Every codec that may be needed."""


@dataclass(frozen=True, slots=True)
class _Group:
    """What a group inherits and gives back at its end."""

    skipped: bool = False
    codec: str | None = None
    unicode_skip: int = 1


def read_rtf(octets: bytes, gathering: Gathering, limits: Limits) -> None:
    """Gather the words of an RTF document; what follows its last group is passed over.

    Raises:
        LimitReached, Full: what came before is gathered.
    """
    _Reader(gathering, limits).read(octets)


class _Reader:
    def __init__(self, gathering: Gathering, limits: Limits) -> None:
        self._gathering = gathering
        self._limits = limits
        self._group = _Group()
        self._outer: list[_Group] = []
        self._codec = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = -1
        self._in_fonts = 0
        self._starred = False
        self._to_skip = 0
        self._to_jump = 0
        self._pending = bytearray()
        self._units = bytearray()

    def read(self, octets: bytes) -> None:
        place = 0
        try:
            while (match := _TOKEN.match(octets, place)) is not None:
                place = match.end()
                self._token(match)
                place += self._to_jump
                self._to_jump = 0
                if not self._outer and match[5] == b"}":
                    break
        finally:
            self._flush()

    def _token(self, match: re.Match[bytes]) -> None:
        word, number, code, sign, brace, plain = match.groups()
        if plain is not None:
            self._plain(plain)
        elif brace is not None:
            self._brace(brace)
        elif word is not None:
            self._word(word, None if number is None else int(number))
        elif code is not None:
            self._plain(bytes.fromhex(code.decode()))
        elif sign is not None:
            self._sign(sign)

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._to_skip = 0
        self._starred = False
        if brace == b"{":
            if len(self._outer) >= self._limits.rtf_depth:
                raise LimitReached("rtf_depth")
            self._outer.append(self._group)
        elif self._outer:
            self._group = self._outer.pop()
            if len(self._outer) < self._in_fonts:
                self._in_fonts = 0

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._starred = True
        elif (octets := _SIGNS.get(sign)) is not None:
            self._plain(octets)

    def _word(self, word: bytes, number: int | None) -> None:
        if self._to_skip and word not in (b"u", b"uc"):
            self._to_skip -= 1
            return
        starred, self._starred = self._starred, False
        if word == b"bin":
            self._to_jump = max(0, number or 0)
        elif word == b"fonttbl":
            self._in_fonts = len(self._outer)
            self._skip()
        elif self._in_fonts:
            self._font_word(word, number)
        elif word in _SKIPPED or (starred and word not in _STARRED):
            self._skip()
        else:
            self._text_word(word, number)

    def _skip(self) -> None:
        self._flush()
        self._group = replace(self._group, skipped=True)

    def _font_word(self, word: bytes, number: int | None) -> None:
        if word == b"f" and number is not None:
            self._font = number
        elif word == b"fcharset" and number is not None and number in _CHARSETS:
            self._fonts[self._font] = _CHARSETS[number]

    def _text_word(self, word: bytes, number: int | None) -> None:
        put = _BREAKS.get(word)
        if put is not None:
            self._put(put)
        elif number is None:
            return
        elif word == b"u":
            self._unicode(number)
        elif word == b"uc":
            self._group = replace(self._group, unicode_skip=max(0, number))
        elif word == b"f":
            self._flush()
            self._group = replace(self._group, codec=self._fonts.get(number))
        elif word == b"ansicpg":
            self._codec = _PAGES.get(number, "cp1252")

    def _unicode(self, number: int) -> None:
        """Take a UTF-16 code unit, which older writers give as a signed number."""
        self._flush_octets()
        self._to_skip = self._group.unicode_skip
        if not self._group.skipped and -0x8000 <= number <= 0xFFFF:
            self._units += (number & 0xFFFF).to_bytes(2, "little")

    def _plain(self, octets: bytes) -> None:
        passed = min(self._to_skip, len(octets))
        self._to_skip -= passed
        octets = octets[passed:]
        if octets and not self._group.skipped:
            self._flush_units()
            self._pending += octets
            if len(self._pending) > _PIECE_OCTETS and octets.isascii():
                self._flush()

    def _put(self, text: str) -> None:
        self._flush()
        if not self._group.skipped:
            self._gathering.add(text)

    def _flush(self) -> None:
        self._flush_octets()
        self._flush_units()

    def _flush_octets(self) -> None:
        if self._pending:
            text = self._pending.decode(self._group.codec or self._codec, "replace")
            self._pending.clear()
            self._gathering.add(text)

    def _flush_units(self) -> None:
        if self._units:
            text = self._units.decode("utf-16-le", "replace")
            self._units.clear()
            self._gathering.add(text)
