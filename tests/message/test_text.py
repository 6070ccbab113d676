"""Bodies to text."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import NESTED

from pymailcore.message.parse import parse
from pymailcore.message.text import (
    decode_body,
    file_text,
    flowed_text_of,
    is_markup,
    searchable_text,
    text_of,
    text_prefix,
)


def message(body: bytes, encoding: bytes = b"7bit", kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    return b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (b"a=20b=\r\nc", b"quoted-printable", b"a bc"),
        (b"a=zz=", b"Quoted-Printable", b"a=zz"),
        (b"YWJj\r\nZGVm\r\n", b"base64", b"abcdef"),
        (b"YWJjZ", b"BASE64", b"abc"),
        (b"\x00\xff", b"binary", b"\x00\xff"),
        (b"a=20", b"8bit", b"a=20"),
        (b"a=20", b"x-unknown", b"a=20"),
    ],
)
def test_the_transfer_encoding_is_undone(body: bytes, encoding: bytes, expected: bytes) -> None:
    """RFC 2045 sections 6.7 and 6.8."""
    octets = message(body, encoding)
    assert decode_body(octets, parse(octets).root) == expected


def test_text_comes_with_its_problems() -> None:
    """RFC 8621 section 4.1.4 (EmailBodyValue)."""

    def read(octets: bytes) -> tuple[str, bool]:
        return text_of(octets, parse(octets).root)

    assert read(message(b"a\r\n\xe2\x82\xac")) == ("a\n€", False)
    assert read(message(b"\xff")) == ("ÿ", True)
    assert read(message(b"x", b"x-none")) == ("x", True)
    assert read(message(b"x", kind=b"text/plain; charset=x-none")) == ("x", True)
    assert read(b"\r\nplain") == ("plain", False)


def test_a_prefix_cuts_no_character() -> None:
    for encoding, body in ((b"8bit", "€" * 100), (b"base64", "€" * 100), (b"quoted-printable", "€" * 100)):
        encoded = body.encode()
        if encoding == b"base64":
            encoded = base64.encodebytes(encoded)
        elif encoding == b"quoted-printable":
            encoded = b"=E2=82=AC" * 100
        octets = message(encoded, encoding)
        for limit in (9, 10, 11, 12):
            assert text_prefix(octets, parse(octets).root, limit) == "€" * (limit // 3)
    for text in ("\u00e9" * 10, "\U0001f600" * 10):
        octets = message(text.encode())
        for limit in range(2, 20):
            width = len(text.encode()) // 10
            assert text_prefix(octets, parse(octets).root, limit) == text[: limit // width]
    octets = message(b"abc")
    assert text_prefix(octets, parse(octets).root, 2) == "ab"
    assert text_prefix(octets, parse(octets).root, 100) == "abc"
    octets = message(b"\x80" * 10)
    assert text_prefix(octets, parse(octets).root, 5) == "\x80" * 5


def test_all_text_is_searchable() -> None:
    assert searchable_text(NESTED, parse(NESTED).root, 10_000) == "one\ntwo\nthree"
    assert searchable_text(NESTED, parse(NESTED).root, 3) == "one"
    assert searchable_text(NESTED, parse(NESTED).root, 4) == "one\nt"
    html = message(b"<p>a</p>b", kind=b"text/html")
    assert searchable_text(html, parse(html).root, 100) == "a\nb"


@given(st.binary(max_size=200), st.sampled_from([b"base64", b"quoted-printable", b"7bit"]),
       st.sampled_from([b"text/plain; charset=utf-16", b"text/html; charset=utf-7", b"text/x; charset=hz"]),
       st.integers(0, 50))  # fmt: skip
def test_any_body_gives_text(body: bytes, encoding: bytes, kind: bytes, limit: int) -> None:
    octets = message(body, encoding, kind)
    root = parse(octets).root
    text_of(octets, root)[0].encode()
    text_prefix(octets, root, limit).encode()
    searchable_text(octets, root, limit).encode()


def test_flowed_text_is_joined() -> None:
    """RFC 3676 section 4.1."""
    octets = message(b"a \r\nb\r\n> c \r\n> d", kind=b"text/plain; format=Flowed")
    assert flowed_text_of(octets, parse(octets).root) == ("a b\n> c d", False)
    octets = message(b"a \r\nb", kind=b"text/plain; format=flowed; delsp=YES")
    assert flowed_text_of(octets, parse(octets).root) == ("ab", False)
    octets = message(b"a \r\nb", kind=b"text/plain")
    assert flowed_text_of(octets, parse(octets).root) == ("a \nb", False)


@pytest.mark.parametrize(("encoding", "problem"), [(b"x-uuencode", False), (b"x-yenc", True)])
def test_uuencode_is_known_and_yenc_is_not(encoding: bytes, problem: bool) -> None:
    """RFC 8621 section 4.1.4: isEncodingProblem."""
    octets = message(b"begin 644 a\r\n#86)C\r\n`\r\nend\r\n", encoding)
    text, found = text_of(octets, parse(octets).root)
    assert found is problem
    assert (text == "abc") is not problem


def a_file(name: str, body: bytes, kind: str = "application/octet-stream") -> bytes:
    head = f'Content-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n'
    return head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(body)


@pytest.mark.parametrize(
    ("name", "body", "kind", "text"),
    [
        ("a.csv", "Größe;7\r\n".encode(), "application/octet-stream", "Größe;7\n"),
        ("A.CSV ", "Größe".encode("latin-1"), "application/vnd.ms-excel", "Größe"),
        ("b.txt", "\ufeffGröße".encode("utf-16"), "application/x-unknown", "Größe"),
        ("b.txt", "\ufeffGröße".encode("utf-16-be"), "application/octet-stream", "Größe"),
        ("c.md", b"\xef\xbb\xbfx", "application/octet-stream", "x"),
        ("d.log", "жёлтый".encode("koi8-r"), "application/octet-stream; charset=koi8-r", "жёлтый"),
        ("e.ics", b"SUMMARY:x", "application/octet-stream", "SUMMARY:x"),
        ("f.vcf", b"FN:x", "application/octet-stream", "FN:x"),
        ("g.txt", b"MZ\0\1", "application/octet-stream", ""),
        ("h.exe", b"text", "application/octet-stream", ""),
        ("i.txt", b"text", "image/png", ""),
        ("j.txt", b"text", "text/plain", ""),
    ],
)
def test_files_that_are_text_by_their_names(name: str, body: bytes, kind: str, text: str) -> None:
    octets = a_file(name, body, kind)
    assert file_text(octets, parse(octets).root, 1_000) == text


def test_of_a_large_file_the_beginning_is_read() -> None:
    octets = a_file("a.log", "é".encode() * 1_000_000)
    assert file_text(octets, parse(octets).root, 101) == "é" * 50


def test_rich_text_is_left_to_others() -> None:
    octets = message(rb"{\rtf1 x}", kind=b"text/rtf")
    assert is_markup(parse(octets).root)
    assert searchable_text(octets, parse(octets).root, 100) == ""
    octets = message(b"<bold>x</bold>", kind=b"text/enriched")
    assert not is_markup(parse(octets).root)
    assert searchable_text(octets, parse(octets).root, 100) != ""
