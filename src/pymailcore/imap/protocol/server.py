"""Server half of one IMAP conversation, as a state machine without I/O.

Standards: RFC 3501 sections 3, 5.5, 6.2.2 and 7.5; RFC 2177 section 3; RFC 4959 section 3; RFC 5530
section 3; RFC 7888 section 4.

The driver puts octets in with `receive_data`, takes events out with `next_event` until it gives None,
answers every event and sends what `bytes_to_send` hands over. What breaks the grammar, or is not allowed
in the state, is refused in here and is never an event. Commands come one at a time, in order, so
pipelining needs no care. Nothing here awaits, reads a clock or logs, and no peer can make it raise.
"""

import enum
from typing import Final

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.buffer import LineTooLong
from pymailcore.base.errors import LocalProtocolError
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.enabled import Enabled
from pymailcore.imap.protocol.events import Event, IdleDone, Opened, Requested, SaslResponse
from pymailcore.imap.protocol.grammar import parse_command
from pymailcore.imap.protocol.limits import BEFORE_LOGIN, after_login
from pymailcore.imap.protocol.reader import CommandReader, GoAhead, NoRoom, TooBig, Whole
from pymailcore.imap.protocol.responses import CONTINUE, IDLING, Condition, Status, bad, bye, no
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_grammar import CHARSETS, UnknownCharset
from pymailcore.imap.protocol.states import AFTER_OK, ALLOWED, WRONG_STATE, State
from pymailcore.sasl.wire import CANCEL, MAX_LINE_OCTETS, decode, encode

MAX_BAD_BEFORE_LOGIN: Final = 10
MAX_BAD_AFTER_LOGIN: Final = 100
"""Faults in a row after which the connection ends."""
MAX_COMMANDS_BEFORE_LOGIN: Final = 100
"""Commands of any kind after which a client that has not logged in is sent away."""

_MAX_DONE_OCTETS: Final = 64


class _Mode(enum.Enum):
    COMMAND = enum.auto()
    SASL = enum.auto()
    IDLE = enum.auto()


class _Step(enum.Enum):
    """What came of reading on when no event did."""

    AGAIN = enum.auto()  # something was refused or asked for: there may be more to read
    WAIT = enum.auto()  # the peer owes us octets


BAD_CHARSET: Final = b"BADCHARSET (%b)" % CHARSETS
UNKNOWN_CHARSET: Final = no("Strings are not in a charset that is known", BAD_CHARSET)
_CANCELLED: Final = bad("Authentication cancelled")


class ImapServerProtocol:
    """One conversation; after STARTTLS the driver begins a new one in state NOT_AUTHENTICATED.

    Args:
        message_octets: the largest message that APPEND takes.
        annotation_octets: the largest value that SETMETADATA takes.
        budget: what messages in transit may take, shared by all connections; a budget for one message when
            None. `release` gives back what is taken when the conversation ends.

    Attributes:
        enabled: what the client has switched on.
    """

    def __init__(
        self,
        *,
        message_octets: int,
        annotation_octets: int,
        state: State = State.CONNECTED,
        budget: MailDataBudget | None = None,
    ) -> None:
        self.state = state
        self.enabled = Enabled()
        self._message_octets = message_octets
        self._annotation_octets = annotation_octets
        self._reader = CommandReader(BEFORE_LOGIN, budget or MailDataBudget(message_octets))
        self._mode = _Mode.COMMAND
        self._tag = b"*"
        self._command: c.Command | None = None
        self._pending: Event | None = None
        self._cancelled = _CANCELLED
        self._faults = 0
        self._commands = 0
        self._out: list[bytes] = []
        self._at_end = False

    def receive_data(self, octets: bytes) -> None:
        """Add octets from the peer; empty means the peer has finished sending."""
        self._reader.buffer.append(octets)
        self._at_end = self._at_end or not octets

    def next_event(self) -> Event | None:
        """Take the peer's next event; None means it needs more octets, or that the state is CLOSED.

        Raises:
            LocalProtocolError: the event before this one has no answer yet.
        """
        if self._pending is not None:
            raise LocalProtocolError("the event before this one has no answer yet")
        if self.state is State.CONNECTED:
            self._pending = Opened()
            return self._pending
        while self.state is not State.CLOSED:
            if self._mode is _Mode.COMMAND:
                taken = self._next_command()
            elif self._mode is _Mode.SASL:
                taken = self._next_response()
            else:
                taken = self._next_done()
            if not isinstance(taken, _Step):
                self._pending = taken
                return taken
            if taken is _Step.WAIT:
                break
        if self._at_end:
            self.state = State.CLOSED
        return None

    def send(self, octets: bytes) -> None:
        """Say something untagged: whole responses, line ends included."""
        self._out.append(octets)

    def challenge(self, octets: bytes, *, cancelled: Status = _CANCELLED) -> None:
        """Answer AUTHENTICATE or a response with a challenge.

        Args:
            cancelled: how the command ends when the client gives up.

        Raises:
            LocalProtocolError: no exchange is under way.
        """
        if not isinstance(self._command, c.Authenticate) or self._pending is None:
            raise LocalProtocolError("a challenge outside of AUTHENTICATE")
        self._pending = None
        self._mode = _Mode.SASL
        self._cancelled = cancelled
        self._out.append(b"+ %b\r\n" % encode(octets))

    def idle(self) -> None:
        """Answer IDLE: begin to wait for DONE; `send` is allowed meanwhile.

        Raises:
            LocalProtocolError: the last event is not IDLE.
        """
        if not isinstance(self._command, c.Idle) or self._pending is None:
            raise LocalProtocolError("no IDLE to answer")
        self._pending = None
        self._mode = _Mode.IDLE
        self._out.append(IDLING)

    @property
    def tag(self) -> bytes:
        """The tag of the command that was taken last."""
        return self._tag

    @property
    def at_end(self) -> bool:
        """Whether the peer has said that it will send no more."""
        return self._at_end

    @property
    def idling(self) -> bool:
        """Whether the client is expected to say DONE."""
        return self._mode is _Mode.IDLE and self.state is not State.CLOSED

    def answer(self, status: Status) -> None:
        """Answer the event last taken with the greeting or the tagged response; moves the state.

        Raises:
            LocalProtocolError: no event waits for an answer.
        """
        if self._pending is None:
            raise LocalProtocolError("no event waits for an answer")
        opened = isinstance(self._pending, Opened)
        self._pending = None
        if opened:
            self.state = State.NOT_AUTHENTICATED if status.ok else State.CLOSED
            self._out.append(status.encode())
            return
        self._finish(status)

    def deselect(self) -> None:
        """The selected Mailbox is selected no more, though no CLOSE said so."""
        if self.state is State.SELECTED:
            self.state = State.AUTHENTICATED

    def close(self, status: Status) -> None:
        """Say BYE and end the conversation, whatever its state."""
        self._pending = None
        if self.state is not State.CLOSED:
            self._out.append(status.encode())
        self.state = State.CLOSED

    def bytes_to_send(self) -> bytes:
        """Hand over the octets that are due to the peer; each is handed over once."""
        out = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        return out

    def rest(self) -> bytes:
        """Take what was received and not read yet, for a conversation that begins anew."""
        return self._reader.buffer.take_all()

    @property
    def reading_literal(self) -> bool:
        """Whether the client is expected to send the octets of a literal."""
        return self._reader.in_literal

    def release(self) -> None:
        """Give back what a message takes of the budget; the driver is done with this core."""
        self._reader.release()

    def _finish(self, status: Status) -> None:
        """End a command with its tagged response."""
        kind: type[object] = type(self._command)
        self._reader.release()
        self._mode = _Mode.COMMAND
        self._command = None
        self._out.append(status.encode(self._tag))
        self._faults = self._faults + 1 if status.condition is Condition.BAD else 0
        if self.state is State.CLOSED:
            return
        if status.ok:
            self.state = AFTER_OK.get(kind, self.state)
        elif kind is c.Select and self.state is State.SELECTED:  # RFC 3501 section 6.3.1
            self.state = State.AUTHENTICATED
        if status.ok and kind in (c.Login, c.Authenticate):
            self._reader.change_limits(after_login(self._message_octets, self._annotation_octets))
        self._check_faults()
        if self.state is State.NOT_AUTHENTICATED:
            self._commands += 1
            if self._commands >= MAX_COMMANDS_BEFORE_LOGIN:
                self.close(bye("Too many commands before a login"))

    def _check_faults(self) -> None:
        most = MAX_BAD_BEFORE_LOGIN if self.state is State.NOT_AUTHENTICATED else MAX_BAD_AFTER_LOGIN
        if self._faults >= most:
            self.close(bye("Too many faults"))

    def _next_command(self) -> Event | _Step:
        taken = self._reader.take()
        if taken is None:
            return _Step.WAIT
        if isinstance(taken, Whole):
            return self._take_command(taken.pieces)
        if isinstance(taken, GoAhead):
            self._out.append(CONTINUE)
        elif isinstance(taken, NoRoom):
            refusal = no("Too much mail comes in just now, please try again", b"UNAVAILABLE")
            self._out.append(refusal.encode(taken.tag or b"*"))
        elif taken.fatal:
            self.close(bye("Command is too large", b"TOOBIG"))
        else:
            self._refuse(taken)
        return _Step.AGAIN

    def _refuse(self, taken: TooBig) -> None:
        code = b"TOOBIG"
        if taken.annotation:  # RFC 5464 section 4.3
            code = b"METADATA MAXSIZE %d" % self._annotation_octets
        status = no if taken.tag else bad
        self._out.append(status("Literal is too large", code).encode(taken.tag or b"*"))
        self._faults += 1
        self._check_faults()

    def _take_command(self, pieces: list[bytes]) -> Event | _Step:
        self._tag = b"*"
        try:
            enabled = self.enabled
            scanner = Scanner(pieces, utf8=enabled.utf8, charsets=not enabled.utf8_accept)
            self._tag = scanner.tag()
            command = parse_command(scanner)
        except BadCommand as fault:
            self._finish(bad(str(fault)))
            return _Step.AGAIN
        except UnknownCharset as fault:
            self._finish(bad("Filters are in UTF-8", BAD_CHARSET) if fault.bad else UNKNOWN_CHARSET)
            return _Step.AGAIN
        if self.state not in ALLOWED[type(command)]:
            self._finish(WRONG_STATE[self.state])
            return _Step.AGAIN
        if isinstance(command, c.StartTls | c.Compress) and self._reader.buffer:
            # Octets sent in clear may be an attacker's; whoever wrote them wants them to be read inside TLS.
            # Nobody knows whether those behind COMPRESS are compressed (RFC 4978 section 3 forbids them).
            name = "STARTTLS" if isinstance(command, c.StartTls) else "COMPRESS"
            self.close(bye(f"Octets after {name}"))
            return _Step.AGAIN
        self._command = command
        return Requested(self._tag, command)

    def _line(self, limit: int) -> bytes | None:
        """Take a line that is no command; None when it is not whole, or the conversation has ended."""
        try:
            line = self._reader.buffer.take_line(limit)
        except LineTooLong:
            self.close(bye("Line is too long", b"TOOBIG"))
            return None
        return None if line is None else line.rstrip(b"\r\n")

    def _next_response(self) -> Event | _Step:
        line = self._line(MAX_LINE_OCTETS)
        if line is None:
            return _Step.WAIT
        octets = None if line == CANCEL else decode(line)
        if octets is not None:
            return SaslResponse(octets)
        self._finish(self._cancelled if line == CANCEL else bad("Response is not base64"))
        return _Step.AGAIN

    def _next_done(self) -> Event | _Step:
        line = self._line(_MAX_DONE_OCTETS)
        if line is None:
            return _Step.WAIT
        if line.upper() == b"DONE":
            return IdleDone()
        self._finish(bad("Expected DONE"))
        return _Step.AGAIN
