"""Authentication-Results through a foreign parser, and the guard before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.authentication_results import Property, parse_authentication_results


def test_methods_and_properties_are_read() -> None:
    """RFC 7601 section 2.2."""
    read = parse_authentication_results(
        b" mx.Example.org (a comment (nested)) 1;\r\n"
        b' dkim=pass (good) reason="ok" header.d=example.com header.s=a1;\r\n'
        b" spf=softfail smtp.mailfrom=user@example.com; dmarc=fail header.from=example.com"
    )
    assert read is not None
    assert read.authserv_id == "mx.example.org"
    dkim, spf, dmarc = read.results
    assert dkim == (
        "dkim",
        "pass",
        "ok",
        (Property("header", "d", "example.com"), Property("header", "s", "a1")),
    )
    assert spf == ("spf", "softfail", None, (Property("smtp", "mailfrom", "user@example.com"),))
    assert (dmarc.method, dmarc.result) == ("dmarc", "fail")


def test_none_is_a_result_without_methods() -> None:
    """RFC 7601 section 2.2: no authentication was done."""
    read = parse_authentication_results(b" example.org; none")
    assert read == ("example.org", ())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ;",
        b" example.org",
        b" example.org 2; none",
        b" x; dkim",
        b" x; dkim=",
        b" x; a=b c",
        b' x; a=b reason="open',
        b"x; a=b " + b"(" * 1500,
        b"x; a=b" * 200,
        b"x" * 2049 + b"; none",
        b"x; none\0\x01",
    ],
)
def test_what_is_not_valid_is_none_at_all(raw: bytes) -> None:
    read = parse_authentication_results(raw)
    assert read is None or all(result.method for result in read.results)


@pytest.mark.parametrize(("length", "read"), [(2047, True), (2048, True), (2049, False)])
def test_longer_than_2_kib_is_not_given_to_the_library(length: int, read: bool) -> None:
    raw = b"x; dkim=pass header.d=".ljust(length, b"d")
    assert (parse_authentication_results(raw) is not None) is read


PIECES = st.sampled_from(
    [
        b"x",
        b";",
        b"=",
        b" ",
        b"dkim",
        b"pass",
        b"header",
        b".",
        b"@",
        b'"',
        b"\\",
        b"none",
        b"(",
        b")",
        b"\xff",
    ]
)


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_no_octets_raise_or_hang(raw: bytes) -> None:
    parse_authentication_results(b"x; " + raw)
    parse_authentication_results(raw)
