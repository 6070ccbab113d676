"""sanity: what is refused because of a header, and what is only noted."""

from dataclasses import replace

import pytest

from pymailcore.base.address import Address
from pymailcore.mx import sanity
from pymailcore.mx.sanity import Sanity, inspect
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings

SETTINGS = SmtpSettings()
B = Address("b", "host.example")
GOOD = b"From: <a@x.example>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
BODY = b"\r\nbody\r\n"


def judge(header: bytes, settings: SmtpSettings = SETTINGS, body: bytes = BODY) -> Sanity:
    return inspect(header + body, [B], settings)


@pytest.mark.parametrize(
    ("header", "marks"),
    [
        (GOOD, ()),
        (b"", ("no-from", "no-date")),
        (GOOD + b"FROM: <b@x.example>\r\n", ("several-from",)),
        (b"From : <a@x.example>\r\nDate:\r\n", ()),
        (b"From: <a@x.example>\r\n", ("no-date",)),
        (b" From: <a@x.example>\r\n" + GOOD, ()),
        (GOOD + b"X: " + b"y" * 994 + b"\r\n", ()),
        (GOOD + b"X: " + b"y" * 995 + b"\r\n", ()),
        (GOOD + b"X: " + b"y" * 996 + b"\r\n", ("long-line",)),
        (GOOD + b"X: \xff\xfe\r\nno field at all\r\n", ()),
    ],
)
def test_what_is_odd_is_noted_and_taken(header: bytes, marks: tuple[str, ...]) -> None:
    """RFC 5322 sections 2.1.1 and 3.6: lines of 997, 998 and 999 characters among them."""
    assert judge(header) == Sanity(None, marks)


def test_the_body_is_not_looked_at() -> None:
    body = (
        b"\r\nFrom: x\r\n\0\r\n"
        + b"Received: y\r\n" * 60
        + b"Delivered-To: b@host.example\r\n"
        + b"z" * 2_000
    )
    assert judge(GOOD, body=body) == Sanity()


@pytest.mark.parametrize("header", [b"X: a\0b\r\n" + GOOD, GOOD + b"\0\r\n", b"Subject\0: x\r\n" + GOOD])
def test_a_nul_in_the_header_is_refused(header: bytes) -> None:
    """RFC 5322 section 2.2; S18: programs end a text at it, and show another one."""
    assert judge(header).refusal == sanity.NUL_IN_HEADER


@pytest.mark.parametrize(("more", "refusal"), [(-1, None), (0, None), (1, sanity.HEADER_TOO_LARGE)])
def test_a_header_has_so_many_octets_and_no_more(more: int, refusal: Reply | None) -> None:
    header = GOOD + b"X: " + b"y" * 500 + b"\r\n"
    settings = replace(SETTINGS, max_header_octets=len(header + b"\r\n") - more)
    assert judge(header, settings).refusal == refusal


@pytest.mark.parametrize(("more", "refusal"), [(-1, None), (0, None), (1, sanity.HEADER_TOO_LARGE)])
def test_a_header_has_so_many_fields_and_no_more(more: int, refusal: Reply | None) -> None:
    settings = replace(SETTINGS, max_header_fields_count=100)
    assert judge(GOOD + b"X: y\r\n" * (98 + more), settings).refusal == refusal


@pytest.mark.parametrize("long", [False, True], ids=["at once", "in slices"])
@pytest.mark.parametrize(("count", "refusal"), [(49, None), (50, None), (51, sanity.TOO_MANY_HOPS)])
def test_hops_are_counted(count: int, refusal: Reply | None, *, long: bool) -> None:
    """RFC 5321 section 6.3; also in a header of more octets than are looked at in one call."""
    padding = (b"X: " + b"y" * 900 + b"\r\n") * (300 if long else 0)
    assert judge(padding + b"received: x\r\n" * count + GOOD).refusal == refusal


@pytest.mark.parametrize(
    ("field", "refused"),
    [
        (b"Delivered-To: b@host.example\r\n", True),
        (b"delivered-to:\r\n <B@HOST.example>\r\n", True),
        (b"Delivered-To: c@host.example\r\n", False),
        (b"Delivered-To: \xff\r\n", False),
        (b"Delivered-To: c@host.example\r\nDelivered-To: b@host.example\r\n", True),
        (b"X-Delivered-To: b@host.example\r\n", False),
    ],
)
def test_what_was_delivered_here_before_goes_round(field: bytes, *, refused: bool) -> None:
    """S16; RFC 9228 section 4."""
    assert judge(field + GOOD).refusal == (sanity.WAS_HERE if refused else None)


def test_where_nobody_is_named_delivered_to_says_nothing() -> None:
    assert inspect(b"Delivered-To: b@host.example\r\n" + GOOD + BODY, (), SETTINGS) == Sanity()
