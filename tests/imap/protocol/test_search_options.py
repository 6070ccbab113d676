import pytest

from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_options import (
    MAX_OPTIONS,
    PartialRange,
    ReturnOptions,
    parse_partial,
    parse_return,
)


def parse(line: bytes) -> ReturnOptions | None:
    scanner = Scanner([line])
    options = parse_return(scanner)
    assert scanner.takes(b"ALL")
    scanner.end()
    return options


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (b"ALL", None),
        (b"RETURN () ALL", ReturnOptions(all=True)),
        (b"return (min) ALL", ReturnOptions(min=True)),
        (b"RETURN (MIN MAX) ALL", ReturnOptions(min=True, max=True)),
        (b"RETURN (ALL COUNT ALL) ALL", ReturnOptions(all=True, count=True)),
        (b"RETURN (SAVE) ALL", ReturnOptions(save=True)),
        (b"RETURN (SAVE COUNT) ALL", ReturnOptions(save=True, count=True)),
        (b"RETURN (RELEVANCY) ALL", ReturnOptions(all=True, relevancy=True)),
        (b"RETURN (PARTIAL 2:9) ALL", ReturnOptions(partial=PartialRange(2, 9, b"2:9"))),
        (b"RETURN (PARTIAL -1:-9 MIN) ALL", ReturnOptions(min=True, partial=PartialRange(-1, -9, b"-1:-9"))),
    ],
)
def test_options(line: bytes, options: ReturnOptions | None) -> None:
    """RFC 9051 section 9 (`search-return-opts`), RFC 5182 section 3, RFC 9394 section 4."""
    assert parse(line) == options


@pytest.mark.parametrize(
    "line",
    [b"RETURN ALL", b"RETURN(MIN) ALL", b"RETURN (MIN)ALL", b"RETURN (UPDATE) ALL", b"RETURN (MIN ALL",
     b"RETURN (PARTIAL) ALL", b"RETURN (PARTIAL 1:2 ALL) ALL", b"RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL",
     b"RETURN (" + b"MIN " * MAX_OPTIONS + b"MIN) ALL"],
)  # fmt: skip
def test_what_is_no_option(line: bytes) -> None:
    """RFC 9394 section 3.1: ALL and PARTIAL exclude each other."""
    with pytest.raises(BadCommand):
        parse(line)


@pytest.mark.parametrize("text", [b"1", b"1:", b"0:1", b"1:*", b"-1:2", b"1:-2", b"1:4294967296", b"1:2x"])
def test_what_is_no_partial_range(text: bytes) -> None:
    """RFC 9394 section 4."""
    with pytest.raises(BadCommand):
        parse_partial(Scanner([text]))


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (b"1:3", "abc"), (b"3:1", "abc"), (b"4:9", "de"), (b"6:9", ""), (b"1:1", "a"), (b"5:5", "e"),
        (b"-1:-1", "e"), (b"-1:-2", "de"), (b"-2:-1", "de"), (b"-5:-9", "a"), (b"-6:-9", ""),
        (b"-1:-9", "abcde"),
    ],
)  # fmt: skip
def test_a_range_is_cut_out(text: bytes, cut: str) -> None:
    """RFC 9394 section 3.1."""
    assert parse_partial(Scanner([text])).cut("abcde") == cut
    assert parse_partial(Scanner([text])).cut("") == ""


def test_when_save_keeps_everything() -> None:
    """RFC 5182 section 2.4, RFC 9394 section 3.2: the tables."""
    some = PartialRange(1, 2, b"1:2")
    assert ReturnOptions(save=True).saves_all
    assert ReturnOptions(save=True).silent
    assert not ReturnOptions(save=True, count=True).silent
    assert ReturnOptions(save=True, min=True, count=True).saves_all
    assert ReturnOptions(save=True, min=True, all=True).saves_all
    assert ReturnOptions(save=True, partial=some, count=True).saves_all
    for options in (ReturnOptions(min=True), ReturnOptions(max=True), ReturnOptions(partial=some)):
        assert not options.saves_all
