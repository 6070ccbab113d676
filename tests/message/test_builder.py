"""Whole messages from what somebody wants to say; read back by us and by Python's email package."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.message.bodies import bodies
from pymailcore.message.builder import Draft, attachment, build, picture
from pymailcore.message.headers import EmailAddress, as_addresses, as_date, as_message_ids, as_text
from pymailcore.message.parse import parse
from pymailcore.message.structure import Part
from pymailcore.message.text import decode_body, flowed_text_of, text_of

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
ME = EmailAddress("Me, Myself", "me@example.com")


def built(draft: Draft) -> bytes:
    return build(draft, date=DATE, message_id="m1@example.com", boundary="=_b")


def shape(part: Part) -> object:
    return [part.mime_type, *map(shape, part.children)] if part.children else part.mime_type


def test_the_usual_tree_of_text_html_picture_and_file() -> None:
    """RFC 2046 section 5.1.4, RFC 2387 section 3, RFC 2183 section 2."""
    octets = built(
        Draft(
            from_=[ME],
            to=[EmailAddress(None, "you@example.org")],
            subject="Grüße",
            text="Hi",
            html='<img src="cid:p1@x">',
            inline=[picture(b"\x89PNG", type="image/png", cid="p1@x", name="p.png")],
            attachments=[attachment(b"%PDF", type="application/pdf", name="Überblick.pdf")],
        )
    )
    root, fields = parse(octets)
    assert shape(root) == [
        "multipart/mixed",
        ["multipart/alternative", "text/plain", ["multipart/related", "text/html", "image/png"]],
        "application/pdf",
    ]
    image = root.children[0].children[1].children[1]
    assert (image.cid, image.disposition, image.filename) == ("p1@x", "inline", "p.png")
    assert decode_body(octets, image) == b"\x89PNG"
    assert root.children[1].filename == "Überblick.pdf"
    assert as_text(fields[b"subject"]) == "Grüße"
    assert octets.isascii()
    theirs = email.message_from_bytes(octets, policy=email.policy.default)
    assert theirs["subject"] == "Grüße"
    assert [part.get_content_type() for part in theirs.walk() if not part.is_multipart()] == [
        "text/plain",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert [part.get_filename() for part in theirs.iter_attachments()] == ["Überblick.pdf"]


def test_utf8_stays_when_asked() -> None:
    """RFC 6532 section 3.2."""
    octets = built(
        Draft(from_=[EmailAddress("Jürgen", "jürgen@bücher.example")], subject="Grüße", text="x", utf8=True)
    )
    assert "Subject: Grüße\r\n".encode() in octets
    assert "From: Jürgen <jürgen@bücher.example>".encode() in octets or '"Jürgen"'.encode() in octets
    fields = parse(octets).fields
    assert as_addresses(fields[b"from"]) == [("Jürgen", "jürgen@bücher.example")]
    assert as_text(fields[b"subject"]) == "Grüße"


def test_text_flows_when_asked() -> None:
    """RFC 3676 section 4."""
    text = "A long paragraph " * 12 + "ends.\n> quoted\n  indented\nFrom here\n-- \nMe"
    for html in (None, "<p>x</p>"):
        for files in ((), (attachment(b"x"),)):
            octets = built(Draft(from_=[ME], text=text, html=html, attachments=files, flowed=True))
            part = bodies(parse(octets).root).text_body[0]
            assert part.parameters["format"] == "flowed"
            assert all(len(line) <= 78 for line in text_of(octets, part)[0].split("\n"))
            assert flowed_text_of(octets, part) == (text, False)


def test_all_fields_come_back() -> None:
    """RFC 5322 section 3.6."""
    you = EmailAddress("You", "you@example.org")
    octets = built(
        Draft(
            from_=[ME], sender=ME, reply_to=[you], to=[you], cc=[ME, you], bcc=[you], subject="s",
            in_reply_to=["a@b"], references=["z@b", "a@b"], text="x", fields=[b"X-More: 1\r\n"],
        )
    )  # fmt: skip
    fields = parse(octets).fields
    assert as_date(fields[b"date"]) == DATE
    assert as_addresses(fields[b"cc"]) == [ME, you]
    assert (
        as_addresses(fields[b"bcc"])
        == as_addresses(fields[b"to"])
        == as_addresses(fields[b"reply-to"])
        == [you]
    )
    assert as_addresses(fields[b"sender"]) == [ME]
    assert as_message_ids(fields[b"message-id"]) == ["m1@example.com"]
    assert as_message_ids(fields[b"in-reply-to"]) == ["a@b"]
    assert as_message_ids(fields[b"references"]) == ["z@b", "a@b"]
    assert fields[b"x-more"] == b" 1\r"


def test_values_that_would_break_the_header_are_refused() -> None:
    with pytest.raises(InvalidValue):
        built(Draft(from_=[ME], subject="a\r\nBcc: b@c", text="x"))
    with pytest.raises(InvalidValue):
        built(Draft(from_=[EmailAddress(None, "a@b>\r\n")], text="x", utf8=True))


LINE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60)
NAMES = LINE.map(lambda text: " ".join(text.split())).filter(
    lambda text: bool(text) and text == "".join(text.splitlines())
)


@settings(max_examples=60)
@given(
    text=st.lists(LINE, max_size=5).map("\n".join),
    html=st.none() | LINE,
    name=NAMES,
    content=st.binary(max_size=300),
    utf8=st.booleans(),
)
def test_what_is_built_is_read_back(
    text: str, html: str | None, name: str, content: bytes, utf8: bool
) -> None:
    """By us; the text comes back whatever its characters are."""
    octets = built(
        Draft(
            from_=[ME], text=text, html=html, utf8=utf8, subject="s",
            attachments=[attachment(content, name=name)],
        )
    )  # fmt: skip
    root = parse(octets).root
    found = bodies(root)
    assert text_of(octets, found.text_body[0]) == (text, False)
    if html is not None:
        assert text_of(octets, found.html_body[0]) == (html, False)
    assert found.attachments[-1].filename == name
    assert decode_body(octets, found.attachments[-1]) == content
