"""Sections of one message for FETCH.

Standards: RFC 3501 sections 6.4.5 (partial) and 7.4.2 (BODY[…], NIL).
"""

from collections.abc import Iterator, Sequence

from pymailcore.imap.protocol.fetch_items import BodySection
from pymailcore.message.section import Section, section
from pymailcore.message.structure import unpack


class SectionReader:
    """Cuts the sections of one FETCH out of messages."""

    def __init__(self, items: Sequence[BodySection]) -> None:
        self._items = [(item, Section(item.path, item.what, item.fields)) for item in items]

    def read(self, octets: bytes, packed: bytes | None) -> Iterator[bytes]:
        """Write all items for one message, as pieces in their order; each section is cut when it is its turn.

        A FETCH may name the same octets in hundreds of ways, so nobody should hold all pieces at once.

        Args:
            packed: the part tree; not needed when every item is the whole message.
        """
        root = None if packed is None else unpack(packed)
        for place, (item, spec) in enumerate(self._items):
            if not spec.path and not spec.what:
                found: bytes | None = octets
            else:
                found = None if root is None else section(octets, root, spec)
            label = (b" " if place else b"") + item.label
            if found is None:
                yield label + b" NIL"
                continue
            if item.first is not None:
                found = found[item.first : item.first + item.count]
            if found:
                yield label + b" {%d}\r\n" % len(found)
                yield found
            else:
                yield label + b' ""'
