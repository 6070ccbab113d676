"""A message cut into blobs that can be shared, and put together again, octet for octet.

Each part without parts whose body is 1 KiB or more is a leaf; the rest is the skeleton. A base64 body whose
lines have one length and all end with CRLF, or all with LF, is kept decoded, once encoding it again has given
the same octets.

The recipe is msgpack: a list of numbers, four for each leaf in the order of the message:
octets of skeleton before it; octets that it takes in the message; length of its base64 lines, 0 when it is
kept as it stands, negative when they end with LF; octets of the body behind it that are in the skeleton (line
ends after base64).
"""

import binascii
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from pymailcore.message.limits import MIN_LEAF_OCTETS
from pymailcore.message.structure import Part, walk

_CHUNK: Final = 192 * 1024  # octets that one call into C may take; others want the interpreter, too
_MAX_LINE: Final = 996
_FIELDS: Final = 4

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[int])


class SplitLeaf(NamedTuple):
    """One leaf: its octets, decoded or as they stand."""

    octets: bytes
    decoded: bool


class Split(NamedTuple):
    """A message in pieces."""

    skeleton: bytes
    leaves: tuple[SplitLeaf, ...]
    recipe: bytes


class PartLeaf(NamedTuple):
    """Which leaf, counted from 0, holds the body of a part, and whether without its transfer encoding."""

    number: int
    decoded: bool


def split(octets: bytes, root: Part) -> Split:
    """Cut a message; `join(split.recipe, split.skeleton, leaves) == octets`, always."""
    skeleton: list[bytes] = []
    leaves: list[SplitLeaf] = []
    recipe: list[int] = []
    position = 0
    for part in walk(root):
        start, end = part.body_start, part.body_end
        if part.children or end - start < MIN_LEAF_OCTETS or start < position:
            continue
        skeleton.append(octets[position:start])
        decoded = _decoded(octets, start, end) if part.encoding == "base64" else None
        if decoded is None:
            recipe += (start - position, end - start, 0, 0)
            leaves.append(SplitLeaf(octets[start:end], decoded=False))
            position = end
        else:
            content, line_length, used = decoded
            recipe += (start - position, used, line_length, end - start - used)
            leaves.append(SplitLeaf(content, decoded=True))
            position = start + used
    skeleton.append(octets[position:])
    return Split(b"".join(skeleton), tuple(leaves), _encoder.encode(recipe))


def _decoded(octets: bytes, start: int, end: int) -> tuple[bytes, int, int] | None:
    """Decode a base64 body; None unless encoding it again is proved to give the same octets.

    Returns:
        content, line length as in the recipe, octets of the body that they stand for (no line ends behind).
    """
    first = octets.find(b"\n", start, min(end, start + _MAX_LINE + 2))
    line_end = b"\n" if first > start and octets[first - 1] != 13 else b"\r\n"
    while end - start >= 2 and octets.endswith(line_end, start, end):
        end -= len(line_end)
    line_length = first + 1 - len(line_end) - start if start <= first < end else end - start
    if line_length < 4 or line_length % 4 or line_length > _MAX_LINE:
        return None
    stride = line_length + len(line_end)
    step = _CHUNK // stride * stride
    content: list[bytes] = []
    for place in range(start, end, step):
        stop = min(place + step, end)
        piece = _decoded_lines(octets[place:stop], line_length, line_end, last=stop == end)
        if piece is None:
            return None
        content.append(piece)
    return b"".join(content), line_length if line_end == b"\r\n" else -line_length, end - start


def _decoded_lines(encoded: bytes, line_length: int, line_end: bytes, *, last: bool) -> bytes | None:
    """Decode whole lines; None unless encoding what comes out gives the same octets again.

    That is so when the line ends are where they belong, each of the other characters counted for what was
    decoded (what is not of the alphabet is passed over, and nothing is read behind padding), and the last
    four, which alone may have padding and bits that nobody reads, are what their octets give.
    """
    stride = line_length + len(line_end)
    for place, octet in enumerate(line_end, line_length):
        found = encoded[place::stride]
        if found.count(octet) != len(found):
            return None
    characters = len(encoded) - len(encoded) // stride * len(line_end)
    try:
        piece = binascii.a2b_base64(encoded)
    except binascii.Error:
        return None
    padding = encoded.count(b"=", -2) if last else 0
    if characters % 4 or len(piece) != characters // 4 * 3 - padding:
        return None
    if last and binascii.b2a_base64(piece[-3 + padding :], newline=False) != encoded[-4:]:
        return None
    return piece


def _encoded(content: bytes, line_length: int, line_end: bytes) -> bytes:
    flat = binascii.b2a_base64(content, newline=False)
    return line_end.join([flat[place : place + line_length] for place in range(0, len(flat), line_length)])


def encode_leaf(content: bytes, line_length: int) -> bytes:
    """Write content as base64 in lines of one length, the last one without its line end.

    Args:
        line_length: of the recipe: negative for lines that end with LF.
    """
    line_end = b"\r\n" if line_length > 0 else b"\n"
    line_length = abs(line_length)
    octets_per_line = line_length // 4 * 3
    step = max(_CHUNK // octets_per_line, 1) * octets_per_line
    return line_end.join(
        [
            _encoded(content[place : place + step], line_length, line_end)
            for place in range(0, len(content), step)
        ]
    )


def join(recipe: bytes, skeleton: bytes, leaves: Sequence[bytes | None]) -> bytes:
    """Put a message together again.

    Args:
        leaves: in the form that they were stored in, in the order of the split; NULs stand for None.
    """
    numbers = _decoder.decode(recipe)
    out: list[bytes] = []
    position = 0
    for index, leaf in enumerate(leaves):
        skip, length, line_length, _ = numbers[index * _FIELDS : (index + 1) * _FIELDS]
        out.append(skeleton[position : position + skip])
        position += skip
        if leaf is None:
            out.append(bytes(length))
        else:
            out.append(encode_leaf(leaf, line_length) if line_length else leaf)
    out.append(skeleton[position:])
    return b"".join(out)


def part_leaf(recipe: bytes, part: Part) -> PartLeaf | None:
    """Tell which leaf holds exactly the body of this part; None when it is in the skeleton.

    A decoded leaf is `decode_body` of the part.
    """
    numbers = _decoder.decode(recipe)
    position = 0
    for place in range(0, len(numbers), _FIELDS):
        skip, length, line_length, tail = numbers[place : place + _FIELDS]
        position += skip
        if position == part.body_start and position + length + tail == part.body_end:
            return PartLeaf(place // _FIELDS, line_length != 0)
        position += length
        if position > part.body_start:
            return None
    return None


def decoded_starts(recipe: bytes) -> list[int | None]:
    """Tell for each leaf where in the message the body begins of which it is the content; None for others."""
    numbers = _decoder.decode(recipe)
    starts: list[int | None] = []
    position = 0
    for place in range(0, len(numbers), _FIELDS):
        skip, length, line_length, _ = numbers[place : place + _FIELDS]
        starts.append(position + skip if line_length else None)
        position += skip + length
    return starts


def is_decoded(recipe: bytes) -> tuple[bool, ...]:
    """Tell for each leaf whether it is stored decoded."""
    numbers = _decoder.decode(recipe)
    return tuple([numbers[place] != 0 for place in range(2, len(numbers), _FIELDS)])
