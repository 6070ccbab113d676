import contextlib
import io
import zlib

import pypdf
import pytest
from tests.support.attachments import corpus, deflated, pdf, pdf_of_objects, shown

from pymailcore.extract.limits import MIB, Limits
from pymailcore.extract.readers.gathering import Damaged, Encrypted, Gathering, LimitReached
from pymailcore.extract.readers.pdf import read_pdf


def words(octets: bytes, limits: Limits | None = None) -> str:
    gathering = Gathering(MIB)
    read_pdf(octets, gathering, limits or Limits())
    return gathering.text


@pytest.mark.parametrize("packed", [True, False])
def test_pages_are_read_in_order(packed: bool) -> None:
    assert words(pdf(shown("first page"), shown("second"), packed=packed)) == "first page\nsecond"


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        (
            "letter.pdf",
            ["Harbour letter", "Dear harbour master, the crane is late.", "東京の港", "dues of Ærø"],
        ),
        ("browser.pdf", ["Browser print", "Prøve", "The ferry waits; words printed by a browser. Найдено."]),
        ("owner.pdf", ["Words behind a lock"]),
    ],
)
def test_documents_of_other_programs_are_read(name: str, sentences: list[str]) -> None:
    text = words(corpus(name))
    assert [sentence for sentence in sentences if sentence not in text] == []


@pytest.mark.parametrize("method", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_one_that_is_only_protected_against_changes_is_read(method: str) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(shown("behind a lock"))))
    writer.encrypt("", "owner", algorithm=method)
    out = io.BytesIO()
    writer.write(out)
    assert words(out.getvalue()) == "behind a lock"


def test_one_that_needs_a_password_is_told() -> None:
    with pytest.raises(Encrypted):
        words(corpus("locked.pdf"))


def test_what_was_filled_into_a_form_is_read() -> None:
    field = b"<< /FT /Tx /T (name) /V (Ida Holm) /Type /Annot /Subtype /Widget /Rect [0 0 1 1] >>"
    octets = pdf(shown("form"), catalog=b"/AcroForm << /Fields [6 0 R] >>", objects=[field])
    assert words(octets) == "form\nIda Holm"


@pytest.mark.parametrize(("limit", "whole"), [(2, False), (3, True), (4, True)])
def test_so_many_pages_are_read(limit: int, whole: bool) -> None:
    octets = pdf(shown("one"), shown("two"), shown("three"))
    gathering = Gathering(MIB)
    if whole:
        read_pdf(octets, gathering, Limits(pages=limit))
    else:
        with pytest.raises(LimitReached, match="pages"):
            read_pdf(octets, gathering, Limits(pages=limit))
    assert gathering.text.split() == ["one", "two", "three"][:limit]


def test_one_with_many_more_pages_is_read_up_to_the_limit() -> None:
    gathering = Gathering(MIB)
    with pytest.raises(LimitReached, match="pages"):
        read_pdf(pdf(*[shown("page")] * 60), gathering, Limits(pages=1))
    assert gathering.text == "page"


@pytest.mark.parametrize(("more", "whole"), [(-1, False), (0, True), (1, True)])
def test_a_stream_may_inflate_to_so_many_octets(more: int, whole: bool) -> None:
    content = shown("word") + b" " * 5_000
    limits = Limits(inflated_octets=len(content) + more)
    if whole:
        assert words(pdf(content), limits) == "word"
    else:
        with pytest.raises((LimitReached, Damaged)):
            words(pdf(content), limits)


def test_a_damaged_page_does_not_spoil_the_others() -> None:
    gathering = Gathering(MIB)
    octets = pdf(shown("one"), shown("two")).replace(b"/Contents 5 0 R", b"/Contents [/a]")
    with contextlib.suppress(Damaged):
        read_pdf(octets, gathering, Limits())
    assert "two" in gathering.text


def test_a_stream_that_inflates_to_gigabytes_is_not_read() -> None:
    bomb = b"\x78\x9c" + deflated(300)
    content = b"<< /Filter /FlateDecode /Length %d >> stream\n" % len(bomb) + bomb + b"\nendstream"
    octets = pdf(b"", objects=[content]).replace(b"/Contents 5", b"/Contents 6")
    with pytest.raises((LimitReached, Damaged)):
        words(octets, Limits(inflated_octets=MIB))


def test_filters_upon_filters_are_bounded() -> None:
    octets = b" " * (8 * MIB)
    for _ in range(3):
        octets = zlib.compress(octets, 9)
    content = (
        b"<< /Filter [/FlateDecode /FlateDecode /FlateDecode] /Length %d >> stream\n" % len(octets)
        + octets
        + b"\nendstream"
    )
    made = pdf(b"", objects=[content]).replace(b"/Contents 5", b"/Contents 6")
    with pytest.raises((LimitReached, Damaged)):
        words(made, Limits(inflated_octets=MIB))


@pytest.mark.parametrize(
    "objects",
    [
        [b"<< /Type /Catalog /Pages 1 0 R >>"],
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"],
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"2 0 R"],
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 999999999 /Kids [] >>"],
        [b"<< /Type /Catalog /Pages " + b"[" * 50_000 + b" >>"],
        [b"<< /Type /Catalog /Pages " + b"<< /A " * 50_000 + b" >>"],
    ],
    ids=["catalog", "kids", "reference", "count", "arrays", "dictionaries"],
)
def test_loops_and_depth_of_objects_end(objects: list[bytes]) -> None:
    with contextlib.suppress(Damaged, LimitReached):
        assert words(pdf_of_objects(objects)) == ""


def test_a_form_that_draws_itself_ends() -> None:
    form = (
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>"
        b" /Length 5 >> stream\n/X Do\nendstream"
    )
    octets = pdf(b"/X Do", objects=[form]).replace(b"/Font << /F1 3 0 R >>", b"/XObject << /X 6 0 R >>")
    with contextlib.suppress(Damaged, LimitReached):
        assert words(octets) == ""


@pytest.mark.parametrize("previous", [b"0", b"-1", b"9", b"99999999999", b"%d"])
def test_a_cross_reference_table_that_loops_ends(previous: bytes) -> None:
    octets = pdf_of_objects([b"<< /Type /Catalog /Pages 2 0 R >>"], trailer=b"/Prev @@@@@@@@@@")
    place = b"%d" % octets.index(b"xref\n0")
    octets = octets.replace(b"@@@@@@@@@@", (previous.replace(b"%d", place)).ljust(10))
    with contextlib.suppress(Damaged, LimitReached):
        assert words(octets) == ""


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_one_gives_what_can_be_found_or_is_damaged(share: float) -> None:
    octets = corpus("letter.pdf")
    with contextlib.suppress(Damaged, LimitReached, Encrypted):
        words(octets[: int(len(octets) * share)])
