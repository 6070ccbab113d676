import pytest
from tests.support.attachments import corpus

from pymailcore.extract.formats import Family, family_of, may_have_text

OOXML = "application/vnd.openxmlformats-officedocument."
ODF = "application/vnd.oasis.opendocument."


@pytest.mark.parametrize(
    ("media_type", "file_name"),
    [
        ("application/pdf", ""),
        ("Application/PDF", ""),
        ("application/x-pdf", "x"),
        (OOXML + "wordprocessingml.document", ""),
        (OOXML + "spreadsheetml.sheet", ""),
        (OOXML + "presentationml.slideshow", ""),
        ("application/vnd.ms-excel.sheet.macroenabled.12", ""),
        (ODF + "text", ""),
        (ODF + "spreadsheet-template", ""),
        ("application/rtf", ""),
        ("text/rtf", ""),
        ("application/msword", "old.doc"),
        ("application/octet-stream", "Plan.DOCX"),
        ("application/octet-stream", "a.pdf "),
        ("application/zip", "dues.ods"),
        ("application/vnd.ms-excel", "dues.xlsx"),
        ("", "talk.odp"),
    ],
)
def test_what_may_have_text(media_type: str, file_name: str) -> None:
    """RFC 2046 section 4.5.1: a type may say nothing; then the name counts."""
    assert may_have_text(media_type, file_name)


@pytest.mark.parametrize(
    ("media_type", "file_name"),
    [
        ("text/plain", "a.pdf"),
        ("text/html", ""),
        ("text/csv", "a.csv"),
        ("text/calendar", "a.ics"),
        ("message/rfc822", "a.pdf"),
        ("image/png", "a.docx"),
        ("multipart/mixed", "a.pdf"),
        ("application/octet-stream", "pdf"),
        ("application/octet-stream", "a.pdf.exe"),
        ("application/zip", "a.zip"),
        ("application/json", ""),
        ("application/pdfx", ""),
    ],
)
def test_what_has_none_or_is_read_elsewhere(media_type: str, file_name: str) -> None:
    assert not may_have_text(media_type, file_name)


@pytest.mark.parametrize(
    ("octets", "family"),
    [
        (b"%PDF-1.4\n", Family.PDF),
        (b"\x00" * 1_019 + b"%PDF-", Family.PDF),
        (b"\x00" * 1_020 + b"%PDF-", None),
        (b"PK\x03\x04..%PDF-", Family.PACKAGE),
        (rb"{\rtf1 %PDF-}", Family.RTF),
        (b"\xef\xbb\xbf \r\n{\\rtf1}", Family.RTF),
        (b"", None),
        (b"MZ", None),
        (bytes.fromhex("d0cf11e0a1b11ae1"), None),
    ],
)
def test_what_it_is_stands_in_the_first_octets(octets: bytes, family: Family | None) -> None:
    assert family_of(octets) is family


def test_documents_of_other_programs_are_known() -> None:
    assert family_of(corpus("letter.pdf")) is Family.PDF
    assert family_of(corpus("plan.odt")) is Family.PACKAGE
