"""Server half of one SMTP conversation, as a state machine without I/O.

Standards: RFC 5321 sections 3.1, 3.3, 4.1.1, 4.1.4, 4.5.3.1; RFC 2920 section 3.2; RFC 3207 section 4;
RFC 4954 section 4; RFC 3030 section 2; RFC 2033 section 4.

The driver puts octets in with `receive_data`, takes events out with `next_event` until it gives None, answers
every event that wants an answer, and sends what `bytes_to_send` hands over. No method awaits, reads a clock
or logs. A peer cannot make a method raise; only a mistake in the driver can.

Theory: the envelope lives in here and nowhere else, so that there is one place where it is emptied: after the
final reply to DATA and to mail data, to RSET, and to EHLO and HELO when they are accepted (a refused EHLO
changes nothing, RFC 5321 section 4.1.4), whoever gave that reply. Mail data that is refused (too large,
a bare CR or LF, no memory) is read to its true end before the reply, so that no octet of it is ever taken
for a command. After STARTTLS the driver makes a new core in the state GREETED, and what was said in clear
is gone by construction.

Holds at most one read of the driver, one unfinished line of 12,288 octets, and the envelope.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp.protocol import commands, events, reply
from pymailcore.smtp.protocol.authentication import Exchange, Turn
from pymailcore.smtp.protocol.chunking import CHUNK_SYNTAX, CHUNK_TOO_LARGE, Chunk, parse_chunk
from pymailcore.smtp.protocol.command_lines import MAX_COMMAND_OCTETS, MAX_RESPONSE_OCTETS, CommandLines
from pymailcore.smtp.protocol.lines import LineBuffer
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import CommandRefused, Reply
from pymailcore.smtp.protocol.states import (
    AFTER_ACCEPT,
    AFTER_REFUSE,
    ALLOWED,
    ENDED,
    ON_SUCCESS,
    WITHOUT_ARGUMENTS,
    State,
    unknown_here,
)
from pymailcore.smtp.protocol.transaction import Transaction
from pymailcore.smtp.protocol.xclient import parse_xclient

_MAIL_DATA: Final = frozenset({State.DATA, State.CHUNK})
# A web browser can be made to speak to us; what it says first is never a mistake of a mail program.
_HTTP: Final = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"PATCH"})
_ANSWERS: Final[Mapping[bytes, Reply]] = MappingProxyType({b"NOOP": reply.OK, b"HELP": reply.HELP})


class SmtpServerProtocol:
    """One conversation; after STARTTLS the driver begins a new one in state GREETED.

    Attributes:
        state: only the core changes it.
        errors: commands answered with 5yz since the last message was accepted; a driver may take its time.
    """

    def __init__(self, options: ServerOptions, state: State = State.CONNECTED) -> None:
        self.state = state
        self.errors = 0
        self._options = options
        self._pending: events.Answerable | None = None
        self._buffer = LineBuffer()
        self._lines = CommandLines(self._buffer)
        self._out: list[bytes] = []
        self._at_end = False
        self._junk = 0
        self._authenticated = False
        self._exchange: Exchange | None = None
        self._transaction = Transaction()
        self._transactions_count = 0
        self._chunk: Chunk | None = None
        self._foreign = unknown_here(lmtp=options.lmtp, xclient=options.xclient)

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
            if not (self._options.refuse_early_talkers and self._buffer):
                return self._ask(events.Opened())
            self.close(reply.EARLY_TALKER)
        event: events.Event | None = None
        while event is None and self.state not in ENDED:
            try:
                reading = self.state is State.DATA or self.state is State.CHUNK
                octets = self._read_mail_data() if reading else self._take_line()
                if octets is None:
                    break
                if reading:
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
        if isinstance(event, events.DataRequested) and event.chunked:
            self._begin_chunks(answer)
            return
        if not (isinstance(event, events.Xclient) and answer.positive):  # the new core greets instead
            octets = answer.encode()
            # RFC 2033 section 4.2: each recipient has a reply of its own.
            each = self._options.lmtp and isinstance(event, events.MailDataEnd)
            self._out.append(octets * len(self._transaction.commands) if each else octets)
        table = AFTER_ACCEPT if answer.positive else AFTER_REFUSE
        self.state = table.get(type(event), self.state)
        self._note(event, accepted=answer.positive)
        if answer.code == 421:  # RFC 5321 section 3.8
            self.state = State.CLOSED
        elif answer.permanent:
            self._count_error()

    def answer_each(self, replies: Sequence[Reply]) -> None:
        """Answer `MailDataEnd` in LMTP: a reply for each recipient of the envelope, in their order.

        Raises:
            LocalProtocolError: no whole message waits for an answer, or this is no LMTP.
        """
        event = self._pending
        if not isinstance(event, events.MailDataEnd) or not self._options.lmtp:
            raise LocalProtocolError("nobody waits for an answer for each recipient")
        self._pending = None
        by_recipient = dict(zip(event.envelope.recipients, replies, strict=True))
        self._out += [by_recipient[forward_path].encode() for forward_path in self._transaction.commands]
        self.state = State.READY
        accepted = any(answer.positive for answer in replies)
        self._note(event, accepted=accepted)
        if any(answer.code == 421 for answer in replies):
            self.state = State.CLOSED
        elif not accepted and any(answer.permanent for answer in replies):
            self._count_error()

    def refuse_mail_data(self, refusal: Reply) -> None:
        """Decide while mail data is coming in that the message will be refused; the reply waits for its end.

        Raises:
            LocalProtocolError: no mail data is being read.
        """
        if self.state not in _MAIL_DATA or self._pending is not None:
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
            return self._lines.take(MAX_RESPONSE_OCTETS if responding else MAX_COMMAND_OCTETS)
        except CommandRefused as refused:
            if self._lines.hopeless:
                self.close(refused.reply)
                return None
            if not responding:
                raise
            self.state = State.READY
            raise CommandRefused(self._lost(refused.reply)) from None

    def _take_command(self, line: bytes) -> events.Event | None:
        verb, _, arguments = line.partition(b" ")
        verb = verb.upper()
        arguments = arguments.strip(b" ")
        allowed = ALLOWED.get(verb)
        if allowed is None and verb in _HTTP:
            self.close(reply.NOT_SMTP)
            return None
        if allowed is None or verb in self._foreign:
            raise CommandRefused(reply.UNKNOWN_COMMAND)
        if self.state not in allowed:
            raise CommandRefused(reply.BAD_SEQUENCE)
        if arguments and verb in WITHOUT_ARGUMENTS:
            raise CommandRefused(reply.NO_ARGUMENTS)
        return self._COMMANDS[verb](self, verb, arguments)

    def _hello(self, verb: bytes, arguments: bytes) -> events.Event | None:
        event = commands.parse_hello(arguments, extended=verb != b"HELO")
        if self.state is not State.GREETED:
            self._count_junk()
        return None if self.state is State.CLOSED else self._ask(event)

    def _mail(self, _verb: bytes, arguments: bytes) -> events.Event | None:
        if 0 < self._options.max_transactions <= self._transactions_count:
            self.close(reply.TOO_MANY_TRANSACTIONS)
            return None
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

    def _data(self, _verb: bytes, _arguments: bytes) -> events.Event | None:
        refusal = self._transaction.why_no_data
        if refusal is not None:
            raise CommandRefused(refusal)
        if self._options.refuse_early_talkers and self._buffer:
            # RFC 2920 section 3.1: DATA is the last command of a group.
            self.close(reply.EARLY_TALKER)
            return None
        return self._ask(events.DataRequested())

    def _bdat(self, _verb: bytes, arguments: bytes) -> events.Event | None:
        chunk = parse_chunk(arguments)
        limit = self._options.max_message_octets
        if chunk is None or chunk.size_octets > 2 * limit:
            self.close(CHUNK_SYNTAX if chunk is None else CHUNK_TOO_LARGE)
            return None
        self._chunk = chunk
        chunk.stray = (
            self._transaction.why_no_data if self._options.extensions.chunking else reply.NOT_IMPLEMENTED
        )
        chunk.early = self.state is State.GREETED
        self.state = State.CHUNK
        if chunk.stray is not None:
            return None
        begun = self._transaction.begun
        self._transaction.begin_chunk(chunk, limit)
        return None if begun else self._ask(events.DataRequested(chunked=True))

    def _begin_chunks(self, answer: Reply) -> None:
        """Take the answer to the first chunk, of which the peer hears when the chunk is here."""
        if answer.code == 421:
            self.close(answer)
        elif not answer.positive:
            self._transaction.refuse(answer)

    def _end_chunk(self, chunk: Chunk) -> events.Event | None:
        """A chunk has been read to its end."""
        transaction, self._chunk = self._transaction, None
        refusal = chunk.stray or transaction.refusal
        if refusal is not None:
            self._transaction = Transaction()
            self.state = State.GREETED if chunk.early else State.READY
            self._refuse(refusal, copies=max(1, len(transaction.commands)) if chunk.last else 1)
            return events.MailDataAborted() if transaction.begun else None
        if chunk.last:
            return self._ask(events.MailDataEnd(transaction.envelope))
        self._out.append(chunk.received.encode())
        self.state = State.CHUNKS
        return None

    def _start_tls(self, _verb: bytes, _arguments: bytes) -> events.Event | None:
        if not self._options.starttls or self._authenticated:
            raise CommandRefused(reply.BAD_SEQUENCE if self._authenticated else reply.NOT_IMPLEMENTED)
        if self._buffer:
            # RFC 3207 section 6: octets sent in clear may be an attacker's and must not run inside TLS.
            self.close(reply.OCTETS_AFTER_STARTTLS)
            return None
        return self._ask(events.StartTls())

    def _xclient(self, _verb: bytes, arguments: bytes) -> events.Event | None:
        event = parse_xclient(arguments)
        if event is None or self._buffer or self._authenticated:
            raise CommandRefused(reply.SYNTAX)
        return self._ask(event)

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

    def _simple(self, verb: bytes, _arguments: bytes) -> None:
        self._out.append(_ANSWERS[verb].encode())
        self._count_junk()

    def _verify(self, verb: bytes, arguments: bytes) -> events.Event | None:
        event = commands.parse_verify(verb, arguments, self._options)
        if event is None:
            self._out.append(reply.NOT_TOLD.encode())  # RFC 5321 section 7.3
        self._count_junk()
        return None if event is None or self.state is State.CLOSED else self._ask(event)

    def _reset(self, _verb: bytes, _arguments: bytes) -> events.Event | None:
        begun = self._transaction.begun
        self._transaction = Transaction()
        self.state = State.GREETED if self.state is State.GREETED else State.READY
        self._out.append(reply.RESET.encode())
        self._count_junk()
        return events.MailDataAborted() if begun else None

    def _quit(self, _verb: bytes, _arguments: bytes) -> None:
        self.close(reply.CLOSING)

    def _read_mail_data(self) -> bytes | None:
        chunk = self._chunk
        if chunk is None:
            return self._transaction.read(self._buffer, self._options)
        return self._transaction.read_chunk(chunk, self._buffer, self._options)

    def _take_mail_data(self, octets: bytes) -> events.Event | None:
        transaction, chunk = self._transaction, self._chunk
        if chunk is not None and not octets:
            return self._end_chunk(chunk)
        if transaction.refusal is None and (chunk is None or chunk.stray is None):
            return events.MailData(octets) if octets else self._ask(events.MailDataEnd(transaction.envelope))
        if octets:
            if transaction.size_octets > 2 * self._options.max_message_octets:
                self.close(reply.TOO_LARGE)
                return events.MailDataAborted()
            return None
        self._transaction = Transaction()
        self.state = State.READY
        self._refuse(transaction.refusal or reply.BAD_SEQUENCE, copies=len(transaction.commands))
        return events.MailDataAborted()

    def _ask(self, event: events.Answerable) -> events.Answerable:
        self._pending = event
        return event

    def _note(self, event: events.Answerable, *, accepted: bool) -> None:
        """Keep what an answer means for the transaction and the counters."""
        match event:
            case events.Recipient(forward_path, terms):
                if self._transaction.add(forward_path, terms, accepted=accepted):
                    self._count_junk()
            case events.Mail():
                self._transaction.mail = event if accepted else None
                self._transactions_count += accepted
            case events.DataRequested() if not accepted:
                self._transaction = Transaction()
            case events.MailDataEnd():
                self._transaction = Transaction()
                if accepted:
                    self.errors = self._junk = 0
            case events.Hello() if accepted:
                self._transaction = Transaction()
            case events.Authenticate():
                self._authenticated = accepted

    def _refuse(self, refusal: Reply, *, copies: int = 1) -> None:
        self._out.append(refusal.encode() * (copies if self._options.lmtp else 1))
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
            b"LHLO": _hello,
            b"MAIL": _mail,
            b"RCPT": _recipient,
            b"DATA": _data,
            b"BDAT": _bdat,
            b"STARTTLS": _start_tls,
            b"AUTH": _auth,
            b"XCLIENT": _xclient,
            b"RSET": _reset,
            b"NOOP": _simple,
            b"VRFY": _verify,
            b"HELP": _simple,
            b"EXPN": _verify,
            b"QUIT": _quit,
        }
    )
