"""Facts."""

from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.facts import Facts, pack, read_facts, unpack
from pymailcore.message.headers import EmailAddress
from pymailcore.message.parse import parse
from pymailcore.message.wire import envelope_values


def facts_of(octets: bytes) -> tuple[Facts, int | None]:
    fields = parse(octets).fields
    return read_facts(fields, envelope_values(fields), preview="p", has_attachment=True)


def test_facts_are_the_header_properties_of_jmap() -> None:
    """RFC 8621 section 4.1.3."""
    facts, sent_ms = facts_of(
        b"Subject: =?utf-8?q?=E2=82=AC?=  x\r\nFrom: A <a@b>\r\nTo: g: c@d, e@f;\r\nCc:\r\nSender: s@t\r\n"
        b"Reply-To: r@t\r\nBcc: h@i\r\nMessage-ID: <1@x>\r\nIn-Reply-To: <0@x>\r\n"
        b"References: <-1@x>\r\n <0@x>\r\n"
        b"Date: Wed, 1 Jan 2020 10:00:00 +0200\r\n\r\n"
    )
    assert facts == Facts(
        "€  x",
        [EmailAddress("A", "a@b")],
        [EmailAddress(None, "c@d"), EmailAddress(None, "e@f")],
        [],
        [EmailAddress(None, "h@i")],
        [EmailAddress(None, "r@t")],
        [EmailAddress(None, "s@t")],
        ["1@x"],
        ["0@x"],
        ["-1@x", "0@x"],
        "2020-01-01T10:00:00+02:00",
        "p",
        True,
    )
    assert sent_ms == 1_577_865_600_000
    assert unpack(pack(facts)) == facts


def test_fields_that_are_not_there_are_none() -> None:
    facts, sent_ms = facts_of(b"\r\n")
    assert facts == Facts(None, None, None, None, None, None, None, None, None, None, None, "p", True)
    assert sent_ms is None
    assert facts_of(b"Date: x\r\n\r\n")[0].sent_at is None


def test_utc_is_written_as_z() -> None:
    """RFC 8620 section 1.4."""
    assert facts_of(b"Date: 1 Jan 2020 00:00:00 GMT\r\n\r\n")[0].sent_at == "2020-01-01T00:00:00Z"


@given(st.binary(max_size=100))
def test_any_facts_can_rest(octets: bytes) -> None:
    names = (b"Subject", b"From", b"To", b"Date", b"References", b"Message-ID")
    facts, _ = facts_of(b"".join(name + b": " + octets + b"\r\n" for name in names) + b"\r\n")
    assert unpack(pack(facts)) == facts
