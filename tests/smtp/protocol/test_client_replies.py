"""client: replies that come cut, early, wrong, or not at all, in each place of a conversation."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.smtp import pieces

from pymailcore.base.address import Address
from pymailcore.smtp.protocol.client import (
    ClientEvent,
    ClientState,
    Finished,
    Ready,
    SmtpClientProtocol,
    Unusable,
)
from pymailcore.smtp.protocol.outgoing import Outgoing
from pymailcore.smtp.protocol.reply import Reply

B, C = Address("b", "host.example"), Address("c", "host.example")
SMALL = b"Subject: x\r\n\r\n.dot\r\n"
LARGE = b"x" * 78 + b"\r\n"
LARGE = LARGE * 1_000
OK = b"250 2.0.0 ok\r\n"


@dataclass(frozen=True)
class Way:
    """One kind of conversation, and what an honest server says after each thing that the client sends."""

    name: str
    said: tuple[bytes, ...]
    octets: bytes = SMALL
    lmtp: bool = False

    def begin(self) -> "Talk":
        return Talk(self)


HELLO = b"220 mx\r\n"
PIPED = b"250-mx\r\n250 PIPELINING\r\n"
WAYS = [
    Way("one by one", (HELLO, b"250 mx\r\n", OK, OK, OK, b"354 go\r\n", OK)),
    Way("pipelined", (HELLO, PIPED, OK * 3 + b"354 go\r\n", OK)),
    Way("chunked", (HELLO, b"250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n", OK * 3, OK), LARGE),
    Way("chunked, one by one", (HELLO, b"250-mx\r\n250 CHUNKING\r\n", OK, OK, OK, OK), LARGE),
    Way("lmtp", (HELLO, PIPED, OK * 3 + b"354 go\r\n", OK * 2), lmtp=True),
    Way("lmtp, chunked", (HELLO, b"250-mx\r\n250 CHUNKING\r\n", OK, OK, OK, OK * 2), LARGE, lmtp=True),
]
EACH = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


class Talk:
    """A client with one message for two recipients."""

    def __init__(self, way: Way) -> None:
        self.protocol = SmtpClientProtocol(hello="us.example", lmtp=way.lmtp)
        commands = {address: f"RCPT TO:<{address}>" for address in (B, C)}
        self.outgoing = Outgoing(mail="MAIL FROM:<>", recipients=commands, octets=way.octets)
        self.seen: list[ClientEvent] = []
        self.sent = b""
        self.go_on()

    def hear(self, octets: bytes) -> None:
        self.protocol.receive_data(octets)
        self.go_on()

    def go_on(self) -> None:
        while (event := self.protocol.next_event()) is not None:
            if isinstance(event, Ready):
                self.protocol.send(self.outgoing)
            else:
                self.seen.append(event)
        self.sent += self.protocol.bytes_to_send()

    @property
    def served(self) -> set[Address]:
        """Recipients that count as done."""
        return {
            address
            for event in self.seen
            if isinstance(event, Finished)
            for address, reply in event.replies.items()
            if reply.positive
        }

    @property
    def whole(self) -> bool:
        """Whether all of the message has left."""
        return self.sent.endswith((b"..dot\r\n.\r\n", LARGE))


@EACH
@pytest.mark.parametrize("step", [1, 2, 1_000])
def test_replies_mean_the_same_however_they_are_cut(way: Way, step: int) -> None:
    """RFC 5321 section 4.2."""
    talk = way.begin()
    for words in way.said:
        for piece in pieces(words, step):
            talk.hear(piece)
    assert talk.served == {B, C}
    assert talk.whole
    assert talk.protocol.state is ClientState.READY


def places() -> list[tuple[Way, int]]:
    return [(way, place) for way in WAYS for place in range(len(way.said))]


IN_EACH_PLACE = pytest.mark.parametrize(
    ("way", "place"), places(), ids=lambda one: one.name if isinstance(one, Way) else str(one)
)


@IN_EACH_PLACE
def test_a_reply_too_many_is_no_answer_to_what_comes(way: Way, place: int) -> None:
    """Were it taken for one, all replies after it would be those of other commands."""
    talk = way.begin()
    for words in way.said[:place]:
        talk.hear(words)
    talk.hear(way.said[place] + OK)
    last = place == len(way.said) - 1
    assert talk.served == ({B, C} if last else set())
    if not last:
        assert isinstance(talk.seen[-1], Unusable)
    assert talk.protocol.state is ClientState.CLOSED


@IN_EACH_PLACE
@pytest.mark.parametrize(
    "words",
    [
        b"421 4.3.2 bye\r\n",
        b"",
        b"hello\r\n",
        b"250-x\r\n250 " + b"x" * 3_000 + b"\r\n",
        b"250-x\r\n" * 101,
        b"999 x\r\n",
        b"\xff\xfe\r\n",
    ],
    ids=["421", "closed", "no code", "too long", "endless", "no such code", "octets"],
)
def test_nobody_is_served_by_a_server_that_breaks_off(way: Way, place: int, words: bytes) -> None:
    """RFC 5321 section 3.8: 421 or an end in any state, also between the message and its reply."""
    talk = way.begin()
    for said in way.said[:place]:
        talk.hear(said)
    talk.hear(words)
    talk.hear(b"")
    assert talk.served == set()
    assert len(talk.seen) == 1
    assert talk.protocol.state is ClientState.CLOSED
    (event,) = talk.seen
    if isinstance(event, Finished):
        assert all(reply.temporary for reply in event.replies.values())


@EACH
@pytest.mark.parametrize(
    "words", [b"450 4.2.0 later\r\n", b"550 5.7.1 no\r\n", b"250\r\n", b"250-a\r\n550 b\r\n"]
)
def test_the_reply_to_the_message_decides(way: Way, words: bytes) -> None:
    """Also one without text, and one that contradicts itself."""
    talk = way.begin()
    for said in way.said[:-1]:
        talk.hear(said)
    talk.hear(words * (2 if way.lmtp else 1))
    assert talk.served == ({B, C} if words == b"250\r\n" else set())
    assert [type(event) for event in talk.seen] == [Finished]


@pytest.mark.parametrize("lost", [b"", b"421 4.3.2 bye\r\n", b"nonsense\r\n"])
@pytest.mark.parametrize("way", [way for way in WAYS if way.lmtp], ids=lambda way: way.name)
def test_what_a_store_said_of_some_stands_when_the_rest_is_lost(way: Way, lost: bytes) -> None:
    """RFC 2033 section 4.2: whoever was told yes for one must not send it again for him."""
    talk = way.begin()
    for said in (*way.said[:-1], OK, lost, b""):
        talk.hear(said)
    (event,) = talk.seen
    assert isinstance(event, Finished)
    assert event.replies[B] == Reply(250, "2.0.0", "ok")
    assert event.replies[C].temporary
    assert talk.protocol.state is ClientState.CLOSED


@pytest.mark.parametrize("code", [500, 502, 503, 552])
def test_a_server_that_does_not_know_bdat_is_asked_without_it(code: int) -> None:
    """The octets of the chunk would be its next commands, so this connection is of no more use."""
    talk = WAYS[2].begin()
    for said in (*WAYS[2].said[:-1], b"%d no\r\n" % code):
        talk.hear(said)
    (event,) = talk.seen
    if code in (500, 502):
        assert isinstance(event, Unusable)
        assert event.lacks_chunking
        assert (talk.protocol.has_sent_data, talk.protocol.state) == (False, ClientState.CLOSED)
    else:
        assert isinstance(event, Finished)


@pytest.mark.parametrize(
    "said", [b"250 ok\r\n503 no\r\n250 ok\r\n354 go\r\n", b"250 ok\r\n" * 3 + b"503 no\r\n"]
)
def test_pipelining_that_is_served_in_part_gives_each_his_own_reply(said: bytes) -> None:
    """RFC 2920 section 3.1."""
    talk = WAYS[1].begin()
    for words in (*WAYS[1].said[:-2], said):
        talk.hear(words)
    if b"354" in said:
        talk.hear(OK)
    assert talk.served == ({C} if b"354" in said else set())


CODES = st.sampled_from(
    [b"211", b"220", b"250", b"251", b"354", b"421", b"450", b"500", b"502", b"550", b"999"]
)
LINES = st.builds(
    b"%s%s%s%s".__mod__,
    st.tuples(
        CODES,
        st.sampled_from([b" ", b"-", b"", b"\t"]),
        st.binary(max_size=4) | st.sampled_from([b"PIPELINING", b"CHUNKING", b"SIZE 9", b"2.0.0 ok"]),
        st.sampled_from([b"\r\n", b"\n", b"\r", b""]),
    ),
)


@settings(max_examples=300)
@given(
    way=st.sampled_from(WAYS),
    honest=st.integers(0, 6),
    said=st.lists(LINES | st.binary(max_size=6) | st.just(OK), max_size=12),
    step=st.integers(1, 40),
)
def test_no_octets_make_it_raise_or_lie(way: Way, honest: int, said: list[bytes], step: int) -> None:
    """In each place of each conversation; nobody counts as served whose message has not left whole."""
    talk = way.begin()
    for words in way.said[:honest]:
        talk.hear(words)
    for piece in pieces(b"".join(said), step):
        talk.hear(piece)
    if talk.served:
        assert talk.whole
    talk.hear(b"")
    first, *then = talk.seen
    if isinstance(first, Finished):
        assert set(first.replies) == {B, C}
        assert all(isinstance(event, Unusable) for event in then)  # about a next message
    else:
        assert not then
    talk.protocol.quit()
    assert talk.protocol.state is ClientState.CLOSED
