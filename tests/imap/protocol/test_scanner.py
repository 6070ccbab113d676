import pytest

from pymailcore.imap.protocol.scanner import BadCommand, Scanner


def test_words_are_taken_one_by_one() -> None:
    """RFC 3501 section 9."""
    scanner = Scanner([b'a1 atom "quo\\"ted" (\\Seen x) 42 1:* ', b"lit\0eral", b" NIL"])
    assert scanner.tag() == b"a1"
    scanner.space()
    assert scanner.atom("it") == b"atom"
    scanner.space()
    assert scanner.astring("it") == b'quo"ted'
    scanner.space()
    scanner.expect(b"(", "it")
    assert scanner.flag() == b"\\Seen"
    scanner.space()
    assert scanner.flag() == b"x"
    assert scanner.takes(b") ")
    assert scanner.number() == 42
    scanner.space()
    assert scanner.set_text() == b"1:*"
    scanner.space()
    assert scanner.astring("it") == b"lit\0eral"
    scanner.space()
    assert scanner.nstring("it") is None
    scanner.end()


@pytest.mark.parametrize(
    "line", [b'"open', b'"bad \\n escape"', b'"nul \0"', b"", b"(", b"\\Seen", b"%", b"\x80"]
)
def test_what_is_no_string_is_refused(line: bytes) -> None:
    """RFC 3501 section 9 (`quoted`, `atom`)."""
    with pytest.raises(BadCommand):
        Scanner([line]).astring("a string")


def test_numbers_of_63_bits() -> None:
    """RFC 9051 section 9 (`number64`)."""
    assert Scanner([b"9223372036854775807"]).number64() == 2**63 - 1
    for line in (b"9223372036854775808", b"", b"x"):
        with pytest.raises(BadCommand):
            Scanner([line]).number64()


def test_the_rest_can_be_passed_over() -> None:
    scanner = Scanner([b"a {3}", b"b c", b" d"])
    scanner.skip()
    assert scanner.at_end


def test_a_literal_is_only_at_the_end_of_its_line() -> None:
    """RFC 3501 section 4.3."""
    with pytest.raises(BadCommand):
        Scanner([b"x", b"literal", b""]).literal("a literal")
    assert Scanner([b"", b"literal", b""]).literal("a literal") == b"literal"


def test_numbers_have_32_bits() -> None:
    """RFC 3501 section 9 (`number`)."""
    assert Scanner([b"4294967295"]).number() == 2**32 - 1
    with pytest.raises(BadCommand):
        Scanner([b"4294967296"]).number()


def test_spaces_at_the_end_are_passed_over_and_words_are_not() -> None:
    """Leniency: some clients leave a space there."""
    Scanner([b"  "]).end()
    with pytest.raises(BadCommand):
        Scanner([b" x"]).end()
    with pytest.raises(BadCommand):
        Scanner([b"", b"literal", b""]).end()
