"""Words out of XML: the characters inside chosen elements, and nothing of what XML can be made to do.

Entities that a document declares are refused, external ones are never fetched, a document type is passed
over.
Standards: XML 1.0 section 4.2 (entity declarations).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.gathering import Damaged, Gathering, LimitReached

_SPACE: Final = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Local names of elements; what namespace they are in makes no difference.

    Attributes:
        texts: elements whose characters, and those of elements inside, are text.
        breaks: what is put in place of an element at its end, wherever it is.
        skipped: elements that are left out with all that is inside.
        attributes: of an element, what is text.
    """

    texts: frozenset[str]
    breaks: Mapping[str, str] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)


class XmlText:
    """Reads one document into a `Gathering`."""

    def __init__(self, vocabulary: Vocabulary, gathering: Gathering, limits: Limits) -> None:
        self._vocabulary = vocabulary
        self._gathering = gathering
        self._limits = limits
        self._depth = 0
        self._skipping = 0
        self._inside = 0

    def read(self, pieces: Iterable[bytes]) -> None:
        """Read a document that comes in pieces.

        Raises:
            Damaged, LimitReached, Full: what came before is gathered.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._entity
        fed = 0
        try:
            for piece in pieces:
                parser.Parse(piece, False)
                fed += len(piece)
                if fed - parser.CurrentByteIndex > self._limits.xml_token_octets:
                    raise LimitReached("xml_token_octets")
            parser.Parse(b"", True)
        except expat.ExpatError as fault:
            raise Damaged(str(fault)) from None
        except (LookupError, UnicodeError, ValueError) as fault:  # an encoding that is unknown or no fit
            raise Damaged(str(fault)) from None

    def wanted(self, name: str, _attributes: Mapping[str, str], /) -> bool:
        """Whether the characters of an element are text; for formats where its name does not tell."""
        return name in self._vocabulary.texts

    def _start(self, full_name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self._limits.xml_depth:
            raise LimitReached("xml_depth")
        name = full_name.rpartition(" ")[2]
        if self._skipping or name in self._vocabulary.skipped:
            self._skipping += 1
            return
        if self._inside or self.wanted(name, attributes):
            self._inside += 1
        key = self._vocabulary.attributes.get(name)
        if key is not None and key in attributes:
            self._gathering.add(attributes[key] + "\n")

    def _end(self, full_name: str) -> None:
        self._depth -= 1
        if self._skipping:
            self._skipping -= 1
            return
        if self._inside:
            self._inside -= 1
        put = self._vocabulary.breaks.get(full_name.rpartition(" ")[2])
        if put is not None:
            self._gathering.add(put)

    def _characters(self, text: str) -> None:
        if self._inside and not self._skipping:
            self._gathering.add(_SPACE.sub(" ", text))

    def _entity(self, *_: object) -> None:
        raise LimitReached("entities")
