"""The AUTH command: a SASL exchange inside SMTP.

Standards: RFC 4954 sections 4 and 6.

Theory: the protocol has no place for what a mechanism says at its end (RFC 4422 section 3.6), so that travels
as a last challenge; the client answers with an empty response, or anything after a refusal, and only then
comes the reply.
"""

from pymailcore.sasl import wire
from pymailcore.sasl.steps import (
    Challenge,
    Failed,
    Mechanism,
    NeedKeys,
    ScramKeys,
    Step,
    Succeeded,
)
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.events import Authenticate, KeysNeeded
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import CommandRefused, Reply

Turn = Authenticate | KeysNeeded | bytes
"""What comes next: a question to the role, or a line with a challenge."""


class Exchange:
    """One exchange; `begin` makes it, `respond` goes on, both raise CommandRefused when it fails.

    Attributes:
        outcome: the reply that waits for the client's response to the last challenge; None before that.
    """

    __slots__ = ("_machine", "_name", "outcome")

    def __init__(self, name: str, machine: Mechanism) -> None:
        self._name = name
        self._machine = machine
        self.outcome: Reply | None = None

    @classmethod
    def begin(cls, arguments: bytes, options: ServerOptions) -> tuple["Exchange", Turn]:
        """Read the arguments of AUTH; give the exchange and what comes next.

        The command line is bounded like any other (section 4): a longer initial response comes as a response.
        """
        if not options.offer.names:
            raise CommandRefused(reply.TLS_REQUIRED if options.starttls else reply.NOT_IMPLEMENTED)
        word, _, initial = arguments.partition(b" ")
        name = word.decode("ascii", "replace").upper()
        machine = options.offer.begin(name)
        if machine is None:
            raise CommandRefused(reply.UNKNOWN_MECHANISM if name else reply.SYNTAX)
        octets = wire.decode_initial(initial)
        if octets is None:
            raise CommandRefused(reply.BAD_BASE64)
        exchange = cls(name, machine)
        return exchange, exchange._follow(machine.start(octets if initial else None))

    def respond(self, line: bytes) -> Turn:
        """Take one response line; give what comes next."""
        if self.outcome is not None:
            return self._end(line, self.outcome)
        if line == wire.CANCEL:
            raise CommandRefused(reply.AUTH_CANCELLED)
        octets = wire.decode(line)
        if octets is None:
            raise CommandRefused(reply.BAD_BASE64)
        return self._follow(self._machine.respond(octets))

    def keys(self, keys: ScramKeys) -> Turn:
        """Take the answer to `KeysNeeded`."""
        return self._follow(self._machine.keys(keys))

    def conclude(self, answer: Reply) -> bytes | None:
        """Take the role's answer to `Authenticate`; give the last challenge to send before it, or None."""
        step: Step = self._machine.accept() if answer.positive else self._machine.refuse()
        octets = step.octets if isinstance(step, Challenge | Failed) else None
        if octets is None:
            return None
        self.outcome = answer
        return _line(octets)

    def _end(self, line: bytes, outcome: Reply) -> Turn:
        """Take the response to the last challenge."""
        if not outcome.positive:
            raise CommandRefused(outcome)
        octets = None if line == wire.CANCEL else wire.decode(line)
        if octets is None or not isinstance(self._machine.respond(octets), Succeeded):
            raise CommandRefused(reply.AUTH_UNFINISHED)
        return outcome.encode()

    def _follow(self, step: Step) -> Turn:
        match step:
            case Challenge(octets):
                return _line(octets)
            case NeedKeys():
                return KeysNeeded(self._name, step)
            case Failed():
                if step.octets is None:
                    raise CommandRefused(reply.AUTH_SYNTAX)
                self.outcome = reply.AUTH_FAILED
                return _line(step.octets)
            case Succeeded():
                raise AssertionError("nobody has asked the role")
        return Authenticate(self._name, step)


def _line(octets: bytes) -> bytes:
    return b"334 " + wire.encode(octets) + b"\r\n"
