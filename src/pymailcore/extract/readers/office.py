"""Office Open XML and OpenDocument: which members of a package hold the words, and in which elements.

Standards: ECMA-376 part 1 (WordprocessingML, SpreadsheetML, PresentationML), OpenDocument 1.2 part 1.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.gathering import Damaged, Encrypted, Gathering, LimitReached, Unknown
from pymailcore.extract.readers.package import Package
from pymailcore.extract.readers.xml import Vocabulary, XmlText

_WORDS: Final = Vocabulary(
    texts=frozenset({"t", "text"}),
    breaks={"p": "\n", "tab": "\t", "br": "\n", "cr": "\n", "text": "\n", "noBreakHyphen": "-"},
    skipped=frozenset({"Fallback", "moveFrom"}),
)
_STRINGS: Final = Vocabulary(
    texts=frozenset({"t", "text"}),
    breaks={"si": "\n", "comment": "\n", "text": "\n"},
    skipped=frozenset({"rPh"}),
)
_CELLS: Final = Vocabulary(
    texts=frozenset({"t", "v"}), breaks={"c": "\t", "row": "\n"}, skipped=frozenset({"f", "rPh"})
)
_SHEETS: Final = Vocabulary(texts=frozenset(), attributes={"sheet": "name"})
_ABOUT: Final = Vocabulary(
    texts=frozenset({"title", "subject", "creator", "keywords", "keyword", "description", "category"}),
    breaks=dict.fromkeys(
        ("title", "subject", "creator", "keywords", "keyword", "description", "category"), "\n"
    ),
)
_OPEN_DOCUMENT: Final = Vocabulary(
    texts=frozenset({"p", "h", "title", "desc"}),
    breaks={
        "p": "\n", "h": "\n", "title": "\n", "desc": "\n",
        "s": " ", "tab": "\t", "line-break": "\n",
        "table-cell": "\t", "table-row": "\n",
    },
    skipped=frozenset({"tracked-changes", "binary-data", "scripts", "date"}),
)  # fmt: skip


class _Cells(XmlText):
    """A worksheet: what is in a cell, but for numbers of shared strings, truth values and faults."""

    _NUMBERS: Final = ("s", "b", "e")

    def __init__(self, gathering: Gathering, limits: Limits) -> None:
        super().__init__(_CELLS, gathering, limits)
        self._kind = ""

    def wanted(self, name: str, attributes: Mapping[str, str], /) -> bool:
        """Leave out what is no word or number of the cell itself."""
        if name == "c":
            self._kind = attributes.get("t", "n")
        return super().wanted(name, attributes) and not (name == "v" and self._kind in self._NUMBERS)


@dataclass(frozen=True, slots=True)
class _Member:
    """Members by the form of their names (lower case), and how they are read."""

    names: re.Pattern[str]
    vocabulary: Vocabulary


def _members(*pairs: tuple[str, Vocabulary]) -> tuple[_Member, ...]:
    return tuple(_Member(re.compile(names), vocabulary) for names, vocabulary in pairs)


_KINDS: Final[Mapping[str, tuple[_Member, ...]]] = {
    "word/": _members(
        (r"docprops/core\.xml", _ABOUT),
        (r"word/document\d*\.xml", _WORDS),
        (r"word/(?:header|footer|footnotes|endnotes|comments)\d*\.xml", _WORDS),
        (r"word/diagrams/data\d*\.xml", _WORDS),
    ),
    "xl/": _members(
        (r"docprops/core\.xml", _ABOUT),
        (r"xl/workbook\d*\.xml", _SHEETS),
        (r"xl/sharedstrings\d*\.xml", _STRINGS),
        (r"xl/(?:comments\d*|comments/comment\d*|threadedcomments/threadedcomment\d*)\.xml", _STRINGS),
        (r"xl/(?:drawings/drawing|diagrams/data)\d*\.xml", _WORDS),
        (r"xl/worksheets/sheet\d*\.xml", _CELLS),
    ),
    "ppt/": _members(
        (r"docprops/core\.xml", _ABOUT),
        (r"ppt/slides/slide\d*\.xml", _WORDS),
        (r"ppt/notesslides/notesslide\d*\.xml", _WORDS),
        (r"ppt/comments/[^/]*\.xml", _WORDS),
        (r"ppt/diagrams/data\d*\.xml", _WORDS),
    ),
}
_OPEN_DOCUMENT_MEMBERS: Final = _members(
    (r"meta\.xml", _ABOUT),
    (r"content\.xml", _OPEN_DOCUMENT),
    (r"styles\.xml", _OPEN_DOCUMENT),
)
_MIME_TYPE: Final = b"application/vnd.oasis.opendocument."
_MANIFEST: Final = "META-INF/manifest.xml"
_DIGITS: Final = re.compile(r"\d+")


def read_package(octets: bytes, gathering: Gathering, limits: Limits) -> None:
    """Gather the words of a document in a package; which format it is, is in the package itself.

    A member that is damaged does not spoil the others.

    Raises:
        Unreadable: reading ended before the end.
    """
    package = Package(octets, limits)
    members = _members_of(package)
    damage: Damaged | None = None
    for name, vocabulary in members:
        reader = _Cells(gathering, limits) if vocabulary is _CELLS else XmlText(vocabulary, gathering, limits)
        try:
            reader.read(package.pieces(name))
        except Damaged as fault:
            damage = fault
        gathering.add("\n")
    if damage is not None:
        raise damage


def _members_of(package: Package) -> list[tuple[str, Vocabulary]]:
    names = {name.lower(): name for name in package.names}
    if "mimetype" in names and _beginning(package, names["mimetype"]).startswith(_MIME_TYPE):
        _refuse_encrypted(package)
        return list(_found(names, _OPEN_DOCUMENT_MEMBERS))
    for folder, kinds in _KINDS.items():
        if any(name.startswith(folder) for name in names):
            return list(_found(names, kinds))
    raise Unknown("package")


def _found(names: Mapping[str, str], kinds: tuple[_Member, ...]) -> Iterator[tuple[str, Vocabulary]]:
    for kind in kinds:
        fitting = [name for name in names if kind.names.fullmatch(name)]
        for name in sorted(fitting, key=_place):
            yield names[name], kind.vocabulary


def _place(name: str) -> tuple[int, str]:
    digits = _DIGITS.search(name)
    return (int(digits[0][:9]) if digits else 0), name


def _beginning(package: Package, name: str) -> bytes:
    return next(iter(package.pieces(name)), b"")


def _refuse_encrypted(package: Package) -> None:
    """See whether an OpenDocument manifest says that its members are encrypted."""
    if _MANIFEST not in package.names:
        return
    try:
        if b"encryption-data" in _beginning(package, _MANIFEST):
            raise Encrypted("manifest")
    except (Damaged, LimitReached):
        return
