"""The octets of a message to its tree of parts.

Standards: RFC 5322, RFC 2045 section 5, RFC 2046 section 5.1, RFC 6532 section 3.7 (message/global).

Theory: the work list holds regions of the message. A region's header is read; a multipart is cut into
child regions at the lines that are its boundary, inside its own region only, so an outer boundary always
ends an inner part; a message/rfc822 has one child region. Each octet is looked at once per level, and there
are at most 50 levels. Then the tree is built from the last region to the first, children before parents.
"""

import re
from sys import intern
from typing import Final, NamedTuple

from pymailcore.message.fields import Fields, header_end, read_fields, unfolded, without_comments
from pymailcore.message.limits import MAX_DEPTH, MAX_PARAMETERS, MAX_PARTS
from pymailcore.message.parameters import parse_parameters
from pymailcore.message.slices import MAX_CALL, count, find
from pymailcore.message.structure import Part
from pymailcore.message.wire import envelope, envelope_values

_MEDIA_TYPE: Final = re.compile(
    r"([!#$%&'*+.^_`{|}~0-9a-z-]{1,127})\s*+/\s*+([!#$%&'*+.^_`{|}~0-9a-z-]{1,127})\Z"
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`{|}~0-9a-z-]{1,127}")
_AFTER_BOUNDARY: Final = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\Z)")
_MANY_FALSE: Final = 64
_MAX_BOUNDARY: Final = 998  # a line may have that many octets (RFC 5322 section 2.1.1)
_MAX_PADDING: Final = 4096  # blanks behind a boundary


# What most small parts have; shared, because 10,000 of them count. Nobody writes into a part.
_NO_FIELDS: Final[Fields] = {}
_NO_PARAMETERS: Final[dict[str, str]] = {}


class Parsed(NamedTuple):
    """The tree, and the fields of the message's own header."""

    root: Part
    fields: Fields


class _Region:
    """A part under way."""

    __slots__ = (
        "body",
        "children",
        "depth",
        "encoding",
        "end",
        "fields",
        "in_digest",
        "opaque",
        "parameters",
        "path",
        "prefix",
        "start",
        "subtype",
        "type",
        "whole",
    )

    def __init__(self, start: int, end: int, prefix: str, path: str, depth: int, whole: bool) -> None:
        self.start = start
        self.end = end
        self.prefix = prefix  # what stands before the numbers of its children
        self.path = path
        self.depth = depth
        self.whole = whole  # a message, not a part of a multipart
        self.in_digest = False
        self.opaque = False
        self.children: list[_Region] | tuple[()] = ()
        self.body = start
        self.fields = _NO_FIELDS
        self.type = "text"
        self.subtype = "plain"
        self.parameters = _NO_PARAMETERS
        self.encoding = "7bit"


def parse(octets: bytes) -> Parsed:
    """Parse one message; never raises."""
    root = _Region(0, len(octets), "", "1", 1, True)
    work = [root]
    order: list[_Region] = []
    parts = 1
    while work:
        region = work.pop()
        order.append(region)
        _read_header(octets, region)
        if region.type == "multipart":
            if region.whole:
                region.path = f"{region.prefix}TEXT" if region.prefix else ""
            _cut_multipart(octets, region, MAX_PARTS - parts)
        elif region.type == "message" and region.subtype in ("rfc822", "global"):
            _open_message(region, MAX_PARTS - parts)
        if region.children:
            parts += len(region.children)
            work.extend(reversed(region.children))
    return Parsed(_build(octets, order), root.fields)


def _read_header(octets: bytes, region: _Region) -> None:
    region.body = header_end(octets, region.start, region.end)
    if region.body - region.start > 2:
        region.fields = read_fields(octets, region.start, region.body)
    fields = region.fields
    if region.in_digest:  # RFC 2046 section 5.1.5
        region.type, region.subtype = "message", "rfc822"
    raw = fields.get(b"content-type")
    if raw is not None:
        value, parameters = parse_parameters(unfolded(raw))
        match = _MEDIA_TYPE.match(value.lower())
        if match:
            region.type, region.subtype = intern(match[1]), intern(match[2])
            region.parameters = parameters
        else:  # RFC 2045 section 5.2: what is no type is text/plain
            region.type, region.subtype = "text", "plain"
    raw = fields.get(b"content-transfer-encoding")
    if raw is not None:
        match = _TOKEN.match(without_comments(unfolded(raw)).strip().lower())
        if match:
            region.encoding = match[0]
    if region.opaque:
        _make_opaque(region)


def _cut_multipart(octets: bytes, region: _Region, allowed: int) -> None:
    boundary = region.parameters.get("boundary", "").rstrip()
    if not boundary or region.depth >= MAX_DEPTH or allowed < 1:
        if region.depth >= MAX_DEPTH or allowed < 1:
            _make_opaque(region)
        return
    delimiter = b"\n--" + boundary.encode("utf-8")
    if len(delimiter) > _MAX_BOUNDARY:
        return
    spans, too_many = _child_spans(octets, region.body, region.end, delimiter, allowed)
    prefix = region.prefix
    children = region.children = []
    digest = region.subtype == "digest"
    for number, (start, end) in enumerate(spans, start=1):
        path = f"{prefix}{number}"
        child = _Region(start, end, path + ".", path, region.depth + 1, False)
        child.in_digest = digest
        children.append(child)
    if too_many:
        children[-1].opaque = True


def _child_spans(
    octets: bytes, body: int, end: int, delimiter: bytes, allowed: int
) -> tuple[list[tuple[int, int]], bool]:
    """Find the parts between the boundary lines.

    Returns:
        their places, and whether there are more than `allowed`: then the last one takes all that is left.
    """
    spans: list[tuple[int, int]] = []
    length = len(delimiter)
    child = -1  # where the part under way begins
    false_count = 0
    exact: re.Pattern[bytes] | None = None
    position = max(body - 1, 0)
    while True:
        place = find(octets, delimiter, position, end)
        if place < 0:
            break
        match = _after_boundary(octets, place + length, end)
        if match is None:
            # The boundary is only the beginning of this line: some other, longer boundary.
            position = place + length
            false_count += 1
            if false_count < _MANY_FALSE:
                continue
            if exact is None:
                exact = re.compile(re.escape(delimiter) + _AFTER_BOUNDARY.pattern)
            position = _skip_false(exact, octets, position, end)
            continue
        if child >= 0:
            if len(spans) == allowed - 1 and not match[1]:
                return [*spans, (child, end)], True
            stop = place - 1 if octets[place - 1] == 13 else place
            spans.append((child, max(stop, child)))
            child = -1
        if match[1]:
            break
        child = match.end()
        position = max(child - 1, place + 1)
    if child >= 0:
        spans.append((child, end))
    return spans, False


def _after_boundary(octets: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """Match what may stand behind a boundary up to its line end."""
    stop = min(end, start + _MAX_PADDING)
    match = _AFTER_BOUNDARY.match(octets, start, stop)
    if match and match.end() == stop < end and octets[stop - 1] != 10:
        return None  # the slice ended, not the line
    return match


def _skip_false(exact: re.Pattern[bytes], octets: bytes, start: int, end: int) -> int:
    """Give a place at or before the next boundary line, with none between; `end` when there is none.

    Lines that only begin like the boundary may be many: they are passed over in C.
    """
    while end - start > MAX_CALL:
        match = exact.search(octets, start, start + MAX_CALL)
        if match:
            return match.start()
        start += MAX_CALL - _MAX_PADDING - _MAX_BOUNDARY
    match = exact.search(octets, start, end)
    return match.start() if match else end


def _open_message(region: _Region, allowed: int) -> None:
    if region.encoding not in ("7bit", "8bit", "binary"):
        return  # RFC 2046 section 5.2.1 forbids it; the message inside is not to be seen
    if region.depth >= MAX_DEPTH or allowed < 1:
        _make_opaque(region)
        return
    prefix = region.path + "."
    region.children = [_Region(region.body, region.end, prefix, f"{prefix}1", region.depth + 1, True)]


def _make_opaque(region: _Region) -> None:
    region.type, region.subtype, region.parameters = "application", "octet-stream", _NO_PARAMETERS


def _build(octets: bytes, order: list[_Region]) -> Part:
    built: dict[int, Part] = {}
    root = id(order[0])
    while order:
        region = order.pop()
        children: tuple[Part, ...] = ()
        inner = b""
        if region.children:
            children = tuple([built.pop(id(child)) for child in region.children])
            if region.type == "message":
                inner = envelope(envelope_values(region.children[0].fields))
        built[id(region)] = _part(octets, region, children, inner)
    return built[root]


def _part(octets: bytes, region: _Region, children: tuple[Part, ...], inner: bytes) -> Part:
    fields = region.fields
    disposition: str | None = None
    disposition_parameters = _NO_PARAMETERS
    language: tuple[str, ...] = ()
    content_id = description = location = md5 = None
    for name in fields.keys() & _PART_FIELDS:
        value = unfolded(fields[name])
        if not value:
            continue
        if name == b"content-disposition":
            value, disposition_parameters = parse_parameters(value)
            match = _TOKEN.match(value.lower())
            # RFC 2183 section 2.8: an unknown one is treated as attachment; what is none, too.
            disposition = match[0] if match else "attachment"
        elif name == b"content-id":
            content_id = without_comments(value).strip() or None
        elif name == b"content-description":
            description = value
        elif name == b"content-language":
            tags = [
                tag.strip() for tag in without_comments(value).split(",", MAX_PARAMETERS)[:MAX_PARAMETERS]
            ]
            language = tuple([tag for tag in tags if tag])
        elif name == b"content-location":
            location = "".join(value.split())
        else:
            md5 = value
    return Part(
        region.path,
        region.type,
        region.subtype,
        region.parameters,
        region.encoding,
        disposition,
        disposition_parameters,
        content_id,
        description,
        language,
        location,
        md5,
        region.start,
        region.body,
        region.end,
        count(octets, b"\n", region.body, region.end) if region.type in ("text", "message") else 0,
        inner,
        children,
    )


_PART_FIELDS: Final = frozenset(
    (
        b"content-disposition",
        b"content-id",
        b"content-description",
        b"content-language",
        b"content-location",
        b"content-md5",
    )
)
