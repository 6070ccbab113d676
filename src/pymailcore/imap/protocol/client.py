"""Client half of an IMAP conversation, as a state machine without I/O.

Standards: RFC 3501 sections 2.2, 3 and 7.1, RFC 7888 (literals), RFC 4616 section 2 (PLAIN), RFC 4959
(SASL-IR).

One command at a time: `start` begins it, `next_event` gives what the server says until the tagged response,
which ends it. `bytes_to_send` is due to the server each time. What the server sends never raises: nonsense is
the event `Broken`, after which the state is CLOSED. Held are one response and one read (`client_reader`).
"""

import binascii
import enum
from collections import deque
from dataclasses import dataclass

from pymailcore.base.errors import LocalProtocolError
from pymailcore.imap.protocol.client_reader import BadResponse, ResponseReader
from pymailcore.imap.protocol.client_responses import (
    Condition,
    Continuation,
    Response,
    parse_response,
)
from pymailcore.imap.protocol.responses import string


class ClientState(enum.Enum):
    """Where the conversation stands."""

    GREETING = enum.auto()  # the server has not greeted
    READY = enum.auto()  # no command is running
    RUNNING = enum.auto()  # the server owes us a tagged response
    CLOSED = enum.auto()


@dataclass(frozen=True, slots=True)
class Broken:
    """The conversation is over: the server broke the protocol or has gone."""

    reason: str


class ImapClientProtocol:
    """One conversation; after STARTTLS the driver begins a new one with `greeted`."""

    def __init__(self, *, message_octets: int, greeted: bool = False) -> None:
        self.state = ClientState.READY if greeted else ClientState.GREETING
        self._reader = ResponseReader(message_octets)
        self._out = bytearray()
        self._parts: deque[bytes] = deque()
        self._count = 0
        self._tag = b""
        self._ended = False

    def start(self, *arguments: bytes, then: bytes | None = None) -> None:
        """Begin a command; its arguments are as they stand on the wire, strings by `text`.

        Args:
            then: a line for the server's continuation (AUTHENTICATE).

        Raises:
            LocalProtocolError: another command is running.
        """
        if self.state is not ClientState.READY:
            raise LocalProtocolError(f"a command in state {self.state}")
        self._count += 1
        self._tag = b"A%d" % self._count
        pieces = b" ".join((self._tag, *arguments)).split(_CUT)
        self._parts.extend([*pieces[:-1], pieces[-1] + b"\r\n"])
        if then is not None:
            self._parts.append(then + b"\r\n")
        self._out += self._parts.popleft()
        self.state = ClientState.RUNNING

    def receive_data(self, octets: bytes) -> None:
        """Add octets of the server; empty means that it has gone."""
        self._reader.append(octets)
        self._ended = self._ended or not octets

    def next_event(self) -> Response | Broken | None:
        """Take what the server says next; None means that more octets are needed."""
        if self.state is ClientState.CLOSED:
            return None
        try:
            raw = self._reader.take()
            event = None if raw is None else parse_response(raw)
        except BadResponse as fault:
            return self._break(str(fault))
        if event is None:
            return self._break("the server closed the connection") if self._ended else None
        if isinstance(event, Continuation):
            if not self._parts:
                return self._break("the server asks for more than there is")
            self._out += self._parts.popleft()
        elif isinstance(event, Condition):
            return self._conclude(event)
        return event

    def _conclude(self, event: Condition) -> Condition | Broken:
        if event.kind == "BYE":
            return self._break(event.text or "the server says BYE")
        if self.state is ClientState.GREETING:
            if event.tag or event.kind not in ("OK", "PREAUTH"):
                return self._break(event.text or "the server does not greet")
            self.state = ClientState.READY
        elif event.tag:
            if event.tag != self._tag or self.state is not ClientState.RUNNING:
                return self._break("the server answers what was not asked")
            self._parts.clear()
            self.state = ClientState.READY
        return event

    def _break(self, reason: str) -> Broken:
        self.state = ClientState.CLOSED
        return Broken(reason)

    def bytes_to_send(self) -> bytes:
        """Hand over the octets that are due to the server; each is handed over once."""
        out = bytes(self._out)
        self._out.clear()
        return out


_CUT = b"\0cut\0"  # NUL stands in no command (RFC 3501 section 9)


def text(octets: bytes) -> bytes:
    """Write a string argument: quoted, or a literal for which the server has to ask.

    Raises:
        ValueError: it holds NUL.
    """
    if b"\0" in octets:
        raise ValueError("NUL stands in no command")
    written = string(octets)
    if written.startswith(b"{"):
        head, _, octets = written.partition(b"\r\n")
        return head + b"\r\n" + _CUT + octets
    return written


def plain_response(user: str, password: str) -> bytes:
    """The response of SASL PLAIN in base64."""
    message = b"\0%b\0%b" % (user.encode(), password.encode())
    return binascii.b2a_base64(message, newline=False)


def token_response(user: str, token: str) -> bytes:
    """The response of XOAUTH2, as Google and Microsoft document it, in base64."""
    message = b"user=%b\1auth=Bearer %b\1\1" % (user.encode(), token.encode())
    return binascii.b2a_base64(message, newline=False)


def number_set(numbers: list[int]) -> bytes:
    """Write ascending numbers as a sequence set with ranges."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] + 1 == number:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges)
