from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.address import Address
from pymailcore.base.envelope import DeliverBy, Envelope, ReportTerms, Terms
from pymailcore.smtp.protocol.capabilities import Capabilities
from pymailcore.smtp.protocol.outgoing import (
    NEEDS_REQUIRETLS,
    NEEDS_SMTPUTF8,
    TOO_LARGE,
    TOO_LATE,
    Outgoing,
    batches,
    cannot_convert,
    fit,
    needs_tls,
)
from pymailcore.smtp.protocol.reply import Reply

A = Address("a", "client.example")
B = Address("b", "host.example")
ENVELOPE = Envelope(reverse_path=A, recipients=(B,))
UMLAUT = (
    b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"anything, h\xc3\xbc\r\n"
)
PLAIN = b"Subject: x\r\n\r\nx\r\n"
BINARY = b"Subject: x\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\xff\n\r"


def fitted(
    *lines: str, envelope: Envelope = ENVELOPE, octets: bytes = PLAIN, verified: bool = False
) -> Outgoing:
    offered = Capabilities.read(Reply(250, "", "\n".join(["mx.example", *lines])))
    return fit(envelope, octets, offered, verified=verified, now_ms=1_000_000)


def asked(envelope: Envelope = ENVELOPE, **terms: object) -> Envelope:
    return replace(envelope, terms=Terms(**terms))  # type: ignore[arg-type]  # the words of each test


# The form of the message


def test_eight_bits_go_as_they_are_where_they_may() -> None:
    """RFC 6152 section 2."""
    outgoing = fitted("8BITMIME", octets=UMLAUT)
    assert outgoing.octets == UMLAUT
    assert outgoing.mail.endswith(" BODY=8BITMIME")


def test_eight_bits_are_converted_where_they_may_not_go() -> None:
    """RFC 6152 section 3."""
    outgoing = fitted("SIZE", octets=UMLAUT)
    assert outgoing.octets.isascii()
    assert b"quoted-printable\r\n\r\nanything, h=C3=BC\r\n" in outgoing.octets
    assert outgoing.mail == f"MAIL FROM:<a@client.example> SIZE={len(outgoing.octets)}"


def test_what_cannot_be_converted_is_refused() -> None:
    """RFC 6152 section 3; RFC 3463 section 3.7 (X.6.3)."""
    outgoing = fitted(octets=b"From: \xc3\xbc <a@b.example>\r\n\r\n")
    assert outgoing.refused == {B: cannot_convert("the field from has octets above 127")}
    assert outgoing.recipients == {}


@pytest.mark.parametrize("smtputf8", [False, True])
def test_text_in_a_header_is_converted_unless_utf8_was_asked_for(smtputf8: bool) -> None:
    """RFC 2047 section 5 (1); RFC 6531 section 3.2."""
    envelope = Envelope(reverse_path=None, recipients=(B,), smtputf8=smtputf8)
    outgoing = fitted(envelope=envelope, octets=b"Subject: \xc3\xbc\r\n\r\n")
    if smtputf8:
        assert outgoing.refused == {B: NEEDS_SMTPUTF8}
    else:
        assert outgoing.octets == b"Subject: =?utf-8?B?w7w=?=\r\n\r\n"
        assert outgoing.mail == "MAIL FROM:<>"


def test_binary_goes_as_it_is_only_where_it_is_offered_with_chunking() -> None:
    """RFC 3030 section 3."""
    binary = replace(ENVELOPE, binary=True)
    whole = fitted("8BITMIME", "CHUNKING", "BINARYMIME", envelope=binary, octets=BINARY)
    assert whole.binary
    assert whole.octets == BINARY
    assert whole.mail.endswith(" BODY=BINARYMIME")
    for lines in (("8BITMIME", "BINARYMIME"), ("8BITMIME", "CHUNKING"), ()):
        outgoing = fitted(*lines, envelope=binary, octets=BINARY)
        assert not outgoing.binary
        assert outgoing.octets.endswith(b"base64\r\n\r\nAP8KDQ==\r\n")


def test_binarymime_is_not_used_for_what_has_lines() -> None:
    """RFC 3030 section 3: fewer hosts take it."""
    outgoing = fitted(
        "8BITMIME", "CHUNKING", "BINARYMIME", envelope=replace(ENVELOPE, binary=True), octets=UMLAUT
    )
    assert not outgoing.binary
    assert outgoing.mail.endswith("BODY=8BITMIME")


def test_the_size_is_that_of_what_goes() -> None:
    """RFC 1870 section 6: after conversion."""
    limit = len(UMLAUT)
    assert fitted(f"SIZE {limit}", "8BITMIME", octets=UMLAUT).refused == {}
    assert fitted(f"SIZE {limit - 1}", "8BITMIME", octets=UMLAUT).refused == {B: TOO_LARGE}
    assert fitted(f"SIZE {limit}", octets=UMLAUT).refused == {B: TOO_LARGE}


def test_only_who_needs_smtputf8_is_refused_for_it() -> None:
    """RFC 6531 section 3.2."""
    other = Address("jürgen", "host.example")
    envelope = replace(ENVELOPE, recipients=(other, B))
    outgoing = fitted(envelope=envelope)
    assert outgoing.refused == {other: NEEDS_SMTPUTF8}
    assert outgoing.mail == "MAIL FROM:<a@client.example>"
    assert fitted("SMTPUTF8", envelope=envelope).mail.endswith(" SMTPUTF8")


# Parameters


def test_report_terms_go_to_hosts_that_keep_them() -> None:
    """RFC 3461 section 5.2.1."""
    terms = ReportTerms(notify=frozenset({"FAILURE", "SUCCESS"}), orcpt="rfc822;Old+B@host.example")
    envelope = replace(asked(ret="HDRS", envid="QQ 314=15"), report_terms={B: terms})
    outgoing = fitted("DSN", envelope=envelope)
    assert outgoing.mail == "MAIL FROM:<a@client.example> RET=HDRS ENVID=QQ+20314+3D15"
    rcpt = "RCPT TO:<b@host.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Old+2BB@host.example"
    assert outgoing.recipients == {B: rcpt}


def test_report_terms_are_kept_from_hosts_that_do_not_know_them() -> None:
    """RFC 3461 section 5.2.2 (a)."""
    terms = ReportTerms(notify=frozenset({"NEVER"}), orcpt="rfc822;b@host.example")
    outgoing = fitted(envelope=replace(asked(ret="FULL", envid="x"), report_terms={B: terms}))
    assert outgoing.mail == "MAIL FROM:<a@client.example>"
    assert outgoing.recipients == {B: "RCPT TO:<b@host.example>"}


def test_nothing_is_added_where_nothing_was_said() -> None:
    """RFC 3461 section 5.2.1 (a) to (c)."""
    assert fitted("DSN").mail == "MAIL FROM:<a@client.example>"
    assert fitted("DSN").recipients == {B: "RCPT TO:<b@host.example>"}


def test_an_original_recipient_beyond_ascii_goes_in_ascii() -> None:
    """RFC 6533 section 3."""
    envelope = replace(ENVELOPE, report_terms={B: ReportTerms(orcpt="utf-8;jü+r@host.example")})
    assert fitted("DSN", envelope=envelope).recipients == {
        B: r"RCPT TO:<b@host.example> ORCPT=utf-8;j\x{FC}\x{2B}r@host.example"
    }


@pytest.mark.parametrize(
    ("lines", "verified", "goes"),
    [(("REQUIRETLS",), True, True), (("REQUIRETLS",), False, False), ((), True, False)],
)
def test_required_tls_goes_only_to_proved_hosts_that_keep_to_it(
    lines: tuple[str, ...], verified: bool, goes: bool
) -> None:
    """RFC 8689 section 4.2.1."""
    outgoing = fitted(*lines, envelope=asked(require_tls=True), verified=verified)
    assert outgoing.refused == ({} if goes else {B: NEEDS_REQUIRETLS})
    assert outgoing.mail.endswith(" REQUIRETLS") is bool(lines)


def test_reports_are_not_held_to_it() -> None:
    """RFC 8689 section 5."""
    envelope = asked(Envelope(reverse_path=None, recipients=(B,)), require_tls=True)
    assert not needs_tls(envelope)
    assert fitted(envelope=envelope).mail == "MAIL FROM:<>"
    assert fitted("REQUIRETLS", envelope=envelope).mail == "MAIL FROM:<> REQUIRETLS"


@pytest.mark.parametrize(
    ("at_ms", "give_up", "trace", "by"),
    [
        (1_120_000, True, False, "BY=120;R"),
        (1_000_500, True, True, "BY=1;RT"),
        (940_000, False, False, "BY=-60;N"),
    ],
)
def test_the_time_that_is_left_is_passed_on(at_ms: int, give_up: bool, trace: bool, by: str) -> None:
    """RFC 2852 section 4."""
    envelope = asked(deliver_by=DeliverBy(at_ms=at_ms, give_up=give_up, trace=trace))
    assert fitted("DELIVERBY", envelope=envelope).mail.endswith(" " + by)
    assert fitted(envelope=envelope).mail == "MAIL FROM:<a@client.example>"


def test_what_is_too_late_and_to_be_given_up_does_not_go() -> None:
    """RFC 2852 section 4.1."""
    envelope = asked(deliver_by=DeliverBy(at_ms=1_000_000, give_up=True))
    assert fitted("DELIVERBY", envelope=envelope).refused == {B: TOO_LATE}


def test_priority_is_passed_on_where_it_is_known() -> None:
    """RFC 6710 section 4.1."""
    assert fitted("MT-PRIORITY", envelope=asked(priority=-3)).mail.endswith(" MT-PRIORITY=-3")
    assert fitted(envelope=asked(priority=3)).mail == "MAIL FROM:<a@client.example>"


# Batches


@given(
    domains=st.lists(st.integers(0, 3), max_size=30),
    most=st.none() | st.integers(1, 5),
    most_domains=st.none() | st.integers(1, 3),
)
def test_batches_keep_the_limits_and_everybody(
    domains: list[int], most: int | None, most_domains: int | None
) -> None:
    """RFC 9422 section 4."""
    recipients = tuple(Address(f"r{n}", f"d{domain}.example") for n, domain in enumerate(domains))
    found = list(batches(recipients, Capabilities(recipients_count=most, domains_count=most_domains)))
    assert tuple(address for batch in found for address in batch) == recipients
    assert all(0 < len(batch) <= (most or 30) for batch in found)
    assert all(len({address.domain for address in batch}) <= (most_domains or 4) for batch in found)
    if most is None and most_domains is None:
        assert len(found) <= 1
