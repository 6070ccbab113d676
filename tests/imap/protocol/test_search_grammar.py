from datetime import date

import pytest

from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_grammar import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_NEEDLE_OCTETS,
    BadFilter,
    UnknownCharset,
    parse_criteria,
    parse_filter,
    parse_search,
)
from pymailcore.imap.protocol.sequence import SequenceSet

SEEN = k.HasKeyword("$seen")
DAY = date(1994, 2, 1)
NEXT = date(1994, 2, 2)


def parse(*pieces: bytes) -> k.SearchKey:
    scanner = Scanner(list(pieces))
    key = parse_search(scanner)
    scanner.end()
    return key


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b"ALL", k.All()),
        (b"ANSWERED", k.HasKeyword("$answered")),
        (b"UNANSWERED", k.Without(k.HasKeyword("$answered"))),
        (b"DELETED", k.IsDeleted()),
        (b"UNDELETED", k.Without(k.IsDeleted())),
        (b"DRAFT", k.HasKeyword("$draft")),
        (b"UNDRAFT", k.Without(k.HasKeyword("$draft"))),
        (b"FLAGGED", k.HasKeyword("$flagged")),
        (b"UNFLAGGED", k.Without(k.HasKeyword("$flagged"))),
        (b"seen", SEEN),
        (b"UNSEEN", k.Without(SEEN)),
        (b"RECENT", k.IsRecent()),
        (b"OLD", k.Without(k.IsRecent())),
        (b"NEW", k.Both((k.IsRecent(), k.Without(SEEN)))),
        (b"KEYWORD $Junk", k.HasKeyword("$junk")),
        (b"UNKEYWORD work", k.Without(k.HasKeyword("work"))),
        (b"BEFORE 1-Feb-1994", k.Dated(k.Clock.INTERNAL, before=DAY)),
        (b"ON 1-Feb-1994", k.Dated(k.Clock.INTERNAL, DAY, NEXT)),
        (b'SINCE "1-Feb-1994"', k.Dated(k.Clock.INTERNAL, since=DAY)),
        (b"SENTBEFORE 1-Feb-1994", k.Dated(k.Clock.SENT, before=DAY)),
        (b"SENTON 1-Feb-1994", k.Dated(k.Clock.SENT, DAY, NEXT)),
        (b"SENTSINCE 1-Feb-1994", k.Dated(k.Clock.SENT, since=DAY)),
        (b"LARGER 5", k.Larger(5)),
        (b"SMALLER 5", k.Smaller(5)),
        (b"BCC a", k.Holds("bcc", "a")),
        (b"BODY a", k.Holds("body", "a")),
        (b"CC a", k.Holds("cc", "a")),
        (b"FROM a", k.Holds("from", "a")),
        (b"SUBJECT a", k.Holds("subject", "a")),
        (b"TEXT a", k.Holds("text", "a")),
        (b'TO "a b"', k.Holds("to", "a b")),
        (b'HEADER X-Y ""', k.HeaderHolds("X-Y", "")),
        (b"UID 1:*", k.Messages(SequenceSet(((1, 0),)), uid=True)),
        (b"2,4", k.Messages(SequenceSet(((2, 2), (4, 4))))),
        (b"NOT SEEN", k.Without(SEEN)),
        (b"OR SEEN ALL", k.Either(SEEN, k.All())),
        (b"(SEEN ALL)", k.Both((SEEN, k.All()))),
        (b"SEEN (ALL)", k.Both((SEEN, k.All()))),
        (b'CHARSET utf-8 SUBJECT "\xc3\xbc"', k.Holds("subject", "ü")),
        (b"CHARSET US-ASCII ALL", k.All()),
        (b'CHARSET ISO-8859-15 SUBJECT "\xa4"', k.Holds("subject", "€")),
        (b'CHARSET "koi8-r" FROM "\xc9"', k.Holds("from", "и")),
        (b"LARGER 4294967296", k.Larger(2**32)),
        (b"OLDER 60", k.Aged(older=True, seconds=60)),
        (b"YOUNGER 4294967295", k.Aged(older=False, seconds=2**32 - 1)),
        (b"SAVEDBEFORE 1-Feb-1994", k.Dated(k.Clock.SAVED, before=DAY)),
        (b"SAVEDON 1-Feb-1994", k.Dated(k.Clock.SAVED, DAY, NEXT)),
        (b"SAVEDSINCE 1-Feb-1994", k.Dated(k.Clock.SAVED, since=DAY)),
        (b"SAVEDATESUPPORTED", k.All()),
        (b"EMAILID M6d99ac3275bb4e", k.HasEmailId("M6d99ac3275bb4e")),
        (b"THREADID T-_1", k.HasThreadId("T-_1")),
        (b"MODSEQ 0", k.ModifiedSince(0)),
        (b'MODSEQ "/flags/\\\\draft" all 620162338', k.ModifiedSince(620162338)),
        (b"FUZZY (SUBJECT a)", k.Fuzzy(k.Holds("subject", "a"))),
        (b"NOT FUZZY ALL", k.Without(k.Fuzzy(k.All()))),
        (b"FILTER On-The-Road", k.Filtered("on-the-road")),
        (b"$", k.Messages(SequenceSet((), saved=True))),
        (b"UID $", k.Messages(SequenceSet((), saved=True), uid=True)),
        (
            b"OR $ 1,5:6,$",
            k.Either(
                k.Messages(SequenceSet((), saved=True)),
                k.Messages(SequenceSet(((1, 1), (5, 6)), saved=True)),
            ),
        ),
    ],
)
def test_every_key_has_its_value(line: bytes, key: k.SearchKey) -> None:
    """RFC 3501 section 6.4.4."""
    assert parse(line) == key


def test_a_needle_may_be_a_literal() -> None:
    """RFC 3501 section 6.4.4, its last example."""
    assert parse(b"CHARSET UTF-8 TEXT ", "Grüße".encode(), b"") == k.Holds("text", "Grüße")


@pytest.mark.parametrize(
    "line",
    [b"", b"X", b"NOT", b"OR SEEN", b"()", b"(SEEN", b"SEEN)", b"KEYWORD \\Seen", b"KEYWORD", b"ON 1-2-3",
     b"LARGER x", b"UID x", b"SUBJECT", b"HEADER a", b"0", b"CHARSET UTF-8", b"SINCE 31-Dec-9999",
     b"OLDER 0", b"OLDER 4294967296", b"YOUNGER", b"SAVEDON x", b"EMAILID", b"EMAILID a.b", b"THREADID (",
     b"MODSEQ", b"MODSEQ 9223372036854775808", b'MODSEQ "x" some 1', b'MODSEQ "x" 1', b"FUZZY", b"FILTER",
     b"FILTER a/b", b"$,1", b"$x", b"$$"],
)  # fmt: skip
def test_what_is_no_key_is_refused(line: bytes) -> None:
    """RFC 3501 section 9 (`search-key`)."""
    with pytest.raises(BadCommand):
        parse(line)


@pytest.mark.parametrize(
    "line", [b"CHARSET X-UNHEARD-OF ALL", b'SUBJECT "\xff"', b'CHARSET UTF-8 TEXT "\xfc"']
)
def test_a_charset_that_is_not_known_is_told_apart(line: bytes) -> None:
    """RFC 3501 section 6.4.4: BADCHARSET."""
    with pytest.raises(UnknownCharset):
        parse(line)


@pytest.mark.parametrize(
    ("line", "bad"),
    [(b"CHARSET UTF-8 FILTER a", None), (b"CHARSET KOI8-R FILTER a", True), (b"CHARSET X-X FILTER a", False)],
)
def test_filters_are_in_utf_8(line: bytes, bad: bool | None) -> None:
    """RFC 5466 section 3.1: BAD with BADCHARSET."""
    if bad is None:
        assert parse(line) == k.Filtered("a")
    else:
        with pytest.raises(UnknownCharset) as raised:
            parse(line)
        assert raised.value.bad is bad


def test_criteria_begin_with_a_charset() -> None:
    """RFC 5256 section 5 (`search-criteria`)."""
    assert parse_criteria(Scanner([b"UTF-8 SEEN ALL"])) == k.Both((SEEN, k.All()))
    assert parse_criteria(Scanner([b'"US-ASCII" SEEN'])) == SEEN
    with pytest.raises(UnknownCharset):
        parse_criteria(Scanner([b"SEEN ALL"]))


def test_stored_filters() -> None:
    """RFC 5466 section 3.2, its example; a literal is taken, too."""
    assert parse_filter(b'OR SMALLER 5000 FROM "boss@example.com"') == k.Either(
        k.Smaller(5000), k.Holds("from", "boss@example.com")
    )
    assert parse_filter(b"TEXT {6}\r\na b\r\nc SEEN") == k.Both((k.Holds("text", "a b\r\nc"), SEEN))


@pytest.mark.parametrize(
    "value",
    [b"", b"OR SMALLER", b"SEEN ", b"SEEN\r\n", b"TEXT {9}\r\na", b"TEXT {9}", b'TEXT "\xff"', b"(SEEN"],
)
def test_what_is_no_filter(value: bytes) -> None:
    """RFC 5466 section 3.1: not a full and correct search criterion."""
    with pytest.raises(BadFilter):
        parse_filter(value)


def accepted(line: bytes) -> bool:
    try:
        parse(line)
    except BadCommand:
        return False
    return True


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("form", [(b"NOT ", b"ALL", b""), (b"(", b"ALL", b")"), (b"OR ALL ", b"ALL", b"")])
def test_keys_have_a_depth(form: tuple[bytes, bytes, bytes], more: int) -> None:
    """I4: at most 32."""
    levels = MAX_DEPTH - 1 + more
    assert accepted(form[0] * levels + form[1] + form[2] * levels) is (more <= 0)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_keys_are_counted(more: int) -> None:
    """I4: at most 256."""
    assert accepted(b" ".join([b"ALL"] * (MAX_KEYS + more))) is (more <= 0)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_needles_have_a_length(more: int) -> None:
    """I4."""
    assert accepted(b"SUBJECT " + b"a" * (MAX_NEEDLE_OCTETS + more)) is (more <= 0)


def test_a_million_parentheses_are_refused() -> None:
    """I2 (Dovecot CVE-2026-27857)."""
    assert not accepted(b"(" * 1_000_000)
