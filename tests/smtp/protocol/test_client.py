import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.smtp import OPTIONS, pieces, take_events

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.smtp.protocol.client import (
    ClientEvent,
    ClientState,
    Finished,
    HandshakeDue,
    Ready,
    SmtpClientProtocol,
    TlsPolicy,
    Unusable,
)
from pymailcore.smtp.protocol.mail_data import canonical
from pymailcore.smtp.protocol.outgoing import BAD_ADDRESS, NEEDS_SMTPUTF8, TOO_LARGE, cannot_convert, fit
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol

A = Address("a", "client.example")
B = Address("b", "host.example")
C = Address("c", "host.example")
ENVELOPE = Envelope(reverse_path=A, recipients=(B, C))
MESSAGE = b"Subject: hi\r\n\r\n.dot\r\n"
EHLO = (
    b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n"
)
BARE = b"250 mx.example\r\n"


class Talk(SmtpClientProtocol):
    """A conversation for one message: it is sent when the server is ready, and leave is taken at its end."""

    def __init__(self, envelope: Envelope, octets: bytes, tls: TlsPolicy, *, encrypted: bool) -> None:
        super().__init__(hello="us.example", tls=tls, encrypted=encrypted)
        self.envelope = envelope
        self.octets = octets

    def take(self) -> list[ClientEvent]:
        """Give all events but `Ready`."""
        seen: list[ClientEvent] = []
        while (event := self.next_event()) is not None:
            if isinstance(event, Ready):
                self.send(fit(self.envelope, self.octets, self.capabilities, verified=False, now_ms=0))
                continue
            seen.append(event)
            if isinstance(event, Finished):
                self.quit()
        return seen


def client(
    envelope: Envelope = ENVELOPE,
    octets: bytes = MESSAGE,
    tls: TlsPolicy = "none",
    *,
    encrypted: bool = False,
) -> Talk:
    return Talk(envelope, octets, tls, encrypted=encrypted)


def converse(protocol: Talk, *said: bytes) -> tuple[list[ClientEvent], list[bytes]]:
    """Give the server's words one after the other; give all events and what the client said to each."""
    seen: list[ClientEvent] = []
    answers = [protocol.bytes_to_send()]
    for octets in said:
        protocol.receive_data(octets)
        seen += protocol.take()
        answers.append(protocol.bytes_to_send())
    return seen, answers


def test_a_group_of_commands_goes_out_at_once() -> None:
    """RFC 2920 section 3.1."""
    seen, answers = converse(
        client(),
        b"220 mx.example\r\n",
        EHLO,
        b"250 ok\r\n250 2.1.5 ok\r\n550 5.1.1 no\r\n354 go\r\n",
        b"250 2.0.0 queued\r\n",
        b"221 bye\r\n",
    )
    assert answers == [
        b"",
        b"EHLO us.example\r\n",
        b"MAIL FROM:<a@client.example> SIZE=21\r\n"
        b"RCPT TO:<b@host.example>\r\nRCPT TO:<c@host.example>\r\nDATA\r\n",
        b"Subject: hi\r\n\r\n..dot\r\n.\r\n",
        b"QUIT\r\n",
        b"",
    ]
    assert seen == [Finished({B: Reply(250, "2.0.0", "queued"), C: Reply(550, "5.1.1", "no")})]


def test_without_pipelining_each_command_waits() -> None:
    """RFC 5321 section 3.2: HELO for a server without extensions."""
    seen, answers = converse(
        client(Envelope(reverse_path=None, recipients=(B, C))),
        b"220 mx.example\r\n",
        b"502 what?\r\n",
        BARE,
        b"250 ok\r\n",
        b"450 later\r\n",
        b"250 ok\r\n",
        b"354 go\r\n",
        b"250 taken\r\n",
    )
    assert answers[1:] == [
        b"EHLO us.example\r\n",
        b"HELO us.example\r\n",
        b"MAIL FROM:<>\r\n",
        b"RCPT TO:<b@host.example>\r\n",
        b"RCPT TO:<c@host.example>\r\n",
        b"DATA\r\n",
        b"Subject: hi\r\n\r\n..dot\r\n.\r\n",
        b"QUIT\r\n",
    ]
    assert seen == [Finished({B: Reply(450, "", "later"), C: Reply(250, "", "taken")})]


def test_recipients_go_out_in_groups_of_a_hundred() -> None:
    """RFC 2920 section 3.1: a client must not fill the server's buffers."""
    recipients = tuple(Address(f"r{n}", "host.example") for n in range(201))
    protocol = client(Envelope(reverse_path=A, recipients=recipients))
    ok = b"250 ok\r\n"
    _, answers = converse(protocol, b"220 x\r\n", EHLO, ok * 101, ok * 100, ok + b"354 go\r\n", ok)
    assert [answer.count(b"RCPT") for answer in answers[2:5]] == [100, 100, 1]
    assert [answer.count(b"DATA") for answer in answers[2:5]] == [0, 0, 1]


REFUSED = Reply(550, "5.7.1", "not you")


def test_a_refused_sender_is_the_answer_for_all() -> None:
    """RFC 5321 section 3.3."""
    one_by_one, _ = converse(client(), b"220 x\r\n", BARE, b"550 5.7.1 not you\r\n")
    assert one_by_one == [Finished({B: REFUSED, C: REFUSED})]
    said = b"550 5.7.1 not you\r\n503 x\r\n503 x\r\n503 x\r\n"
    in_groups, answers = converse(client(), b"220 x\r\n", EHLO, said)
    assert in_groups == one_by_one
    assert answers[-1] == b"QUIT\r\n"


def test_a_go_ahead_without_recipients_gets_an_empty_message() -> None:
    """RFC 2920 section 3.1."""
    said = b"250 ok\r\n550 no\r\n550 no\r\n354 go\r\n"
    seen, answers = converse(client(), b"220 x\r\n", EHLO, said, b"250 thanks\r\n")
    assert answers[3:] == [b".\r\n", b"QUIT\r\n"]
    assert seen == [Finished({B: Reply(550, "", "no"), C: Reply(550, "", "no")})]


def test_a_go_ahead_after_a_refused_sender_gets_an_empty_message() -> None:
    """RFC 2920 section 3.1."""
    said = b"550 5.7.1 not you\r\n503 x\r\n503 x\r\n354 go\r\n"
    seen, answers = converse(client(), b"220 x\r\n", EHLO, said, b"554 x\r\n")
    assert answers[3:] == [b".\r\n", b"QUIT\r\n"]
    assert seen == [Finished({B: REFUSED, C: REFUSED})]


def test_without_recipients_there_is_no_data() -> None:
    """RFC 5321 section 3.3."""
    seen, answers = converse(client(), b"220 x\r\n", BARE, b"250 x\r\n", b"550 no\r\n", b"451 no\r\n")
    assert answers[-1] == b"QUIT\r\n"
    assert seen == [Finished({B: Reply(550, "", "no"), C: Reply(451, "", "no")})]


@pytest.mark.parametrize("answer", [b"451 4.3.0 full\r\n", b"554 5.7.1 spam\r\n"])
@pytest.mark.parametrize("stage", ["data", "end"])
def test_a_refusal_of_the_message_is_for_those_accepted(stage: str, answer: bytes) -> None:
    """RFC 5321 section 4.1.1.4."""
    go = answer if stage == "data" else b"354 go\r\n"
    seen, _ = converse(client(), b"220 x\r\n", EHLO, b"250 x\r\n250 x\r\n550 no\r\n" + go, answer)
    (finished,) = seen
    assert isinstance(finished, Finished)
    assert finished.replies[B].code == int(answer[:3])
    assert finished.replies[C] == Reply(550, "", "no")


@pytest.mark.parametrize("code", [b"354", b"399"])
def test_3yz_where_none_is_due_is_no_success(code: bytes) -> None:
    """RFC 5321 section 4.2.1."""
    said = b"250 x\r\n" + code + b" eh\r\n250 x\r\n354 go\r\n"
    seen, _ = converse(client(), b"220 x\r\n", EHLO, said, code + b" eh\r\n")
    (finished,) = seen
    assert isinstance(finished, Finished)
    assert all(reply.temporary for reply in finished.replies.values())


@pytest.mark.parametrize("hello", [EHLO, BARE])
@pytest.mark.parametrize("answer", [b"250 2.0.0 ok\r\n", b"220 x\r\n"])
def test_2yz_to_data_is_no_success_because_nothing_was_sent(hello: bytes, answer: bytes) -> None:
    """RFC 5321 section 4.3.2: a server that answers DATA with 250 must not make a message vanish."""
    ok = b"250 ok\r\n"
    said = [ok * 3 + answer] if hello is EHLO else [ok, ok, ok, answer]
    seen, answers = converse(client(), b"220 hi\r\n", hello, *said)
    assert MESSAGE not in b"".join(answers)
    (finished,) = seen
    assert isinstance(finished, Finished)
    assert {reply.code for reply in finished.replies.values()} == {451}


@pytest.mark.parametrize(
    "greeting", [b"421 busy\r\n", b"554 no\r\n", b"250 eh\r\n", b"SSH-2.0-x\r\n", b"220-a\r\n250 b\r\n"]
)
def test_a_server_that_turns_us_away_is_unusable(greeting: bytes) -> None:
    """RFC 5321 section 3.1: this says nothing about the message."""
    seen, _ = converse(client(), greeting)
    assert len(seen) == 1
    assert isinstance(seen[0], Unusable)


def test_521_is_for_good() -> None:
    """RFC 7504 section 3."""
    seen, _ = converse(client(), b"521 5.3.2 no mail ever\r\n")
    (event,) = seen
    assert isinstance(event, Unusable)
    assert event.for_good
    assert event.reply == Reply(521, "5.3.2", "no mail ever")


@pytest.mark.parametrize("answers", [(b"421 x\r\n",), (b"502 x\r\n", b"502 x\r\n"), (b"250 x\r\n251-", b"")])
def test_a_refused_hello_is_unusable(answers: tuple[bytes, ...]) -> None:
    """RFC 5321 section 4.1.1.1."""
    seen, _ = converse(client(), b"220 x\r\n", *answers, b"")
    assert [type(event) for event in seen] == [Unusable]


# TLS


def test_starttls_comes_first_and_ends_the_core() -> None:
    """RFC 3207 section 4."""
    protocol = client(tls="opportunistic")
    seen, answers = converse(protocol, b"220 x\r\n", EHLO, b"220 go\r\n")
    assert answers[1:] == [b"EHLO us.example\r\n", b"STARTTLS\r\n", b""]
    assert seen == [HandshakeDue()]
    assert protocol.state is ClientState.TLS


def test_after_the_handshake_it_begins_with_ehlo() -> None:
    """RFC 3207 section 4.2."""
    protocol = client(tls="required", encrypted=True)
    _, answers = converse(protocol, EHLO)
    assert answers[0] == b"EHLO us.example\r\n"
    assert answers[1].startswith(b"MAIL FROM")


@pytest.mark.parametrize("injected", [b"2", b"250 x\r\n", b"250-PIPELINING\r\n", b"\r\n", b"\x16"])
def test_octets_behind_the_answer_to_starttls_end_it(injected: bytes) -> None:
    """RFC 3207 section 6: response injection."""
    protocol = client(tls="opportunistic")
    seen, _ = converse(protocol, b"220 x\r\n", EHLO, b"220 go\r\n" + injected)
    assert [type(event) for event in seen] == [Unusable]
    assert protocol.state is ClientState.CLOSED


@pytest.mark.parametrize(("hello", "answer"), [(EHLO, b"454 no\r\n"), (EHLO, b"500 no\r\n"), (BARE, b"")])
def test_without_tls_it_goes_on_unless_that_is_required(hello: bytes, answer: bytes) -> None:
    """RFC 7435 section 3."""
    opportunistic = client(tls="opportunistic")
    _, answers = converse(opportunistic, b"220 x\r\n", hello, *[answer][: bool(answer)])
    assert answers[-1].startswith(b"MAIL FROM")
    seen, answers = converse(client(tls="required"), b"220 x\r\n", hello, *[answer][: bool(answer)])
    assert [type(event) for event in seen] == [Unusable]
    assert b"MAIL" not in b"".join(answers)


# What the message needs

UMLAUT = Address("jürgen", "host.example")
SEVEN_BITS = cannot_convert("the field to has octets above 127")
WITH_SIZE = b"250-x\r\n250 SIZE 10\r\n"


@pytest.mark.parametrize(
    ("envelope", "octets", "hello", "expected"),
    [
        (ENVELOPE, b"To: \xc3\xbc\r\n\r\n", BARE, {B: SEVEN_BITS, C: SEVEN_BITS}),
        (ENVELOPE, MESSAGE, WITH_SIZE, {B: TOO_LARGE, C: TOO_LARGE}),
        (Envelope(reverse_path=UMLAUT, recipients=(B,)), MESSAGE, BARE, {B: NEEDS_SMTPUTF8}),
        (Envelope(reverse_path=None, recipients=(UMLAUT,)), MESSAGE, BARE, {UMLAUT: NEEDS_SMTPUTF8}),
        (
            Envelope(reverse_path=None, recipients=(B,), smtputf8=True),
            b"Subject: \xc3\xbc\r\n\r\n",
            b"250-x\r\n250 8BITMIME\r\n",
            {B: NEEDS_SMTPUTF8},
        ),
        (
            Envelope(reverse_path=None, recipients=(Address("a\r\nb", "x"),)),
            b"",
            EHLO,
            {Address("a\r\nb", "x"): BAD_ADDRESS},
        ),
    ],
)
def test_what_the_server_lacks_is_a_permanent_reply(
    envelope: Envelope, octets: bytes, hello: bytes, expected: dict[Address, Reply]
) -> None:
    """RFC 6152 section 3, RFC 6531 section 3.2, RFC 1870 section 5."""
    seen, answers = converse(client(envelope, octets), b"220 x\r\n", hello)
    assert seen == [Finished(expected)]
    assert answers[-1] == b"QUIT\r\n"


def test_only_the_recipient_that_needs_it_is_refused() -> None:
    """RFC 6531 section 3.2."""
    envelope = Envelope(reverse_path=A, recipients=(UMLAUT, B))
    seen, answers = converse(
        client(envelope), b"220 x\r\n", BARE, b"250 x\r\n", b"250 x\r\n", b"354 x\r\n", b"250 x\r\n"
    )
    assert answers[2] == b"MAIL FROM:<a@client.example>\r\n"
    assert seen == [Finished({UMLAUT: NEEDS_SMTPUTF8, B: Reply(250, "", "x")})]


def test_parameters_are_given_when_they_are_needed() -> None:
    """RFC 6152 section 2, RFC 6531 section 3.4."""
    envelope = Envelope(reverse_path=UMLAUT, recipients=(B,), smtputf8=True, eight_bit=True)
    _, answers = converse(client(envelope, b"\r\n\xc3\xbc\r\n"), b"220 x\r\n", EHLO)
    start = "MAIL FROM:<jürgen@host.example> SIZE=6 BODY=8BITMIME SMTPUTF8\r\n".encode()
    assert answers[-1].startswith(start)


# A hostile server is data

WORDS = st.sampled_from(
    [
        b"220 x\r\n",
        EHLO,
        BARE,
        b"250 x\r\n",
        b"354 x\r\n",
        b"421 x\r\n",
        b"550 5.1.1 x\r\n",
        b"250-x\r\n",
        b"x",
        b"221 x\r\n",
    ]
)


@given(
    said=st.lists(WORDS | st.binary(max_size=10), max_size=20),
    step=st.integers(1, 9),
    tls=st.sampled_from(["none", "opportunistic", "required"]),
    ended=st.booleans(),
)
def test_no_server_makes_it_raise_or_lie(said: list[bytes], step: int, tls: TlsPolicy, ended: bool) -> None:
    """RFC 5321 section 4.2: a recipient counts as served only after 2yz to the message itself."""
    protocol = client(tls=tls)
    seen, sent = converse(protocol, *pieces(b"".join(said), step), *[b""][: int(ended)])
    assert len(seen) <= 1
    if ended and not seen:
        raise AssertionError("the end of the stream is always an event")
    for event in seen:
        if isinstance(event, Finished):
            assert set(event.replies) == {B, C}
            if any(reply.positive for reply in event.replies.values()):
                assert b"..dot\r\n.\r\n" in b"".join(sent)
    if tls == "required":
        assert b"MAIL" not in b"".join(sent)


@given(octets=st.text(alphabet="\r\n.\0a\u00fc", max_size=40).map(str.encode), step=st.integers(1, 9))
def test_our_server_reads_what_our_client_sends(octets: bytes, step: int) -> None:
    """RFC 5321 section 2.3.8: whatever is stored, what arrives is its canonical form, in one transaction."""
    ours, theirs = client(octets=octets), SmtpServerProtocol(OPTIONS)
    seen: list[object] = []
    finished: ClientEvent | None = None
    for _ in range(20):
        seen += take_events(theirs)
        for piece in pieces(theirs.bytes_to_send(), step):
            ours.receive_data(piece)
            finished = next(iter(ours.take()), finished)
        for piece in pieces(ours.bytes_to_send(), step):
            theirs.receive_data(piece)
            seen += take_events(theirs)
    assert isinstance(finished, Finished)
    assert all(reply.code == 250 for reply in finished.replies.values())
    message = b"".join(getattr(event, "octets", b"") for event in seen)
    assert message == canonical(octets)
    assert [type(event).__name__ for event in seen].count("MailDataEnd") == 1
