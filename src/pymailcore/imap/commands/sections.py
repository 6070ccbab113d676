"""Sections of one message for FETCH, and for messages that are put together.

Standards: RFC 3501 sections 6.4.5 (partial) and 7.4.2 (BODY[…], NIL); RFC 3516 section 4 (BINARY).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from pymailcore.imap.protocol.fetch_items import BodySection, Form
from pymailcore.message.binary import binary
from pymailcore.message.section import Section, partial, section
from pymailcore.message.structure import Part, find, unpack
from pymailcore.message.text import is_encoding_known

INLINE_OCTETS: Final = 262_144
"""Larger messages are decoded in a thread."""


class SectionReader:
    """Cuts the sections of one FETCH out of messages.

    Attributes:
        decodes: some are without their transfer encoding.
    """

    def __init__(self, items: Sequence[BodySection]) -> None:
        self._items = [(item, Section(item.path, item.what, item.fields)) for item in items]
        self._decoded = [item for item in items if item.path and item.form is not Form.OCTETS]
        self.decodes = bool(self._decoded)

    def cannot_decode(self, packed: bytes | None) -> bool:
        """Whether a part is wanted whose transfer encoding nobody knows (RFC 3516 section 4.3)."""
        if not self._decoded or packed is None:
            return False
        root = unpack(packed)
        parts = (find(root, item.path) for item in self._decoded)
        return any(part and not part.children and not is_encoding_known(part) for part in parts)

    def read(self, octets: bytes, packed: bytes | None) -> Iterator[bytes]:
        """Write all items for one message, as pieces in their order; each section is cut when it is its turn.

        A FETCH may name the same octets in hundreds of ways, so nobody should hold all pieces at once. What
        is decoded of a part is held until the message is done: parts do not overlap, so that is no more
        than it.

        Args:
            packed: the part tree; not needed when every item is the whole message.
        """
        root = None if packed is None else unpack(packed)
        decoded: dict[tuple[int, ...], bytes | None] = {}
        for place, (item, spec) in enumerate(self._items):
            label = (b" " if place else b"") + item.label
            if item.form is Form.OCTETS:
                yield from _written(label, _cut(item, spec, octets, root))
                continue
            if item.path not in decoded:
                decoded[item.path] = _decode(octets, root, item.path)
            found = decoded[item.path]
            if item.form is Form.DECODED_SIZE:
                yield label + b" %d" % len(found or b"")
            else:
                yield from _written(label, _partial(item, found), eight_bit=True)


def cut(item: BodySection, octets: bytes, packed: bytes | None) -> bytes | None:
    """Give the octets of one section; None when the message has no such section."""
    root = None if packed is None else unpack(packed)
    return _cut(item, Section(item.path, item.what, item.fields), octets, root)


def _written(label: bytes, found: bytes | None, *, eight_bit: bool = False) -> Iterator[bytes]:
    if found is None:
        yield label + b" NIL"
    elif not found:
        yield label + b' ""'
    else:
        tilde = b"~" if eight_bit and b"\0" in found else b""
        yield label + b" %b{%d}\r\n" % (tilde, len(found))
        yield found


def _cut(item: BodySection, spec: Section, octets: bytes, root: Part | None) -> bytes | None:
    if not spec.path and not spec.what:
        return _partial(item, octets)
    return None if root is None else _partial(item, section(octets, root, spec))


def _partial(item: BodySection, found: bytes | None) -> bytes | None:
    return None if found is None else partial(found, item.first, item.count)


def _decode(octets: bytes, root: Part | None, path: tuple[int, ...]) -> bytes | None:
    if not path:
        return octets
    return None if root is None else binary(octets, root, path).octets
