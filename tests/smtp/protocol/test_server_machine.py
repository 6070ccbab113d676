"""The core against a model of it, with commands and mail data in any order and cut anywhere (S5, S6)."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.smtp import OPTIONS, codes
from tests.support.smtp_model import MAX_OCTETS, Model

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol

CORE = replace(
    OPTIONS,
    extensions=Extensions(chunking=True),
    max_message_octets=MAX_OCTETS,
    hard_errors=10_000,
    junk_commands=10_000,
)
Message = tuple[bytes, tuple[bytes, ...], bytes]
VERDICTS = {b"busy": 451, b"unknown": 550}
TEXTS = st.one_of(
    st.sampled_from([b"x\r\n", b".\r\n", b"..x\r\n", b"\n", b"\r", b"", b"a\r\n.\r\nNOOP\r\n"]),
    st.sampled_from([b"y" * MAX_OCTETS, b"y" * (MAX_OCTETS - 2), b"y" * (MAX_OCTETS + 1)]),
    st.lists(st.sampled_from([b"\r\n", b".", b"a", b"\r", b"\n"]), max_size=6).map(b"".join),
)
CHUNKS = st.tuples(TEXTS, st.sampled_from([b"", b" LAST"])).map(
    lambda chunk: b"BDAT %d%s\r\n" % (len(chunk[0]), chunk[1]) + chunk[0]
)
COMMANDS = st.sampled_from(
    [
        b"EHLO c.example\r\n",
        b"HELO c.example\r\n",
        b"MAIL FROM:<>\r\n",
        b"MAIL FROM:<a@x.example>\r\n",
        b"MAIL FROM:<busy@x.example>\r\n",
        b"RCPT TO:<b@host.example>\r\n",
        b"RCPT TO:<c@host.example>\r\n",
        b"RCPT TO:<unknown@host.example>\r\n",
        b"RCPT TO:<busy@host.example>\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"VRFY b\r\n",
        b"STARTTLS\r\n",
        b"DATA\r\n",
        b"NOPE\r\n",
        b"DATA\r\nx\r\n.\r\n",
    ]
)
DATA = TEXTS.map(lambda text: b"DATA\r\n" + text + b"\r\n.\r\n")
ENVELOPES = st.just(b"EHLO c.example\r\nRSET\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@host.example>\r\n")
STEPS = st.lists(st.one_of(COMMANDS, CHUNKS, DATA, ENVELOPES), max_size=14).map(b"".join)


def policy(event: events.Event) -> Reply | None:
    """The verdicts of the model."""
    match event:
        case events.Mail(address) | events.Recipient(address) if address is not None:
            code = VERDICTS.get(address.localpart.encode(), 250)
            return None if code == 250 else Reply(code, f"{code // 100}.0.0", "x")
    return None


def converse(octets: bytes, cuts: list[int]) -> tuple[list[int], list[Message]]:
    """Run the core; give the codes after the greeting, and the messages."""
    protocol = SmtpServerProtocol(CORE)
    messages = []
    kept: list[bytes] = []
    start = 0
    for cut in [*sorted(min(cut, len(octets)) for cut in cuts), len(octets)]:
        if cut > start:
            protocol.receive_data(octets[start:cut])
            start = cut
        while (event := protocol.next_event()) is not None:
            if isinstance(event, events.MailData):
                kept.append(event.octets)
                continue
            if isinstance(event, events.MailDataAborted | events.DataRequested):
                kept.clear()
            if isinstance(event, events.MailDataEnd):
                envelope = event.envelope
                sender = f"<{envelope.reverse_path or ''}>".encode()
                recipients = tuple(f"<{to}>".encode() for to in envelope.recipients)
                messages.append((sender, recipients, b"".join(kept)))
                kept.clear()
            if isinstance(event, events.MailDataAborted):
                continue
            answer = policy(event)
            if answer is None:
                protocol.accept()
            else:
                protocol.answer(answer)
    return [int(code) for code in codes(protocol.bytes_to_send())][1:], messages


@given(octets=STEPS, cuts=st.lists(st.integers(0, 2_000), max_size=6))
@settings(max_examples=400)
def test_the_core_does_what_the_model_does(octets: bytes, cuts: list[int]) -> None:
    """RFC 5321 section 4.1.4, RFC 3030 section 2; every reply and every message."""
    model = Model(verdicts=VERDICTS)
    model.run(octets)
    answers, messages = converse(octets, cuts)
    assert messages == model.messages
    assert answers == model.codes


@given(octets=STEPS, step=st.sampled_from([1, 2, 7]))
@settings(max_examples=60)
def test_how_octets_are_cut_changes_nothing(octets: bytes, step: int) -> None:
    """Ones, twos and sevens."""
    assert converse(octets, list(range(0, len(octets), step))) == converse(octets, [])
