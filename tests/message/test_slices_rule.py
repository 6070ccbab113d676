"""No call that holds the interpreter gets more than 256 KiB: the rule of `message.slices`, by machine."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.message.call_sizes import sizes_of_calls

from pymailcore.message import headers
from pymailcore.message.addresses import parse_addresses
from pymailcore.message.authentication_results import parse_authentication_results
from pymailcore.message.base_subject import base_subject
from pymailcore.message.binary import binary
from pymailcore.message.complete import complete_headers, header_addresses
from pymailcore.message.dsn_reading import read_delivery_report
from pymailcore.message.feedback import read_feedback_report
from pymailcore.message.fields import read_fields
from pymailcore.message.list_fields import list_fields
from pymailcore.message.mdn import read_disposition_notification
from pymailcore.message.parameters import parse_parameters
from pymailcore.message.parse import parse
from pymailcore.message.prepare import prepare
from pymailcore.message.received import parse_received
from pymailcore.message.section import Section, section
from pymailcore.message.slices import MAX_CALL
from pymailcore.message.split import join
from pymailcore.message.structure import walk
from pymailcore.message.text import flowed_text_of, searchable_text
from pymailcore.message.trace import canonical, count_received
from pymailcore.message.typed_leaves import external_body
from pymailcore.message.wire import utf8_forms

FIELD = MAX_CALL + 40_000
BODY = 2 * MAX_CALL + 100_000

VALUES = {
    "addresses": b'"A, B" <someone@example.com>, ',
    "folded-addresses": b'"A, B" <someone@example.com>,\r\n ',
    "one-name": b"a b ",
    "one-word": b"a",
    "equals": b"=a",
    "colons": b":;@,",
    "comments": b"(a) ",
    "parentheses": b"(",
    "quotes": b'\\"<@',
    "encoded-words": b"=?utf-8?q?=C3=A9?= ",
    "half-words": b"=?utf-8?q?a",
    "folded-white-space": b"\r\n ",
    "tabs": b"\t",
    "utf-8": "\u00e9 \u4e16".encode(),
    "latin-1": b"\xe9 ",
    "nul": b"a\0b ",
    "parameters": b"; x=y",
    "continuations": b"; x*1*=utf-8''%41",
    "quoted-parameter": b';x="\\',
    "boundary": b"text/plain; boundary=" + b"b" * 1000,
    "references": b"<a@b.example> ",
    "angles": b"<",
    "dates": b"Sun, 24 Dec 2023 01:30:13 +0000 ",
    "received": b"from a (b [192.0.2.1]) by c with ESMTP id d for <e@f>; ",
    "urls": b"<https://a.example/>, ",
    "results": b"a.example; spf=pass ",
}
NAMES = (
    b"Subject", b"Date", b"References", b"In-Reply-To", b"Received", b"Content-Type",
    b"Content-Disposition", b"Content-Description", b"Content-ID", b"Content-Language", b"Content-Location",
    b"Content-MD5", b"Content-Transfer-Encoding", b"List-Id", b"List-Post",
)  # fmt: skip
READERS: list[Callable[[bytes], object]] = [
    headers.as_raw, headers.as_text, headers.as_grouped_addresses,
    headers.as_message_ids, headers.as_date, headers.as_urls, parse_received, parse_authentication_results,
]  # fmt: skip


def body(content_type: bytes, encoding: bytes, unit: bytes, before: bytes = b"") -> bytes:
    head = b"Content-Type: %b\r\nContent-Transfer-Encoding: %b\r\n\r\n" % (content_type, encoding)
    return head + before + unit * (BODY // len(unit))


LINE = base64.b64encode(b"abc \xc3\xa9 \r\n" * 6)[:76] + b"\r\n"
BODIES = {
    "utf-8": body(b"text/plain; charset=utf-8", b"8bit", "caf\u00e9 and tea\r\n".encode()),
    "latin-1": body(b"text/plain", b"8bit", b"caf\xe9 and tea\r\n"),
    "one-line": body(b"text/plain", b"7bit", b"x"),
    "gb2312": body(b"text/plain; charset=gb2312", b"8bit", b"\xd6\xd0\xce\xc4\xff \r\n"),
    "utf-16": body(b"text/plain; charset=utf-16le", b"8bit", b"a\0\x00\xd8\r\0\n\0"),
    "utf-7": body(b"text/plain; charset=utf-7", b"7bit", b"+2AA- \r\n"),
    "flowed": body(b"text/plain; format=flowed", b"7bit", b"> a \r\n> b\r\n"),
    "quote-marks": body(b"text/plain; format=flowed", b"7bit", b">"),
    "html-tags": body(b"text/html", b"7bit", b'<p class="a">b &amp; c</p>\r\n'),
    "html-text": body(b"text/html", b"7bit", b"word &amp; "),
    "html-word": body(b"text/html", b"7bit", b"word"),
    "html-open-tag": body(b"text/html", b"7bit", b'<a x="'),
    "html-long-attribute": body(b"text/html", b"7bit", b"A" * 77, b'<img src="data:image/png;base64,'),
    "html-attributes": body(b"text/html", b"7bit", b'a="b" ', b"<img "),
    "html-name": body(b"text/html", b"7bit", b"a", b"<"),
    "html-comment": body(b"text/html", b"7bit", b"- ", b"<!--"),
    "html-script": body(b"text/html", b"7bit", b"a < b; ", b"<script>"),
    "base64": body(b"text/plain; charset=utf-8", b"base64", LINE),
    "base64-rubbish": body(b"text/plain", b"base64", b"YWJj!==\xff"),
    "base64-attachment": body(b"application/pdf", b"base64", LINE),
    "quoted-printable": body(b"text/plain; charset=utf-8", b"quoted-printable", b"caf=C3=A9 =\r\n tea \r\n"),
    "quoted-printable-line": body(b"text/plain", b"quoted-printable", b"=41="),
    "blanks": body(b"text/plain", b"quoted-printable", b" "),
    "uuencode": body(b"text/plain", b"x-uuencode", b"#86)C\n", b"begin 644 a\n"),
    "uuencode-base64": body(b"text/plain", b"uuencode", LINE, b"begin-base64 644 a\n"),
    "uuencode-line": body(b"text/plain", b"uuencode", b"M", b"begin 644 a\n"),
    "many-fields": b"A-Name: some value\r\n" * (BODY // 16) + b"\r\n",
    "many-received": b"Received: from a by b\r\n Bcc: x\r\nBcc: a@b\r\n" * (BODY // 32) + b"\r\n",
    "no-field": b"x" * BODY,
    "empty-lines": b"\n\r" * (BODY // 2),
    "delivery-status": body(b"message/delivery-status", b"7bit", b"Final-Recipient: rfc822; a@b\r\n\r\n"),
    "feedback-report": body(b"message/feedback-report", b"7bit", b"Feedback-Type: abuse\r\n"),
    "external-body": body(b"message/external-body; access-type=url", b"7bit", b"Content-ID: <a@b>\r\n"),
}  # fmt: skip


def read_everything(octets: bytes) -> None:
    prepared = prepare(octets)
    join(prepared.recipe, prepared.skeleton, [leaf.octets for leaf in prepared.leaves])
    root = parse(octets).root
    utf8_forms(octets, root)
    searchable_text(octets, root, 4 << 20)
    section(octets, root, Section(what="HEADER.FIELDS", fields=("From",)))
    for part in walk(root):
        flowed_text_of(octets, part)
        external_body(octets, part)
    binary(octets, root, (1,))
    for read in (read_delivery_report, read_feedback_report, read_disposition_notification):
        read(octets, root)
    header = octets[: root.body_start]
    headers.split_fields(header)
    list_fields(read_fields(header, 0, len(header)))
    count_received(octets)
    canonical(octets)
    header_addresses(octets, "From")
    complete_headers(octets, date=datetime(2023, 12, 24, tzinfo=UTC), message_id="a@b")


@pytest.mark.slow
@pytest.mark.parametrize("unit", VALUES.values(), ids=VALUES.keys())
def test_no_call_gets_too_much_of_one_field(unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN section 4.5."""
    value = unit * (FIELD // len(unit))
    octets = b"".join(b"%b: %b\r\n" % (name, value) for name in NAMES) + b"\r\nx"
    with sizes_of_calls(monkeypatch) as sizes:
        for read in READERS:
            read(value)
        base_subject(headers.as_text(value))
        read_everything(octets)
        prepare(b"From: " + value + b"\r\n\r\n")
        header_addresses(b"From: " + value[: FIELD // 8] + b"\r\n\r\n", "From")
    assert not sizes.too_large


@pytest.mark.slow
@pytest.mark.parametrize("octets", BODIES.values(), ids=BODIES.keys())
def test_no_call_gets_too_much_of_a_message(octets: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN section 4.5."""
    with sizes_of_calls(monkeypatch) as sizes:
        read_everything(octets)
    assert not sizes.too_large


def test_a_call_that_gets_too_much_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with sizes_of_calls(monkeypatch) as sizes:
        headers.message_ids("<" * MAX_CALL)
        assert not sizes.too_large
        ("a" * (MAX_CALL + 1)).split()
        parse_parameters("x" * MAX_CALL + ";x*=a")
        parse_addresses("<" * (MAX_CALL + 1), 1)
    assert len(sizes.too_large) >= 3
