r"""Mail data on its way in and on its way out.

Standards: RFC 5321 sections 2.3.8, 4.1.1.4, 4.5.2.

Only CR LF dot CR LF ends mail data. A CR or LF by itself is refused on the way in, because the next host
might take it for a line end and see a second transaction in the middle of a message (CVE-2023-51764 and its
kin); none leaves on the way out, whatever was stored.
"""

from typing import Final

from pymailcore.smtp.protocol.lines import LineBuffer

_END: Final = b"\r\n.\r\n"


class BareLineEnd(Exception):
    """A CR or LF in the mail data is not part of a CRLF."""


class MailDataReader:
    """Mail data of one transaction: finds the end, removes dots, refuses bare CR and LF where it is strict.

    The octets held back at the end of a read are those that could still turn out to begin the end mark. Each
    read is one pass at C speed, however the octets were cut.
    """

    __slots__ = ("_ended", "_fresh", "_held", "_strict")

    def __init__(self, *, strict: bool = True) -> None:
        self._strict = strict
        self._held = b"\r\n"  # the CRLF of the DATA line: a first line "." ends the data
        self._fresh = True
        self._ended = False

    def read(self, buffer: LineBuffer) -> bytes | None:
        """Take what is certain so far: octets, b"" for the end, None for not enough yet.

        Raises:
            BareLineEnd: a CR or LF is not part of a CRLF. Later calls go on looking for the end.
        """
        if self._ended:
            return b""
        octets = self._held + buffer.take_all()
        dotted = b"." in octets and b"\r\n." in octets  # one octet is looked for a hundred times as fast
        end = octets.find(_END) if dotted else -1
        if end >= 0:
            self._ended = True
            cut = end + 2
            if len(octets) > end + len(_END):
                buffer.put_back(octets[end + len(_END) :])
        else:
            cut = len(octets) - next((n for n in (4, 3, 2, 1) if octets.endswith(_END[:n])), 0)
        self._held, octets = octets[cut:], octets[:cut]
        if self._strict and not _is_whole(octets):
            self._fresh = False
            raise BareLineEnd
        if dotted:
            octets = octets.replace(b"\r\n.", b"\r\n")
        if self._fresh and octets:
            self._fresh = False
            octets = octets[2:]
        return octets or (b"" if self._ended else None)


class LineMender:
    """Makes each lone CR and each lone LF a CRLF, in octets that come in pieces."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def mend(self, octets: bytes) -> bytes:
        """Give the next piece with line ends that are whole; b"" where it was the rest of one."""
        if self._after_cr and octets.startswith(b"\n"):
            octets = octets[1:]  # its CR has got an LF already
            self._after_cr = False
        if not octets:
            return octets
        self._after_cr = octets.endswith(b"\r")
        return octets if _is_whole(octets) else _with_whole_ends(octets)


def _is_whole(octets: bytes) -> bool:
    """Whether each CR has its LF and each LF its CR; takes a third of the time that counting them does."""
    return octets.replace(b"\r", b"").replace(b"\n", b"\r\n") == octets


def _with_whole_ends(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def canonical(octets: bytes) -> bytes:
    """Give a message the only form in which it may leave: CRLF line ends, the last one too, and no NUL.

    Octets that are in this form already come back unchanged and uncopied.
    """
    if b"\0" in octets:
        octets = octets.replace(b"\0", b"")
    if not octets.count(b"\r\n") == octets.count(b"\r") == octets.count(b"\n"):
        octets = _with_whole_ends(octets)
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


def encode_mail_data(octets: bytes) -> bytes:
    """Give the wire form of a message: canonical, dots doubled, with the end mark."""
    octets = canonical(octets).replace(b"\r\n.", b"\r\n..")
    return b"".join((b"." if octets.startswith(b".") else b"", octets, b".\r\n"))
