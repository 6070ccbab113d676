"""Limits of the tree; the others are tested where they are obeyed."""

import pytest

from pymailcore.message.limits import MAX_ALL_PARAMETERS, MAX_DEPTH, MAX_PARAMETERS, MAX_PARTS
from pymailcore.message.parse import parse
from pymailcore.message.structure import Part, walk
from pymailcore.message.wire import body_forms


def multiparts(levels: int) -> bytes:
    """Make multiparts that contain each other, around one leaf."""
    opening = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(levels - 1)
    )
    return (opening + "\r\nleaf").encode()


def messages(levels: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * (levels - 1) + b"\r\nleaf"


def innermost(root: Part) -> tuple[int, Part]:
    depth = 1
    while root.children:
        root = root.children[0]
        depth += 1
    return depth, root


@pytest.mark.parametrize("make", [multiparts, messages])
@pytest.mark.parametrize("levels", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 5000])
def test_what_is_deeper_than_the_limit_is_an_opaque_leaf(make: object, levels: int) -> None:
    assert callable(make)
    octets = make(levels)
    root = parse(octets).root
    depth, part = innermost(root)
    assert depth == min(levels, MAX_DEPTH)
    opaque = levels > MAX_DEPTH
    assert part.mime_type == ("application/octet-stream" if opaque else "text/plain")
    assert octets[part.body_start : part.body_end].endswith(b"leaf")
    assert b"application" in body_forms(root)[0] if opaque else True


@pytest.mark.parametrize("count", [MAX_PARTS - 1, MAX_PARTS, MAX_PARTS + 1, MAX_PARTS + 500])
def test_parts_beyond_the_limit_are_one_opaque_leaf(count: int) -> None:
    """The multipart itself is one of the parts."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\n\r\nx\r\n" * (count - 1)
        + b"--b--\r\n"
    )
    root = parse(octets).root
    assert len(list(walk(root))) == min(count, MAX_PARTS)
    last = root.children[-1]
    rest = octets[last.body_start : last.body_end]
    if count <= MAX_PARTS:
        assert (last.mime_type, rest) == ("text/plain", b"x")
    else:
        assert (last.mime_type, rest.count(b"--b\r\n")) == ("application/octet-stream", count - MAX_PARTS)


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=i", "message/rfc822"])
@pytest.mark.parametrize(("siblings", "opened"), [(MAX_PARTS - 3, True), (MAX_PARTS - 2, False)])
def test_the_last_part_that_is_left_may_be_inside(kind: str, siblings: int, opened: bool) -> None:
    """The outer multipart, its parts, and the one inside of the last of them."""
    last = b"--o\r\nContent-Type: " + kind.encode() + b"\r\n\r\n--i\r\n\r\nx\r\n--i--\r\n"
    octets = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n" + b"--o\r\n\r\n" * siblings + last + b"--o--"
    )
    root = parse(octets).root
    assert len(list(walk(root))) == MAX_PARTS
    assert bool(root.children[-1].children) is opened
    assert (root.children[-1].type == "application") is not opened


def test_the_limit_of_parts_holds_over_all_levels() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=i\r\n\r\n" + b"--i\r\n\r\nx\r\n" * 100
    message = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny"
    octets = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n"
        + (b"--o\r\n" + inner + b"\r\n--o\r\n" + message + b"\r\n") * 120
    )
    parts = list(walk(parse(octets).root))
    assert len(parts) <= MAX_PARTS
    assert parts[-1].mime_type == "application/octet-stream"


@pytest.mark.parametrize(("more", "kept"), [(0, True), (1, True), (2, False)])
def test_parameters_beyond_the_limit_of_a_message_are_passed_over(more: int, kept: bool) -> None:
    """security.md P4; boundary, charset and names stay. The multipart itself has one parameter."""
    full = b"".join(b"; p%d=x" % number for number in range(MAX_PARAMETERS))
    parts = [b"a/b%d%b" % (number, full) for number in range(MAX_ALL_PARAMETERS // MAX_PARAMETERS - 1)]
    parts.append(b"c/d" + b"".join(b"; p%d=x" % number for number in range(MAX_PARAMETERS - 5 + more)))
    last = b"text/plain; charset=utf-8\r\nContent-Disposition: attachment; filename=f; size=3"
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(
        b"--b\r\nContent-Type: %b\r\n\r\nx\r\n" % value for value in [*parts, last]
    )
    *before, end = parse(octets).root.children
    assert [len(part.parameters) for part in before][-2:] == [MAX_PARAMETERS, MAX_PARAMETERS - 5 + more]
    assert end.parameters == {"charset": "utf-8"}
    assert end.disposition_parameters == ({"filename": "f", "size": "3"} if kept else {"filename": "f"})
