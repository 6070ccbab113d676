"""Messages written."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.message.bodies import bodies
from pymailcore.message.compose import (
    BodyPart,
    address_header,
    body_tree,
    compose,
    date_header,
    encode_header,
    raw_header,
    reply_references,
    reply_subject,
)
from pymailcore.message.headers import EmailAddress
from pymailcore.message.limits import MAX_DEPTH
from pymailcore.message.parse import parse
from pymailcore.message.structure import Part, walk
from pymailcore.message.text import decode_body, text_of

BOUNDARY = "=_0123456789"


def write(body: BodyPart) -> bytes:
    return compose([], body, boundary=BOUNDARY)


def leaves(octets: bytes) -> list[Part]:
    return [part for part in walk(parse(octets).root) if not part.children]


def test_a_message_in_full() -> None:
    """RFC 5322; RFC 2046 section 5.1."""
    octets = compose(
        [
            address_header("From", [EmailAddress("A", "a@example.org")]),
            encode_header("Subject", "Hi"),
            date_header("Date", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ],
        body_tree("Hello\n", "<p>Hello</p>"),
        boundary=BOUNDARY,
    )
    assert octets == (
        b"From: A <a@example.org>\r\nSubject: Hi\r\nDate: Thu, 02 Jan 2020 03:04:05 +0000\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="=_0123456789"\r\n'
        b"\r\n--=_0123456789\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
        b"\r\n--=_0123456789\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>"
        b"\r\n--=_0123456789--\r\n"
    )


def test_mime_version_is_written_once() -> None:
    octets = compose([raw_header("mime-version", " 1.0")], BodyPart(content="x"), boundary=BOUNDARY)
    assert octets.lower().count(b"mime-version") == 1


def test_the_usual_trees() -> None:
    """RFC 8621 section 4.1.4; RFC 2387."""
    image = BodyPart(type="image/png", content=b"\x89PNG", cid="i@x", disposition="inline", name="é.png")
    pdf = BodyPart(type="application/pdf", content=b"%PDF", disposition="attachment", name="a.pdf")
    root = parse(write(body_tree("t", "<img src=cid:i@x>", inline=[image], attachments=[pdf]))).root
    assert [(part.path, part.mime_type) for part in walk(root)] == [
        ("", "multipart/mixed"),
        ("1", "multipart/alternative"),
        ("1.1", "text/plain"),
        ("1.2", "multipart/related"),
        ("1.2.1", "text/html"),
        ("1.2.2", "image/png"),
        ("2", "application/pdf"),
    ]
    parts = list(walk(root))
    assert (parts[5].cid, parts[5].filename, parts[5].disposition) == ("i@x", "é.png", "inline")
    assert (parts[6].filename, parts[6].disposition) == ("a.pdf", "attachment")
    assert parse(write(body_tree("t", None))).root.mime_type == "text/plain"
    assert parse(write(body_tree(None, "h"))).root.mime_type == "text/html"
    assert parse(write(body_tree(None, None))).root.mime_type == "text/plain"
    with_image = parse(write(body_tree("t", None, inline=[image]))).root
    assert [part.mime_type for part in with_image.children] == ["text/plain", "image/png"]


def test_all_fields_of_a_part_are_written() -> None:
    part = BodyPart(
        type="text/x-y",
        content=b"abc\r\n",
        charset="iso-8859-1",
        language=("de", "en"),
        location="http://x/",
        fields=(encode_header("X-A", "b"),),
        parameters={"format": "flowed"},
        name="n",
    )
    octets = write(part)
    read = parse(octets).root
    assert read.language == ("de", "en")
    assert read.location == "http://x/"
    assert read.parameters == {"format": "flowed", "charset": "iso-8859-1", "name": "n"}
    assert b"X-A: b\r\n" in octets
    assert read.disposition is None


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain", "7bit"),
        ("", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("caf\u00e9 au lait, s'il vous pla\u00eet", "quoted-printable"),
        ("\u65e5\u672c\u8a9e", "base64"),
        ("a\0b", "quoted-printable"),
        (f"--{BOUNDARY}", "quoted-printable"),
    ],
)
def test_text_gets_the_encoding_that_fits(text: str, encoding: str) -> None:
    """RFC 2045 section 6."""
    octets = write(BodyPart(type="multipart/mixed", parts=(BodyPart(content=text),)))
    (part,) = leaves(octets)
    assert part.encoding == encoding
    assert octets.isascii()
    assert text_of(octets, part) == (text, False)


def test_a_boundary_that_quoted_printable_lets_through_leads_to_base64() -> None:
    octets = compose([], BodyPart(content="--abc \u00e9 and much more than that"), boundary="abc")
    assert parse(octets).root.encoding == "base64"


def test_octets_arrive_as_they_are() -> None:
    for content in (b"a\nb", b"\xff", b"a\r\nb\r\n", b"a\rb", b""):
        octets = write(BodyPart(type="text/plain", content=content))
        assert decode_body(octets, parse(octets).root) == content
    octets = write(BodyPart(type="application/x", content=b"plain"))
    assert parse(octets).root.encoding == "base64"


def test_a_message_inside_is_not_encoded() -> None:
    """RFC 2046 section 5.2.1."""
    inner = b"Subject: x\r\n\r\n\xc3\xa9"
    octets = write(BodyPart(type="Message/RFC822", content=inner))
    root = parse(octets).root
    assert (root.encoding, root.is_message, decode_body(octets, root)) == ("8bit", True, inner)


def multiparts(levels: int) -> BodyPart:
    part = BodyPart(content="x")
    for _ in range(levels - 1):
        part = BodyPart(type="multipart/mixed", parts=(part,))
    return part


def test_a_tree_has_at_most_50_levels() -> None:
    for levels in (MAX_DEPTH - 1, MAX_DEPTH):
        assert len(list(walk(parse(write(multiparts(levels))).root))) == levels
    with pytest.raises(InvalidValue):
        write(multiparts(MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "body",
    [
        BodyPart(type="text"),
        BodyPart(type="text/plain; x"),
        BodyPart(type="multipart/mixed"),
        BodyPart(type="text/plain", parts=(BodyPart(),)),
        BodyPart(name="a\r\nb"),
        BodyPart(cid="a>\r\nb"),
        BodyPart(cid="a b"),
        BodyPart(location="a\nb"),
        BodyPart(language=("a\nb",)),
        BodyPart(disposition="a\nb"),
        BodyPart(content=b"", charset="a\nb"),
    ],
)
def test_values_that_cannot_stand_in_a_message_are_refused(body: BodyPart) -> None:
    with pytest.raises(InvalidValue):
        write(body)


@pytest.mark.parametrize("boundary", ["", "x" * 61, "a b", "a\r\n", 'a"'])
def test_a_boundary_that_is_none_is_refused(boundary: str) -> None:
    """RFC 2046 section 5.1.1."""
    with pytest.raises(InvalidValue):
        compose([], BodyPart(), boundary=boundary)


@given(st.text(max_size=200), st.text(max_size=100), st.binary(max_size=200))
def test_what_is_written_can_be_read(text: str, html: str, content: bytes) -> None:
    file = BodyPart(type="application/x", content=content, disposition="attachment", name="f")
    octets = write(body_tree(text, html, attachments=[file]))
    assert octets.isascii()
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    found = bodies(parse(octets).root)
    for original, parts in ((text, found.text_body), (html, found.html_body)):
        lines = original.replace("\r\n", "\n").replace("\r", "\n")
        assert text_of(octets, parts[0]) == (lines.encode("utf-8", "replace").decode(), False)
    assert decode_body(octets, found.attachments[0]) == content


def test_replies_continue_the_thread() -> None:
    """RFC 5322 sections 3.6.4 and 3.6.5."""
    assert reply_subject("x") == "Re: x"
    assert reply_references(["3"], ["1", "2"], ["2"]) == ["1", "2", "3"]
    assert reply_references(["3"], None, ["2"]) == ["2", "3"]
    assert reply_references(["3"], None, ["1", "2"]) == ["3"]
    assert reply_references(None, None, None) == []
    ids = [str(number) for number in range(30)]
    for count in (19, 20, 21):
        kept = reply_references(None, ids[:count], None)
        assert len(kept) == min(count, 20)
        assert (kept[0], kept[-1]) == ("0", str(count - 1))
