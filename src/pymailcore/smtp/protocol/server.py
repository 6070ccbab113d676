"""Server half of one SMTP conversation, as a state machine without I/O.

Standards: RFC 5321 sections 3.1, 3.3, 4.1.1, 4.1.4, 4.5.3.1; RFC 2920 section 3.2; RFC 3207 section 4;
RFC 4954 section 4.

The driver puts octets in with `receive_data`, takes events out with `next_event` until it gives None, answers
every event that wants an answer, and sends what `bytes_to_send` hands over. No method awaits, reads a clock
or logs. A peer cannot make a method raise; only a mistake in the driver can.

Theory: the envelope lives in here and nowhere else, so that there is one place where it is emptied: after the
final reply to mail data, RSET, EHLO and HELO, whoever gave that reply. Mail data that is refused (too large,
a bare CR or LF, no memory) is read to its true end before the reply, so that no octet of it is ever taken
for a command. After STARTTLS the driver makes a new core in the state GREETED, and what was said in clear
is gone by construction.

Holds at most one read of the driver, one unfinished line of 12,288 octets, and the envelope.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl import wire
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp.protocol import commands, events, reply
from pymailcore.smtp.protocol.authentication import Exchange, Turn
from pymailcore.smtp.protocol.commands import CommandRefused
from pymailcore.smtp.protocol.lines import LineBuffer, LineTooLong
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.states import (
    AFTER_ACCEPT,
    AFTER_REFUSE,
    ALLOWED,
    ENDED,
    ON_SUCCESS,
    WITHOUT_ARGUMENTS,
    State,
)
from pymailcore.smtp.protocol.transaction import Transaction

MAX_COMMAND_OCTETS: Final = 2_048  # RFC 5321 section 4.5.3.1.4 asks for 512, with CRLF; SMTPUTF8 for more
MAX_RESPONSE_OCTETS: Final = wire.MAX_LINE_OCTETS + 2  # RFC 4954 section 4
MAX_LONG_LINES: Final = 2  # the second one ends the conversation
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
# A web browser can be made to speak to us; what it says first is never a mistake of a mail program.
_HTTP: Final = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"PATCH"})
_ANSWERS: Final[Mapping[bytes, Reply]] = MappingProxyType(
    {b"NOOP": reply.OK, b"RSET": reply.RESET, b"VRFY": reply.VERIFY_UNKNOWN, b"HELP": reply.HELP}
)


class SmtpServerProtocol:
    """One conversation; after STARTTLS the driver begins a new one in state GREETED.

    Attributes:
        state: only the core changes it.
        errors: commands answered with 5yz since the last message was accepted.
    """

    def __init__(self, options: ServerOptions, state: State = State.CONNECTED) -> None:
        self.state = state
        self.errors = 0
        self._options = options
        self._pending: events.Answerable | None = None
        self._buffer = LineBuffer()
        self._out: list[bytes] = []
        self._at_end = False
        self._junk = 0
        self._long_lines = 0
        self._authenticated = False
        self._exchange: Exchange | None = None
        self._transaction = Transaction()

    @property
    def tardy(self) -> bool:
        """Whether the peer has made so many errors that a driver should take its time."""
        return self.errors >= self._options.soft_errors

    @property
    def mail(self) -> events.Mail | None:
        """The MAIL command of the transaction that is open, if one is."""
        return self._transaction.mail

    def receive_data(self, octets: bytes) -> None:
        """Add octets from the peer; empty means the peer has finished sending."""
        if octets:
            self._buffer.append(octets)
        else:
            self._at_end = True

    def next_event(self) -> events.Event | None:
        """Take the peer's next event; None means it needs more octets.

        Input that breaks the protocol is refused in here with a 5yz reply and is never an event, so a driver
        has nothing to do but send.

        Raises:
            LocalProtocolError: the event before this one has no answer yet.
        """
        if self._pending is not None:
            raise LocalProtocolError(f"{self._pending} has no answer yet")
        if self.state is State.CONNECTED:
            return self._ask(events.Opened())
        event: events.Event | None = None
        while event is None and self.state not in ENDED:
            try:
                octets = self._read_mail_data() if self.state is State.DATA else self._take_line()
                if octets is None:
                    break
                if self.state is State.DATA:
                    event = self._take_mail_data(octets)
                elif self.state is State.AUTH:
                    event = self._take_response(octets)
                else:
                    event = self._take_command(octets)
            except CommandRefused as refused:
                self._refuse(refused.reply)
        if event is None and self._at_end:
            self.state = State.CLOSED
        return event

    def accept(self) -> None:
        """Answer the event last taken with the reply that the standard has for success.

        Raises:
            LocalProtocolError: no event waits for an answer.
        """
        event = self._pending
        standard = ON_SUCCESS.get(type(event)) if event is not None else None
        if standard is not None:
            self.answer(standard)
        elif isinstance(event, events.Hello):
            self.answer(self._options.extended_hello if event.extended else self._options.plain_hello)
        elif isinstance(event, events.KeysNeeded):
            raise LocalProtocolError("keys are answered with give_keys")
        else:
            self.answer(self._options.greeting)

    def give_keys(self, keys: ScramKeys) -> None:
        """Answer `KeysNeeded`.

        Raises:
            LocalProtocolError: nobody needs keys.
        """
        if not isinstance(self._pending, events.KeysNeeded) or self._exchange is None:
            raise LocalProtocolError("no exchange needs keys")
        self._pending = None
        self._follow(self._exchange.keys(keys))

    def answer(self, answer: Reply) -> None:
        """Reply to the event last taken, and move to the state that follows.

        Raises:
            LocalProtocolError: no event waits for an answer.
        """
        event = self._pending
        if event is None:
            raise LocalProtocolError("no event waits for an answer")
        self._pending = None
        if isinstance(event, events.Authenticate) and self._concluding(answer):
            return
        self._out.append(answer.encode())
        table = AFTER_ACCEPT if answer.positive else AFTER_REFUSE
        self.state = table.get(type(event), self.state)
        self._note(event, accepted=answer.positive)
        if answer.code == 421:  # RFC 5321 section 3.8
            self.state = State.CLOSED
        elif answer.permanent:
            self._count_error()

    def refuse_mail_data(self, refusal: Reply) -> None:
        """Decide while mail data is coming in that the message will be refused; the reply waits for its end.

        Raises:
            LocalProtocolError: no mail data is being read.
        """
        if self.state is not State.DATA or self._pending is not None:
            raise LocalProtocolError("no mail data is being read")
        self._transaction.refuse(refusal)

    def close(self, answer: Reply) -> None:
        """Say why and end the conversation, whatever its state."""
        self._pending = None
        self._transaction = Transaction()
        self._out.append(answer.encode())
        self.state = State.CLOSED

    def bytes_to_send(self) -> bytes:
        """Hand over the octets that are due to the peer; each is handed over once."""
        if not self._out:
            return b""
        out = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        return out

    def _take_line(self) -> bytes | None:
        """Take one line without its end; None when there is no whole one. Refuses what no line may hold."""
        responding = self.state is State.AUTH
        try:
            line = self._buffer.take_line(MAX_RESPONSE_OCTETS if responding else MAX_COMMAND_OCTETS)
        except LineTooLong:
            self._long_lines += 1
            if self._long_lines >= MAX_LONG_LINES:
                self.close(reply.LINE_TOO_LONG)
                return None
            refusal = reply.LINE_TOO_LONG
        else:
            if line is None:
                return None
            if line[-2:] == b"\r\n" and not _CONTROL.search(line, 0, len(line) - 2):
                return line[:-2]
            refusal = reply.BAD_LINE
        if responding:
            self.state = State.READY
            refusal = self._lost(refusal)
        raise CommandRefused(refusal)

    def _take_command(self, line: bytes) -> events.Event | None:
        verb, _, arguments = line.partition(b" ")
        verb = verb.upper()
        arguments = arguments.strip(b" ")
        allowed = ALLOWED.get(verb)
        if allowed is None and verb in _HTTP:
            self.close(reply.NOT_SMTP)
            return None
        if allowed is None:
            raise CommandRefused(reply.UNKNOWN_COMMAND)
        if self.state not in allowed:
            raise CommandRefused(reply.BAD_SEQUENCE)
        if arguments and verb in WITHOUT_ARGUMENTS:
            raise CommandRefused(reply.NO_ARGUMENTS)
        return self._COMMANDS[verb](self, verb, arguments)

    def _hello(self, verb: bytes, arguments: bytes) -> events.Event | None:
        event = commands.parse_hello(arguments, extended=verb == b"EHLO")
        if self.state is not State.GREETED:
            self._count_junk()
        return None if self.state is State.CLOSED else self._ask(event)

    def _mail(self, _verb: bytes, arguments: bytes) -> events.Event:
        return self._ask(commands.parse_mail(arguments, self._options))

    def _recipient(self, _verb: bytes, arguments: bytes) -> events.Event | None:
        transaction = self._transaction
        transaction.recipient_refused = True  # until the answer says otherwise
        event = commands.parse_recipient(arguments, self._options, smtputf8=transaction.smtputf8)
        if len(transaction.recipients) >= self._options.max_recipients:
            # RFC 5321 section 4.5.3.1.10: the client sends the rest later, so this is no error of its.
            self._count_junk(most=self._options.max_recipients)
            if self.state is State.CLOSED:
                return None
            raise CommandRefused(reply.TOO_MANY_RECIPIENTS)
        return self._ask(event)

    def _data(self, _verb: bytes, _arguments: bytes) -> events.Event:
        if not self._transaction.recipients:
            # RFC 5321 section 3.3, RFC 2920 section 3.2.
            tried = self._transaction.recipient_refused
            raise CommandRefused(reply.NO_VALID_RECIPIENTS if tried else reply.BAD_SEQUENCE)
        return self._ask(events.DataRequested())

    def _start_tls(self, _verb: bytes, _arguments: bytes) -> events.Event | None:
        if not self._options.starttls or self._authenticated:
            raise CommandRefused(reply.BAD_SEQUENCE if self._authenticated else reply.NOT_IMPLEMENTED)
        if self._buffer:
            # RFC 3207 section 6: octets sent in clear may be an attacker's and must not run inside TLS.
            self.close(reply.OCTETS_AFTER_STARTTLS)
            return None
        return self._ask(events.StartTls())

    def _auth(self, _verb: bytes, arguments: bytes) -> events.Event | None:
        if self._authenticated:
            raise CommandRefused(reply.ALREADY_AUTHENTICATED)
        self._exchange, step = Exchange.begin(arguments, self._options)
        return self._follow(step)

    def _take_response(self, line: bytes) -> events.Event | None:
        self.state = State.READY  # also when the exchange fails
        exchange = self._exchange
        if exchange is None:
            raise CommandRefused(reply.BAD_SEQUENCE)
        concluded = exchange.outcome is not None
        step = exchange.respond(line)
        if concluded and isinstance(step, bytes):
            self._exchange = None
            self._authenticated = True
            self._out.append(step)
            return None
        return self._follow(step)

    def _follow(self, step: Turn) -> events.Event | None:
        if not isinstance(step, bytes):
            return self._ask(step)
        self._out.append(step)
        self.state = State.AUTH
        return None

    def _concluding(self, answer: Reply) -> bool:
        """Whether a last challenge has to be answered before the reply to AUTH can be given."""
        exchange = self._exchange
        challenge = None if exchange is None or answer.code == 421 else exchange.conclude(answer)
        if challenge is None:
            self._exchange = None
            return False
        self._out.append(challenge)
        self.state = State.AUTH
        return True

    def _lost(self, refusal: Reply) -> Reply:
        """Forget the exchange; one that the role has accepted already takes the conversation with it."""
        exchange, self._exchange = self._exchange, None
        accepted = exchange is not None and exchange.outcome is not None and exchange.outcome.positive
        return reply.AUTH_UNFINISHED if accepted else refusal

    def _simple(self, verb: bytes, arguments: bytes) -> None:
        if verb == b"VRFY" and not arguments:
            raise CommandRefused(reply.SYNTAX)
        if verb == b"RSET":
            self._transaction = Transaction()
            self.state = State.GREETED if self.state is State.GREETED else State.READY
        self._out.append(_ANSWERS[verb].encode())
        self._count_junk()

    def _not_implemented(self, _verb: bytes, _arguments: bytes) -> None:
        raise CommandRefused(reply.NOT_IMPLEMENTED)

    def _quit(self, _verb: bytes, _arguments: bytes) -> None:
        self.close(reply.CLOSING)

    def _read_mail_data(self) -> bytes | None:
        return self._transaction.read(self._buffer, self._options.max_message_octets)

    def _take_mail_data(self, octets: bytes) -> events.Event | None:
        transaction = self._transaction
        if transaction.refusal is None:
            return events.MailData(octets) if octets else self._ask(events.MailDataEnd(transaction.envelope))
        if octets:
            if transaction.size_octets > 2 * self._options.max_message_octets:
                self.close(reply.TOO_LARGE)
                return events.MailDataAborted()
            return None
        self._transaction = Transaction()
        self.state = State.READY
        self._refuse(transaction.refusal)
        return events.MailDataAborted()

    def _ask(self, event: events.Answerable) -> events.Answerable:
        self._pending = event
        return event

    def _note(self, event: events.Answerable, *, accepted: bool) -> None:
        """Keep what an answer means for the transaction and the counters."""
        match event:
            case events.Recipient(forward_path):
                if forward_path in self._transaction.recipients:
                    self._count_junk()
                elif accepted:
                    self._transaction.recipients[forward_path] = None
            case events.Mail():
                self._transaction.mail = event if accepted else None
            case events.MailDataEnd():
                self._transaction = Transaction()
                if accepted:
                    self.errors = self._junk = 0
            case events.Hello() if accepted:
                self._transaction = Transaction()
            case events.Authenticate():
                self._authenticated = accepted

    def _refuse(self, refusal: Reply) -> None:
        self._out.append(refusal.encode())
        if refusal.code == 421:
            self.state = State.CLOSED
        elif refusal.permanent:
            self._count_error()

    def _count_junk(self, *, most: int = 0) -> None:
        """Count a command that leads to nothing; beyond `junk_commands` (and `most`) each is an error."""
        self._junk += 1
        if self._junk > max(most, self._options.junk_commands):
            self._count_error()

    def _count_error(self) -> None:
        self.errors += 1
        if self.errors >= self._options.hard_errors and self.state is not State.CLOSED:
            self.close(reply.TOO_MANY_ERRORS)

    _COMMANDS: ClassVar[
        Mapping[bytes, Callable[["SmtpServerProtocol", bytes, bytes], events.Event | None]]
    ] = MappingProxyType(
        {
            b"EHLO": _hello,
            b"HELO": _hello,
            b"MAIL": _mail,
            b"RCPT": _recipient,
            b"DATA": _data,
            b"STARTTLS": _start_tls,
            b"AUTH": _auth,
            b"RSET": _simple,
            b"NOOP": _simple,
            b"VRFY": _simple,
            b"HELP": _simple,
            b"EXPN": _not_implemented,
            b"QUIT": _quit,
        }
    )
