"""Addresses as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.address import Address, normalise_domain

UNSHOWN = ("\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u200b", "\ufeff", "\ud800")
"""Controls, and what moves the text around it (S17 of docs/develop/threats.md)."""


@pytest.mark.parametrize(
    ("text", "localpart", "domain"),
    [
        ("a@example.org", "a", "example.org"),
        ("Anna.B+tag@EXAMPLE.Org", "Anna.B+tag", "example.org"),
        ('"a b"@example.org', "a b", "example.org"),
        ('"a\\"b"@example.org', 'a"b', "example.org"),
        ('"a@b"@example.org', "a@b", "example.org"),
        ("jørn@example.org", "jørn", "example.org"),
        ("a@bücher.example", "a", "xn--bcher-kva.example"),
        ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
        ("a@[IPv6:2001:db8::1]", "a", "[ipv6:2001:db8::1]"),
    ],
)
def test_an_address_has_one_form(text: str, localpart: str, domain: str) -> None:
    """RFC 5321 section 4.1.2; RFC 6531 section 3.3."""
    address = Address.parse(text)
    assert address == Address(localpart, domain)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@example.org",
        "a@",
        ".a@example.org",
        "a..b@example.org",
        "a b@example.org",
        "a@ex ample.org",
        "a@-example.org",
        "a@example..org",
        '"a"b"@example.org',
        '""@example.org',
        '"a\r\nb"@example.org',
        "a@b@example.org",
        "a@[1 2]",
        "a@" + "b" * 64 + ".org",
        *(form % character for form in ("a%sb@example.org", '"a%sb"@example.org') for character in UNSHOWN),
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    """RFC 5321 section 4.1.2; S7 of the threat list: an empty quoted local part is refused."""
    assert Address.parse(text) is None


@pytest.mark.parametrize(("octets", "good"), [(63, True), (64, True), (65, False)])
def test_local_part_limit(octets: int, good: bool) -> None:
    """RFC 5321 section 4.5.3.1.1."""
    assert (Address.parse("a" * octets + "@example.org") is not None) is good


@pytest.mark.parametrize(("octets", "good"), [(254, True), (255, True), (256, False)])
def test_domain_limit(octets: int, good: bool) -> None:
    """RFC 5321 section 4.5.3.1.2."""
    label = "a" * 62 + "."
    domain = (label * 5)[: octets - 1].rstrip(".")
    domain += "a" * (octets - len(domain))
    assert len(domain) == octets
    assert (normalise_domain(domain) is not None) is (good and max(map(len, domain.split("."))) <= 63)


@given(text=st.text(max_size=80))
def test_no_text_raises_and_what_is_read_is_read_again(text: str) -> None:
    """RFC 5321 section 4.1.2: `str` is the inverse of `parse`."""
    address = Address.parse(text)
    if address is not None:
        assert Address.parse(str(address)) == address
        assert "\r" not in str(address)
        assert "\n" not in str(address)


def test_look_up_key_folds_case_and_form() -> None:
    """One person cannot be two addresses that differ in case or Unicode form."""
    forms = ["Jo\u0308rg@example.org", "j\u00f6rg@EXAMPLE.ORG", "J\u00d6RG@example.org"]
    assert len({address.key for address in map(Address.parse, forms) if address}) == 1
