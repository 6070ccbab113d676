import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.responses import astring, bad, bye, literal, mailbox, no, ok, string
from pymailcore.imap.protocol.scanner import Scanner


def test_a_status_is_one_line() -> None:
    """RFC 3501 section 7.1."""
    assert ok("Done").encode(b"a1") == b"a1 OK Done\r\n"
    assert no("Gone", b"NONEXISTENT").encode(b"a1") == b"a1 NO [NONEXISTENT] Gone\r\n"
    assert bye("Good bye").encode() == b"* BYE Good bye\r\n"
    assert bad("What?").encode() == b"* BAD What?\r\n"


@pytest.mark.parametrize(
    ("octets", "wire"),
    [
        (b"", b'""'),
        (b"a b", b'"a b"'),
        (b'say "\\"', b'"say \\"\\\\\\""'),
        (b"\r\n", b"{2}\r\n\r\n"),
        (b"\xc3\xbc", b"{2}\r\n\xc3\xbc"),
        (b"a" * 1025, b"{1025}\r\n" + b"a" * 1025),
    ],
)
def test_strings_are_quoted_where_that_is_allowed(octets: bytes, wire: bytes) -> None:
    """RFC 3501 section 4.3."""
    assert string(octets) == wire


@pytest.mark.parametrize(
    ("octets", "wire"), [(b"a", b"a"), (b"NIL", b'"NIL"'), (b"a(", b'"a("'), (b"", b'""')]
)
def test_an_astring_is_an_atom_where_that_is_allowed(octets: bytes, wire: bytes) -> None:
    """RFC 3501 section 9 (`astring`)."""
    assert astring(octets) == wire


@given(st.binary(max_size=50))
def test_what_is_written_can_be_read(octets: bytes) -> None:
    """RFC 3501 section 4.3."""
    wire = astring(octets)
    pieces = [wire] if not wire.startswith(b"{") else [b"", octets, b""]
    scanner = Scanner(pieces)
    assert scanner.astring("it") == octets
    assert scanner.at_end


def test_names_are_written_in_modified_utf_7() -> None:
    """RFC 3501 section 5.1.3."""
    assert mailbox("Entwürfe und mehr") == b'"Entw&APw-rfe und mehr"'


def test_a_literal_has_its_length() -> None:
    """RFC 3501 section 4.3."""
    assert literal(b"abc") == b"{3}\r\nabc"
