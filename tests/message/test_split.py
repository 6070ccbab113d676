"""Messages cut into blobs and put together again."""

import base64
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymailcore.message.limits import MIN_LEAF_OCTETS
from pymailcore.message.parse import parse
from pymailcore.message.split import Split, decoded_starts, is_decoded, join, part_leaf, split
from pymailcore.message.structure import find, walk
from pymailcore.message.text import decode_body

NOISE = random.Random(1).randbytes(700_000)  # noqa: S311 - the same in each run


def cut(octets: bytes) -> Split:
    """Split, and prove that joining gives the same octets."""
    result = split(octets, parse(octets).root)
    assert join(result.recipe, result.skeleton, [leaf.octets for leaf in result.leaves]) == octets
    return result


def lines(content: bytes, length: int, end: bytes = b"\r\n") -> bytes:
    flat = base64.b64encode(content)
    return b"".join(flat[place : place + length] + end for place in range(0, len(flat), length))


def attachment(body: bytes, encoding: bytes = b"base64") -> bytes:
    return (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nshort\r\n--b\r\n"
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: "
        + encoding
        + b"\r\n\r\n"
        + body
        + b"\r\n--b--\r\n"
    )


@pytest.mark.parametrize("length", [4, 60, 64, 72, 76, 996])
@pytest.mark.parametrize("size", [1200, 1201, 1202, 57 * 50, 400_000, 700_000])
def test_base64_with_one_line_length_is_stored_decoded(length: int, size: int) -> None:
    content = NOISE[:size]
    if length == 4 and size > 2000:
        content = content[:2000]
    octets = attachment(lines(content, length))
    result = cut(octets)
    assert result.leaves == ((content, True),)
    assert is_decoded(result.recipe) == (True,)
    part = find(parse(octets).root, "2")
    assert part is not None
    assert part_leaf(result.recipe, part) == (0, True)
    assert decode_body(octets, part) == content


@pytest.mark.parametrize("length", [60, 64, 76])
@pytest.mark.parametrize("size", [1200, 57 * 50, 400_000])
@pytest.mark.parametrize("tail", [b"", b"\n", b"\n\n\n", b"\r\n"])
def test_base64_with_lines_that_end_with_lf_is_stored_decoded(length: int, size: int, tail: bytes) -> None:
    """The recipe keeps the line length as a negative number."""
    content = NOISE[:size]
    octets = attachment(lines(content, length, b"\n").rstrip(b"\n") + tail)
    result = cut(octets)
    if tail == b"\r\n":
        assert [leaf.decoded for leaf in result.leaves] == [False]
        return
    assert result.leaves == ((content, True),)
    assert msgspec.msgpack.decode(result.recipe)[2] == -length
    assert is_decoded(result.recipe) == (True,)
    part = find(parse(octets).root, "2")
    assert part is not None
    assert part_leaf(result.recipe, part) == (0, True)
    assert decode_body(octets, part) == content


def test_the_last_line_end_may_be_missing_or_doubled() -> None:
    content = NOISE[:3000]
    for tail in (b"", b"\r\n", b"\r\n\r\n\r\n"):
        assert cut(attachment(lines(content, 76).removesuffix(b"\r\n") + tail)).leaves == ((content, True),)


@pytest.mark.parametrize(
    "body",
    [
        lines(NOISE[:1500], 76, b"\n") + lines(NOISE[:1500], 76),
        lines(NOISE[:1500], 76) + lines(NOISE[:1500], 76, b"\n"),
        lines(NOISE[:3000], 76, b"\r"),
        lines(NOISE[:3000], 76, b"\n\r\n"),
        lines(NOISE[:3000], 75),
        lines(NOISE[:3000], 1000),
        lines(NOISE[:1500], 76) + lines(NOISE[:1500], 60),
        b" " + lines(NOISE[:3000], 76),
        lines(NOISE[:3000], 76) + b"trailing words",
        lines(NOISE[:3001], 76).replace(b"=", b""),
        b"=" * 2000,
        b"\r\n" * 1000,
        b"!" * 2000,
        b"A" * 76 + b"\r\n" + b"A" * 5 + b"\r\n" * 1000,
        b"YR==" * 500,
        lines(NOISE[:300_000], 76)[:-100] + b"\r\n!!!",
    ],
)
def test_base64_that_would_not_come_back_is_stored_as_it_stands(body: bytes) -> None:
    octets = attachment(body)
    result = cut(octets)
    assert [leaf.decoded for leaf in result.leaves] == [False]
    part = find(parse(octets).root, "2")
    assert part is not None
    assert result.leaves[0].octets == octets[part.body_start : part.body_end]
    assert part_leaf(result.recipe, part) == (0, False)


@pytest.mark.parametrize(
    ("size", "leaves"), [(MIN_LEAF_OCTETS - 1, 0), (MIN_LEAF_OCTETS, 1), (MIN_LEAF_OCTETS + 1, 1)]
)
def test_a_part_is_a_leaf_from_1_kib_on(size: int, leaves: int) -> None:
    for octets in (
        attachment(b"x" * size, b"7bit"),
        b"Subject: x\r\n\r\n" + b"x" * size,
        b"\n" + b"x" * size,
    ):
        result = cut(octets)
        assert len(result.leaves) == leaves
        assert sum(len(leaf.octets) for leaf in result.leaves) + len(result.skeleton) == len(octets)


def test_base64_that_is_padded_where_a_stretch_of_it_ends_is_stored_as_it_stands() -> None:
    whole_lines = 192 * 1024 // 78  # that one call into C takes
    first = lines(NOISE[: 57 * whole_lines - 1], 76)
    assert first.endswith(b"=\r\n")
    result = cut(attachment(first + lines(NOISE[:5000], 76)))
    assert [leaf.decoded for leaf in result.leaves] == [False]


def test_nuls_stand_for_a_leaf_that_is_left_out() -> None:
    octets = attachment(lines(NOISE[:5000], 76))
    result = cut(octets)
    (start,) = decoded_starts(result.recipe)
    part = find(parse(octets).root, "2")
    assert part is not None
    assert start == part.body_start
    there = join(result.recipe, result.skeleton, [None])
    assert there == octets[:start] + bytes(part.body_end - part.body_start - 2) + octets[part.body_end - 2 :]


def test_small_parts_have_no_leaf() -> None:
    octets = attachment(b"x" * 2000, b"7bit")
    result = cut(octets)
    root = parse(octets).root
    assert [part_leaf(result.recipe, part) for part in walk(root)] == [None, None, (0, False)]
    assert part_leaf(cut(b"\r\nshort").recipe, root) is None


def test_parts_of_messages_inside_are_leaves() -> None:
    inner = attachment(lines(NOISE[:2000], 76))
    octets = b"Content-Type: message/rfc822\r\n\r\n" + inner
    assert cut(octets).leaves == ((NOISE[:2000], True),)


def test_each_of_several_leaves_is_found() -> None:
    part = b"--b\r\n\r\n" + b"x" * 2000 + b"\r\n"
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 3
    result = cut(octets)
    root = parse(octets).root
    assert [part_leaf(result.recipe, child) for child in root.children] == [
        (0, False),
        (1, False),
        (2, False),
    ]


def test_a_recipe_is_small_and_plain_msgpack() -> None:
    recipe = cut(attachment(lines(NOISE[:3000], 76))).recipe
    assert len(recipe) < 12
    assert msgspec.msgpack.decode(recipe)[2] == 76


@given(st.binary(max_size=3000))
def test_any_octets_come_back(octets: bytes) -> None:
    cut(octets)


PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"\r\n",
        b"\n",
        b"\r\n--b\r\n",
        b"--b--\r\n",
        b"=",
        b"AAAA",
        lines(NOISE[:900], 76),
        lines(NOISE[:901], 64),
        lines(NOISE[:60], 60),
        b"A" * 1024,
        b"text\r\n" * 200,
    ]
)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(PIECES, max_size=20).map(b"".join))
def test_any_mime_comes_back(octets: bytes) -> None:
    result = cut(octets)
    for part in walk(parse(octets).root):
        place = part_leaf(result.recipe, part)
        if place is not None:
            leaf = result.leaves[place.number]
            assert leaf.decoded is place.decoded
            expected = decode_body(octets, part) if place.decoded else octets[part.body_start : part.body_end]
            assert leaf.octets == expected


@given(
    st.integers(0, 4000),
    st.integers(1, 250),
    st.sampled_from([b"", b"\r\n", b"=", b"\n", b"A", b"\r"]),
    st.sampled_from([b"\r\n", b"\n", b"\r", b"\n\n", b" \n"]),
)
def test_any_line_length_comes_back(size: int, length: int, tail: bytes, end: bytes) -> None:
    cut(attachment(lines(NOISE[:size], length, end) + tail))
