import binascii
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.downgrade import downgrade, fits_lines
from pymailcore.message.downgrade_header import CannotConvert
from pymailcore.message.parse import parse
from pymailcore.message.slices import MAX_CALL
from pymailcore.message.structure import Part, walk
from pymailcore.message.text import decode_body

MULTIPART = (
    b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/%s; boundary=b\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n%s\r\n--b\r\n%s\r\n--b--\r\n"
)
TEXT = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
UMLAUT = TEXT + b"gr\xc3\xbc\xc3\x9fe und noch etwas mehr Text\r\n-- \r\n--bb"
BINARY = b"Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\xff\n\r"
PLAIN = b"Content-Type: text/plain\r\n\r\nplain"


def leaves(octets: bytes) -> list[tuple[str, bytes]]:
    return [
        (part.mime_type, decode_body(octets, part)) for part in walk(parse(octets).root) if not part.children
    ]


def encodings(octets: bytes) -> list[str]:
    return [part.encoding for part in walk(parse(octets).root)]


# What is taken for lines


@pytest.mark.parametrize(
    ("octets", "fits"),
    [
        (b"", True),
        (b"a\r\nb", True),
        (b"x" * 998 + b"\r\n", True),
        (b"x" * 999 + b"\r\n", False),
        (b"x" * 998, True),
        (b"x" * 1_000, False),
        (b"a\nb", False),
        (b"a\rb", False),
        (b"a\r", False),
        (b"a\0b", False),
        ((b"x" * 998 + b"\r\n") * 1_000, True),
        ((b"x" * 998 + b"\r\n") * 1_000 + b"\0", False),
        (b"x" * (MAX_CALL + 1), False),
        (b"\r\n" * MAX_CALL + b"a\n", False),
    ],
)
def test_lines_that_any_host_takes(octets: bytes, fits: bool) -> None:
    """RFC 5321 section 4.5.3.1.6 and section 2.3.8."""
    assert fits_lines(octets) is fits


# What changes and what does not


def test_only_what_needs_it_is_encoded_and_labels_follow() -> None:
    """RFC 6152 section 3; RFC 2045 section 6.4: a multipart is labelled as what is in it."""
    octets = MULTIPART % (b"mixed", UMLAUT, PLAIN)
    seven = downgrade(octets, eight_bit=False)
    assert seven.isascii()
    assert fits_lines(seven)
    assert encodings(seven) == ["7bit", "quoted-printable", "7bit"]
    assert leaves(seven) == leaves(octets)
    assert seven.endswith(b"\r\n--b\r\n" + PLAIN + b"\r\n--b--\r\n")


def test_binary_becomes_base64_where_eight_bits_may_go() -> None:
    """RFC 3030 section 3."""
    octets = MULTIPART % (b"mixed", UMLAUT, BINARY)
    eight = downgrade(octets, eight_bit=True)
    assert encodings(eight) == ["8bit", "8bit", "base64"]
    assert leaves(eight) == leaves(octets)
    assert UMLAUT in eight


@pytest.mark.parametrize(("body", "label"), [(b"ascii\r\n", "7bit"), (b"\xc3\xbc\r\n", "8bit")])
def test_binary_that_is_lines_is_only_labelled_anew(body: bytes, label: str) -> None:
    octets = b"Subject: x\r\nContent-Transfer-Encoding: Binary\r\nX: y\r\n\r\n" + body
    converted = downgrade(octets, eight_bit=True)
    assert encodings(converted) == [label]
    assert converted.endswith(b"\r\n\r\n" + body)
    assert converted.count(b"Content-Transfer-Encoding") == 1


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_message_that_fits_comes_back_as_it_is(eight_bit: bool) -> None:
    octets = MULTIPART.replace(b"8bit", b"7bit") % (b"mixed", PLAIN, PLAIN)
    assert downgrade(octets, eight_bit=eight_bit) is octets
    assert downgrade(MULTIPART % (b"mixed", UMLAUT, PLAIN), eight_bit=True).count(b"8bit") == 2


def test_a_message_without_mime_becomes_one() -> None:
    """RFC 2045 section 4; the charset is not known (RFC 1428 section 2)."""
    seven = downgrade(b"Subject: x\r\n\r\nh\xfcbsch\r\n", eight_bit=False)
    assert seven.isascii()
    assert parse(seven).fields[b"mime-version"].strip() == b"1.0"
    assert parse(seven).root.parameters == {"charset": "unknown-8bit"}
    assert leaves(seven) == [("text/plain", b"h\xfcbsch\r\n")]


def test_a_message_inside_is_converted_inside() -> None:
    """RFC 2046 section 5.2.1: message/rfc822 is never encoded itself."""
    inner = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n" + UMLAUT
    octets = MULTIPART % (b"mixed", PLAIN, inner)
    seven = downgrade(octets, eight_bit=False)
    assert seven.isascii()
    assert encodings(seven) == ["7bit", "7bit", "7bit", "quoted-printable"]
    assert leaves(seven) == leaves(octets)


def test_text_between_the_parts_loses_what_cannot_go() -> None:
    """RFC 2046 section 5.1.1: nobody reads it."""
    octets = (MULTIPART % (b"mixed", PLAIN, PLAIN)).replace(b"\r\n\r\n--b\r\n", b"\r\n\r\n\xc3\r\n--b\r\n", 1)
    seven = downgrade(octets + b"\xc3\n", eight_bit=False)
    assert seven.isascii()
    assert fits_lines(seven)
    assert leaves(seven) == leaves(octets)


def test_a_line_made_by_encoding_is_never_a_boundary() -> None:
    """RFC 2046 section 5.1.1: a soft line break must not let the text behind it begin with a boundary."""
    line = b"\xc3\xbc" + b"x" * 69 + b"--b"
    octets = MULTIPART % (b"mixed", TEXT + line + b"\r\n" + line, PLAIN)
    seven = downgrade(octets, eight_bit=False)
    assert leaves(seven) == leaves(octets)
    assert len(parse(seven).root.children) == 2
    assert max(map(len, seven.split(b"\r\n"))) <= 76


def test_text_in_headers_is_converted_with_what_stands_below() -> None:
    """RFC 2047 section 5 (1): of the message and of its parts; also where the rest is signed."""
    part = b"Content-Description: \xc3\xbc\r\n" + UMLAUT
    octets = b"Comments: \xc3\xbc\r\n" + MULTIPART % (b"mixed", part, PLAIN)
    seven = downgrade(octets, eight_bit=False)
    assert seven.isascii()
    assert seven.count(b"=?utf-8?B?w7w=?=") == 2
    assert leaves(seven) == leaves(octets)
    signed = b"Comments: \xc3\xbc\r\n" + (MULTIPART % (b"signed", PLAIN, PLAIN)).replace(b"8bit", b"7bit")
    expected = signed.replace(b"\xc3\xbc", b"=?utf-8?B?w7w=?=")
    assert downgrade(signed, eight_bit=False) == expected
    with pytest.raises(CannotConvert):
        downgrade(signed, eight_bit=False, header=False)


# What cannot be


@pytest.mark.parametrize(
    "octets",
    [
        b"From: \xc3\xbc <a@b.example>\r\n\r\nx\r\n",
        MULTIPART % (b"signed", b"Subject: \xc3\xbc\r\n\r\nx", PLAIN),
        MULTIPART % (b"signed", UMLAUT, PLAIN),
        MULTIPART % (b"encrypted", PLAIN, UMLAUT),
        MULTIPART % (b"mixed", PLAIN.replace(b"plain\r", b"plain; name=\xc3\xbc\r"), PLAIN),
        MULTIPART % (b"mixed", PLAIN, b"Content-Transfer-Encoding: x-own\r\n\r\n\xff"),
        MULTIPART % (b"mixed", PLAIN, b"Content-Type: message/partial; id=1\r\n\r\n\xff"),
        MULTIPART % (b"mixed", PLAIN, b"Content-Type: multipart/mixed\r\n\r\n\xff"),
        (MULTIPART % (b"signed", PLAIN, PLAIN)).replace(b"\r\n\r\n--b", b"\r\n\r\n\xff\r\n--b", 1),
    ],
)
def test_what_would_break_is_not_touched(octets: bytes) -> None:
    """RFC 6152 section 3; RFC 1847 section 2.1; RFC 2045 section 6.4."""
    with pytest.raises(CannotConvert):
        downgrade(octets, eight_bit=False)


def test_binary_in_something_signed_cannot_go_without_binarymime() -> None:
    """RFC 3030 section 3; RFC 1847 section 2.1."""
    with pytest.raises(CannotConvert):
        downgrade(MULTIPART % (b"signed", BINARY, PLAIN), eight_bit=True)


def test_signed_parts_in_seven_bits_stay_octet_for_octet() -> None:
    """RFC 1847 section 2.1; the text beside them is converted."""
    signed = (MULTIPART % (b"signed", PLAIN, PLAIN)).replace(b"boundary=b", b"boundary=s")
    signed = signed.replace(b"--b", b"--s").replace(b"8bit", b"7bit")
    octets = MULTIPART % (b"mixed", UMLAUT, signed)
    seven = downgrade(octets, eight_bit=False)
    assert signed in seven
    assert leaves(seven) == leaves(octets)


# Any tree

TEXTS = st.text(alphabet="aü=-b. \t€", max_size=120).map(str.encode)
LINES = st.lists(TEXTS, max_size=6).map(b"\r\n".join)
BODIES = st.one_of(
    LINES.map(lambda body: (b"text/plain; charset=utf-8", b"8bit", body)),
    st.binary(max_size=200).map(lambda body: (b"application/x", b"binary", body)),
    st.binary(max_size=200).map(lambda body: (b"text/plain", b"binary", body)),
    st.binary(max_size=200).map(lambda b: (b"image/x", b"base64", binascii.b2a_base64(b).strip())),
    LINES.map(lambda body: (b"text/html", b"quoted-printable", binascii.b2a_qp(body))),
)


@dataclass
class Node:
    """A part, written with boundaries of its own."""

    octets: bytes


@st.composite
def nodes(draw: st.DrawFn, depth: int = 0) -> Node:
    kind = draw(st.sampled_from(["leaf", "leaf", "mixed", "message"] if depth < 3 else ["leaf"]))
    if kind == "message":
        inner = draw(nodes(depth=depth + 1))
        return Node(b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n" + inner.octets)
    if kind == "mixed":
        boundary = b"b%d" % depth
        children = draw(st.lists(nodes(depth=depth + 1), min_size=1, max_size=3))
        body = b"".join(b"--" + boundary + b"\r\n" + child.octets + b"\r\n" for child in children)
        head = b"Content-Type: multipart/mixed; boundary=" + boundary
        label = draw(st.sampled_from([b"", b"\r\nContent-Transfer-Encoding: binary"]))
        return Node(head + label + b"\r\n\r\n" + body + b"--" + boundary + b"--")
    mime_type, encoding, body = draw(BODIES)
    head = b"Content-Type: " + mime_type + b"\r\nContent-Transfer-Encoding: " + encoding
    return Node(head + b"\r\n\r\n" + body)


def of_leaves(octets: bytes) -> list[Part]:
    return [part for part in walk(parse(octets).root) if not part.children]


@given(node=nodes(), eight_bit=st.booleans())
def test_what_arrives_has_the_same_leaf_contents(node: Node, eight_bit: bool) -> None:
    """RFC 6152 section 3, RFC 3030 section 3: for any tree of parts."""
    octets = b"Subject: x\r\nMIME-Version: 1.0\r\n" + node.octets
    converted = downgrade(octets, eight_bit=eight_bit)
    if not eight_bit:
        assert converted.isascii()
    assert leaves(converted) == leaves(octets)
    assert all(
        fits_lines(converted[part.body_start : part.body_end])
        for part, before in zip(of_leaves(converted), of_leaves(octets), strict=True)
        if before.encoding == "binary"
    )
    assert "binary" not in encodings(converted)
    assert downgrade(converted, eight_bit=eight_bit) == converted
