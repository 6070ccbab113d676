"""Parsing a message into its tree."""

import email
import email.policy
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.message.samples import NESTED

from pymailcore.message.parse import parse
from pymailcore.message.structure import Part, walk


def shape(part: Part) -> object:
    if part.children:
        return [part.mime_type, *[shape(child) for child in part.children]]
    return part.mime_type


def body(octets: bytes, part: Part) -> bytes:
    return octets[part.body_start : part.body_end]


def test_the_tree_has_the_parts_with_their_numbers_and_places() -> None:
    """RFC 9051 section 6.4.5.1; RFC 2046 section 5.1."""
    root, fields = parse(NESTED)
    assert [(part.path, part.mime_type) for part in walk(root)] == [
        ("", "multipart/mixed"),
        ("1", "text/plain"),
        ("2", "message/rfc822"),
        ("2.TEXT", "multipart/alternative"),
        ("2.1", "text/plain"),
        ("2.2", "text/html"),
        ("3", "image/png"),
    ]
    bodies = [body(NESTED, part) for part in walk(root) if not part.children]
    assert bodies == [b"one", b"two", b"<p>three</p>", b"AAAA"]
    assert fields[b"subject"] == b" outer\r"


def test_the_rfc_2046_example_has_two_parts() -> None:
    """RFC 2046 section 5.1.1."""
    octets = (
        b"From: Nathaniel Borenstein <nsb@bellcore.com>\r\n"
        b"To: Ned Freed <ned@innosoft.com>\r\n"
        b"Date: Sun, 21 Mar 1993 23:56:48 -0800 (PST)\r\n"
        b"Subject: Sample message\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-type: multipart/mixed; boundary="simple boundary"\r\n'
        b"\r\n"
        b"This is the preamble.  It is to be ignored, though it\r\n"
        b"is a handy place for composition agents to include an\r\n"
        b"explanatory note to non-MIME conformant readers.\r\n"
        b"\r\n"
        b"--simple boundary\r\n"
        b"\r\n"
        b"This is implicitly typed plain US-ASCII text.\r\n"
        b"It does NOT end with a linebreak.\r\n"
        b"--simple boundary\r\n"
        b"Content-type: text/plain; charset=us-ascii\r\n"
        b"\r\n"
        b"This is explicitly typed plain US-ASCII text.\r\n"
        b"It DOES end with a linebreak.\r\n"
        b"\r\n"
        b"--simple boundary--\r\n"
        b"\r\n"
        b"This is the epilogue.  It is also to be ignored.\r\n"
    )
    root = parse(octets).root
    assert [body(octets, part) for part in root.children] == [
        b"This is implicitly typed plain US-ASCII text.\r\nIt does NOT end with a linebreak.",
        b"This is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n",
    ]
    assert root.children[1].parameters == {"charset": "us-ascii"}


def test_the_rfc_2049_complex_message_has_its_tree() -> None:
    """RFC 2049 appendix A."""
    octets = (
        b"MIME-Version: 1.0\r\nFrom: Nathaniel Borenstein <nsb@nsb.fv.com>\r\n"
        b"Subject: A multipart example\r\n"
        b"Content-Type: multipart/mixed;\r\n              boundary=unique-boundary-1\r\n\r\n"
        b"This is the preamble area of a multipart message.\r\n\r\n"
        b"--unique-boundary-1\r\n\r\n  ... Some text appears here ...\r\n\r\n"
        b"--unique-boundary-1\r\nContent-type: text/plain; charset=US-ASCII\r\n\r\nexplicit typing\r\n\r\n"
        b"--unique-boundary-1\r\nContent-Type: multipart/parallel; boundary=unique-boundary-2\r\n\r\n"
        b"--unique-boundary-2\r\nContent-Type: audio/basic\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"Li4u\r\n\r\n"
        b"--unique-boundary-2\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"Li4u\r\n\r\n"
        b"--unique-boundary-2--\r\n\r\n"
        b"--unique-boundary-1\r\nContent-type: text/enriched\r\n\r\nThis is <bold>enriched.</bold>\r\n\r\n"
        b"--unique-boundary-1\r\nContent-Type: message/rfc822\r\n\r\n"
        b"From: (mailbox in US-ASCII)\r\nTo: (address in US-ASCII)\r\nSubject: (subject in US-ASCII)\r\n"
        b"Content-Type: Text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: Quoted-printable\r\n\r\n"
        b"  ... Additional text in ISO-8859-1 goes here ...\r\n\r\n"
        b"--unique-boundary-1--\r\n"
    )
    root = parse(octets).root
    assert shape(root) == [
        "multipart/mixed",
        "text/plain",
        "text/plain",
        ["multipart/parallel", "audio/basic", "image/jpeg"],
        "text/enriched",
        ["message/rfc822", "text/plain"],
    ]
    inner = root.children[4].children[0]
    assert (inner.path, inner.encoding, inner.parameters) == (
        "5.1",
        "quoted-printable",
        {"charset": "ISO-8859-1"},
    )


def test_parts_of_a_digest_are_messages() -> None:
    """RFC 2046 section 5.1.5."""
    octets = b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: a\r\n\r\nx\r\n--d--"
    root = parse(octets).root
    assert shape(root) == ["multipart/digest", ["message/rfc822", "text/plain"]]


def test_a_missing_end_of_the_multipart_ends_the_last_part_with_the_message() -> None:
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n"
    root = parse(octets).root
    assert [body(octets, part) for part in root.children] == [b"hello\r\n"]


def test_an_outer_boundary_ends_the_inner_parts() -> None:
    """RFC 2046 section 5.1.2."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
        b"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--o\r\n\r\ntwo\r\n--o--\r\n"
    )
    root = parse(octets).root
    assert shape(root) == ["multipart/mixed", ["multipart/mixed", "text/plain"], "text/plain"]
    assert body(octets, root.children[1]) == b"two"


def test_a_boundary_that_is_the_beginning_of_another_is_told_apart() -> None:
    lines = b"".join(b"--bb%d\r\n" % number for number in range(200))
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b \t\r\n\r\n" + lines + b"--b\n\nend\r\n--b--"
    )
    root = parse(octets).root
    assert [body(octets, part) for part in root.children] == [lines[:-2], b"end"]


def test_adjacent_boundaries_give_empty_parts() -> None:
    octets = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\nhello\n--b--"
    root = parse(octets).root
    assert root.children[0].size == 0
    assert len(root.children) == 3
    assert root.children[2].size == 0  # a part without an empty line is all header


def test_a_type_that_is_none_is_text_plain() -> None:
    """RFC 2045 section 5.2."""
    for value in (b"text", b"", b"/", b"a/b/c; x=y", b"\xff/\xfe", b"multipart/"):
        root = parse(b"Content-Type: " + value + b"\r\n\r\nx").root
        assert (root.mime_type, root.parameters, root.path) == ("text/plain", {}, "1")


def test_the_last_field_of_a_name_counts() -> None:
    """RFC 8621 section 4.1.3."""
    assert parse(b"Content-Type: text/html\r\nContent-Type: text/xml\r\n\r\n").root.subtype == "xml"


def test_a_multipart_without_boundary_is_a_leaf() -> None:
    root = parse(b"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx").root
    assert (root.mime_type, root.children, root.path) == ("multipart/mixed", (), "")


def test_a_message_that_is_encoded_is_not_looked_into() -> None:
    """RFC 2046 section 5.2.1."""
    octets = (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA0KDQp5\r\n"
    )
    assert parse(octets).root.children == ()


def test_fields_of_a_part_are_read() -> None:
    """RFC 2045 sections 6 to 8, RFC 2183, RFC 3282, RFC 2557, RFC 1864."""
    part = parse(
        b'Content-Type: Application/PDF (comment); Name="a b"\r\n'
        b"Content-Transfer-Encoding: BASE64 (why)\r\n"
        b"Content-ID: <id@x> (c)\r\n"
        b"Content-Description: some\r\n thing\r\n"
        b"Content-Disposition: Attachment; filename*=utf-8''%e2%82%ac.pdf\r\n"
        b"Content-Language: de, en (x)\r\n"
        b"Content-Location: http://x/\r\n y\r\n"
        b"Content-MD5: abc==\r\n\r\n"
    ).root
    assert part.mime_type == "application/pdf"
    assert part.parameters == {"name": "a b"}
    assert part.encoding == "base64"
    assert (part.content_id, part.cid) == ("<id@x>", "id@x")
    assert part.description == "some thing"
    assert (part.disposition, part.filename) == ("attachment", "€.pdf")
    assert part.language == ("de", "en")
    assert part.location == "http://x/y"
    assert part.md5 == "abc=="
    assert parse(b"Content-Disposition: INLINE; x=y\r\n\r\n").root.disposition == "inline"
    odd = parse(b"Content-Disposition: ;x\r\nContent-ID:\r\nContent-Transfer-Encoding: ;\r\n\r\n").root
    assert (odd.disposition, odd.content_id, odd.encoding) == ("attachment", None, "7bit")


def test_line_ends_are_counted_for_text_and_messages() -> None:
    root = parse(NESTED).root
    assert (root.children[1].lines, root.children[2].lines) == (11, 0)
    assert parse(b"\r\na\r\nb\r\nc").root.lines == 2


@given(st.binary(max_size=400))
def test_no_octets_make_it_raise(octets: bytes) -> None:
    root = parse(octets).root
    assert root.body_end == len(octets)


FRAGMENTS = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/mixed; boundary=bc\n",
        b"Content-Type: message/rfc822\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"--b",
        b"--b\r\n",
        b"--bc\r\n",
        b"--b--\r\n",
        b"text",
        b"\0",
        b" ",
    ]
)


@given(st.lists(FRAGMENTS, max_size=40).map(b"".join))
def test_parts_lie_inside_each_other_and_in_order(octets: bytes) -> None:
    for part in walk(parse(octets).root):
        assert part.header_start <= part.body_start <= part.body_end <= len(octets)
        position = part.body_start
        for child in part.children:
            assert position <= child.header_start
            position = child.body_end
        assert position <= part.body_end


# A generated MIME structure: a leaf's text, or (subtype, parts), or ("rfc822", [message]).
LEAF_TEXT = st.lists(st.text(alphabet="abc -=.\t", max_size=20), max_size=5).map("\r\n".join)
TREES = st.recursive(
    LEAF_TEXT,
    lambda inner: st.tuples(
        st.sampled_from(["mixed", "alternative", "related", "rfc822"]),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=12,
)


def render(tree: object, number: list[int]) -> str:
    if isinstance(tree, str):
        return f"Content-Type: text/plain; charset=utf-8\r\n\r\n{tree}"
    assert isinstance(tree, tuple)
    kind, children = tree
    if kind == "rfc822":
        return f"Content-Type: message/rfc822\r\n\r\nSubject: s\r\n{render(children[0], number)}"
    number[0] += 1
    boundary = f"=_{number[0]}_x"
    parts = "".join(f"\r\n--{boundary}\r\n{render(child, number)}" for child in children)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{parts}\r\n--{boundary}--\r\n'


def oracle_shape(message: Message) -> object:
    payload = message.get_payload()
    if isinstance(payload, list):
        children = [child for child in payload if isinstance(child, Message)]
        return [message.get_content_type(), *[oracle_shape(child) for child in children]]
    assert isinstance(payload, str)
    return (message.get_content_type(), payload)


def our_shape(octets: bytes, part: Part) -> object:
    if part.children:
        return [part.mime_type, *[our_shape(octets, child) for child in part.children]]
    return (part.mime_type, body(octets, part).decode())


@pytest.mark.slow
@settings(max_examples=200)
@given(TREES)
def test_well_formed_mime_is_read_as_the_standard_library_reads_it(tree: object) -> None:
    octets = ("MIME-Version: 1.0\r\n" + render(tree, [0])).encode()
    theirs = email.message_from_bytes(octets, policy=email.policy.compat32)
    assert our_shape(octets, parse(octets).root) == oracle_shape(theirs)


@pytest.mark.parametrize(("length", "parts"), [(70, 1), (994, 1), (995, 1), (996, 0), (300_000, 0)])
def test_a_boundary_as_long_as_a_line_is_one(length: int, parts: int) -> None:
    """RFC 5322 section 2.1.1: 998 octets in a line, "--" among them, so a longer one stands nowhere."""
    boundary = b"b" * length
    octets = (
        b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n--" + boundary + b"\r\n\r\nx\r\n--"
        + boundary + b"--\r\n"
    )  # fmt: skip
    assert len(parse(octets).root.children) == parts


@pytest.mark.parametrize("padding", [0, 1, 4000, 4094, 4095, 300_000])
@pytest.mark.parametrize("lead", [0, 262_100, 262_144, 300_000])
def test_boundaries_are_found_wherever_slices_end(padding: int, lead: int) -> None:
    """RFC 2046 section 5.1.1: white space may follow a boundary; nobody adds 4 KiB of it."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"p" * lead + b"\r\n--b" + b" " * padding
        + b"\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    )  # fmt: skip
    root = parse(octets).root
    assert [body(octets, part) for part in root.children] == (
        [b"one", b"two"] if padding <= 4094 else [b"two"]
    )


@pytest.mark.parametrize("false", [1, 63, 64, 65, 200_000])
def test_lines_that_only_begin_like_the_boundary_are_passed_over(false: int) -> None:
    """RFC 2046 section 5.1.2: the boundary of an inner part may begin with the outer one."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n" + b"--bb\n" * false
        + b"--b\r\n\r\ntwo\r\n" + b"--bc\r\n" * false + b"--b--\r\n"
    )  # fmt: skip
    root = parse(octets).root
    assert len(root.children) == 2
    assert body(octets, root.children[1]).startswith(b"two")
