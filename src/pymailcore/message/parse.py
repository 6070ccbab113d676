"""The octets of a message to its tree of parts.

Standards: RFC 5322, RFC 2045 section 5, RFC 2046 section 5.1, RFC 6532 section 3.7 (message/global).

Theory: the stack holds the regions of the message that are around the present place. A region's header is
read; a multipart is cut into child regions at the lines that are its boundary, inside its own region only, so
an outer boundary always ends an inner part; a message/rfc822 has one child region. Each octet is looked at
once per level, and there are at most 50 levels. A region whose children are all parts becomes a part itself,
so that of the 10,000 that a message may have only the parts remain.
"""

import re
from sys import intern
from typing import Final, NamedTuple

from pymailcore.message.fields import (
    Fields,
    header_end,
    read_fields,
    structured,
    unfolded,
    without_comments,
)
from pymailcore.message.limits import MAX_ALL_PARAMETERS, MAX_DEPTH, MAX_PARAMETERS, MAX_PARTS
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
_MAX_SHARED: Final = 16  # different Content-Type values
_MAX_PADDING: Final = 4096  # blanks behind a boundary


# What most small parts have; shared, because 10,000 of them count. Nobody writes into a part.
_NO_FIELDS: Final[Fields] = {}
_NO_PARAMETERS: Final[dict[str, str]] = {}


_NEEDED: Final = frozenset(("boundary", "charset", "delsp", "filename", "format", "name"))


class Parsed(NamedTuple):
    """The tree, and the fields of the message's own header."""

    root: Part
    fields: Fields


class _Region:
    """A part under way: on the stack as long as it has regions that are not parts yet."""

    __slots__ = (
        "body",
        "children",
        "depth",
        "digest",
        "encoding",
        "end",
        "fields",
        "inner",
        "last_opaque",
        "parameters",
        "path",
        "prefix",
        "spans",
        "start",
        "subtype",
        "type",
    )

    def __init__(self, start: int, end: int, path: str, depth: int) -> None:
        self.start = start
        self.end = end
        self.path = path
        self.depth = depth
        self.body = start
        self.fields = _NO_FIELDS
        self.type = "text"
        self.subtype = "plain"
        self.parameters = _NO_PARAMETERS
        self.encoding = "7bit"
        self.prefix = ""  # what stands before the numbers of its children
        self.spans: list[tuple[int, int]] = []  # places of its children, the first one last
        self.last_opaque = False  # the last one takes what is beyond the limit
        self.digest = False  # RFC 2046 section 5.1.5: what has no type is message/rfc822
        self.children: list[Part] = []
        self.inner = b""  # ENVELOPE of the message inside


class _Types:
    """Content-Type values that were read: parts that have the same share what was made of it.

    Also counts the parameters of all parts: each costs some 150 octets, however short it is written.
    """

    def __init__(self) -> None:
        self._parameters_left = MAX_ALL_PARAMETERS
        self._seen: dict[bytes, tuple[str, str, dict[str, str]]] = {}

    def read(self, raw: bytes) -> tuple[str, str, dict[str, str]]:
        """Give type, subtype and parameters."""
        known = self._seen.get(raw)
        if known is not None:
            return known
        value, parameters = parse_parameters(structured(raw))
        match = _MEDIA_TYPE.match(value.lower())
        if match:
            known = (intern(match[1]), intern(match[2]), self.kept(parameters))
        else:  # RFC 2045 section 5.2: what is no type is text/plain
            known = ("text", "plain", _NO_PARAMETERS)
        if len(self._seen) < _MAX_SHARED:
            self._seen[raw] = known
        return known

    def kept(self, parameters: dict[str, str]) -> dict[str, str]:
        """Give the parameters that are kept."""
        if not parameters:
            return _NO_PARAMETERS
        self._parameters_left -= len(parameters)
        if self._parameters_left >= 0:
            return parameters
        return {name: value for name, value in parameters.items() if name in _NEEDED}


def parse(octets: bytes) -> Parsed:
    """Parse one message; never raises."""
    types = _Types()
    region = root = _Region(0, len(octets), "1", 1)
    whole, opaque = True, False  # a message, not a part of a multipart; beyond the limit of parts
    stack: list[_Region] = []
    parts = 1
    while True:
        _read_header(octets, region, types, bool(stack) and stack[-1].digest)
        if opaque:
            _make_opaque(region)
        if whole and stack:
            stack[-1].inner = envelope(envelope_values(region.fields))
        if region.type == "multipart":
            _cut_multipart(octets, region, MAX_PARTS - parts, whole, stack)
        elif region.type == "message" and region.subtype in ("rfc822", "global"):
            _open_message(region, MAX_PARTS - parts)
        parts += len(region.spans)
        stack.append(region)
        while not stack[-1].spans:
            done = stack.pop()
            part = _part(octets, done, types)
            if not stack:
                return Parsed(part, root.fields)
            stack[-1].children.append(part)
        region, whole, opaque = _next(stack[-1])


def _next(parent: _Region) -> tuple[_Region, bool, bool]:
    """Take the next child of a region: it, whether it is a whole message, and whether it is opaque."""
    start, end = parent.spans.pop()
    whole = parent.type == "message"
    path = f"{parent.prefix}{len(parent.children) + 1}"
    child = _Region(start, end, path, parent.depth + 1)
    return child, whole, parent.last_opaque and not parent.spans


def _read_header(octets: bytes, region: _Region, types: _Types, in_digest: bool) -> None:
    region.body = header_end(octets, region.start, region.end)
    if region.body - region.start > 2:
        region.fields = read_fields(octets, region.start, region.body)
    fields = region.fields
    if in_digest:
        region.type, region.subtype = "message", "rfc822"
    raw = fields.get(b"content-type")
    if raw is not None:
        region.type, region.subtype, region.parameters = types.read(raw)
    raw = fields.get(b"content-transfer-encoding")
    if raw is not None:
        match = _TOKEN.match(without_comments(structured(raw)).strip().lower())
        if match:
            region.encoding = intern(match[0])


def _cut_multipart(octets: bytes, region: _Region, allowed: int, whole: bool, stack: list[_Region]) -> None:
    if whole:
        above = f"{stack[-1].path}." if stack else ""
        region.path = f"{above}TEXT" if above else ""
        region.prefix = above
    else:
        region.prefix = f"{region.path}."
    boundary = region.parameters.get("boundary", "").rstrip()
    if not boundary or region.depth >= MAX_DEPTH or allowed < 1:
        if region.depth >= MAX_DEPTH or allowed < 1:
            _make_opaque(region)
        return
    delimiter = b"\n--" + boundary.encode("utf-8")
    if len(delimiter) > _MAX_BOUNDARY:
        return
    region.spans, region.last_opaque = _child_spans(octets, region.body, region.end, delimiter, allowed)
    region.spans.reverse()
    region.digest = region.subtype == "digest"


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
    region.prefix = region.path + "."
    region.spans = [(region.body, region.end)]


def _make_opaque(region: _Region) -> None:
    region.type, region.subtype, region.parameters = "application", "octet-stream", _NO_PARAMETERS


def _part(octets: bytes, region: _Region, types: _Types) -> Part:
    fields = region.fields
    disposition: str | None = None
    disposition_parameters = _NO_PARAMETERS
    language: tuple[str, ...] = ()
    content_id = description = location = md5 = None
    for name in fields.keys() & _PART_FIELDS:
        # What is not structured may be longer.
        value = unfolded(fields[name]) if name == b"content-description" else structured(fields[name])
        if not value:
            continue
        if name == b"content-disposition":
            value, parameters = parse_parameters(value)
            disposition_parameters = types.kept(parameters)
            match = _TOKEN.match(value.lower())
            # RFC 2183 section 2.8: an unknown one is treated as attachment; what is none, too.
            disposition = intern(match[0]) if match else "attachment"
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
        region.inner,
        tuple(region.children),
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
