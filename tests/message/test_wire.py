"""ENVELOPE, BODY and BODYSTRUCTURE, octet for octet."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import NESTED

from pymailcore.message.parse import parse
from pymailcore.message.slices import MAX_CALL
from pymailcore.message.wire import (
    body_forms,
    envelope,
    envelope_values,
    nstring,
    string,
    utf8_forms,
    utf8_string,
)
from pymailcore.message.words import decode_words


def envelope_of(octets: bytes) -> bytes:
    return envelope(envelope_values(parse(octets).fields))


def test_the_envelope_of_the_rfc_example() -> None:
    """RFC 9051 section 8."""
    octets = (
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
        b"From: Terry Gray <gray@cac.washington.edu>\r\n"
        b"Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
        b"To: imap@cac.washington.edu\r\n"
        b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
        b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
    )
    assert envelope_of(octets) == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
        b'"<B27397-0100000@cac.washington.edu>")'
    )


def test_an_empty_header_gives_nil() -> None:
    """RFC 9051 section 7.5.2."""
    assert envelope_of(b"\r\n") == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_fields_that_are_empty_are_empty_strings_but_lists_of_nobody_are_nil() -> None:
    """RFC 9051 section 7.5.2: an empty Sender is From."""
    octets = b"Subject:\r\nDate: \r\nFrom: a@b\r\nSender:\r\nReply-To: \r\nTo:\r\n\r\n"
    assert envelope_of(octets) == (
        b'("" "" ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL)'
    )


def test_groups_have_a_start_and_an_end() -> None:
    """RFC 9051 section 7.5.2."""
    octets = (
        b"To: A Group:Ed Jones <joe@where.test>,joe@where.test;, x@y\r\nCc: Undisclosed recipients:;\r\n\r\n"
    )
    assert envelope_of(octets) == (
        b'(NIL NIL NIL NIL NIL ((NIL NIL "A Group" NIL)("Ed Jones" NIL "joe" "where.test")'
        b'(NIL NIL "joe" "where.test")(NIL NIL NIL NIL)(NIL NIL "x" "y")) '
        b'((NIL NIL "Undisclosed recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL)'
    )


def test_quotes_are_removed_from_local_parts_and_escaped_in_names() -> None:
    octets = b'From: "A \\"B\\" \\\\ C" <"john doe"@example.com>\r\n\r\n'
    assert b'(("A \\"B\\" \\\\ C" NIL "john doe" "example.com"))' in envelope_of(octets)


def test_an_address_without_a_domain_is_no_group() -> None:
    assert b'((NIL NIL "root" ""))' in envelope_of(b"From: root\r\n\r\n")


def test_encoded_words_stay_and_raw_text_becomes_encoded_words() -> None:
    """RFC 2047; RFC 9051 section 7.5.2 lets no raw octets above 127 out unasked."""
    octets = (
        b"Subject: =?iso-8859-1?q?caf=E9?= x\r\n"
        b"From: K\xc3\xb6nig <k\xc3\xb6@xn--bcher-kva.example>\r\n"
        b"To: x@b\xc3\xbccher.example\r\n\r\n"
    )
    text = envelope_of(octets)
    assert b'"=?iso-8859-1?q?caf=E9?= x"' in text
    assert b'("=?utf-8?B?S8O2bmln?=" NIL "=?utf-8?B?a8O2?=" "xn--bcher-kva.example")' in text
    assert b'(NIL NIL "x" "xn--bcher-kva.example")' in text


def test_latin_1_and_ascii_around_it() -> None:
    assert envelope_of(b"Subject: a caf\xe9 b\r\n\r\n").startswith(b'(NIL "a =?utf-8?B?Y2Fmw6k=?= b" ')


def test_folding_is_undone() -> None:
    """RFC 5322 section 2.2.3."""
    assert envelope_of(b"Subject: a\r\n  b\r\n\tc\r\n\r\n").startswith(b'(NIL "a  b\tc" ')


def test_strings_are_quoted_or_literal() -> None:
    """RFC 9051 section 4.3."""
    assert nstring(None) == b"NIL"
    assert string("") == b'""'
    assert string('a"b\\c') == b'"a\\"b\\\\c"'
    assert string("a\r\nb\0") == b'"a  b"'
    assert string("x" * 1024) == b'"' + b"x" * 1024 + b'"'
    assert string("x" * 1025) == b"{1025}\r\n" + b"x" * 1025
    assert string('"' * 1025) == b"{1025}\r\n" + b'"' * 1025
    assert string("\x7f") == b'"\x7f"'


def test_a_plain_message_has_the_body_of_the_rfc() -> None:
    """RFC 9051 section 7.5.2."""
    octets = b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n" + b"a\r\n" * 10
    assert body_forms(parse(octets).root) == (
        b'("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 30 10)',
        b'("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 30 10 NIL NIL NIL NIL)',
    )


def test_a_nested_message_in_full() -> None:
    """RFC 9051 section 7.5.2."""
    inner_envelope = (
        b'(NIL "inner" (("Inner" NIL "b" "example.com")) (("Inner" NIL "b" "example.com")) '
        b'(("Inner" NIL "b" "example.com")) NIL NIL NIL NIL NIL)'
    )
    assert body_forms(parse(NESTED).root) == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0)'
        b'("message" "rfc822" NIL NIL "forwarded" "7bit" 175 ' + inner_envelope + b" "
        b'(("text" "plain" NIL NIL NIL "7bit" 3 0)("text" "html" NIL NIL NIL "7bit" 12 0) "alternative") 11)'
        b'("image" "png" ("name" "x.png") NIL NIL "base64" 4) "mixed")',
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL)'
        b'("message" "rfc822" NIL NIL "forwarded" "7bit" 175 ' + inner_envelope + b" "
        b'(("text" "plain" NIL NIL NIL "7bit" 3 0 NIL NIL NIL NIL)'
        b'("text" "html" NIL NIL NIL "7bit" 12 0 NIL NIL NIL NIL) "alternative" '
        b'("boundary" "inner") NIL NIL NIL) 11 NIL NIL NIL NIL)'
        b'("image" "png" ("name" "x.png") NIL NIL "base64" 4 NIL '
        b'("attachment" ("filename" "x.png")) NIL NIL) '
        b'"mixed" ("boundary" "outer") NIL NIL NIL)',
    )


def test_all_extension_data_is_shown() -> None:
    """RFC 9051 section 7.5.2; RFC 2231 section 4."""
    octets = (
        b"Content-Type: application/pdf; name*=utf-8''%e2%82%ac\r\nContent-MD5: abc\r\n"
        b"Content-Disposition: inline\r\nContent-Language: de, en\r\nContent-Location: http://x/\r\n"
        b"Content-ID: <a@b>\r\n\r\n"
    )
    assert body_forms(parse(octets).root)[1] == (
        b'("application" "pdf" ("name*" "utf-8\'\'%E2%82%AC") "<a@b>" NIL "7bit" 0 "abc" '
        b'("inline" NIL) ("de" "en") "http://x/")'
    )
    one = body_forms(parse(b"Content-Language: de\r\n\r\n").root)[1]
    assert one.endswith(b'7bit" 0 0 NIL NIL "de" NIL)')


@pytest.mark.parametrize("kind", [b"multipart/mixed", b"multipart/mixed; boundary=b"])
def test_a_multipart_without_parts_shows_an_empty_text(kind: bytes) -> None:
    """RFC 9051 section 9: body-type-mpart has at least one body."""
    short, extended = body_forms(parse(b"Content-Type: " + kind + b"\r\n\r\nnothing").root)
    assert short == b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) "mixed")'
    assert extended.startswith(
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) "mixed"'
    )
    inside = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: " + kind + b"\r\n\r\n--o--"
    )
    assert body_forms(parse(inside).root)[0] == b"(" + short + b' "mixed")'


def test_a_message_that_is_encoded_shows_an_empty_message() -> None:
    octets = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
    assert body_forms(parse(octets).root)[0] == (
        b'("message" "rfc822" NIL NIL NIL "base64" 6 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) '
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) 1)'
    )


_STRING = re.compile(rb'"(?:[^"\\\r\n\x80-\xff\x00]|\\["\\])*"')


def check_wire(octets: bytes) -> None:
    """Strings are well formed, parentheses balance, nothing else is there."""
    out, position, depth = [], 0, 0
    while position < len(octets):
        octet = octets[position : position + 1]
        if octet == b'"':
            match = _STRING.match(octets, position)
            assert match, octets[position : position + 50]
            position = match.end()
        elif octet == b"{":
            size, _, _ = octets[position + 1 :].partition(b"}\r\n")
            position += len(size) + 4 + int(size)
        else:
            depth += (octet == b"(") - (octet == b")")
            assert depth >= 0
            out.append(octet)
            position += 1
    assert depth == 0
    assert set(b"".join(out)) <= set(b"() NIL0123456789")


@given(
    st.binary(max_size=200),
    st.sampled_from([b"From: ", b"To: g:", b"Subject: ", b"Content-Type: a/b; x=", b""]),
)
def test_any_octets_give_well_formed_wire(octets: bytes, name: bytes) -> None:
    message = name + octets + b"\r\nContent-Disposition: attachment; f=" + octets + b"\r\n\r\n"
    check_wire(envelope_of(message))
    for form in body_forms(parse(message).root):
        check_wire(form)
    check_wire(body_forms(parse(NESTED.replace(b"inner\r\n", octets)).root)[1])


def test_utf8_stands_as_it_is_for_those_who_take_it() -> None:
    """RFC 6855 section 3; RFC 9051 section 7.5.2. Encoded-words stay in both forms."""
    octets = (
        "From: Jürgen <jürgen@bücher.example>\r\nSubject: Grüße =?utf-8?q?=C3=A9?=\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        '--b\r\nContent-Type: text/plain; name="é\\"x.txt"\r\nContent-Description: Größe\r\n'
        "Content-Disposition: attachment; filename*=utf-8''%C3%A9.txt\r\n\r\nx\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: innen ü\r\n\r\ny\r\n--b--\r\n"
    ).encode()
    root = parse(octets).root
    forms = utf8_forms(octets, root)
    assert '"Grüße =?utf-8?q?=C3=A9?="'.encode() in forms.envelope
    assert '(("Jürgen" NIL "jürgen" "bücher.example"))'.encode() in forms.envelope
    assert '("name" "é\\"x.txt")'.encode() in forms.body
    assert '"Größe"'.encode() in forms.body
    assert '("attachment" ("filename" "é.txt"))'.encode() in forms.bodystructure
    assert '(NIL "innen ü" NIL NIL NIL NIL NIL NIL NIL NIL)'.encode() in forms.bodystructure
    ascii_forms = (envelope_of(octets), *body_forms(root))
    assert b"".join(ascii_forms).isascii()
    assert b"xn--bcher-kva.example" in ascii_forms[0]


@given(st.binary(max_size=300))
def test_the_utf8_forms_are_valid_and_those_of_ascii_mail_are_the_same(octets: bytes) -> None:
    """Only text beyond ASCII differs."""
    for message in (octets, octets.decode("ascii", "ignore").encode()):
        root = parse(message).root
        forms = utf8_forms(message, root)
        b"".join(forms).decode("utf-8")
        if message.isascii() and b"%" not in message:
            assert forms == (envelope_of(message), *body_forms(root))


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("é", '"é"'.encode()),
        ('a"\\b', b'"a\\"\\\\b"'),
        ("a\0b\r\nc", b'"ab  c"'),
        ("é" * 513, b"{1026}\r\n" + "é".encode() * 513),
        ("é" * 512, b'"' + "é".encode() * 512 + b'"'),
    ],
)
def test_utf8_strings_are_quoted_or_literals(text: str, octets: bytes) -> None:
    """RFC 9051 section 4.3."""
    assert utf8_string(text) == octets


@pytest.mark.parametrize("length", [MAX_CALL - 1, MAX_CALL, MAX_CALL + 1, MAX_CALL + 5000])
def test_long_strings_are_literals_that_read_the_same(length: int) -> None:
    """RFC 9051 section 4.3."""
    text = "x" * (length - 3) + "\r\ny"
    assert string(text) == utf8_string(text) == b"{%d}\r\n%b" % (length, text.replace("\r\n", "  ").encode())
    wide = "\u00e9 " * (length // 2) + "\u00e9" * (length % 2)
    size, _, words = string(wide).partition(b"\r\n")
    assert (size, words.isascii()) == (b"{%d}" % len(words), True)
    assert decode_words(words.decode()) == wide
    assert utf8_string(wide).partition(b"\r\n")[2] == wide.encode()
