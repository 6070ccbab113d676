"""Header fields written."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.message import encode
from pymailcore.message.encode import (
    address_header,
    base64_lines,
    date_header,
    encode_header,
    grouped_address_header,
    message_ids_header,
    parameter_header,
    raw_header,
    urls_header,
)
from pymailcore.message.fields import unfolded
from pymailcore.message.headers import (
    EmailAddress,
    EmailAddressGroup,
    as_addresses,
    as_date,
    as_grouped_addresses,
    as_message_ids,
    as_text,
    as_urls,
    split_fields,
)
from pymailcore.message.parameters import parse_parameters
from pymailcore.message.words import decode_base64

TEXT = st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), max_size=120)


def value(field: bytes) -> bytes:
    """Give the raw value, after proof that the field is one well-formed field of bounded lines."""
    assert field.endswith(b"\r\n")
    ((_, raw),) = split_fields(field)
    assert re.fullmatch(rb"[^\r\n\0]*(?:\r\n[ \t][^\r\n\0]*)*", raw)
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))
    assert not any(line and not line.strip() for line in field.split(b"\r\n")[1:])
    return raw


def test_ascii_stays_readable() -> None:
    assert encode_header("Subject", "Hello there") == b"Subject: Hello there\r\n"
    assert encode_header("Subject", "") == b"Subject: \r\n"


def test_long_values_are_folded_at_spaces() -> None:
    """RFC 5322 section 2.2.3."""
    text = "word  " * 60
    field = encode_header("Subject", text)
    assert max(len(line) for line in field.split(b"\r\n")) <= 78
    assert as_text(value(field)) == text.strip()
    assert encode_header("Subject", "x" * 100 + " y") == b"Subject: " + b"x" * 100 + b"\r\n y\r\n"


def test_words_too_long_for_a_line_are_encoded() -> None:
    """RFC 5322 section 2.1.1."""
    for length, encoded in ((899, False), (900, False), (901, True)):
        field = encode_header("Subject", "a " + "x" * length)
        assert (b"=?utf-8?" in field) is encoded
        assert as_text(value(field)) == "a " + "x" * length
        named = address_header("To", [EmailAddress("x" * length, "a@b")])
        assert (b"=?utf-8?" in named) is encoded


def test_text_beyond_ascii_is_encoded_where_it_is() -> None:
    """RFC 2047 section 2."""
    assert encode_header("Subject", "a café b") == b"Subject: a =?utf-8?Q?caf=C3=A9?= b\r\n"
    assert encode_header("Subject", "日本 x") == b"Subject: =?utf-8?B?5pel5pys?= x\r\n"
    assert b"=?utf-8?" in encode_header("Subject", "=?x")
    assert b"?B?" in encode_header("Subject", "\u00e9" + "(" * 30)  # Q would be longer than one word may be
    long = encode_header("Subject", "x" * 2000)
    assert as_text(value(long)) == "x" * 2000


@pytest.mark.parametrize("bad", ["a\r\nBcc: x", "a\nb", "a\rb", "a\0b"])
def test_line_ends_and_nul_are_refused_everywhere(bad: str) -> None:
    """Header injection."""
    writers: tuple[Callable[[], bytes], ...] = (
        lambda: encode_header("Subject", bad),
        lambda: encode_header(bad, "x"),
        lambda: raw_header("X", bad),
        lambda: address_header("To", [EmailAddress(bad, "a@b")]),
        lambda: address_header("To", [EmailAddress(None, f"{bad}@b")]),
        lambda: address_header(bad, []),
        lambda: grouped_address_header("To", [EmailAddressGroup(bad, ())]),
        lambda: message_ids_header("Message-ID", [bad]),
        lambda: urls_header("List-Help", [bad]),
        lambda: parameter_header("Content-Type", bad, {}),
        lambda: parameter_header("Content-Type", "a/b", {"x": bad}),
        lambda: parameter_header("Content-Type", "a/b", {bad: "x"}),
        lambda: date_header(bad, datetime(2020, 1, 1, tzinfo=UTC)),
    )
    for write in writers:
        with pytest.raises(InvalidValue):
            write()


@pytest.mark.parametrize(
    "bad", ["", "a b@c", "a@b>,<c@d", "<a@b>", "a@b@c", "a,b", "x" * 901, '"a@b', "a@[b", "a@b c"]
)
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(InvalidValue):
        address_header("To", [EmailAddress(None, bad)])


def test_other_values_that_cannot_be_are_refused() -> None:
    writers: tuple[Callable[[], bytes], ...] = (
        lambda: message_ids_header("X", ["a b"]),
        lambda: message_ids_header("X", ["<a>"]),
        lambda: urls_header("X", ["http://é/"]),
        lambda: urls_header("X", ["http://a b/"]),
        lambda: parameter_header("X", "é", {}),
        lambda: parameter_header("X", "a/b", {"é": "x"}),
        lambda: encode_header("", "x"),
        lambda: encode_header("a:b", "x"),
        lambda: encode_header("a" * 77, "x"),
    )
    for write in writers:
        with pytest.raises(InvalidValue):
            write()
    assert encode_header("a" * 76, "x").startswith(b"a" * 76)


def test_the_raw_form_may_be_folded() -> None:
    """RFC 8621 section 4.1.2.1."""
    assert raw_header("X", " a\r\n b é") == "X: a\r\n b é\r\n".encode()


def test_addresses_are_written() -> None:
    """RFC 5322 section 3.4; RFC 6532 section 3.2."""
    assert address_header("To", []) == b"To: \r\n"
    assert (
        address_header(
            "To",
            [
                EmailAddress(None, "a@b"),
                EmailAddress("Plain Name", '"c d"@e'),
                EmailAddress('Q. "X" \\', "f@[192.0.2.1]"),
            ],
        )
        == b'To: a@b, Plain Name <"c d"@e>, "Q. \\"X\\" \\\\" <f@[192.0.2.1]>\r\n'
    )
    assert address_header("To", [EmailAddress("é", "é@é")]) == "To: =?utf-8?B?w6k=?= <é@é>\r\n".encode()
    groups = [
        EmailAddressGroup(None, (EmailAddress(None, "a@b"),)),
        EmailAddressGroup("A, B", (EmailAddress("N", "c@d"),)),
        EmailAddressGroup("Nobody", ()),
        EmailAddressGroup(None, ()),
    ]
    assert grouped_address_header("To", groups) == b'To: a@b, "A, B": N <c@d>;, Nobody: ;\r\n'


@given(
    st.lists(st.tuples(TEXT, st.from_regex(r"[a-z0-9]{1,9}@[a-z]{1,9}\.example", fullmatch=True)), max_size=5)
)
def test_any_names_come_back(pairs: list[tuple[str, str]]) -> None:
    addresses = [EmailAddress(" ".join(name.split()) or None, email) for name, email in pairs]
    raw = value(address_header("To", addresses))
    result = as_addresses(raw)
    assert [address.email for address in result] == [address.email for address in addresses]
    grouped = value(grouped_address_header("To", [EmailAddressGroup("g", tuple(addresses))]))
    assert as_addresses(grouped) == result
    assert as_grouped_addresses(grouped)[0].name == "g"
    for address, original in zip(result, addresses, strict=True):
        if original.name is not None and original.name.isascii():
            assert address.name == original.name


@given(TEXT)
def test_any_text_comes_back(text: str) -> None:
    raw = value(encode_header("Subject", text))
    assert raw.isascii()
    if text.isascii():
        assert unfolded(raw) == text.strip(" \t") or "=?" in unfolded(raw)


def test_other_forms_come_back() -> None:
    ids = [f"{number}@example.org" for number in range(20)]
    assert as_message_ids(value(message_ids_header("References", ids))) == ids
    urls = ["mailto:a@b", "http://x/?y=z"]
    assert as_urls(value(urls_header("List-Help", urls))) == urls
    moment = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert date_header("Date", moment) == b"Date: Thu, 02 Jan 2020 03:04:05 +0000\r\n"
    assert as_date(value(date_header("Date", moment))) == moment


def test_parameters_are_written() -> None:
    """RFC 2045 section 5.1; RFC 2231 sections 3 and 4."""
    assert parameter_header("Content-Type", "text/plain", {"charset": "utf-8", "x": "a b"}) == (
        b'Content-Type: text/plain; charset=utf-8; x="a b"\r\n'
    )
    assert parameter_header("D", "inline", {"filename": "€.pdf"}) == (
        b"D: inline; filename*=utf-8''%E2%82%AC.pdf\r\n"
    )
    long = value(parameter_header("D", "a", {"filename": "é" * 100, "x": "y" * 200}))
    assert b"filename*0*=" in long
    assert not re.search(rb"=;|=\Z", long)
    assert parse_parameters(unfolded(long))[1] == {"filename": "é" * 100, "x": "y" * 200}


@given(TEXT, TEXT)
def test_any_parameters_come_back(first: str, second: str) -> None:
    raw = value(parameter_header("X", "a/b", {"x": first, "y": second}))
    if "=?" not in first + second:
        assert parse_parameters(unfolded(raw)) == ("a/b", {"x": first, "y": second})


@given(st.binary(max_size=300))
def test_base64_has_short_lines(octets: bytes) -> None:
    """RFC 2045 section 6.8."""
    written = base64_lines(octets)
    assert decode_base64(written) == octets
    assert all(len(line) <= 76 for line in written.split(b"\r\n"))


def test_dates_have_the_form_of_the_rfc() -> None:
    """RFC 5322 section 3.3."""
    assert encode.format_date(datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)) == "Thu, 02 Jan 2020 03:04:05 +0000"
