import pytest

from pymailcore.base.address import Address
from pymailcore.base.envelope import NOTHING_SAID, Envelope
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.lines import LineBuffer
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.transaction import Transaction


def buffer(octets: bytes) -> LineBuffer:
    made = LineBuffer()
    made.append(octets)
    return made


def limited(octets: int) -> ServerOptions:
    return ServerOptions(hostname="h", postmaster_domain="h", max_message_octets=octets)


def test_a_new_transaction_is_empty() -> None:
    """RFC 5321 section 4.1.1.2."""
    assert Transaction().envelope == Envelope(reverse_path=None, recipients=())
    assert not Transaction().smtputf8


def test_the_envelope_is_what_was_accepted() -> None:
    """RFC 5321 section 2.3.1."""
    transaction, address = Transaction(), Address("b", "host.example")
    transaction.mail = events.Mail(address, smtputf8=True)
    transaction.recipients[address] = NOTHING_SAID
    assert transaction.read(buffer(b"\xff\r\n.\r\n"), limited(100)) == b"\xff\r\n"
    assert transaction.envelope == Envelope(
        reverse_path=address, recipients=(address,), smtputf8=True, eight_bit=True
    )


@pytest.mark.parametrize(("limit", "refused"), [(9, True), (8, True), (10, False), (11, False)])
def test_the_size_is_counted(limit: int, refused: bool) -> None:
    """RFC 1870 section 6.3."""
    transaction = Transaction()
    assert transaction.read(buffer(b"12345678\r\n.\r\n"), limited(limit)) == b"12345678\r\n"
    assert (transaction.refusal == reply.TOO_LARGE) is refused


def test_a_bare_line_end_is_the_reason_and_the_end_is_still_found() -> None:
    """RFC 5321 section 2.3.8."""
    transaction, octets = Transaction(), buffer(b"a\nb")
    assert transaction.read(octets, limited(1)) is None
    octets.append(b"c\r\n.\r\nNOOP\r\n")
    assert transaction.read(octets, limited(1)) == b"c\r\n"
    assert transaction.read(octets, limited(1)) == b""
    assert transaction.refusal == reply.BARE_LINE_END
    assert octets.take_all() == b"NOOP\r\n"
