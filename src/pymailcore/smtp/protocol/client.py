"""Client half of one SMTP or LMTP conversation, without I/O: one message after the other to one host.

Standards: RFC 5321 sections 3.2, 3.3, 4.2, 4.5.3.2; RFC 2920 section 3.1; RFC 3207 sections 4 and 4.1;
RFC 3030 sections 2 and 3; RFC 2033 sections 4.1 and 4.2; RFC 7504 section 3; RFC 9422 section 4.1.

The driver sends what `bytes_to_send` hands over, puts octets in with `receive_data` and takes events out with
`next_event` until it gives None. After `Ready`, and after each `Finished` that leaves the core in READY, it
may hand over a message with `send`. A server cannot make a method raise. `Unusable` says nothing about a
message; `Finished` has a reply for every recipient.

Theory: the conversation is a generator that is sent one reply after the other, so that it reads from top to
bottom like the standard. A core ends at STARTTLS; after the handshake the driver makes another with
`encrypted`, which begins with EHLO, and what was said in clear is gone by construction. A reply that comes
before its command was handed over ends it, be it between two messages: whoever wrote it wants it to be taken
for an answer. Only 421 may come at any time.

Holds the message in its wire form, one read of the driver and one reply.
"""

import enum
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pymailcore.base.address import Address
from pymailcore.base.errors import LocalProtocolError
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.capabilities import Capabilities
from pymailcore.smtp.protocol.mail_data import encode_mail_data
from pymailcore.smtp.protocol.outgoing import Outgoing
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.reply_reader import BadReply, ReplyReader

MAX_GROUP_RECIPIENTS: Final = 100
"""RCPT commands in one group: commands and replies of a group fit into the socket buffers of both sides, so
that neither waits for the other to read (RFC 2920 section 3.1)."""

CHUNKS_FROM_OCTETS: Final = 65_536
"""Mail data longer than this goes by BDAT where it is offered: it needs no dots then, nor a look for them."""

MAX_CHUNK_OCTETS: Final = 4_194_304

TlsPolicy = Literal["none", "opportunistic", "required"]


class ClientState(enum.Enum):
    """What the client waits for; drivers choose their deadlines by it."""

    GREETING = enum.auto()
    HELLO = enum.auto()
    STARTTLS = enum.auto()
    READY = enum.auto()  # for a message; the server owes us nothing
    TRANSACTION = enum.auto()
    DATA = enum.auto()  # the go-ahead for mail data
    FINAL = enum.auto()  # the reply to the message, which may take long
    QUIT = enum.auto()
    TLS = enum.auto()  # the handshake is due; this core ends
    CLOSED = enum.auto()


_ENDED: Final = frozenset({ClientState.TLS, ClientState.CLOSED})


@dataclass(frozen=True, slots=True)
class HandshakeDue:
    """The server is ready for TLS."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server takes messages; what it offers is in `capabilities`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """There is a reply for every recipient; a positive one means that the server answers for the message.

    A reply that this client gave itself, because the server lacks what the message needs, is among them.
    """

    replies: Mapping[Address, Reply]


@dataclass(frozen=True, slots=True)
class Unusable:
    """The conversation led to nothing; another host or another time may be better.

    Attributes:
        reply: what the server said at last, None when the trouble was something else.
        for_good: the host says that it never takes mail (RFC 7504 section 3).
        lacks_tls: TLS is required and not offered.
        lacks_chunking: CHUNKING is offered and BDAT is not known; nothing was taken.
    """

    reason: str
    reply: Reply | None = None
    for_good: bool = False
    lacks_tls: bool = False
    lacks_chunking: bool = False


ClientEvent = HandshakeDue | Ready | Finished | Unusable
_Script = Generator[None, Reply, None]
_Answer = Generator[None, Reply, Reply]


class _Broken(Exception):
    """What the server says ends the conversation."""

    def __init__(
        self,
        reason: str,
        answer: Reply | None = None,
        *,
        for_good: bool = False,
        lacks_tls: bool = False,
        lacks_chunking: bool = False,
    ) -> None:
        super().__init__(reason)
        self.event = Unusable(reason, answer, for_good, lacks_tls, lacks_chunking)


class SmtpClientProtocol:
    """One conversation.

    Attributes:
        capabilities: what the server offers, from READY on.
        replies_count: how many replies were read; drivers give each a deadline of its own.
        messages_count: how many transactions have ended.
        has_sent_data: whether mail data of the last transaction were handed over, so that the server may have
            taken the message although it did not say so.

    Args:
        hello: what we call ourselves.
        tls: whether to ask for STARTTLS, and whether to go on without.
        encrypted: TLS stands after STARTTLS, and the greeting was read before it.
        lmtp: speak LMTP (RFC 2033): LHLO, and a reply for each recipient after the mail data.
        chunking: use CHUNKING where it is offered.
    """

    def __init__(
        self,
        *,
        hello: str,
        tls: TlsPolicy = "none",
        encrypted: bool = False,
        lmtp: bool = False,
        chunking: bool = True,
    ) -> None:
        self.state = ClientState.HELLO if encrypted else ClientState.GREETING
        self.capabilities = Capabilities()
        self.replies_count = 0
        self.messages_count = 0
        self.has_sent_data = False
        self._hello = hello
        self._tls = tls
        self._encrypted = encrypted
        self._lmtp = lmtp
        self._chunking = chunking
        self._unanswered: deque[Address] | None = None
        self._reader = ReplyReader()
        self._at_end = False
        self._out: list[bytes | memoryview] = []
        self._events: deque[ClientEvent] = deque()
        self._results: dict[Address, Reply] = {}
        self._open_transaction = False
        self._lost_count = False
        self._script: _Script = self._converse()
        next(self._script)

    def receive_data(self, octets: bytes) -> None:
        """Add octets from the server; empty means that it has finished sending."""
        if octets:
            self._reader.append(octets)
        else:
            self._at_end = True

    def next_event(self) -> ClientEvent | None:
        """Take the next event; None means that the server owes us octets, or we owe it a message."""
        while not self._events and self.state not in _ENDED:
            if self.state is ClientState.READY:
                self._expect_silence()
                break
            try:
                answer = self._reader.take()
            except BadReply as fault:
                self._fail(Unusable(str(fault)))
                break
            if answer is None:
                if self._at_end:
                    self._fail(Unusable("the connection was lost"))
                break
            if self._out and answer.code != 421:
                self._fail(Unusable("the server spoke without being asked", answer))
                break
            self._go_on(answer)
        return self._events.popleft() if self._events else None

    def _go_on(self, answer: Reply) -> None:
        self.replies_count += 1
        try:
            self._script.send(answer)
        except _Broken as broken:
            self._fail(broken.event)
        except StopIteration:
            if self.state is ClientState.QUIT:
                self.state = ClientState.CLOSED

    def bytes_to_send(self) -> bytes:
        """Hand over the octets that are due to the server; each is handed over once."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def send(self, outgoing: Outgoing) -> None:
        """Begin a transaction; its end is `Finished`.

        Raises:
            LocalProtocolError: the core is not in READY.
        """
        if self.state is not ClientState.READY:
            raise LocalProtocolError(f"a message in state {self.state.name}")
        self._results = dict(outgoing.refused)
        self.has_sent_data = False
        self._unanswered = None
        if not outgoing.recipients:
            self._events.append(Finished(self._results))
            return
        self._expect_silence()
        if self.state is ClientState.READY:
            self.state = ClientState.TRANSACTION
            self._script = self._transact(outgoing)
            next(self._script)

    def quit(self) -> None:
        """Take leave (RFC 5321 section 4.1.1.10); the state is CLOSED when the server has answered."""
        if self.state is ClientState.READY:
            self.state = ClientState.QUIT
            self._say("QUIT")
            self._script = self._leave()
            next(self._script)
        elif self.state not in _ENDED:
            self.state = ClientState.CLOSED

    def _say(self, line: str) -> None:
        self._out.append(line.encode() + b"\r\n")

    def _fail(self, event: Unusable) -> None:
        if self._unanswered:  # RFC 2033 section 4.2: what a store has said of some stands
            lost = Reply(451, "4.4.2", event.reason)
            self._results.update(dict.fromkeys(self._unanswered, lost))
            self.messages_count += 1
            self._events.append(Finished(self._results))
        elif self.state is not ClientState.QUIT:  # else everything is known already
            self._events.append(event)
        self.state = ClientState.CLOSED

    def _expect_silence(self) -> None:
        if self._reader.has_octets:
            self._fail(Unusable("the server spoke without being asked"))
        elif self._at_end:
            self._fail(Unusable("the connection was lost"))

    # --- the beginning and the end -----------------------------------------------------------------

    def _converse(self) -> _Script:
        if not self._encrypted:
            greeting = yield
            if greeting.code == 521:
                raise _Broken("the host takes no mail", greeting, for_good=True)
            if greeting.code != 220:
                raise _Broken("the server turns us away", greeting)
        self.state = ClientState.HELLO
        yield from self._introduce()
        if not self._encrypted and self._tls != "none" and (yield from self._start_tls()):
            return
        self.state = ClientState.READY
        self._events.append(Ready())

    def _leave(self) -> _Script:
        yield

    def _introduce(self) -> _Script:
        """Say EHLO, or HELO to a server without extensions (RFC 5321 section 3.2); LHLO has no other form."""
        self._say(f"{'LHLO' if self._lmtp else 'EHLO'} {self._hello}")
        answer = yield
        offered = Capabilities.read(answer)
        if answer.permanent and not self._lmtp:
            self._say(f"HELO {self._hello}")
            answer = yield
            offered = Capabilities()
        if answer.code != 250:
            raise _Broken("the server refuses our greeting", answer)
        self.capabilities = offered if self._chunking else offered.without("CHUNKING")

    def _start_tls(self) -> Generator[None, Reply, bool]:
        """Ask for TLS; True when this core has ended by it."""
        if "STARTTLS" in self.capabilities:
            self.state = ClientState.STARTTLS
            self._say("STARTTLS")
            answer = yield
            if answer.code == 220 and self._reader.has_octets:
                # RFC 3207 section 6: whoever wrote them wants them to be read inside TLS.
                raise _Broken("octets after the reply to STARTTLS")
            if answer.code == 220:
                self.state = ClientState.TLS
                self._events.append(HandshakeDue())
                return True
        if self._tls == "required":
            raise _Broken("the server does not offer TLS, which is required", lacks_tls=True)
        return False

    # --- one transaction ---------------------------------------------------------------------------

    def _transact(self, outgoing: Outgoing) -> _Script:
        chunked = "CHUNKING" in self.capabilities and (
            outgoing.binary or len(outgoing.octets) > CHUNKS_FROM_OCTETS
        )
        recipients = list(outgoing.recipients.items())
        if "PIPELINING" in self.capabilities:
            go_ahead = yield from self._in_groups(outgoing.mail, recipients, with_data=not chunked)
        else:
            go_ahead = yield from self._one_by_one(outgoing.mail, recipients, with_data=not chunked)
        accepted = [address for address, _ in recipients if self._results[address].positive]
        if chunked and accepted:
            yield from self._chunks(outgoing.octets, accepted)
        elif go_ahead is not None and go_ahead.code == 354:
            yield from self._data(outgoing.octets, accepted)
        elif go_ahead is not None:
            if go_ahead.positive:
                # Nothing was sent, so it is no success, whatever the server means by it.
                go_ahead = Reply(451, "4.5.0", f"Unexpected reply {go_ahead.code} to DATA")
            self._results.update(dict.fromkeys(accepted, go_ahead))
        self._finish()

    def _finish(self) -> None:
        self.messages_count += 1
        self.state = ClientState.READY
        self._events.append(Finished(self._results))
        takes_leave = any(answer.code == 421 for answer in self._results.values())  # RFC 5321 section 3.8
        if takes_leave or self._lost_count or self._reader.has_octets:
            self.state = ClientState.CLOSED

    def _reset(self) -> bool:
        """Say RSET when the last transaction was left half-way (RFC 5321 section 4.1.1.5)."""
        due, self._open_transaction = self._open_transaction, True
        if due:
            self._say("RSET")
        return due

    def _in_groups(
        self, mail: str, recipients: list[tuple[Address, str]], *, with_data: bool
    ) -> Generator[None, Reply, Reply | None]:
        """Send the envelope in groups of commands; give the reply to DATA or the one that stands for it."""
        reset = self._reset()
        self._say(mail)
        mail_answer: Reply | None = None
        for start in range(0, len(recipients), MAX_GROUP_RECIPIENTS):
            group = recipients[start : start + MAX_GROUP_RECIPIENTS]
            last = start + len(group) == len(recipients)
            for _, command in group:
                self._say(command)
            if last and with_data:
                self._say("DATA")
            if mail_answer is None:
                mail_answer = yield from self._sender_answer(reset)
            for address, _ in group:
                self._results[address] = _still_there(_final((yield)))
            if not mail_answer.positive:
                self._results.update({address: mail_answer for address, _ in recipients})
                if not last:
                    return mail_answer
        if not with_data:
            return None
        self.state = ClientState.DATA
        return (yield)

    def _one_by_one(
        self, mail: str, recipients: list[tuple[Address, str]], *, with_data: bool
    ) -> Generator[None, Reply, Reply | None]:
        if self._reset():
            _still_there((yield))
        self._say(mail)
        answer = yield from self._sender_answer(reset=False)
        if not answer.positive:
            self._results.update({address: answer for address, _ in recipients})
            return answer
        for address, command in recipients:
            self._say(command)
            self._results[address] = _still_there(_final((yield)))
        if not any(self._results[address].positive for address, _ in recipients):
            return reply.NO_VALID_RECIPIENTS
        if not with_data:
            return None
        self._say("DATA")
        self.state = ClientState.DATA
        return (yield)

    def _sender_answer(self, reset: bool) -> _Answer:
        if reset:
            _still_there((yield))
        return _still_there(_final((yield)))

    def _data(self, octets: bytes, accepted: list[Address]) -> _Script:
        self.state = ClientState.FINAL
        self.has_sent_data = bool(accepted)
        if not accepted and self._lmtp:
            self._lost_count = True  # of replies: RFC 2033 section 4.2 knows no such go-ahead
            return
        # RFC 2920 section 3.1: without recipients an empty message is sent, and its reply ignored.
        self._out.append(encode_mail_data(octets) if accepted else b".\r\n")
        yield from self._last_replies(accepted)

    def _chunks(self, octets: bytes, accepted: list[Address]) -> _Script:
        """Send the mail data by BDAT, all at once where that is allowed (RFC 3030 section 4.2)."""
        view = memoryview(octets)
        starts = range(0, len(octets) or 1, MAX_CHUNK_OCTETS)
        self.state = ClientState.FINAL
        self.has_sent_data = True
        waiting = 0
        for start in starts:
            chunk = view[start : start + MAX_CHUNK_OCTETS]
            last = start + MAX_CHUNK_OCTETS >= len(octets)
            self._out += [b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if last else b""), chunk]
            if last:
                break
            waiting += 1
            if "PIPELINING" not in self.capabilities:
                waiting = 0
                if (yield from self._chunk_refused(accepted)):
                    return
        refused = False
        for _ in range(waiting):
            refused = (yield from self._chunk_refused(accepted)) or refused
        if not refused:
            yield from self._last_replies(accepted, chunked=True)
        elif self._lmtp:
            self._lost_count = True
        else:
            yield

    def _chunk_refused(self, accepted: list[Address]) -> Generator[None, Reply, bool]:
        """Read the reply to a chunk that is not the last; whether the message is refused by it."""
        answer = yield from self._reply_to_chunk()
        if answer.positive:
            return False
        if self._results[accepted[0]].positive:  # the first refusal is the reason, the others follow from it
            self._results.update(dict.fromkeys(accepted, answer))
        return True

    def _reply_to_chunk(self) -> _Answer:
        answer = _final((yield))
        match answer.code:
            case 500 | 502:
                # What follows would be read as commands; over another connection it can go by DATA.
                self.has_sent_data = False
                raise _Broken("the server offers CHUNKING and does not know it", answer, lacks_chunking=True)
        return answer

    def _last_replies(self, accepted: list[Address], *, chunked: bool = False) -> _Script:
        """Read the reply to the message; LMTP has one for each recipient (RFC 2033 section 4.2)."""
        answer = (yield from self._reply_to_chunk()) if chunked else _final((yield))
        if self._lmtp:
            self._unanswered = deque(accepted)
            self._results[self._unanswered.popleft()] = answer
            while self._unanswered:
                answer = _final((yield))
                self._results[self._unanswered.popleft()] = answer
        else:
            self._results.update(dict.fromkeys(accepted, answer))
        self._open_transaction = False


def _final(answer: Reply) -> Reply:
    """A reply that can stand as a result; 3yz where none is due is a fault of the server's."""
    if answer.positive and answer.code >= 300:
        return Reply(451, "4.5.0", f"Unexpected reply {answer.code}")
    return answer


def _still_there(answer: Reply) -> Reply:
    """Go on unless the server takes leave before the message was sent (RFC 5321 section 3.8)."""
    if answer.code == 421:
        raise _Broken("the server takes leave", answer)
    return answer
