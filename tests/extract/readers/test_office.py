import pytest
from tests.support.attachments import corpus, docx, odt, package, paragraph

from pymailcore.extract.limits import MIB, Limits
from pymailcore.extract.readers.gathering import Damaged, Encrypted, Gathering, LimitReached, Unknown
from pymailcore.extract.readers.office import read_package


def words(octets: bytes, limits: Limits | None = None) -> list[str]:
    gathering = Gathering(MIB)
    read_package(octets, gathering, limits or Limits())
    return gathering.text.split()


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("plan.docx", ["Hafenplan für Ærø", "The quay wall needs repair.", "東京の港の計画", "Crane 4711",
                       "Ποτάμι", "Confidential header", "Footer words", "Harbour plan", "Ida Holm"]),
        ("dues.xlsx", ["Dues 2026", "Vessel Amount", "Nordstjernen 1234.5", "Größe", "paid late"]),
        ("inline.xlsx", ["inline words 42", "computed"]),
        ("strategy.pptx", ["Port strategy", "Тихая гавань", "Second slide", "Speak slowly here"]),
        ("plan.odt", ["Havneplan", "Kaj og kran", "Two words hello"]),
        ("dues.ods", ["Skib Ærø 99,00 kr"]),
        ("talk.odp", ["Lysbillede et"]),
    ],
)  # fmt: skip
def test_documents_of_other_libraries_are_read(name: str, sentences: list[str]) -> None:
    text = " ".join(words(corpus(name)))
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_formulas_and_numbers_of_shared_strings_are_no_words() -> None:
    runs = b"<si><r><t>in </t></r><r><t>runs</t></r><rPh><t>sound</t></rPh></si>"
    strings = b"<sst><si><t>shared</t></si>" + runs + b"</sst>"
    cells = (
        b'<sheetData><row><c t="s"><v>71</v></c><c><v>42</v></c><c t="n"><v>43</v></c><c t="b"><v>72</v></c>'
        b'<c t="e"><v>#REF!</v></c><c t="str"><f>SUM(A1)</f><v>result</v></c></row></sheetData>'
    )
    octets = package({"xl/sharedStrings.xml": strings, "xl/worksheets/sheet1.xml": cells})
    assert words(octets) == ["shared", "in", "runs", "42", "43", "result"]


def test_deleted_and_doubled_text_is_left_out() -> None:
    body = (
        "<w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:t>kept</w:t><w:tab/><w:t>behind</w:t></w:r>"
        '<mc:AlternateContent xmlns:mc="urn:mc"><mc:Choice><w:t>once</w:t></mc:Choice>'
        "<mc:Fallback><w:t>once</w:t></mc:Fallback></mc:AlternateContent>"
        "<w:r><w:instrText>HYPERLINK</w:instrText></w:r></w:p>"
    )
    assert words(docx(body)) == ["kept", "behindonce"]


def test_tracked_deletions_of_open_document_are_left_out_and_spaces_kept() -> None:
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        '<text:p>one<text:s text:c="4000000000"/>two<text:tab/>three<text:line-break/>four</text:p>'
    )
    assert words(odt(body)) == ["one", "two", "three", "four"]


def test_slides_come_in_the_order_of_their_numbers() -> None:
    slide = '<a:t xmlns:a="urn:a">{}</a:t>'
    names = ["one", "two", *["between"] * 7, "ten"]
    members = {
        f"ppt/slides/slide{number}.xml": slide.format(name).encode() for number, name in enumerate(names, 1)
    }
    assert words(package(dict(sorted(members.items())))) == names


def test_names_of_members_may_be_in_any_case_and_numbered() -> None:
    assert words(package({"word/Document2.XML": b"<t>word</t>"})) == ["word"]


def test_packages_inside_are_not_opened() -> None:
    """Nesting ends at the first level: what is embedded is no member that holds words."""
    inner = docx(paragraph("inner"))
    octets = docx(paragraph("outer"), members={"word/embeddings/inner.docx": inner, "inner.zip": inner})
    assert words(octets) == ["outer"]


def test_a_damaged_member_does_not_spoil_the_others() -> None:
    gathering = Gathering(MIB)
    octets = docx(
        paragraph("body"), members={"word/header1.xml": b"<a><t>head", "word/footer1.xml": b"<t>foot</t>"}
    )
    with pytest.raises(Damaged):
        read_package(octets, gathering, Limits())
    assert gathering.text.split() == ["body", "foot", "head"]


@pytest.mark.parametrize("members", [{}, {"a.txt": b"x"}, {"mimetype": b"application/epub+zip"}])
def test_other_packages_are_unknown(members: dict[str, bytes]) -> None:
    with pytest.raises(Unknown):
        words(package(members))


def test_an_encrypted_open_document_is_told() -> None:
    members = {
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "content.xml": b"\x12\x34",
        "META-INF/manifest.xml": b'<m:manifest xmlns:m="urn:m"><m:encryption-data/></m:manifest>',
    }
    with pytest.raises(Encrypted):
        words(package(members))


def test_a_bomb_in_a_member_ends_the_reading() -> None:
    with pytest.raises(LimitReached, match="inflated_octets"):
        words(docx(paragraph("x" * 2_000)), Limits(inflated_octets=1_000))
