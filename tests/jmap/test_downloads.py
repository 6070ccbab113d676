"""RFC 6266: names and types from anybody, as header fields that do no harm."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.jmap.downloads import (
    MAX_NAME,
    OCTET_STREAM,
    content_disposition,
    download_headers,
    is_media_type,
    safe_name,
    safe_type,
)


@pytest.mark.parametrize(
    ("given_type", "type_"),
    [
        ("image/png", "image/png"),
        ("IMAGE/PNG; x=y", "image/png"),
        ("application/pdf", "application/pdf"),
        ("text/html", OCTET_STREAM),
        ("image/svg+xml", OCTET_STREAM),
        ("application/xhtml+xml", OCTET_STREAM),
        ("text/xml", OCTET_STREAM),
        ("text/javascript", OCTET_STREAM),
        ("multipart/x-mixed-replace", OCTET_STREAM),
        ("application/x-shockwave-flash", OCTET_STREAM),
        ("", OCTET_STREAM),
        ("image/png\r\nX-Evil: 1", OCTET_STREAM),
        ("image/png, text/html", OCTET_STREAM),
    ],
)
def test_only_types_that_cannot_run_keep_their_name(given_type: str, type_: str) -> None:
    assert safe_type(given_type) == type_


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\r\nSet-Cookie: x=y", "aSet-Cookie_ x=y"),
        ('a"; filename="b.exe', "a__ filename=_b.exe"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066\u200b", "download"),
        ("...", "download"),
        ("", "download"),
        ("x" * 300 + ".pdf", "x" * (MAX_NAME - 20) + ".pdf"),
        ("y" * 300, "y" * MAX_NAME),
        ("ünï.txt", "ünï.txt"),
        ("a\x00b", "ab"),
        ("a\u2028b", "ab"),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_name_beyond_ascii_is_given_in_both_forms() -> None:
    """RFC 6266 section 4.3 and appendix D."""
    assert content_disposition("naïve €.txt") == (
        b"attachment; filename=\"na_ve _.txt\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt"
    )


@given(st.text(max_size=300), st.text(max_size=100))
def test_no_name_and_no_type_leave_their_field(name: str, media_type: str) -> None:
    for field, value in download_headers(name, media_type, "e1"):
        assert re.fullmatch(rb"[ -~]*", value), field
    disposition = content_disposition(name)
    assert disposition.startswith(b'attachment; filename="')
    assert disposition.count(b'"') == 2
    assert len(disposition) < 20 * MAX_NAME


def test_media_types() -> None:
    assert is_media_type("image/svg+xml")
    for wrong in ("", "image", "image/", "a/b/c", "a b/c", "a/b\n", "a/b;c"):
        assert not is_media_type(wrong)
