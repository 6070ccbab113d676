"""The states that the table of test_server.py leaves out, and the listeners that know other commands."""

from dataclasses import replace

import pytest
from tests.smtp.protocol.test_server import LOGIN, TABLE, WAY_TO
from tests.support.smtp import ENVELOPE, OPTIONS, codes, feed, opened

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.protocol.states import State

C, F, R, CLOSED = State.CHUNKS, State.REFUSED, State.READY, State.CLOSED
# Between two chunks (RFC 3030 section 2), and behind a greeting of 554 (RFC 5321 section 3.1).
FURTHER = {
    b"EHLO c.example": ((250, R), (503, F)),
    b"HELO c.example": ((250, R), (503, F)),
    b"MAIL FROM:<>": ((503, C), (503, F)),
    b"RCPT TO:<b@host.example>": ((503, C), (503, F)),
    b"RCPT TO:<unknown@host.example>": ((503, C), (503, F)),
    b"DATA": ((503, C), (503, F)),
    b"RSET": ((250, R), (503, F)),
    b"NOOP": ((250, C), (503, F)),
    b"VRFY b": ((252, C), (503, F)),
    b"HELP": ((214, C), (503, F)),
    b"EXPN b": ((252, C), (503, F)),
    b"STARTTLS": ((503, C), (503, F)),
    b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==": ((503, C), (503, F)),
    b"AUTH PLAIN AHRpbQB3cm9uZw==": ((503, C), (503, F)),
    b"AUTH LOGIN": ((503, C), (503, F)),
    b"QUIT": ((221, CLOSED), (221, CLOSED)),
    b"LHLO c.example": ((500, C), (500, F)),
    b"BDAT 0 LAST": ((250, R), (503, F)),
    b"BDAT 0": ((250, C), (503, F)),
    b"BDAT x": ((521, CLOSED), (503, F)),
    b"XCLIENT ADDR=1.2.3.4": ((500, C), (500, F)),
    b"GET / HTTP/1.1": ((421, CLOSED), (421, CLOSED)),
    b"NOPE": ((500, C), (500, F)),
    b"": ((500, C), (500, F)),
}


def between_chunks() -> SmtpServerProtocol:
    """A core that has one chunk and waits for the next."""
    return opened(LOGIN, ENVELOPE + b"BDAT 1\r\nx")


def refused() -> SmtpServerProtocol:
    """A core that has greeted with 554."""
    protocol = SmtpServerProtocol(LOGIN)
    feed(protocol, b"", decision=lambda _event: Reply(554, "5.3.2", "No mail here"))
    protocol.bytes_to_send()
    return protocol


@pytest.mark.parametrize("column", [0, 1], ids=["CHUNKS", "REFUSED"])
@pytest.mark.parametrize("command", list(FURTHER), ids=lambda command: command.decode() or "nothing")
def test_each_command_in_the_further_states(command: bytes, column: int) -> None:
    protocol = (between_chunks, refused)[column]()
    assert protocol.state is (C, F)[column]
    code, after = FURTHER[command][column]
    feed(protocol, command + b"\r\n")
    assert codes(protocol.bytes_to_send()) == [str(code).encode()]
    assert protocol.state is after


def test_the_tables_have_the_same_commands() -> None:
    """A command that gets a row in one of them gets one in the other."""
    assert {row[0] for row in TABLE} == set(FURTHER) - {b"NOPE", b""}


@pytest.mark.parametrize("command", [b"NOPE", b"", b" ", b"MAIL", b"EHLO\xff c", b"noop\0"])
@pytest.mark.parametrize("state", [State.GREETED, State.READY, State.MAIL, State.RCPT])
def test_what_is_no_command_changes_nothing(command: bytes, state: State) -> None:
    """RFC 5321 section 4.2.4."""
    protocol = opened(LOGIN, WAY_TO[state])
    feed(protocol, command + b"\r\n")
    (code,) = codes(protocol.bytes_to_send())
    assert code in {b"500", b"501", b"503"}
    assert protocol.state is state


@pytest.mark.parametrize("command", [command for command in FURTHER if command])
def test_every_line_is_a_response_while_a_challenge_waits(command: bytes) -> None:
    """RFC 4954 section 4: no command is done; what is no base64 ends the exchange."""
    protocol = opened(LOGIN, WAY_TO[State.AUTH])
    seen = feed(protocol, command + b"\r\n")
    assert not any(isinstance(event, events.Mail | events.Hello | events.StartTls) for event in seen)
    (code,) = codes(protocol.bytes_to_send())
    assert code in {b"334", b"501", b"535"}
    assert protocol.state in {State.AUTH, State.READY}


@pytest.mark.parametrize("command", list(FURTHER))
def test_no_line_is_a_command_inside_mail_data(command: bytes) -> None:
    """RFC 5321 section 4.1.1.4."""
    protocol = opened(LOGIN, WAY_TO[State.DATA])
    assert feed(protocol, command + b"\r\nx") == [events.MailData(command + b"\r\nx")]
    assert protocol.bytes_to_send() == b""
    assert protocol.state is State.DATA


LMTP = replace(LOGIN, lmtp=True)
WAY_BY_LMTP: dict[State, bytes] = {
    state: way.replace(b"EHLO", b"LHLO") for state, way in WAY_TO.items() if state is not State.AUTH
}


@pytest.mark.parametrize("state", [State.GREETED, State.READY, State.MAIL, State.RCPT])
@pytest.mark.parametrize(("command", "code"), [(b"EHLO c", b"500"), (b"HELO c", b"500"), (b"LHLO c", b"250")])
def test_lmtp_has_one_greeting(command: bytes, code: bytes, state: State) -> None:
    """RFC 2033 section 4.1."""
    protocol = opened(LMTP, WAY_BY_LMTP[state])
    feed(protocol, command + b"\r\n")
    assert codes(protocol.bytes_to_send()) == [code]
    assert protocol.state is (State.READY if code == b"250" else state)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.GREETED, b"220"),
        (State.READY, b"220"),
        (State.MAIL, b"503"),
        (State.RCPT, b"503"),
    ],
)
def test_xclient_has_its_place_before_a_message(state: State, code: bytes) -> None:
    protocol = opened(replace(OPTIONS, xclient=True), WAY_TO[state])
    feed(protocol, b"XCLIENT ADDR=1.2.3.4\r\n")
    answered = codes(protocol.bytes_to_send())
    assert protocol.state is (State.RENEWED if code == b"220" else state)
    assert answered == ([] if code == b"220" else [code])
