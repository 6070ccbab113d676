"""The tree of parts at rest and its numbers."""

from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import NESTED

from pymailcore.message.parse import parse
from pymailcore.message.structure import find, pack, unpack, walk


def test_a_tree_is_the_same_after_a_rest() -> None:
    root = parse(NESTED).root
    assert unpack(pack(root)) == root


@given(st.binary(max_size=300))
def test_any_tree_can_rest(octets: bytes) -> None:
    root = parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + octets).root
    assert unpack(pack(root)) == root


def test_parts_are_found_by_number() -> None:
    """RFC 9051 section 6.4.5.1."""
    root = parse(NESTED).root
    for part in walk(root):
        if "TEXT" not in part.path:
            assert find(root, part.path) is part
    assert find(root, ()) is root
    assert find(root, (2, 2)) is root.children[1].children[0].children[1]


def test_numbers_that_name_nothing_find_nothing() -> None:
    root = parse(NESTED).root
    for path in (
        "0",
        "4",
        "1.1",
        "2.3",
        "2.1.1",
        "3.1",
        "x",
        "1.",
        ".1",
        "-1",
        "1 ",
        "9" * 5000,
        "1." * 300 + "1",
    ):
        assert find(root, path) is None
    assert find(root, "²") is None


def test_a_message_of_one_part_has_the_part_1() -> None:
    root = parse(b"Subject: x\r\n\r\nbody").root
    assert find(root, "1") is root
    assert find(root, "1.1") is None
    assert find(root, "2") is None


def test_a_message_in_a_message_in_a_message_is_numbered_through() -> None:
    octets = b"Content-Type: message/rfc822\r\n\r\n" * 3 + b"Subject: deepest\r\n\r\nx"
    root = parse(octets).root
    assert [part.path for part in walk(root)] == ["1", "1.1", "1.1.1", "1.1.1.1"]
    assert find(root, "1.1.1.1") is list(walk(root))[3]


def test_names_and_ids_are_given_as_jmap_wants_them() -> None:
    """RFC 8621 section 4.1.4."""
    root = parse(NESTED).root
    image = root.children[2]
    assert (image.filename, image.charset, image.cid) == ("x.png", None, None)
    assert root.children[0].charset == "us-ascii"
    assert parse(b"Content-Type: text/plain; charset=utf-8\r\n\r\n").root.charset == "utf-8"
    assert root.is_multipart
    assert root.children[1].is_message
    assert not root.is_message
    assert not image.is_message
    assert parse(b"Content-ID:  <a@b>  (c)\r\n\r\n").root.cid == "a@b"
    assert parse(b"Content-ID: <>\r\n\r\n").root.cid is None
