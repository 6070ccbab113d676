from datetime import date

import pytest

from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_grammar import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_NEEDLE_OCTETS,
    UnknownCharset,
    parse_search,
)
from pymailcore.imap.protocol.sequence import SequenceSet

SEEN = k.HasKeyword("$seen")
DAY = date(1994, 2, 1)
NEXT = date(1994, 2, 2)


def parse(*pieces: bytes) -> k.SearchKey:
    scanner = Scanner([b" " + pieces[0], *pieces[1:]])
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
     b"LARGER x", b"UID x", b"SUBJECT", b"HEADER a", b"0", b"CHARSET UTF-8", b"SINCE 31-Dec-9999"],
)  # fmt: skip
def test_what_is_no_key_is_refused(line: bytes) -> None:
    """RFC 3501 section 9 (`search-key`)."""
    with pytest.raises(BadCommand):
        parse(line)


@pytest.mark.parametrize("line", [b"CHARSET KOI8-R ALL", b'SUBJECT "\xff"', b'CHARSET UTF-8 TEXT "\xfc"'])
def test_a_charset_that_is_not_known_is_told_apart(line: bytes) -> None:
    """RFC 3501 section 6.4.4: BADCHARSET."""
    with pytest.raises(UnknownCharset):
        parse(line)


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
