"""spf_record: records found and read (RFC 7208 sections 3 to 6)."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.mailauth.spf_macros import Malformed
from pymailcore.mailauth.spf_record import (
    MAX_RECORD_OCTETS,
    IpAddress,
    _parse_known,
    find_record,
    network_of,
    parse_record,
)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], None),
        ([b"v=spf1"], b"v=spf1"),
        ([b"v=spf1 -all"], b"v=spf1 -all"),
        ([b"V=SpF1 -all"], b"V=SpF1 -all"),
        ([b"v=spf10 -all"], None),
        ([b"v=spf1\t-all"], None),
        ([b"v=spf1-all"], None),
        ([b" v=spf1 -all"], None),
        ([b"v=spf2.0/mfrom -all", b"\xff", b"", b"v=spf1 a"], b"v=spf1 a"),
    ],
)
def test_which_text_is_the_record(texts: list[bytes], expected: bytes | None) -> None:
    """RFC 7208 section 4.5: the version, then a space or the end."""
    assert find_record(tuple(texts)) == expected


def test_two_records_are_a_fault() -> None:
    """RFC 7208 section 3.2, even where they are equal."""
    with pytest.raises(Malformed):
        find_record((b"v=spf1 -all", b"V=SPF1"))


@pytest.mark.parametrize(
    "terms",
    [
        "",
        "   ",
        "-all",
        "  a   -all  ",
        "+A ~MX ?Ptr -aLL",
        "a:a.example a/24 a//64 a/24//64 a:a.example/0 a:a.example//0 a:a.example/32//128",
        "a:foo:bar.example a:a/b.example a:%{d}/24 a:%{i}.e/8",
        "mx mx:a.example mx/0//0",
        "ptr ptr:a.example. include:_spf.a.example exists:%{ir}.sbl.example",
        "ip4:192.0.2.1 ip4:192.0.2.1/24 ip4:0.0.0.0/0 ip4:192.0.2.1/32",
        "ip6:2001:db8::1 ip6:::1/0 ip6:2001:DB8::/32 ip6:::ffff:192.0.2.1/96",
        "redirect=a.example exp=b.example",
        "EXP=b.example Redirect=%{d}",
        "unknown=x unknown=y a.b-c_d=%{c}%{r}%{t} ip4=192.0.2.1 nothing=",
    ],
)
def test_what_is_well_formed(terms: str) -> None:
    parse_record(f"v=spf1 {terms}".encode())


@pytest.mark.parametrize(
    "term",
    [
        "al",
        "all.",
        "all:a.example",
        "all/8",
        "-",
        "+-all",
        "=x",
        "1a=x",
        "-foo=x",
        "http://a.example",
        "include",
        "include:",
        "include:a",
        "include/24",
        "include:a.example/24",
        "exists",
        "exists:",
        "exists:a.example/24",
        "ptr:",
        "ptr/24",
        "ptr:a.example/24",
        "a:",
        "a/",
        "a//",
        "a/33",
        "a/024",
        "a/-1",
        "a//129",
        "a//064",
        "a/24/64",
        "a//64/24",
        "a:/24",
        "a:museum",
        "a:museum.",
        "a:a.111",
        "a:a.example:8080",
        "a:a.example/33",
        "mx:",
        "mx/33",
        "mx:a.example//1280",
        "ip4",
        "ip4:",
        "ip4/24",
        "ip4:192.0.2",
        "ip4:192.0.2.256",
        "ip4:192.0.2.01",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1/",
        "ip4:192.0.2.1//24",
        "ip4:192.0.2.1:25",
        "ip4:2001:db8::1",
        "ip4:a.example",
        "ip6",
        "ip6:",
        "ip6:192.0.2.1",
        "ip6:2001:db8::g",
        "ip6:2001:db8::1%eth0",
        "ip6:2001:db8::1/129",
        "ip6:2001:db8::1//64",
        "redirect=",
        "redirect=a",
        "redirect:a.example",
        "exp=",
        "exp=a.111",
        "exp=%{c}.example",
        "unknown=%{",
        "unknown=%",
        "a:%{z}.example",
        "redirect=a.example redirect=a.example",
        "exp=a.example EXP=b.example",
        "a\t-all",
        "a\r\n-all",
        "a:\x00.example",
    ],
)
@pytest.mark.parametrize("before", ["", "+all "])
def test_one_fault_makes_the_whole_record_worthless(before: str, term: str) -> None:
    """RFC 7208 section 4.6, wherever it is."""
    with pytest.raises(Malformed):
        parse_record(f"v=spf1 {before}{term}".encode("latin-1"))


def test_a_record_is_ascii() -> None:
    with pytest.raises(Malformed):
        parse_record("v=spf1 a:ä.example -all".encode())


def test_a_record_has_a_length() -> None:
    """At the limit, and one octet more."""
    record = b"v=spf1 -all".ljust(MAX_RECORD_OCTETS)
    assert [one.name for one in parse_record(record).mechanisms] == ["all"]
    with pytest.raises(Malformed):
        parse_record(record + b" ")


def test_long_records_are_not_remembered() -> None:
    """D1: what a peer makes us keep is small; at 1,024 octets and one more."""
    _parse_known.cache_clear()
    for length, kept in ((1_025, 0), (1_024, 1)):
        for _ in range(2):
            assert parse_record(b"v=spf1 -all".ljust(length)) == parse_record(b"v=spf1 -all".ljust(length))
        assert _parse_known.cache_info().currsize == kept


@given(
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
    st.integers(0, 128),
)
def test_a_network_is_what_it_is_elsewhere(one: IpAddress, other: IpAddress, width: int) -> None:
    """Compared with the ipaddress module."""
    width = min(width, one.max_prefixlen)
    for address in (other, one, type(one)(int(one) ^ 1)):
        assert network_of(one, width).holds(address) is (address in ip_network((one, width), strict=False))


@pytest.mark.parametrize(("address", "width"), [("192.0.2.1", 33), ("2001:db8::1", 129)])
def test_a_network_has_no_more_bits_than_an_address(address: str, width: int) -> None:
    with pytest.raises(ValueError, match=str(width)):
        network_of(ip_address(address), width)
