"""Received fields of others."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.received import parse_received
from pymailcore.message.trace import received_field

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_our_own_field_is_read_back() -> None:
    """RFC 5321 section 4.4."""
    written = received_field(
        hello="client.example",
        peer="2001:db8::1",
        peer_name="c.example",
        by="mx.example.org",
        with_protocol="ESMTPS",
        id="a1",
        date=DATE,
        recipient="user@example.org",
        tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
    )
    read = parse_received(written.removeprefix(b"Received:"))
    assert read.from_ == "client.example"
    assert read.from_address == "2001:db8::1"
    assert (read.by, read.with_, read.id, read.for_) == ("mx.example.org", "ESMTPS", "a1", "user@example.org")
    assert (read.via, read.date) == (None, DATE)
    assert read.comments[1] == ("from", "using TLSv1.3 TLS_AES_256_GCM_SHA384")


def test_fields_of_other_servers_are_read() -> None:
    """Postfix, Exchange, Gmail and qmail."""
    postfix = parse_received(
        b" from a.example (unknown [192.0.2.1])\r\n\tby b.example (Postfix) with ESMTP id 4XY\r\n"
        b"\tfor <u@b.example>; Thu,  2 Jan 2020 04:04:05 +0100 (CET)"
    )
    assert (postfix.from_address, postfix.by, postfix.id) == ("192.0.2.1", "b.example", "4XY")
    assert postfix.date == DATE
    exchange = parse_received(
        b" from X.EXAMPLE (2603:10a6::1) by Y.example\r\n (2603:10a6::2) with Microsoft SMTP Server"
        b" (version=TLS1_2, cipher=X) id 15.20;\r\n Thu, 2 Jan 2020 03:04:05 +0000"
    )
    assert (exchange.from_, exchange.with_, exchange.id) == ("X.EXAMPLE", "Microsoft", "15.20")
    gmail = parse_received(b" by 2002:a05:6a10:: with SMTP id x1csp; Wed, 1 Jan 2020 19:04:05 -0800 (PST)")
    assert (gmail.from_, gmail.with_, gmail.date) == (None, "SMTP", DATE)
    qmail = parse_received(b" (qmail 1234 invoked by uid 89); 2 Jan 2020 03:04:05 -0000")
    assert (qmail.by, qmail.comments) == (None, (("", "qmail 1234 invoked by uid 89"),))


def test_what_is_no_trace_gives_nothing() -> None:
    nothing = parse_received(b"")
    assert nothing == (None, None, None, None, None, None, None, None, ())
    assert parse_received(b" from ; from from (((").from_ in (None, "from")


@given(st.binary(max_size=200) | st.text('from by;()<>"\\ []', max_size=100).map(str.encode))
def test_no_octets_raise(raw: bytes) -> None:
    parse_received(raw)
