import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.grammar import parse_command
from pymailcore.imap.protocol.metadata_grammar import (
    MAX_ENTRIES,
    Depth,
    MetadataOptions,
    Values,
    parse_entries,
    parse_entry_values,
)
from pymailcore.imap.protocol.scanner import BadCommand, Scanner

ONE = ("/shared/comment",)
TWO = ("/shared/comment", "/private/comment")


def parse(*pieces: bytes) -> c.Command:
    return parse_command(Scanner([b" " + pieces[0], *pieces[1:]]))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b'"" /shared/comment', c.GetMetadata("", ONE, MetadataOptions())),
        (b"INBOX (/shared/comment /private/comment)", c.GetMetadata("INBOX", TWO, MetadataOptions())),
        (b"INBOX /shared/comment /private/comment ", c.GetMetadata("INBOX", TWO, MetadataOptions())),
        (b'INBOX ("/shared/comment")', c.GetMetadata("INBOX", ONE, MetadataOptions())),
        (b"a (/shared/comment /shared/comment)", c.GetMetadata("a", ONE, MetadataOptions())),
        (b"(MAXSIZE 0) a /shared/comment", c.GetMetadata("a", ONE, MetadataOptions(0))),
        (
            b'"INBOX" (maxsize 1024 depth Infinity) (/shared/comment /private/comment)',
            c.GetMetadata("INBOX", TWO, MetadataOptions(1024, Depth.INFINITY)),
        ),
        (
            b"(DEPTH 1) Entw&APw-rfe /shared/comment",
            c.GetMetadata("Entwürfe", ONE, MetadataOptions(None, Depth.ONE)),
        ),
        (
            b"(DEPTH 0 MAXSIZE 4294967295) a /shared/comment",
            c.GetMetadata("a", ONE, MetadataOptions(2**32 - 1)),
        ),
    ],
)
def test_what_is_asked_for(line: bytes, command: c.Command) -> None:
    """RFC 5464 sections 4.2 and 5: options before the Mailbox, or behind it."""
    assert parse(b"GETMETADATA " + line) == command


@pytest.mark.parametrize(
    ("pieces", "values"),
    [
        ((b"(/shared/comment NIL)",), (("/shared/comment", None),)),
        ((b'(/shared/a "NIL" /shared/b "a \\"b\\"")',), (("/shared/a", b"NIL"), ("/shared/b", b'a "b"'))),
        ((b"(/shared/a ", b"x\r\ny", b")"), (("/shared/a", b"x\r\ny"),)),
        ((b"(/shared/a ~", b"\0\xff", b" /shared/b nil)"), (("/shared/a", b"\0\xff"), ("/shared/b", None))),
        ((b"(", b"/shared/a", b' "")'), (("/shared/a", b""),)),
    ],
)
def test_what_is_set(pieces: tuple[bytes, ...], values: Values) -> None:
    """RFC 5464 section 5 (`value`): NIL, strings, and octets of any kind in `literal8`."""
    command = parse(b"SETMETADATA INBOX " + pieces[0], *pieces[1:])
    assert command == c.SetMetadata("INBOX", values)
    assert repr(command) == "SetMetadata(mailbox='INBOX')"  # values stay out of logs


@pytest.mark.parametrize(
    "line",
    [
        b"GETMETADATA",
        b"GETMETADATA a",
        b"GETMETADATA a ",
        b"GETMETADATA a ()",
        b"GETMETADATA a (/shared/a",
        b"GETMETADATA a (/shared/a)(/shared/b)",
        b"GETMETADATA a /shared/a (/shared/b)",
        b"GETMETADATA () a /shared/a",
        b"GETMETADATA (DEPTH) a /shared/a",
        b"GETMETADATA (DEPTH 2) a /shared/a",
        b"GETMETADATA (DEPTH -1) a /shared/a",
        b"GETMETADATA (MAXSIZE x) a /shared/a",
        b"GETMETADATA (MAXSIZE 4294967296) a /shared/a",
        b"GETMETADATA (DEPTH 1 DEPTH 1) a /shared/a",
        b"GETMETADATA (DEPTH 1) a (DEPTH 1) /shared/a",
        b"GETMETADATA (X 1) a /shared/a",
        b"GETMETADATA (MAXSIZE 1 ) a /shared/a",
        b'GETMETADATA a "\xff"',
        b"GETMETADATA a /shared/*",
        b"GETMETADATA a /shared/%",
        b"GETMETADATA & /shared/a",
        b"SETMETADATA",
        b"SETMETADATA a",
        b"SETMETADATA a ()",
        b"SETMETADATA a (/shared/a)",
        b"SETMETADATA a /shared/a NIL",
        b'SETMETADATA a (/shared/a "x"',
        b"SETMETADATA a (/shared/a x)",
        b"SETMETADATA a (/shared/a ~)",
        b'SETMETADATA a (/shared/a ~"x")',
        b'SETMETADATA a (/shared/a "x" )',
    ],
)
def test_what_breaks_the_grammar(line: bytes) -> None:
    """RFC 5464 section 5."""
    with pytest.raises(BadCommand):
        parse(line)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_entries_are_counted(more: int) -> None:
    """I4."""
    count = MAX_ENTRIES + more
    names = [b"/shared/%d" % n for n in range(count)]
    values = b"(%b)" % b" ".join([name + b" NIL" for name in names])
    for parse_some, text in (
        (parse_entries, b"(%b)" % b" ".join(names)),
        (parse_entries, b" ".join(names)),
        (parse_entry_values, values),
    ):
        if more > 0:
            with pytest.raises(BadCommand):
                parse_some(Scanner([text]))
        else:
            assert len(parse_some(Scanner([text]))) == count


WORDS = st.sampled_from(
    [
        b"(",
        b")",
        b" ",
        b"  ",
        b"MAXSIZE",
        b"DEPTH",
        b"0",
        b"1",
        b"infinity",
        b'""',
        b"INBOX",
        b"/shared/comment",
        b"/private/x",
        b"NIL",
        b"~",
        b'"x"',
        b'"',
        b"\\",
        b"4294967296",
        b"*",
        b"%",
        b"\xff",
        b"{3}",
    ]
)


@given(
    st.sampled_from([b"GETMETADATA", b"SETMETADATA"]),
    st.lists(WORDS, max_size=14),
    st.lists(WORDS, max_size=3),
    st.binary(max_size=9),
)
def test_no_words_make_the_grammar_raise_anything_else(
    name: bytes, words: list[bytes], rest: list[bytes], literal: bytes
) -> None:
    for pieces in ([b"".join(words)], [b"".join(words), literal, b"".join(rest)]):
        try:
            command = parse(name + b" " + pieces[0], *pieces[1:])
        except BadCommand:
            continue
        assert isinstance(command, c.GetMetadata | c.SetMetadata)


ENTRIES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(st.lists(st.tuples(ENTRIES, st.none() | st.binary(max_size=30)), min_size=1, max_size=6))
def test_whatever_is_written_is_read(values: list[tuple[str, bytes | None]]) -> None:
    """RFC 5464 section 5: each name and each value as a literal, which takes anything."""
    pieces = [b"("]
    for name, value in values:
        pieces += [name.encode(), b" " + (b"NIL" if value is None else b"~")]
        if value is not None:
            pieces += [value, b""]
        pieces[-1] += b" "
    pieces[-1] = pieces[-1][:-1] + b")"
    assert parse_entry_values(Scanner(pieces)) == tuple(values)
