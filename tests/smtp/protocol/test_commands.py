import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.smtp import OFFER, OPTIONS

from pymailcore.base.address import Address
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.commands import parse_hello, parse_mail, parse_recipient
from pymailcore.smtp.protocol.reply import CommandRefused, Reply

B = Address("b", "host.example")


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (b"<b@host.example>", B),
        (b"<b@HOST.Example>", B),
        (b"<@relay.example:b@host.example>", B),
        (b"<@one.example,@two.example:b@host.example>", B),
        (b'<"b"@host.example>', B),
        (b'<"a b"@host.example>', Address("a b", "host.example")),
        (b'<"a@b"@host.example>', Address("a@b", "host.example")),
        (b'<"a>b"@host.example>', Address("a>b", "host.example")),
        (b'<"a\\"b"@host.example>', Address('a"b', "host.example")),
        (b"<b%other.example@host.example>", Address("b%other.example", "host.example")),
        (b"<other.example!b@host.example>", Address("other.example!b", "host.example")),
        (b"<b@[192.0.2.1]>", Address("b", "[192.0.2.1]")),
        (b"<b@[IPv6:2001:db8::1]>", Address("b", "[ipv6:2001:db8::1]")),
        (b"<POSTMASTER>", Address("POSTMASTER", "host.example")),
        (b"  <b@host.example>", B),
    ],
)
def test_paths_are_read(path: bytes, address: Address) -> None:
    """RFC 5321 section 4.1.2."""
    event = parse_recipient(b"TO:" + path, OPTIONS, smtputf8=False)
    assert event == events.Recipient(address)


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"<>",
        b"<b>",
        b"b@host.example",
        b"<b@host.example",
        b"<b@@host.example>",
        b"<b@host.example@other.example>",
        b"<b @host.example>",
        b"<b@host .example>",
        b"<b@-host.example>",
        b"<b@host..example>",
        b"<.b@host.example>",
        b'<"b@host.example>',
        b'<""@host.example>',
        b'<"a"b"@host.example>',
        b"<@relay.example>",
        b"<@relay.example:>",
        b"<b@host.example>>",
        b"<b@host.example><c@host.example>",
        b"<b@host.example>NOTIFY=NEVER",
        b"<<b@host.example>>",
        b"<" + b"x" * 65 + b"@host.example>",
        b"<b@" + b"x" * 64 + b".example>",
    ],
)
def test_what_is_no_path_is_refused(path: bytes) -> None:
    """RFC 5321 section 4.1.2."""
    with pytest.raises(CommandRefused) as refused:
        parse_recipient(b"TO:" + path, OPTIONS, smtputf8=False)
    assert refused.value.reply in {reply.BAD_RECIPIENT, reply.SYNTAX}


def test_mail_has_its_parameters() -> None:
    """RFC 1870 section 6, RFC 6152 section 2, RFC 6531 section 3.4, RFC 4954 section 5."""
    login = replace(OPTIONS, offer=OFFER)
    arguments = b"FROM:<b@host.example> SIZE=7  body=8BITMIME SMTPUTF8 AUTH=<>"
    assert parse_mail(arguments, login) == events.Mail(B, 7, eight_bit=True, smtputf8=True)
    assert parse_mail(b"from:<> BODY=7bit", OPTIONS) == events.Mail(None)


@pytest.mark.parametrize(
    ("tail", "refusal"),
    [
        (b"SIZE", reply.SYNTAX),
        (b"SIZE=", reply.SYNTAX),
        (b"SIZE=-1", reply.SYNTAX),
        (b"SIZE=" + b"1" * 21, reply.SYNTAX),
        (b"SIZE=100001", reply.TOO_LARGE),
        (b"BODY", reply.SYNTAX),
        (b"BODY=BINARYMIME", reply.UNKNOWN_PARAMETER),
        (b"SMTPUTF8=1", reply.SYNTAX),
        (b"AUTH=<>", reply.UNKNOWN_PARAMETER),
        (b"X=1", reply.UNKNOWN_PARAMETER),
        (b"-X=1", reply.SYNTAX),
        (b"X==1", reply.SYNTAX),
        (b"SIZE=1 size=1", reply.SYNTAX),
        (b" ".join(b"X%d=1" % n for n in range(17)), reply.SYNTAX),
    ],
)
def test_bad_parameters_are_refused(tail: bytes, refusal: Reply) -> None:
    """RFC 5321 section 4.1.1.11."""
    with pytest.raises(CommandRefused) as refused:
        parse_mail(b"FROM:<> " + tail, OPTIONS)
    assert refused.value.reply == refusal


@pytest.mark.parametrize(("extra", "good"), [(-1, True), (0, True), (1, False)])
def test_the_declared_size_is_bounded(extra: int, good: bool) -> None:
    """RFC 1870 section 6.1."""
    arguments = b"FROM:<> SIZE=%d" % (OPTIONS.max_message_octets + extra)
    if good:
        assert parse_mail(arguments, OPTIONS).size_octets
    else:
        with pytest.raises(CommandRefused):
            parse_mail(arguments, OPTIONS)


@pytest.mark.parametrize(
    "name", [b"c.example", b"[192.0.2.1]", b"[IPv6:2001:db8::1]", b"under_score", b"x" * 255]
)
def test_names_are_taken(name: bytes) -> None:
    """RFC 5321 section 4.1.1.1."""
    assert parse_hello(name, extended=True) == events.Hello(name.decode(), extended=True)


@pytest.mark.parametrize("name", [b"", b"a b", b"a(b)", b"a\r\nb", b"\xc3\xbc.example", b"x" * 256, b'"'])
def test_names_that_could_harm_a_header_field_are_not(name: bytes) -> None:
    """RFC 5321 section 4.1.1.1; RFC 6531 section 3.7.1 asks for A-labels."""
    with pytest.raises(CommandRefused):
        parse_hello(name, extended=False)


TEXT = st.text(alphabet='<>@:,." \\ab%!=+\xfc', max_size=30).map(str.encode) | st.binary(max_size=30)


@given(text=TEXT, smtputf8=st.booleans())
def test_no_arguments_raise_anything_else(text: bytes, smtputf8: bool) -> None:
    for arguments in (text, b"FROM:" + text, b"TO:<" + text, b"FROM:<a@b.example> " + text):
        with contextlib.suppress(CommandRefused):
            parse_mail(arguments, OPTIONS)
        with contextlib.suppress(CommandRefused):
            event = parse_recipient(arguments, OPTIONS, smtputf8=smtputf8)
            assert Address.parse(str(event.forward_path)) == event.forward_path
