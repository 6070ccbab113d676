import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.smtp import ENVELOPE, OFFER, OPTIONS, codes, decide, feed, opened, take_events

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import LocalProtocolError
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.command_lines import MAX_COMMAND_OCTETS, MAX_RESPONSE_OCTETS
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.protocol.states import State

A = Address("a", "client.example")
B = Address("b", "host.example")
LOGIN = replace(OPTIONS, offer=OFFER, starttls=True, extensions=Extensions(chunking=True))
DIALOGUE = ENVELOPE + b"DATA\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n"

# What brings a new core into each state in which it reads.
WAY_TO = {
    State.GREETED: b"",
    State.READY: b"EHLO c.example\r\n",
    State.MAIL: b"EHLO c.example\r\nMAIL FROM:<>\r\n",
    State.RCPT: ENVELOPE,
    State.AUTH: b"EHLO c.example\r\nAUTH LOGIN\r\n",
    State.DATA: ENVELOPE + b"DATA\r\n",
}


@pytest.mark.parametrize("step", [1, 2, 7, len(DIALOGUE)])
def test_events_do_not_depend_on_how_octets_are_cut(step: int) -> None:
    """RFC 5321 section 3.3; RFC 2920 section 3.2 for the whole dialogue in one piece."""
    protocol = SmtpServerProtocol(OPTIONS)
    assert feed(protocol, DIALOGUE, step) == [
        events.Opened(),
        events.Hello("client.example", extended=True),
        events.Mail(A),
        events.Recipient(B),
        events.DataRequested(),
        events.MailData(b"Subject: hi\r\n\r\n.dot\r\n"),
        events.MailDataEnd(Envelope(reverse_path=A, recipients=(B,))),
    ]
    assert protocol.state is State.CLOSED
    assert codes(protocol.bytes_to_send()) == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]


# RFC 5321 section 4.1.4. Written out here by hand: the reply code and the state that follows.
G, R, M, T = State.GREETED, State.READY, State.MAIL, State.RCPT
TABLE = [
    # command                     GREETED    READY      MAIL       RCPT
    (b"EHLO c.example", (250, R), (250, R), (250, R), (250, R)),
    (b"HELO c.example", (250, R), (250, R), (250, R), (250, R)),
    (b"MAIL FROM:<>", (503, G), (250, M), (503, M), (503, T)),
    (b"RCPT TO:<b@host.example>", (503, G), (503, R), (250, T), (250, T)),
    (b"RCPT TO:<unknown@host.example>", (503, G), (503, R), (550, M), (550, T)),
    (b"DATA", (503, G), (503, R), (503, M), (354, State.DATA)),
    (b"RSET", (250, G), (250, R), (250, R), (250, R)),
    (b"NOOP", (250, G), (250, R), (250, M), (250, T)),
    (b"VRFY b", (252, G), (252, R), (252, M), (252, T)),
    (b"HELP", (214, G), (214, R), (214, M), (214, T)),
    (b"EXPN b", (252, G), (252, R), (252, M), (252, T)),
    (b"STARTTLS", (220, State.TLS), (220, State.TLS), (503, M), (503, T)),
    (b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==", (503, G), (235, R), (503, M), (503, T)),
    (b"AUTH PLAIN AHRpbQB3cm9uZw==", (503, G), (535, R), (503, M), (503, T)),
    (b"AUTH LOGIN", (503, G), (334, State.AUTH), (503, M), (503, T)),
    (b"QUIT", *((221, State.CLOSED),) * 4),
    (b"LHLO c.example", (500, G), (500, R), (500, M), (500, T)),
    (b"BDAT 0 LAST", (503, G), (503, R), (503, R), (250, R)),
    (b"BDAT 0", (503, G), (503, R), (503, R), (250, State.CHUNKS)),
    (b"BDAT x", *((521, State.CLOSED),) * 4),
    (b"XCLIENT ADDR=1.2.3.4", (500, G), (500, R), (500, M), (500, T)),
    (b"GET / HTTP/1.1", *((421, State.CLOSED),) * 4),
]


@pytest.mark.parametrize("column", [0, 1, 2, 3], ids=["GREETED", "READY", "MAIL", "RCPT"])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0].decode())
def test_each_command_in_each_state(row: tuple[bytes, *tuple[tuple[int, State], ...]], column: int) -> None:
    """RFC 5321 section 4.1.4, RFC 3207 section 4, RFC 4954 section 4."""
    before = (G, R, M, T)[column]
    protocol = opened(LOGIN, WAY_TO[before])
    assert protocol.state is before
    code, after = row[1:][column]
    feed(protocol, row[0] + b"\r\n")
    assert codes(protocol.bytes_to_send()) == [str(code).encode()]
    assert protocol.state is after


def test_a_refused_greeting_leaves_quit_only() -> None:
    """RFC 5321 section 3.1."""
    protocol = SmtpServerProtocol(OPTIONS)
    no_mail = Reply(554, "5.3.2", "No mail here")
    feed(protocol, b"EHLO c.example\r\nNOOP\r\nQUIT\r\n", decision=lambda _event: no_mail)
    assert codes(protocol.bytes_to_send()) == [b"554", b"503", b"503", b"221"]


OUTCOMES = [None, Reply(250, "2.0.0", "x"), Reply(451, "4.0.0", "x"), Reply(550, "5.0.0", "x")]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=str)
def test_the_envelope_is_empty_after_each_outcome_of_mail_data(outcome: Reply | None) -> None:
    """Postfix 20260812: the envelope stayed after end of data was refused."""

    def decision(event: events.Event) -> Reply | None:
        return outcome if isinstance(event, events.MailDataEnd) else None

    protocol = opened()
    feed(protocol, ENVELOPE + b"DATA\r\nx\r\n.\r\n", decision=decision)
    assert protocol.mail is None
    protocol.bytes_to_send()
    assert feed(protocol, b"RCPT TO:<c@host.example>\r\nDATA\r\n") == []
    assert codes(protocol.bytes_to_send()) == [b"503", b"503"]
    seen = feed(protocol, b"MAIL FROM:<>\r\nRCPT TO:<c@host.example>\r\nDATA\r\n.\r\n")
    envelope = Envelope(reverse_path=None, recipients=(Address("c", "host.example"),))
    assert seen[-1] == events.MailDataEnd(envelope)


@pytest.mark.parametrize("command", [b"RSET", b"EHLO c.example", b"HELO c.example"])
def test_the_envelope_is_empty_after_what_resets_it(command: bytes) -> None:
    """RFC 5321 sections 4.1.1.5 and 4.1.4; Postfix 20260803: MAIL was reset and RCPT was not."""
    protocol = opened(octets=ENVELOPE + command + b"\r\n")
    seen = feed(protocol, b"MAIL FROM:<>\r\nRCPT TO:<c@host.example>\r\nDATA\r\n.\r\n")
    envelope = Envelope(reverse_path=None, recipients=(Address("c", "host.example"),))
    assert seen[-1] == events.MailDataEnd(envelope)


def test_a_refused_hello_keeps_the_transaction() -> None:
    """RFC 5321 section 4.1.4: if EHLO is not acceptable, the state stays as it was."""

    def decision(event: events.Event) -> Reply | None:
        return Reply(550, "5.7.1", "x") if event == events.Hello("bad.example", extended=True) else None

    protocol = opened(octets=ENVELOPE)
    feed(protocol, b"EHLO bad.example\r\n", decision=decision)
    assert protocol.state is State.RCPT
    assert protocol.mail == events.Mail(A)


def test_a_recipient_named_twice_is_one() -> None:
    protocol = opened(octets=ENVELOPE + b"RCPT TO:<b@HOST.example>\r\nDATA\r\n")
    assert feed(protocol, b".\r\n") == [events.MailDataEnd(Envelope(reverse_path=A, recipients=(B,)))]


def test_eight_bit_mail_data_is_noticed_without_the_parameter() -> None:
    """RFC 6152 section 3."""
    protocol = opened(octets=ENVELOPE + b"DATA\r\n")
    end = feed(protocol, b"\xfc\r\n.\r\n")[-1]
    assert isinstance(end, events.MailDataEnd)
    assert end.envelope.eight_bit


# STARTTLS injection: NO STARTTLS study; CVE-2021-33515, CVE-2021-38542.


@pytest.mark.parametrize(
    "injected",
    [b"X", b"\r\n", b"EHLO evil.example\r\n", b"STARTTLS\r\n", b"NOOP\r\n" * 11_000, b"\x16\x03\x01"],
)
def test_octets_behind_starttls_end_the_conversation(injected: bytes) -> None:
    """RFC 3207 section 6."""
    protocol = opened(LOGIN, b"EHLO c.example\r\n")
    assert feed(protocol, b"STARTTLS\r\n" + injected) == []
    assert codes(protocol.bytes_to_send()) == [b"421"]
    assert protocol.state is State.CLOSED


def test_octets_after_the_answer_to_starttls_are_never_read_by_this_core() -> None:
    """RFC 3207 section 6: in a later segment they end as a broken handshake."""
    protocol = opened(LOGIN, b"EHLO c.example\r\nSTARTTLS\r\n")
    assert protocol.state is State.TLS
    assert feed(protocol, b"MAIL FROM:<>\r\n") == []
    assert protocol.bytes_to_send() == b""


def test_a_core_after_the_handshake_begins_after_the_greeting_and_knows_nothing() -> None:
    """RFC 3207 section 4.2."""
    protocol = SmtpServerProtocol(replace(LOGIN, starttls=False), State.GREETED)
    feed(protocol, b"MAIL FROM:<>\r\nSTARTTLS\r\nEHLO c.example\r\n")
    out = protocol.bytes_to_send()
    assert codes(out) == [b"503", b"502", b"250"]
    assert b"STARTTLS" not in out


# Limits


@pytest.mark.parametrize(
    ("extra", "expected"), [(-1, [b"250"]), (0, [b"250"]), (1, [b"500"])], ids=["n-1", "n", "n+1"]
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_command_lines_are_bounded(extra: int, expected: list[bytes], step: int) -> None:
    """RFC 5321 section 4.5.3.1.4."""
    protocol = opened(octets=b"EHLO c.example\r\n")
    line = b"NOOP ".ljust(MAX_COMMAND_OCTETS - 2 + extra, b"x") + b"\r\n"
    feed(protocol, line, step)
    assert codes(protocol.bytes_to_send()) == expected
    feed(protocol, b"NOOP\r\n", step)
    assert codes(protocol.bytes_to_send()) == [b"250"]


def test_the_second_long_line_ends_the_conversation() -> None:
    """RFC 5321 section 4.5.3.1.4; the tail of a long line is never a command."""
    protocol = opened(octets=b"EHLO c.example\r\n")
    feed(protocol, b"x" * 5_000 + b" \r\n", 100)
    assert codes(protocol.bytes_to_send()) == [b"500"]
    feed(protocol, b"y" * 5_000, 100)
    assert codes(protocol.bytes_to_send()) == [b"500"]
    assert protocol.state is State.CLOSED


@pytest.mark.parametrize("state", [State.GREETED, State.READY, State.RCPT, State.AUTH])
def test_a_line_without_end_is_not_kept(state: State) -> None:
    """CVE-2020-7046 and others: memory while a command is read."""
    protocol = opened(LOGIN, WAY_TO[state])
    for _ in range(100):
        feed(protocol, b"x" * 65_536)
        assert len(protocol._buffer) <= MAX_RESPONSE_OCTETS


@pytest.mark.parametrize(("extra", "expected"), [(-4, [b"334"]), (0, [b"501"]), (4, [b"500"])])
def test_auth_responses_are_bounded(extra: int, expected: list[bytes]) -> None:
    """RFC 4954 section 4: 12,288 octets; LOGIN itself takes names of 1,024."""
    protocol = opened(LOGIN, WAY_TO[State.AUTH])
    octets = b"QUFB" * 256 if extra < 0 else b"QUFB" * ((MAX_RESPONSE_OCTETS - 2 + extra) // 4)
    feed(protocol, octets + b"\r\n")
    assert codes(protocol.bytes_to_send()) == expected


@pytest.mark.parametrize(("count", "refused"), [(2, 0), (3, 0), (4, 1), (40, 37)])
def test_recipients_are_bounded_without_an_error(count: int, refused: int) -> None:
    """RFC 5321 section 4.5.3.1.10: 452, and the rest is sent later."""
    options = replace(OPTIONS, max_recipients=3)
    protocol = opened(options, b"EHLO c.example\r\nMAIL FROM:<>\r\n")
    feed(protocol, b"".join(b"RCPT TO:<r%d@host.example>\r\n" % n for n in range(count)))
    assert codes(protocol.bytes_to_send()) == [b"250"] * (count - refused) + [b"452"] * refused
    assert protocol.errors == 0
    end = feed(protocol, b"DATA\r\n.\r\n")[-1]
    assert isinstance(end, events.MailDataEnd)
    assert len(end.envelope.recipients) == count - refused


@pytest.mark.parametrize(("extra", "expected"), [(-1, b"250"), (0, b"250"), (1, b"552")])
@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_messages_are_bounded(extra: int, expected: bytes, step: int) -> None:
    """RFC 1870 section 6.3: the message is read to its end."""
    protocol = opened(replace(OPTIONS, max_message_octets=50), ENVELOPE + b"DATA\r\n")
    message = b"x" * (48 + extra) + b"\r\n"
    seen = feed(protocol, message + b".\r\nNOOP\r\n", step)
    assert codes(protocol.bytes_to_send()) == [expected, b"250"]
    assert isinstance(seen[-1], events.MailDataEnd if extra <= 0 else events.MailDataAborted)


def test_a_message_far_beyond_the_limit_ends_the_conversation() -> None:
    protocol = opened(replace(OPTIONS, max_message_octets=50), ENVELOPE + b"DATA\r\n")
    seen = feed(protocol, b"x" * 120, 10)
    assert seen[-1] == events.MailDataAborted()
    assert codes(protocol.bytes_to_send()) == [b"552"]
    assert protocol.state is State.CLOSED


def test_a_driver_can_refuse_a_message_that_is_coming_in() -> None:
    protocol = opened(octets=ENVELOPE + b"DATA\r\n")
    assert feed(protocol, b"one\r\ntwo") == [events.MailData(b"one\r\ntwo")]
    protocol.refuse_mail_data(reply.NO_MEMORY)
    assert feed(protocol, b"more\r\n.\r\nNOOP\r\n") == [events.MailDataAborted()]
    assert codes(protocol.bytes_to_send()) == [b"452", b"250"]
    assert protocol.mail is None


def test_errors_are_counted_and_then_end_the_conversation() -> None:
    """Postfix: hard limit 20."""
    protocol = opened()
    for count in range(1, 20):
        feed(protocol, b"NOPE\r\n")
        assert codes(protocol.bytes_to_send()) == [b"500"]
        assert protocol.errors == count
    feed(protocol, b"NOPE\r\nEHLO c.example\r\n")
    assert codes(protocol.bytes_to_send()) == [b"500", b"421"]
    assert protocol.state is State.CLOSED


def test_refused_recipients_are_errors_and_an_accepted_message_forgives_them() -> None:
    protocol = opened(octets=ENVELOPE + b"RCPT TO:<unknown@host.example>\r\n" * 15)
    assert protocol.errors == 15
    feed(protocol, b"DATA\r\n.\r\n")
    assert protocol.errors == 0


def test_junk_commands_become_errors() -> None:
    """Postfix: 100 NOOP, RSET, VRFY between two messages."""
    protocol = opened(octets=b"EHLO c.example\r\n" + b"NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\n" * 25)
    assert protocol.errors == 0
    feed(protocol, b"NOOP\r\n")
    assert protocol.errors == 1
    feed(protocol, b"NOOP\r\n" * 30)
    assert protocol.state is State.CLOSED


@pytest.mark.parametrize(
    "line", [b"EHLO c.example\r\n", b"HELO c.example\r\n", b"RCPT TO:<b@host.example>\r\n"]
)
def test_repeated_greetings_and_recipients_are_junk(line: bytes) -> None:
    """S9, S12: accepted every time, they would never come to an end."""
    protocol = opened(octets=ENVELOPE + line * 100)
    assert protocol.errors == 0
    feed(protocol, line)
    assert protocol.errors == 1
    feed(protocol, line * 30)
    assert protocol.state is State.CLOSED


def test_recipients_beyond_the_limit_come_to_an_end() -> None:
    """S12: 452 is no error of an honest client, and no licence to ask for ever."""
    options = dataclasses.replace(OPTIONS, max_recipients=1, junk_commands=5)
    protocol = opened(options, ENVELOPE + b"".join(b"RCPT TO:<x%d@host.example>\r\n" % n for n in range(5)))
    assert protocol.errors == 0
    feed(protocol, b"".join(b"RCPT TO:<y%d@host.example>\r\n" % n for n in range(30)))
    assert protocol.state is State.CLOSED


@pytest.mark.parametrize("character", ["\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u200b"])
@pytest.mark.parametrize("command", ["MAIL FROM", "RCPT TO"])
def test_an_address_with_a_character_that_cannot_be_shown_is_refused(command: str, character: str) -> None:
    """S17: it would stand in Received, Return-Path, reports and logs."""
    protocol = opened(octets=b"EHLO c.example\r\n")
    if command == "RCPT TO":
        feed(protocol, b"MAIL FROM:<> SMTPUTF8\r\n")
    protocol.bytes_to_send()
    tail = " SMTPUTF8" if command == "MAIL FROM" else ""
    feed(protocol, f"{command}:<a{character}b@host.example>{tail}\r\n".encode())
    assert protocol.bytes_to_send().startswith(b"501 5.1.")


# The contract towards the driver


def test_only_the_driver_can_make_it_raise() -> None:
    protocol = SmtpServerProtocol(OPTIONS)
    with pytest.raises(LocalProtocolError):
        protocol.accept()
    with pytest.raises(LocalProtocolError):
        protocol.answer(reply.OK)
    with pytest.raises(LocalProtocolError):
        protocol.refuse_mail_data(reply.NO_MEMORY)
    protocol.next_event()
    with pytest.raises(LocalProtocolError):
        protocol.next_event()


@pytest.mark.parametrize("octets", [b"", b"EHLO c", ENVELOPE, ENVELOPE + b"DATA\r\nabc"])
def test_the_end_of_the_stream_closes_without_a_word(octets: bytes) -> None:
    """RFC 5321 section 3.8."""
    protocol = opened(octets=octets)
    protocol.receive_data(b"")
    assert take_events(protocol) == []
    assert protocol.state is State.CLOSED
    assert protocol.bytes_to_send() == b""


def test_closing_can_be_done_in_any_state() -> None:
    for way in WAY_TO.values():
        protocol = opened(LOGIN, way)
        protocol.close(reply.CLOSING_IDLE)
        assert protocol.state is State.CLOSED
        assert codes(protocol.bytes_to_send()) == [b"421"]
        assert protocol.next_event() is None


COMMANDS = st.sampled_from(
    [row[0] + b"\r\n" for row in TABLE]
    + [
        b"RCPT TO:<busy@host.example>\r\n",
        b"RCPT TO:<closing@host.example>\r\n",
        b"MAIL FROM:<a@client.example> SIZE=99999999999\r\n",
        b"dGlt\r\n",
        b"*\r\n",
        b".\r\n",
        b"x\r\n.\r\n",
        b"x\n.\r\n",
        b"\r\n.\r\n",
        b"x" * 3_000,
    ]
)
PIECES = st.lists(COMMANDS | st.binary(max_size=20), max_size=12)


@given(way=st.sampled_from(list(WAY_TO.values())), pieces=PIECES, step=st.integers(1, 9))
def test_no_input_in_any_state_raises_or_breaks_a_promise(way: bytes, pieces: list[bytes], step: int) -> None:
    """RFC 5321 section 4.1.4, as a model: what a message's envelope holds was accepted for it."""
    protocol = opened(LOGIN, way)
    accepted: list[Address] = [B] if way.startswith(ENVELOPE) else []

    def decision(event: events.Event) -> Reply | None:
        if isinstance(event, events.MailDataEnd):
            assert event.envelope.recipients == tuple(dict.fromkeys(accepted))
            assert accepted
        answer = decide(event)
        if isinstance(event, events.Recipient) and (answer is None or answer.positive):
            accepted.append(event.forward_path)
        elif isinstance(event, events.Mail | events.MailDataEnd):
            accepted.clear()
        return answer

    for piece in pieces:
        before = protocol.state
        seen = feed(protocol, piece, step, decision)
        if before in {State.CLOSED, State.TLS}:
            assert seen == []
            assert protocol.state is before
        if protocol.state in {State.GREETED, State.READY}:
            assert protocol.mail is None
    for line in protocol.bytes_to_send().splitlines():
        assert line[:3].isdigit()


@given(pieces=PIECES, step=st.integers(1, 9))
def test_what_is_said_does_not_depend_on_the_cut(pieces: list[bytes], step: int) -> None:
    """RFC 2920 section 3.2; STARTTLS apart, where octets that come together are an attack."""
    octets = b"".join(pieces).replace(b"STARTTLS", b"NOOP")
    whole, cut = opened(LOGIN), opened(LOGIN)
    assert feed(whole, octets) == feed(cut, octets, step)
    assert whole.bytes_to_send() == cut.bytes_to_send()
    assert whole.state is cut.state
