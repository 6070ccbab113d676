"""client: several messages, chunks, LMTP."""

import pytest
from tests.support.smtp import pieces

from pymailcore.base.address import Address
from pymailcore.base.errors import LocalProtocolError
from pymailcore.smtp.protocol.client import (
    MAX_CHUNK_OCTETS,
    ClientEvent,
    ClientState,
    Finished,
    Ready,
    SmtpClientProtocol,
    Unusable,
)
from pymailcore.smtp.protocol.outgoing import Outgoing
from pymailcore.smtp.protocol.reply import Reply

B = Address("b", "host.example")
C = Address("c", "host.example")
LARGE = (b"." * 70 + b"\r\n") * 1_000
OK = Reply(250, "", "ok")


def outgoing(octets: bytes = b"x\r\n", *, binary: bool = False) -> Outgoing:
    commands = {address: f"RCPT TO:<{address}>" for address in (B, C)}
    return Outgoing(mail="MAIL FROM:<>", recipients=commands, octets=octets, binary=binary)


def ready(*lines: bytes, lmtp: bool = False) -> SmtpClientProtocol:
    """Give a conversation that has come to READY with a server that offers something."""
    protocol = SmtpClientProtocol(hello="us.example", lmtp=lmtp)
    protocol.receive_data(b"220 x\r\n")
    assert protocol.next_event() is None
    protocol.bytes_to_send()
    protocol.receive_data(b"250-mx.example\r\n" + b"".join(b"250-%s\r\n" % line for line in lines))
    protocol.receive_data(b"250 HELP\r\n")
    assert protocol.next_event() == Ready()
    protocol.bytes_to_send()
    return protocol


def hear(protocol: SmtpClientProtocol, *said: bytes, step: int = 1_000) -> tuple[list[ClientEvent], bytes]:
    """Give the server's words; give the events, and all that the client said since the last time."""
    seen: list[ClientEvent] = []
    out = protocol.bytes_to_send()
    for words in said:
        for piece in pieces(words, step):
            protocol.receive_data(piece)
            while (event := protocol.next_event()) is not None:
                seen.append(event)
        out += protocol.bytes_to_send()
    return seen, out


# Several messages


def test_a_second_message_goes_over_the_same_connection() -> None:
    """RFC 5321 section 3.3."""
    protocol = ready(b"PIPELINING")
    for number in (1, 2):
        protocol.send(outgoing())
        seen, out = hear(protocol, b"250 ok\r\n" * 3 + b"354 go\r\n", b"250 ok\r\n")
        assert seen == [Finished({B: OK, C: OK})]
        assert out.startswith(b"MAIL FROM:<>\r\n")
        assert (protocol.state, protocol.messages_count) == (ClientState.READY, number)


@pytest.mark.parametrize("offered", [(b"PIPELINING",), ()])
@pytest.mark.parametrize(
    "half_way",
    [
        [b"250 ok\r\n", b"550 no\r\n", b"550 no\r\n", b"503 no\r\n"],
        [b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"451 no\r\n"],
    ],
)
def test_a_transaction_that_was_left_half_way_is_reset(
    offered: tuple[bytes, ...], half_way: list[bytes]
) -> None:
    """RFC 5321 section 4.1.1.5."""
    protocol = ready(*offered)
    protocol.send(outgoing())
    words = half_way if offered or half_way[1].startswith(b"2") else half_way[:3]
    (event,), _ = hear(protocol, *words)
    assert isinstance(event, Finished)
    protocol.send(outgoing())
    seen, out = hear(protocol, *[b"250 ok\r\n"] * 4, b"354 go\r\n", b"250 ok\r\n")
    assert seen == [Finished({B: OK, C: OK})]
    assert out.startswith(b"RSET\r\nMAIL FROM:<>\r\n")


def test_nobody_to_serve_is_no_transaction() -> None:
    protocol = ready()
    protocol.send(Outgoing(refused={B: OK}))
    assert hear(protocol, b"") == ([], b"")
    assert protocol.next_event() == Finished({B: OK})
    assert protocol.state is ClientState.READY


@pytest.mark.parametrize("words", [b"421 4.4.2 idle\r\n", b"2", b"250 ok\r\n", b""])
def test_words_between_two_messages_end_it(words: bytes) -> None:
    """RFC 5321 section 3.8; an answer before its question would be taken for that of the next command."""
    protocol = ready(b"PIPELINING")
    protocol.receive_data(words)
    event = protocol.next_event()
    assert isinstance(event, Unusable)
    assert protocol.state is ClientState.CLOSED
    with pytest.raises(LocalProtocolError):
        protocol.send(outgoing())


def test_words_behind_the_last_reply_end_it() -> None:
    protocol = ready(b"PIPELINING")
    protocol.send(outgoing())
    seen, _ = hear(protocol, b"250 ok\r\n" * 3 + b"354 go\r\n", b"250 ok\r\n250 more\r\n")
    assert seen == [Finished({B: OK, C: OK})]
    assert protocol.state is ClientState.CLOSED


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("offered", [(b"PIPELINING",), ()])
def test_a_server_that_takes_leave_before_the_data_is_unusable(
    place: int, offered: tuple[bytes, ...]
) -> None:
    """RFC 5321 section 3.8: 421 says nothing about the message."""
    protocol = ready(*offered)
    protocol.send(outgoing())
    (event,), _ = hear(protocol, *[b"250 ok\r\n"] * place, b"421 bye\r\n")
    if place == 3:  # the reply to DATA: it stands for the message, and nothing more is said
        assert isinstance(event, Finished)
        assert protocol.state is ClientState.CLOSED
    else:
        assert event == Unusable("the server takes leave", Reply(421, "", "bye"))
    assert not protocol.has_sent_data


# Chunks


@pytest.mark.parametrize("step", [1, 2, 7, 1_000])
def test_a_large_message_goes_as_a_chunk_without_dots(step: int) -> None:
    """RFC 3030 section 2."""
    protocol = ready(b"PIPELINING", b"CHUNKING")
    protocol.send(outgoing(LARGE))
    seen, out = hear(protocol, b"250 ok\r\n250 ok\r\n550 no\r\n", b"250 ok\r\n", step=step)
    assert b"DATA" not in out
    assert out.endswith(b"BDAT %d LAST\r\n" % len(LARGE) + LARGE)
    assert seen == [Finished({B: OK, C: Reply(550, "", "no")})]


def test_a_small_message_goes_by_data() -> None:
    """DATA can be in the same group as the recipients (RFC 2920 section 3.1)."""
    protocol = ready(b"PIPELINING", b"CHUNKING")
    protocol.send(outgoing())
    assert protocol.bytes_to_send().endswith(b"DATA\r\n")


def test_binary_goes_as_a_chunk_however_small() -> None:
    """RFC 3030 section 3."""
    protocol = ready(b"CHUNKING", b"BINARYMIME")
    protocol.send(outgoing(b"\n\r.\0", binary=True))
    seen, out = hear(protocol, *[b"250 ok\r\n"] * 4)
    assert out.endswith(b"BDAT 4 LAST\r\n\n\r.\0")
    assert seen == [Finished({B: OK, C: OK})]


def test_chunks_for_nobody_are_not_sent() -> None:
    protocol = ready(b"PIPELINING", b"CHUNKING")
    protocol.send(outgoing(LARGE))
    seen, out = hear(protocol, b"250 ok\r\n550 no\r\n550 no\r\n")
    assert b"BDAT" not in out
    assert seen == [Finished({B: Reply(550, "", "no"), C: Reply(550, "", "no")})]
    assert protocol.state is ClientState.READY


TWO = b"x" * (MAX_CHUNK_OCTETS + 1)


def test_more_than_one_chunk_is_pipelined() -> None:
    """RFC 3030 section 4.2."""
    protocol = ready(b"PIPELINING", b"CHUNKING")
    protocol.send(outgoing(TWO))
    seen, out = hear(protocol, b"250 ok\r\n" * 3)
    assert out.count(b"BDAT") == 2
    assert out.endswith(b"BDAT 1 LAST\r\nx")
    assert seen == []
    seen, _ = hear(protocol, b"250 chunk\r\n250 ok\r\n")
    assert seen == [Finished({B: OK, C: OK})]


def test_a_refused_chunk_is_the_answer_for_all() -> None:
    """RFC 3030 section 2: what follows is refused because of it."""
    protocol = ready(b"PIPELINING", b"CHUNKING")
    protocol.send(outgoing(TWO))
    seen, _ = hear(protocol, b"250 ok\r\n" * 3, b"552 5.3.4 large\r\n503 x\r\n")
    large = Reply(552, "5.3.4", "large")
    assert seen == [Finished({B: large, C: large})]
    protocol.send(outgoing())
    assert protocol.bytes_to_send().startswith(b"RSET\r\n")


def test_lmtp_with_a_refused_chunk_closes() -> None:
    """How many replies the last chunk has then is open."""
    protocol = ready(b"PIPELINING", b"CHUNKING", lmtp=True)
    protocol.send(outgoing(TWO))
    (event,), _ = hear(protocol, b"250 ok\r\n" * 3, b"452 4.3.1 full\r\n")
    assert isinstance(event, Finished)
    assert [answer.code for answer in event.replies.values()] == [452, 452]
    assert protocol.state is ClientState.CLOSED


def test_without_pipelining_a_refused_chunk_is_the_last() -> None:
    protocol = ready(b"CHUNKING")
    protocol.send(outgoing(TWO))
    seen, out = hear(protocol, *[b"250 ok\r\n"] * 3, b"452 4.3.1 full\r\n")
    assert b"LAST" not in out
    assert [type(event) for event in seen] == [Finished]


# LMTP


def test_lmtp_has_a_reply_for_each_recipient() -> None:
    """RFC 2033 sections 4.1 and 4.2."""
    protocol = SmtpClientProtocol(hello="us.example", lmtp=True)
    _, out = hear(protocol, b"220 x\r\n", b"250-x\r\n250 PIPELINING\r\n")
    assert out == b"LHLO us.example\r\n"
    protocol.send(outgoing())
    seen, _ = hear(protocol, b"250 ok\r\n" * 3 + b"354 go\r\n", b"250 ok\r\n", b"452 4.2.2 full\r\n")
    assert seen == [Finished({B: OK, C: Reply(452, "4.2.2", "full")})]
    assert protocol.state is ClientState.READY


def test_lmtp_has_no_reply_for_a_refused_recipient() -> None:
    """RFC 2033 section 4.2: for each RCPT that succeeded."""
    protocol = ready(b"PIPELINING", b"CHUNKING", lmtp=True)
    protocol.send(outgoing(LARGE))
    seen, _ = hear(protocol, b"250 ok\r\n550 no\r\n250 ok\r\n", b"250 ok\r\n")
    assert seen == [Finished({B: Reply(550, "", "no"), C: OK})]


def test_lmtp_without_recipients_sends_no_data() -> None:
    """RFC 2033 section 4.2: how many replies would come is open."""
    protocol = ready(b"PIPELINING", lmtp=True)
    protocol.send(outgoing())
    seen, out = hear(protocol, b"250 ok\r\n550 no\r\n550 no\r\n354 go\r\n")
    assert seen == [Finished({B: Reply(550, "", "no"), C: Reply(550, "", "no")})]
    assert protocol.state is ClientState.CLOSED
    assert out.endswith(b"DATA\r\n")


@pytest.mark.parametrize("words", [b"500 no\r\n", b"421 no\r\n"])
def test_lmtp_does_not_fall_back_to_helo(words: bytes) -> None:
    """RFC 2033 section 4.1."""
    protocol = SmtpClientProtocol(hello="us.example", lmtp=True)
    (event,), out = hear(protocol, b"220 x\r\n", words)
    assert isinstance(event, Unusable)
    assert b"HELO" not in out
