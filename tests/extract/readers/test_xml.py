from collections.abc import Iterable

import pytest

from pymailcore.extract.limits import MIB, Limits
from pymailcore.extract.readers.gathering import Damaged, Gathering, LimitReached
from pymailcore.extract.readers.xml import Vocabulary, XmlText

WORDS = Vocabulary(
    texts=frozenset({"t"}), breaks={"p": "\n"}, skipped=frozenset({"del"}), attributes={"sheet": "name"}
)


def words(pieces: Iterable[bytes] | str, limits: Limits | None = None) -> str:
    gathering = Gathering(MIB)
    octets = [pieces.encode()] if isinstance(pieces, str) else pieces
    XmlText(WORDS, gathering, limits or Limits()).read(octets)
    return gathering.text


def test_only_chosen_elements_are_text_whatever_their_namespace() -> None:
    assert words('<a xmlns:w="urn:w">no<w:p><w:t>yes <b>all</b></w:t>no</w:p><p><t>two</t></p></a>') == (
        "yes all\ntwo"
    )


def test_skipped_elements_go_with_all_that_is_inside() -> None:
    assert words("<a><del><t>gone<del><t>too</t></del></t></del><t>kept</t></a>") == "kept"


def test_attributes_may_be_text() -> None:
    assert words('<a><sheet name="Dues"/><sheet/><other name="no"/></a>') == "Dues"


def test_white_space_is_one_space() -> None:
    assert words("<a><t>one\n   two</t></a>") == "one two"


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_pieces_may_be_cut_anywhere(step: int) -> None:
    octets = "<a><p><t>Ærø &amp; 東京</t></p><p><t>end</t></p></a>".encode()
    pieces = [octets[place : place + step] for place in range(0, len(octets), step)]
    assert words(pieces) == "Ærø & 東京\nend"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings_that_are_declared_are_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><a><t>Ærø</t></a>'
    assert words([text.encode(encoding)]) == "Ærø"


@pytest.mark.parametrize(
    "text", ["<a><t>one</t>", "<a></b>", "", "no", '<?xml version="1.0" encoding="x"?><a/>']
)
def test_what_is_not_well_formed_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        words(text)


@pytest.mark.parametrize(("limit", "whole"), [(4, False), (5, True), (6, True)])
def test_elements_may_lie_so_deep(limit: int, whole: bool) -> None:
    text = "<a>" * 4 + "<t>deep</t>" + "</a>" * 4
    if whole:
        assert words(text, Limits(xml_depth=limit)) == "deep"
    else:
        with pytest.raises(LimitReached, match="xml_depth"):
            words(text, Limits(xml_depth=limit))


@pytest.mark.parametrize(("limit", "whole"), [(99, False), (100, True), (101, True)])
def test_a_tag_may_be_so_long(limit: int, whole: bool) -> None:
    """An old expat reads an unfinished token anew with each piece, which takes the square of its length."""
    pieces = [b"<a>", b'<t x="', b"x" * 94, b'">word</t></a>']
    if whole:
        assert words(pieces, Limits(xml_token_octets=limit)) == "word"
    else:
        with pytest.raises(LimitReached, match="xml_token_octets"):
            words(pieces, Limits(xml_token_octets=limit))


def test_long_text_is_no_long_tag() -> None:
    pieces = [b"<a><t>", *[b"x" * 65_536] * 10, b"</t></a>"]
    assert words(pieces, Limits(xml_token_octets=100_000)) == "x" * 655_360


BILLION_LAUGHS = (
    '<!DOCTYPE a [<!ENTITY e0 "ha">'
    + "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 10))
    + "]><a><t>&e9;</t></a>"
)


@pytest.mark.parametrize(
    "text",
    [
        BILLION_LAUGHS,
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><t>&e;</t></a>',
        '<!DOCTYPE a [<!ENTITY % e SYSTEM "http://127.0.0.1/x"> %e;]><a><t>x</t></a>',
        f'<!DOCTYPE a [<!ENTITY e "{"x" * 50_000}">]><a><t>{"&e;" * 50_000}</t></a>',
    ],
    ids=["billion laughs", "file", "parameter", "quadratic"],
)
def test_entities_that_a_document_declares_are_refused(text: str) -> None:
    with pytest.raises(LimitReached, match="entities"):
        words(text)


def test_a_document_type_elsewhere_is_not_fetched() -> None:
    assert words('<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a><t>word</t></a>') == "word"
