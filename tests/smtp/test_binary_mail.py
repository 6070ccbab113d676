from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.message.parse import parse
from pymailcore.message.transfer import decode_transfer
from pymailcore.smtp.binary_mail import CANNOT_CONVERT, with_lines

TO = (Address("b", "host.example"),)
BINARY = Envelope(reverse_path=None, recipients=TO, eight_bit=True, binary=True)
CONTENT = b"\x00\r\xff\nend"
MESSAGE = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/x\r\n"


async def test_binary_parts_get_lines_and_keep_their_contents() -> None:
    """RFC 3030 section 3."""
    octets = MESSAGE + b"Content-Transfer-Encoding: binary\r\n\r\n" + CONTENT
    sound = await with_lines(BINARY, octets)
    assert isinstance(sound, tuple)
    envelope, lines = sound
    assert envelope == Envelope(reverse_path=None, recipients=TO)
    assert b"\0" not in lines
    assert lines.count(b"\r\n") == lines.count(b"\n") == lines.count(b"\r")
    part = parse(lines).root
    assert decode_transfer(lines[part.body_start : part.body_end], "base64") == CONTENT


async def test_what_has_lines_stays_as_it_is() -> None:
    """Nobody asked for another form."""
    envelope = Envelope(reverse_path=None, recipients=TO)
    assert await with_lines(envelope, b"x\r\n") == (envelope, b"x\r\n")


async def test_what_would_break_is_refused() -> None:
    """RFC 1847 section 2.1: signed parts are not touched."""
    octets = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n" + CONTENT + b"\r\n--b--\r\n"
    )
    assert await with_lines(BINARY, octets) == CANNOT_CONVERT
