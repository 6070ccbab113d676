"""Client half of one SMTP conversation: one message to one host, without I/O.

Standards: RFC 5321 sections 3.2, 3.3, 4.2, 4.5.3.2; RFC 2920 section 3.1; RFC 3207 sections 4 and 4.1;
RFC 1870 section 6; RFC 6152 section 3; RFC 6531 section 3.

The driver sends what `bytes_to_send` hands over, puts octets in with `receive_data` and takes events out with
`next_event` until it gives None. A server cannot make a method raise. `Unusable` says nothing about the
message; `Finished` has a reply for every recipient.

Theory: the conversation is a generator that is sent one reply after the other, so that it reads from top to
bottom like the standard. A core ends at STARTTLS; after the handshake the driver makes another with
`encrypted`, which begins with EHLO, and what was said in clear is gone by construction.

Holds the message in its wire form, one read of the driver and one reply.
"""

import enum
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.mail_data import encode_mail_data
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.reply_reader import BadReply, ReplyReader

MAX_GROUP_RECIPIENTS: Final = 100
"""RCPT commands in one group: commands and replies of a group fit into the socket buffers of both sides, so
that neither waits for the other to read (RFC 2920 section 3.1)."""

NEEDS_8BITMIME: Final = Reply(554, "5.6.3", "The next host does not offer 8BITMIME, which this message needs")
NEEDS_SMTPUTF8: Final = Reply(553, "5.6.7", "The next host does not offer SMTPUTF8, which this message needs")
TOO_LARGE: Final = Reply(552, "5.3.4", "The message is larger than the next host takes")
BAD_ADDRESS: Final = Reply(501, "5.1.3", "The address cannot be written in a command")

TlsPolicy = Literal["none", "opportunistic", "required"]


class ClientState(enum.Enum):
    """What the client waits for; drivers choose their deadlines by it."""

    GREETING = enum.auto()
    HELLO = enum.auto()
    STARTTLS = enum.auto()
    TRANSACTION = enum.auto()
    FINAL = enum.auto()  # the reply to the message, which may take long
    QUIT = enum.auto()
    TLS = enum.auto()  # the handshake is due; this core ends
    CLOSED = enum.auto()


_ENDED: Final = frozenset({ClientState.TLS, ClientState.CLOSED})


@dataclass(frozen=True, slots=True)
class HandshakeDue:
    """The server is ready for TLS."""


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
    """

    reason: str
    reply: Reply | None = None


ClientEvent = HandshakeDue | Finished | Unusable
_Script = Generator[None, Reply, None]


class SmtpClientProtocol:
    """One conversation for one message.

    Args:
        hello: what we call ourselves.
        tls: whether to ask for STARTTLS, and whether to go on without.
        encrypted: TLS stands and the greeting was read before it.
    """

    def __init__(
        self,
        envelope: Envelope,
        octets: bytes,
        *,
        hello: str,
        tls: TlsPolicy = "none",
        encrypted: bool = False,
    ) -> None:
        self.state = ClientState.HELLO if encrypted else ClientState.GREETING
        self.replies_count = 0
        self._envelope = envelope
        self._octets = octets
        self._hello = hello
        self._tls = tls
        self._encrypted = encrypted
        self._reader = ReplyReader()
        self._at_end = False
        self._out: list[bytes] = []
        self._events: deque[ClientEvent] = deque()
        self._results: dict[Address, Reply] = {}
        self._script = self._converse()
        next(self._script)

    def receive_data(self, octets: bytes) -> None:
        """Add octets from the server; empty means that it has finished sending."""
        if octets:
            self._reader.append(octets)
        else:
            self._at_end = True

    def next_event(self) -> ClientEvent | None:
        """Take the next event; None means that the server owes us octets."""
        while not self._events and self.state not in _ENDED:
            try:
                answer = self._reader.take()
            except BadReply as fault:
                self._fail(str(fault))
                break
            if answer is None:
                if self._at_end:
                    self._fail("the connection was lost")
                break
            self.replies_count += 1
            try:
                self._script.send(answer)
            except StopIteration:
                if self.state not in _ENDED:
                    self.state = ClientState.CLOSED
        return self._events.popleft() if self._events else None

    def bytes_to_send(self) -> bytes:
        """Hand over the octets that are due to the server; each is handed over once."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _say(self, line: str) -> None:
        self._out.append(line.encode() + b"\r\n")

    def _fail(self, reason: str, answer: Reply | None = None) -> None:
        if self.state is not ClientState.QUIT:  # else everything is known already
            self._events.append(Unusable(reason, answer))
        self.state = ClientState.CLOSED

    def _converse(self) -> _Script:
        if not self._encrypted:
            greeting = yield
            if greeting.code == 521:
                # RFC 7504 section 3: this host never takes mail.
                self._results = dict.fromkeys(self._envelope.recipients, greeting)
                yield from self._finish()
                return
            if greeting.code != 220:
                self._fail("the server turns us away", greeting)
                return
        self.state = ClientState.HELLO
        offered = yield from self._introduce()
        if offered is None:
            return
        if not self._encrypted and self._tls != "none" and (yield from self._start_tls(offered)):
            return
        yield from self._transact(offered)

    def _introduce(self) -> Generator[None, Reply, Mapping[str, str] | None]:
        """Say EHLO, or HELO to a server without extensions (RFC 5321 section 3.2)."""
        self._say(f"EHLO {self._hello}")
        answer = yield
        offered = _keywords(answer)
        if answer.permanent:
            self._say(f"HELO {self._hello}")
            answer = yield
            offered = {}
        if answer.code == 250:
            return offered
        self._fail("the server refuses our greeting", answer)
        return None

    def _start_tls(self, offered: Mapping[str, str]) -> Generator[None, Reply, bool]:
        """Ask for TLS; True when this core has ended by it."""
        if "STARTTLS" in offered:
            self.state = ClientState.STARTTLS
            self._say("STARTTLS")
            answer = yield
            if answer.code == 220 and self._reader.has_octets:
                # RFC 3207 section 6: whoever wrote them wants them to be read inside TLS.
                self._fail("octets after the reply to STARTTLS")
                return True
            if answer.code == 220:
                self.state = ClientState.TLS
                self._events.append(HandshakeDue())
                return True
        if self._tls == "required":
            self._fail("the server does not offer TLS, which is required")
            return True
        return False

    def _transact(self, offered: Mapping[str, str]) -> _Script:
        self.state = ClientState.TRANSACTION
        recipients, parameters = self._judge(offered)
        if recipients:
            reverse_path = self._envelope.reverse_path
            mail = f"MAIL FROM:<{reverse_path or ''}>{parameters}"
            if "PIPELINING" in offered:
                go_ahead = yield from self._in_groups(mail, recipients)
            else:
                go_ahead = yield from self._one_by_one(mail, recipients)
            accepted = [address for address in recipients if self._results[address].positive]
            if go_ahead.code == 354:
                self.state = ClientState.FINAL
                # RFC 2920 section 3.1: without recipients an empty message is sent, and its reply ignored.
                self._out.append(encode_mail_data(self._octets) if accepted else b".\r\n")
                self._octets = b""
                go_ahead = yield
            elif go_ahead.positive:
                # Nothing was sent, so it is no success, whatever the server means by it.
                go_ahead = Reply(451, "4.5.0", f"Unexpected reply {go_ahead.code} to DATA")
            self._results.update(dict.fromkeys(accepted, _final(go_ahead)))
        yield from self._finish()

    def _finish(self) -> _Script:
        self._events.append(Finished(self._results))
        self.state = ClientState.QUIT
        self._say("QUIT")
        yield

    def _in_groups(self, mail: str, recipients: list[Address]) -> Generator[None, Reply, Reply]:
        """Send the envelope in groups of commands; give the reply to DATA or the one that stands for it."""
        self._say(mail)
        mail_answer: Reply | None = None
        for start in range(0, len(recipients), MAX_GROUP_RECIPIENTS):
            group = recipients[start : start + MAX_GROUP_RECIPIENTS]
            last = start + len(group) == len(recipients)
            for address in group:
                self._say(f"RCPT TO:<{address}>")
            if last:
                self._say("DATA")
            if mail_answer is None:
                mail_answer = yield
            for address in group:
                self._results[address] = _final((yield))
            if not mail_answer.positive:
                self._results.update(dict.fromkeys(recipients, _final(mail_answer)))
                if not last:
                    return mail_answer
        return (yield)

    def _one_by_one(self, mail: str, recipients: list[Address]) -> Generator[None, Reply, Reply]:
        self._say(mail)
        answer = yield
        if not answer.positive:
            self._results.update(dict.fromkeys(recipients, _final(answer)))
            return answer
        for address in recipients:
            self._say(f"RCPT TO:<{address}>")
            self._results[address] = _final((yield))
        if not any(self._results[address].positive for address in recipients):
            return reply.NO_VALID_RECIPIENTS
        self._say("DATA")
        return (yield)

    def _judge(self, offered: Mapping[str, str]) -> tuple[list[Address], str]:
        """Refuse what the server cannot take; give the recipients that are left and MAIL's parameters."""
        envelope = self._envelope
        eight_bit = not self._octets.isascii()
        utf8 = "SMTPUTF8" in offered
        header = self._octets.partition(b"\r\n\r\n")[0] if envelope.smtputf8 and eight_bit else b""
        needs_utf8 = not header.isascii() or not _is_ascii(envelope.reverse_path)
        limit = offered.get("SIZE", "")
        refusal: Reply | None = None
        if eight_bit and "8BITMIME" not in offered:
            refusal = NEEDS_8BITMIME
        elif limit.isdecimal() and 0 < int(limit[:20]) < len(self._octets):
            refusal = TOO_LARGE
        recipients = []
        for address in envelope.recipients:
            if not str(address).isprintable() or not str(envelope.reverse_path).isprintable():
                self._results[address] = BAD_ADDRESS
            elif not utf8 and (needs_utf8 or not _is_ascii(address)):
                self._results[address] = NEEDS_SMTPUTF8
            elif refusal is not None:
                self._results[address] = refusal
            else:
                recipients.append(address)
        needs_utf8 = needs_utf8 or not all(map(_is_ascii, recipients))
        parameters = f" SIZE={len(self._octets)}" if "SIZE" in offered else ""
        parameters += " BODY=8BITMIME" if eight_bit else ""
        parameters += " SMTPUTF8" if needs_utf8 else ""
        return recipients, parameters


def _is_ascii(address: Address | None) -> bool:
    return address is None or address.is_ascii


def _keywords(answer: Reply) -> dict[str, str]:
    """RFC 5321 section 4.1.1.1: the lines after the first are keywords with parameters."""
    pairs = (line.partition(" ") for line in answer.text.split("\n")[1:])
    return {keyword.upper(): parameters.strip() for keyword, _, parameters in pairs}


def _final(answer: Reply) -> Reply:
    """A reply that can stand as a result; 3yz where none is due is a fault of the server's."""
    if answer.positive and answer.code >= 300:
        return Reply(451, "4.5.0", f"Unexpected reply {answer.code}")
    return answer
