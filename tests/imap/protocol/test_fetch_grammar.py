import pytest

from pymailcore.imap.protocol.fetch_grammar import MAX_FIELDS, MAX_ITEMS, MAX_PATH, parse_fetch_items
from pymailcore.imap.protocol.fetch_items import Attribute, BodySection, FetchItem, Form
from pymailcore.imap.protocol.scanner import BadCommand, Scanner

FAST = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)


def parse(line: bytes) -> tuple[FetchItem, ...]:
    scanner = Scanner([line])
    items = parse_fetch_items(scanner)
    scanner.end()
    return items


@pytest.mark.parametrize(
    ("line", "items"),
    [
        (b"FAST", FAST),
        (b"all", (*FAST, Attribute.ENVELOPE)),
        (b"FULL", (*FAST, Attribute.ENVELOPE, Attribute.BODY)),
        (b"BODY", (Attribute.BODY,)),
        (b"(uid BODYSTRUCTURE uid)", (Attribute.UID, Attribute.BODYSTRUCTURE)),
        (b"RFC822", (BodySection(b"RFC822"),)),
        (b"RFC822.HEADER", (BodySection(b"RFC822.HEADER", what="HEADER", peek=True),)),
        (b"RFC822.TEXT", (BodySection(b"RFC822.TEXT", what="TEXT"),)),
        (b"RFC822.SIZE", (Attribute.SIZE,)),
        (b"BODY[]", (BodySection(b"BODY[]"),)),
        (b"BODY.PEEK[]", (BodySection(b"BODY[]", peek=True),)),
        (b"BODY[HEADER]", (BodySection(b"BODY[HEADER]", what="HEADER"),)),
        (b"body[text]<10.20>", (BodySection(b"BODY[TEXT]<10>", what="TEXT", first=10, count=20),)),
        (b"BODY[1.2.MIME]", (BodySection(b"BODY[1.2.MIME]", (1, 2), "MIME"),)),
        (b"BODY[12]", (BodySection(b"BODY[12]", (12,)),)),
        (b"BINARY[]", (BodySection(b"BINARY[]", form=Form.DECODED),)),
        (b"binary.peek[1.2]", (BodySection(b"BINARY[1.2]", (1, 2), peek=True, form=Form.DECODED),)),
        (
            b"BINARY[1]<2.3>",
            (BodySection(b"BINARY[1]<2>", (1,), first=2, count=3, form=Form.DECODED),),
        ),
        (b"BINARY.SIZE[1]", (BodySection(b"BINARY.SIZE[1]", (1,), peek=True, form=Form.DECODED_SIZE),)),
        (b"PREVIEW", (Attribute.PREVIEW,)),
        (b"(PREVIEW (LAZY) UID)", (Attribute.PREVIEW, Attribute.UID)),
        (
            b'BODY.PEEK[1.HEADER.FIELDS.NOT (From "X Y")]<0.1>',
            (
                BodySection(
                    b'BODY[1.HEADER.FIELDS.NOT (From "X Y")]<0>',
                    (1,),
                    "HEADER.FIELDS.NOT",
                    ("From", "X Y"),
                    0,
                    1,
                    peek=True,
                ),
            ),
        ),
    ],
)
def test_items(line: bytes, items: object) -> None:
    """RFC 3501 section 6.4.5."""
    assert parse(line) == items


@pytest.mark.parametrize(
    "line",
    [
        b"()",
        b"(FAST)",
        b"(FLAGS",
        b"FLAGS UID",
        b"X",
        b"BODY[",
        b"BODY[MIME]",
        b"BODY[0]",
        b"BODY[1.0]",
        b"BODY[1.]",
        b"BODY[.1]",
        b"BODY[1.FOO]",
        b"BODY[HEADER.FIELDS]",
        b"BODY[HEADER.FIELDS ()]",
        b"BODY[HEADER.FIELDS (A]",
        b"BODY[]<1>",
        b"BODY[]<0.0>",
        b"BODY[]<0.4294967296>",
        b"BODY[4294967296]",
        b"BODY.PEEK",
        b"RFC822.PEEK",
        b"BINARY",
        b"BINARY.PEEK",
        b"BINARY.SIZE",
        b"BINARY[TEXT]",
        b"BINARY[1.MIME]",
        b"BINARY[0]",
        b"BINARY[1]<0.0>",
        b"BINARY[1]<1>",
        b"BINARY.SIZE[1]<0.1>",
        b"PREVIEW(LAZY)",
        b"PREVIEW (LAZY LAZY)",
        b"PREVIEW (FUZZY)",
    ],
)
def test_what_is_no_item_is_refused(line: bytes) -> None:
    """RFC 3501 section 9 (`fetch-att`, `section-spec`)."""
    with pytest.raises(BadCommand):
        parse(line)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize(
    ("most", "form", "word"),
    [
        (MAX_ITEMS, b"(%b)", b"UID "),
        (MAX_FIELDS, b"BODY[HEADER.FIELDS (%b)]", b"A "),
    ],
)
def test_lists_are_counted(most: int, form: bytes, word: bytes, more: int) -> None:
    """I1: keys at most 256."""
    line = form % (word * (most + more)).strip()
    if more <= 0:
        assert parse(line)
    else:
        with pytest.raises(BadCommand):
            parse(line)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_section_paths_have_a_depth(more: int) -> None:
    """I2."""
    line = b"BODY[%b]" % b".".join([b"1"] * (MAX_PATH + more))
    if more <= 0:
        assert parse(line)
    else:
        with pytest.raises(BadCommand):
            parse(line)


def test_a_million_parentheses_are_refused_at_the_first() -> None:
    """I2 (Dovecot CVE-2026-27857)."""
    with pytest.raises(BadCommand):
        parse(b"(" * 1_000_000)
