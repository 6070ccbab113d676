import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.errors import LocalProtocolError
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.append_grammar import NewMessage
from pymailcore.imap.protocol.events import Event, IdleDone, Opened, Requested, SaslResponse
from pymailcore.imap.protocol.flags import Flags
from pymailcore.imap.protocol.responses import bye, no, ok
from pymailcore.imap.protocol.server import (
    MAX_BAD_AFTER_LOGIN,
    MAX_BAD_BEFORE_LOGIN,
    MAX_COMMANDS_BEFORE_LOGIN,
    ImapServerProtocol,
)
from pymailcore.imap.protocol.states import State

DIALOGUE = (
    b"a1 LOGIN {1}\r\na {3+}\r\np w\r\n"
    b"a2 SELECT INBOX\r\n"
    b"a3 IDLE\r\ndone\r\n"
    b"a4 APPEND INBOX {6+}\r\noctets\r\n"
    b"a5 FOO\r\n"
    b"a6 CLOSE\r\n"
    b"a7 CLOSE\r\n"
    b"a8 LOGOUT\r\n"
    b"a9 NOOP\r\n"
)


def new(state: State = State.CONNECTED) -> ImapServerProtocol:
    return ImapServerProtocol(message_octets=1000, annotation_octets=1024, state=state)


def drain(protocol: ImapServerProtocol) -> list[Event]:
    """Take all events; accept everything, ask for one response in AUTHENTICATE."""
    seen = []
    while (event := protocol.next_event()) is not None:
        seen.append(event)
        if isinstance(event, Requested) and isinstance(event.command, c.Idle):
            protocol.idle()
        elif isinstance(event, Requested) and isinstance(event.command, c.Authenticate):
            protocol.challenge(b"?")
        else:
            protocol.answer(ok("Done"))
    return seen


def run(protocol: ImapServerProtocol, octets: bytes, step: int | None = None) -> list[Event]:
    step = step or max(1, len(octets))
    seen = drain(protocol)
    for start in range(0, len(octets), step):
        protocol.receive_data(octets[start : start + step])
        seen += drain(protocol)
    return seen


@pytest.mark.parametrize("step", [1, 2, 7, len(DIALOGUE)])
def test_events_do_not_depend_on_how_octets_are_cut(step: int) -> None:
    """RFC 3501 sections 2.2 and 5.5; the whole dialogue in one piece is pipelining."""
    protocol = new()
    assert run(protocol, DIALOGUE, step) == [
        Opened(),
        Requested(b"a1", c.Login("a", "p w")),
        Requested(b"a2", c.Select("INBOX")),
        Requested(b"a3", c.Idle()),
        IdleDone(),
        Requested(b"a4", c.Append("INBOX", (NewMessage(Flags(), None, (b"octets",)),))),
        Requested(b"a6", c.Close()),
        Requested(b"a8", c.Logout()),
    ]
    assert protocol.state is State.CLOSED
    assert protocol.bytes_to_send().splitlines() == [
        b"* OK Done",
        b"+ Go ahead",
        b"a1 OK Done",
        b"a2 OK Done",
        b"+ idling",
        b"a3 OK Done",
        b"a4 OK Done",
        b"a5 BAD Unknown command",
        b"a6 OK Done",
        b"a7 BAD Not now: no mailbox is selected, or you are logged in already",
        b"a8 OK Done",
    ]
    assert protocol.bytes_to_send() == b""


ANY = {"CAPABILITY", "NOOP", "LOGOUT", "ID NIL"}
STRANGERS = {"STARTTLS", "LOGIN a b", "AUTHENTICATE PLAIN"}
KNOWN = {
    "ENABLE X", "NAMESPACE", "IDLE", "SELECT a", "EXAMINE a", "CREATE a", "DELETE a", "RENAME a b",
    "SUBSCRIBE a", "UNSUBSCRIBE a", 'LIST "" *', 'LSUB "" *', "STATUS a (MESSAGES)", "APPEND a {1+}\r\nx",
}  # fmt: skip
SELECTING = {
    "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH ALL", "FETCH 1 FLAGS", "STORE 1 FLAGS (x)", "COPY 1 a",
    "MOVE 1 a", "UID EXPUNGE 1", "UID SEARCH ALL", "UID FETCH 1 FLAGS", "UID STORE 1 FLAGS (x)",
    "UID COPY 1 a", "UID MOVE 1 a",
}  # fmt: skip
ALLOWED = {
    State.NOT_AUTHENTICATED: ANY | STRANGERS,
    State.AUTHENTICATED: ANY | KNOWN,
    State.SELECTED: ANY | KNOWN | SELECTING,
}


def in_state(state: State) -> ImapServerProtocol:
    protocol = new()
    run(protocol, b"")
    if state is not State.NOT_AUTHENTICATED:
        run(protocol, b"l LOGIN a b\r\n")
    if state is State.SELECTED:
        run(protocol, b"s SELECT a\r\n")
    protocol.bytes_to_send()
    assert protocol.state is state
    return protocol


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("line", sorted(ANY | STRANGERS | KNOWN | SELECTING))
def test_each_command_in_each_state(state: State, line: str) -> None:
    """RFC 3501 section 6: the table of states and commands."""
    protocol = in_state(state)
    protocol.receive_data(b"t " + line.encode() + b"\r\n")
    event = protocol.next_event()
    assert isinstance(event, Requested) is (line in ALLOWED[state])
    if event is None and not line.startswith("APPEND"):
        assert protocol.bytes_to_send().startswith(b"t BAD ")


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (b"SELECT b", State.AUTHENTICATED),
        (b"EXAMINE b", State.AUTHENTICATED),
        (b"CLOSE", State.SELECTED),
        (b"NOOP", State.SELECTED),
        (b"LOGOUT", State.SELECTED),
    ],
)
def test_a_refusal_moves_the_state_only_after_select(line: bytes, after: State) -> None:
    """RFC 3501 section 6.3.1: a SELECT that fails leaves no Mailbox selected."""
    protocol = in_state(State.SELECTED)
    protocol.receive_data(b"t " + line + b"\r\n")
    assert protocol.next_event()
    protocol.answer(no("No"))
    assert protocol.state is after


def test_authentication_with_challenges() -> None:
    """RFC 3501 section 6.2.2."""
    protocol = in_state(State.NOT_AUTHENTICATED)
    seen = run(protocol, b"t AUTHENTICATE PLAIN\r\nAGEAYg==\r\n")
    assert seen == [Requested(b"t", c.Authenticate("PLAIN")), SaslResponse(b"\0a\0b")]
    assert protocol.bytes_to_send() == b"+ Pw==\r\nt OK Done\r\n"
    assert protocol.state is State.AUTHENTICATED


@pytest.mark.parametrize("line", [b"*", b"!", b"AGEAYg=", b" AGEAYg==", b"\xff"])
def test_authentication_can_be_cancelled_and_spoilt(line: bytes) -> None:
    """RFC 3501 section 6.2.2; I9 (Dovecot CVE-2025-59028): nothing but BAD comes of it."""
    protocol = in_state(State.NOT_AUTHENTICATED)
    run(protocol, b"t AUTHENTICATE PLAIN\r\n" + line + b"\r\n")
    assert protocol.bytes_to_send().startswith(b"+ Pw==\r\nt BAD ")
    assert protocol.state is State.NOT_AUTHENTICATED
    assert run(protocol, b"u NOOP\r\n") == [Requested(b"u", c.Noop())]


def test_an_endless_response_ends_the_conversation() -> None:
    """I9."""
    protocol = in_state(State.NOT_AUTHENTICATED)
    run(protocol, b"t AUTHENTICATE PLAIN\r\n" + b"A" * 20_000)
    assert protocol.bytes_to_send().endswith(b"* BYE [TOOBIG] Line is too long\r\n")
    assert protocol.state is State.CLOSED


def test_something_else_than_done_ends_idle_with_bad() -> None:
    """RFC 2177 section 3."""
    protocol = in_state(State.SELECTED)
    assert run(protocol, b"t IDLE\r\nu NOOP\r\nv NOOP\r\n") == [
        Requested(b"t", c.Idle()),
        Requested(b"v", c.Noop()),
    ]
    assert protocol.bytes_to_send() == b"+ idling\r\nt BAD Expected DONE\r\nv OK Done\r\n"


def test_a_literal_is_refused_before_it_is_asked_for() -> None:
    """RFC 9051 section 6.3.12 (TOOBIG), I1."""
    protocol = in_state(State.AUTHENTICATED)
    assert run(protocol, b"t APPEND INBOX {1001}\r\nu NOOP\r\n") == [Requested(b"u", c.Noop())]
    assert protocol.bytes_to_send() == b"t NO [TOOBIG] Literal is too large\r\nu OK Done\r\n"


def test_a_literal_that_comes_unasked_is_refused_behind_it() -> None:
    """RFC 7888 section 4."""
    protocol = in_state(State.AUTHENTICATED)
    assert run(protocol, b"t APPEND INBOX {1001+}\r\n" + b"x" * 1001 + b"\r\nu NOOP\r\n", 100) == [
        Requested(b"u", c.Noop())
    ]
    assert protocol.bytes_to_send() == b"t NO [TOOBIG] Literal is too large\r\nu OK Done\r\n"


@pytest.mark.parametrize(("octets", "fits"), [(8191, True), (8192, True), (8193, False)])
def test_a_stranger_has_8_kib_for_a_command(octets: int, fits: bool) -> None:
    """I1."""
    protocol = in_state(State.NOT_AUTHENTICATED)
    run(protocol, b"t NOOP" + b" " * (octets - 8) + b"\r\n", 1000)
    assert (protocol.bytes_to_send() == b"t OK Done\r\n") is fits
    assert (protocol.state is State.CLOSED) is not fits


def test_the_budget_grows_with_login() -> None:
    """I1."""
    protocol = in_state(State.AUTHENTICATED)
    run(protocol, b"t NOOP" + b" " * 100_000 + b"\r\n", 9999)
    assert protocol.bytes_to_send() == b"t OK Done\r\n"


@pytest.mark.parametrize("state", [State.NOT_AUTHENTICATED, State.AUTHENTICATED])
def test_a_million_parentheses(state: State) -> None:
    """I2 (Dovecot CVE-2026-27857): BYE for a stranger, BAD for somebody known."""
    protocol = in_state(state)
    run(protocol, b"t SEARCH " + b"(" * 1_000_000 + b"\r\n", 65_536)
    said = protocol.bytes_to_send()
    assert said.startswith(b"* BYE" if state is State.NOT_AUTHENTICATED else b"t BAD")


@pytest.mark.parametrize(
    ("state", "most"),
    [(State.NOT_AUTHENTICATED, MAX_BAD_BEFORE_LOGIN), (State.AUTHENTICATED, MAX_BAD_AFTER_LOGIN)],
)
def test_too_many_faults_in_a_row_end_the_conversation(state: State, most: int) -> None:
    """I12: lines of another protocol, for example."""
    protocol = in_state(state)
    run(protocol, b"GET / HTTP/1.1\r\n" * (most - 1))
    assert protocol.state is state
    run(protocol, b"t NOOP\r\n" + b"GET / HTTP/1.1\r\n" * (most - 1))
    assert protocol.state is state
    run(protocol, b"GET / HTTP/1.1\r\n")
    assert protocol.state is State.CLOSED
    assert protocol.bytes_to_send().endswith(b"* BYE Too many faults\r\n")


def test_an_unknown_charset_is_a_no() -> None:
    """RFC 3501 section 6.4.4."""
    protocol = in_state(State.SELECTED)
    run(protocol, b"t SEARCH CHARSET X-UNHEARD-OF ALL\r\n")
    assert protocol.bytes_to_send().startswith(b"t NO [BADCHARSET (US-ASCII UTF-8 ")


@pytest.mark.parametrize("line", [b"\r\n", b"*\r\n", b"(\r\n", b" NOOP\r\n", b"+ NOOP\r\n"])
def test_a_line_without_a_tag_is_an_untagged_bad(line: bytes) -> None:
    """RFC 3501 section 7.1.3."""
    protocol = in_state(State.AUTHENTICATED)
    run(protocol, line)
    assert protocol.bytes_to_send().startswith(b"* BAD ")


def test_a_driver_must_answer_once() -> None:
    """STYLE 3.5: only a mistake in the driver raises."""
    protocol = new()
    assert protocol.next_event() == Opened()
    with pytest.raises(LocalProtocolError):
        protocol.next_event()
    with pytest.raises(LocalProtocolError):
        protocol.idle()
    with pytest.raises(LocalProtocolError):
        protocol.challenge(b"")
    protocol.answer(ok("Hello"))
    with pytest.raises(LocalProtocolError):
        protocol.answer(ok("Hello"))


def test_a_greeting_can_refuse() -> None:
    """RFC 3501 section 7.1.5."""
    protocol = new()
    protocol.next_event()
    protocol.answer(bye("Full"))
    assert protocol.bytes_to_send() == b"* BYE Full\r\n"
    assert protocol.state is State.CLOSED


def test_the_end_of_input_ends_the_conversation_behind_what_is_whole() -> None:
    """A command that was sent whole is served."""
    protocol = in_state(State.AUTHENTICATED)
    protocol.receive_data(b"t NOOP\r\nu NO")
    protocol.receive_data(b"")
    assert drain(protocol) == [Requested(b"t", c.Noop())]
    assert protocol.state is State.CLOSED


def test_closing_says_so_once() -> None:
    """RFC 3501 section 7.1.5."""
    protocol = in_state(State.SELECTED)
    protocol.close(bye("Enough"))
    protocol.close(bye("Enough"))
    assert protocol.bytes_to_send() == b"* BYE Enough\r\n"
    assert protocol.next_event() is None


def test_a_mailbox_can_be_deselected_from_our_side() -> None:
    """The selected Mailbox was deleted by this very session."""
    protocol = in_state(State.SELECTED)
    protocol.deselect()
    assert protocol.state is State.AUTHENTICATED


PIECES = st.sampled_from(
    [
        b"a ",
        b"LOGIN x y\r\n",
        b"SELECT z\r\n",
        b"IDLE\r\n",
        b"DONE\r\n",
        b"AUTHENTICATE PLAIN\r\n",
        b"AGEAYg==\r\n",
        b"APPEND b {3}\r\n",
        b"APPEND b {3+}\r\n",
        b"abc\r\n",
        b"\r\n",
        b"*\r\n",
        b"FETCH 1 BODY[]\r\n",
        b"(",
        b"{9}\r\n",
    ]
)


@given(st.lists(PIECES, max_size=25), st.integers(min_value=1, max_value=9))
def test_no_input_raises_and_no_cut_matters(pieces: list[bytes], step: int) -> None:
    """I5: any state, any input."""
    octets = b"".join(pieces)
    whole, cut = new(), new()
    assert run(whole, octets) == run(cut, octets, step)
    assert whole.bytes_to_send() == cut.bytes_to_send()
    assert whole.state is cut.state


@given(st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    """I5."""
    protocol = in_state(State.SELECTED)
    run(protocol, octets, 3)


@pytest.mark.parametrize("line", [b"a NOOP\r\n", b"a CAPABILITY\r\n", b"a ID NIL\r\n"])
def test_commands_before_a_login_come_to_an_end(line: bytes) -> None:
    """S9: a stranger is not served for ever."""
    protocol = new()
    run(protocol, line * MAX_COMMANDS_BEFORE_LOGIN)
    assert protocol.state is State.CLOSED
    assert protocol.bytes_to_send().endswith(b"* BYE Too many commands before a login\r\n")


def test_a_client_that_has_logged_in_may_say_as_much_as_it_likes() -> None:
    """RFC 3501 section 6.1.2: NOOP is how old clients poll."""
    protocol = new()
    run(protocol, b"a NOOP\r\n" * (MAX_COMMANDS_BEFORE_LOGIN - 1) + b"b LOGIN x y\r\n" + b"c NOOP\r\n" * 500)
    assert protocol.state is State.AUTHENTICATED


def test_octets_behind_starttls_end_the_conversation() -> None:
    """S3, CVE-2021-33515: not one of them is answered, in clear or inside TLS."""
    protocol = new()
    seen = run(protocol, b"a STARTTLS\r\nb NOOP\r\n")
    assert seen == [Opened()]
    assert protocol.bytes_to_send().endswith(b"* BYE Octets after STARTTLS\r\n")
    assert protocol.state is State.CLOSED


def test_a_message_that_finds_no_room_is_refused_for_now() -> None:
    """RFC 5530 section 3 (UNAVAILABLE); the next command is served."""
    protocol = ImapServerProtocol(message_octets=1000, annotation_octets=1024, budget=MailDataBudget(10))
    seen = run(protocol, b"a LOGIN x y\r\nb APPEND INBOX {11+}\r\n" + b"m" * 11 + b"\r\nc NOOP\r\n", 5)
    assert [type(event.command) for event in seen if isinstance(event, Requested)] == [c.Login, c.Noop]
    assert b"\r\nb NO [UNAVAILABLE] " in protocol.bytes_to_send()


def test_the_room_of_a_message_is_given_back_with_the_answer_or_the_end() -> None:
    """I1."""
    budget = MailDataBudget(100)
    protocol = ImapServerProtocol(message_octets=1000, annotation_octets=1024, budget=budget)
    run(protocol, b"a LOGIN x y\r\n")
    protocol.receive_data(b"b APPEND INBOX {60+}\r\n" + b"m" * 60 + b"\r\nc APPEND INBOX {60+}\r\nmmm")
    assert isinstance(protocol.next_event(), Requested)
    assert budget.free_octets == 40
    protocol.answer(ok("Done"))
    assert budget.free_octets == 100
    assert protocol.next_event() is None
    assert budget.free_octets == 97
    protocol.release()
    assert budget.free_octets == 100
