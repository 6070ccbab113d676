"""ZIP packages of office documents, with everything bounded that a hostile one can blow up."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.gathering import Damaged, Encrypted, LimitReached

_PIECE_OCTETS: Final = 65_536
_END_MARK: Final = b"PK\x05\x06"
_END_OCTETS: Final = 22
_COMMENT_OCTETS: Final = 65_535
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Package:
    """The members of a ZIP file, read in pieces.

    What all members together inflate to is counted, so a member that lies about its size, one that is named
    many times, or members over one another gain nothing. No member is opened as a package.

    Raises:
        Damaged, LimitReached: it is no ZIP file, or its list of members is too long.
    """

    def __init__(self, octets: bytes, limits: Limits) -> None:
        self._limits = limits
        self._left_octets = limits.inflated_octets
        _check_directory(octets, limits)
        try:
            self._file = zipfile.ZipFile(io.BytesIO(octets))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as fault:
            raise Damaged(str(fault)) from None
        infos = self._file.infolist()
        if len(infos) > limits.members:
            raise LimitReached("members")
        self._infos = {info.filename: info for info in infos}

    @property
    def names(self) -> list[str]:
        """Names of all members, as they are in the package."""
        return list(self._infos)

    def pieces(self, name: str) -> Iterator[bytes]:
        """Give one member's octets.

        Raises:
            Damaged, Encrypted, LimitReached: as far as it went.
        """
        info = self._infos[name]
        if info.flag_bits & _ENCRYPTED:
            raise Encrypted("member")
        if info.compress_type not in _METHODS:
            raise Damaged("compression method")
        inflated = 0
        try:
            with self._file.open(info) as member:
                while piece := member.read(_PIECE_OCTETS):
                    inflated += len(piece)
                    self._count(len(piece), inflated, info.compress_size)
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as fault:
            raise Damaged(str(fault)) from None

    def _count(self, piece: int, inflated: int, packed: int) -> None:
        limits = self._limits
        self._left_octets -= piece
        if self._left_octets < 0:
            raise LimitReached("inflated_octets")
        if inflated > limits.ratio_free_octets and inflated > limits.ratio * packed:
            raise LimitReached("ratio")


def _check_directory(octets: bytes, limits: Limits) -> None:
    """Look at the end of the file before anybody reads the whole list of members."""
    place = octets.rfind(_END_MARK, max(0, len(octets) - _END_OCTETS - _COMMENT_OCTETS))
    if place < 0 or place + _END_OCTETS > len(octets):
        raise Damaged("no end of central directory")
    if int.from_bytes(octets[place + 12 : place + 16], "little") > limits.directory_octets:
        raise LimitReached("directory_octets")
