import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.smtp import ENVELOPE, OPTIONS, feed, opened

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope, ReportTerms, Terms
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.commands import parse_mail, parse_recipient
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import CommandRefused

DSN = replace(OPTIONS, extensions=Extensions(dsn=True))


@pytest.mark.parametrize(
    ("parameters", "terms"),
    [
        (b"RET=FULL", Terms(ret="FULL")),
        (b"ret=hdrs ENVID=QQ+2B1", Terms(ret="HDRS", envid="QQ+1")),
        (b"ENVID=" + b"x" * 100, Terms(envid="x" * 100)),
    ],
)
def test_wishes_of_mail(parameters: bytes, terms: Terms) -> None:
    """RFC 3461 sections 4.3 and 4.4."""
    assert parse_mail(b"FROM:<> " + parameters, DSN).terms == terms


@pytest.mark.parametrize(
    ("parameters", "terms"),
    [
        (b"NOTIFY=NEVER", ReportTerms(notify=frozenset({"NEVER"}))),
        (b"NOTIFY=success,FAILURE", ReportTerms(notify=frozenset({"SUCCESS", "FAILURE"}))),
        (b"ORCPT=rfc822;Bob+2B@x.example", ReportTerms(orcpt="rfc822;Bob+@x.example")),
        (rb"ORCPT=UTF-8;\x{20AC}@x.example", ReportTerms(orcpt="UTF-8;€@x.example")),
        (b"ORCPT=rfc822;" + b"x" * 493, ReportTerms(orcpt="rfc822;" + "x" * 493)),
    ],
)
def test_wishes_of_recipients(parameters: bytes, terms: ReportTerms) -> None:
    """RFC 3461 sections 4.1 and 4.2."""
    assert parse_recipient(b"TO:<b@host.example> " + parameters, DSN, smtputf8=False).terms == terms


@pytest.mark.parametrize(
    ("value", "orcpt"),
    [
        (b"rfc822;k+C3+A4the@x.example", "utf-8;käthe@x.example"),
        (b"rfc822;+E6+BC+A2@x.example", "utf-8;漢@x.example"),
        (b"rfc822;Bob+2B@x.example", "rfc822;Bob+@x.example"),
        ("utf-8;käthe@x.example".encode(), "utf-8;käthe@x.example"),
        (b"rfc822;k+C3the@x.example", None),
        (b"rfc822;k+C2+85the@x.example", None),
        (b"rfc822;k+E2+80+A8the@x.example", None),
        (b"x400;k+C3+A4the", None),
    ],
)
def test_original_recipients_of_international_mail(value: bytes, orcpt: str | None) -> None:
    """RFC 6533 section 3; Postfix writes the UTF-8 of an address as rfc822, in xtext."""
    arguments = b"TO:<b@host.example> ORCPT=" + value
    if orcpt is None:
        with pytest.raises(CommandRefused):
            parse_recipient(arguments, DSN, smtputf8=True)
    else:
        assert parse_recipient(arguments, DSN, smtputf8=True).terms.orcpt == orcpt
    if not (orcpt or "\x85").isascii():
        with pytest.raises(CommandRefused):
            parse_recipient(arguments, DSN, smtputf8=False)


@pytest.mark.parametrize(
    "parameters",
    [
        b"RET=BOTH",
        b"RET",
        b"ENVID=",
        b"ENVID=" + b"x" * 101,
        b"ENVID=a+0Ab",
        b"ENVID=+0D+0AX-Evil:+20yes",
    ],
)
def test_bad_wishes_of_mail(parameters: bytes) -> None:
    """S17."""
    with pytest.raises(CommandRefused) as refused:
        parse_mail(b"FROM:<> " + parameters, DSN)
    assert refused.value.reply == reply.SYNTAX


@pytest.mark.parametrize(
    "parameters",
    [
        b"NOTIFY=NEVER,SUCCESS",
        b"NOTIFY=",
        b"NOTIFY",
        b"NOTIFY=SOMETIMES",
        b"NOTIFY=SUCCESS,",
        b"ORCPT=rfc822",
        b"ORCPT=;x",
        b"ORCPT=rfc822;a+0Db",
        b"ORCPT=rfc822;" + b"x" * 494,
        rb"ORCPT=utf-8;\x{2028}",
    ],
)
def test_bad_wishes_of_recipients(parameters: bytes) -> None:
    """S17."""
    with pytest.raises(CommandRefused) as refused:
        parse_recipient(b"TO:<b@host.example> " + parameters, DSN, smtputf8=False)
    assert refused.value.reply == reply.SYNTAX


def test_who_does_not_offer_it_does_not_know_it() -> None:
    """RFC 5321 section 4.1.1.11: 555."""
    for parameters in (b"RET=FULL", b"ENVID=x"):
        with pytest.raises(CommandRefused) as refused:
            parse_mail(b"FROM:<> " + parameters, OPTIONS)
        assert refused.value.reply == reply.UNKNOWN_PARAMETER
    with pytest.raises(CommandRefused) as refused:
        parse_recipient(b"TO:<b@host.example> NOTIFY=NEVER", OPTIONS, smtputf8=False)
    assert refused.value.reply == reply.UNKNOWN_PARAMETER


def test_the_envelope_has_what_was_said() -> None:
    """RFC 3461 section 4; a transaction after it has nothing of it."""
    protocol = opened(DSN)
    seen = feed(
        protocol,
        b"EHLO c.example\r\nMAIL FROM:<> RET=HDRS ENVID=x\r\n"
        b"RCPT TO:<b@host.example> NOTIFY=NEVER\r\nRCPT TO:<c@host.example>\r\nDATA\r\n.\r\n",
    )
    b, c = Address("b", "host.example"), Address("c", "host.example")
    never = ReportTerms(notify=frozenset({"NEVER"}))
    envelope = Envelope(
        reverse_path=None,
        recipients=(b, c),
        terms=Terms(ret="HDRS", envid="x"),
        report_terms={b: never},
    )
    assert seen[-1] == events.MailDataEnd(envelope)
    assert (envelope.reports(b), envelope.reports(c)) == (never, ReportTerms())
    seen = feed(protocol, ENVELOPE + b"DATA\r\n.\r\n")
    plain = Envelope(reverse_path=Address("a", "client.example"), recipients=(b,))
    assert seen[-1] == events.MailDataEnd(plain)


@given(st.binary(max_size=60), st.booleans())
def test_no_value_brings_a_control_character_in(value: bytes, smtputf8: bool) -> None:
    """S17."""
    for keyword in (b"NOTIFY=", b"ORCPT=rfc822;", b"ORCPT=utf-8;"):
        try:
            event = parse_recipient(b"TO:<b@host.example> " + keyword + value, DSN, smtputf8=smtputf8)
        except CommandRefused:
            continue
        assert event.terms.orcpt.isprintable()
    with contextlib.suppress(CommandRefused):
        assert parse_mail(b"FROM:<> ENVID=" + value, DSN).terms.envid.isprintable()
