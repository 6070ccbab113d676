"""The AUTH command: a SASL exchange inside SMTP.

Standards: RFC 4954 sections 4 and 6.
"""

from pymailcore.sasl import wire
from pymailcore.sasl.registry import new_mechanism
from pymailcore.sasl.steps import Challenge, Credentials, Failed, Mechanism
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.commands import CommandRefused
from pymailcore.smtp.protocol.events import Authenticate
from pymailcore.smtp.protocol.options import ServerOptions


class Exchange:
    """One exchange; `begin` makes it, `respond` goes on, both raise CommandRefused when it fails."""

    __slots__ = ("_machine", "_name")

    def __init__(self, name: str, machine: Mechanism) -> None:
        self._name = name
        self._machine = machine

    @classmethod
    def begin(cls, arguments: bytes, options: ServerOptions) -> tuple["Exchange", Authenticate | bytes]:
        """Read the arguments of AUTH; give the exchange with credentials or the challenge line.

        The command line is bounded like any other (section 4): a longer initial response comes as a response.
        """
        if not options.mechanisms:
            raise CommandRefused(reply.TLS_REQUIRED if options.starttls else reply.NOT_IMPLEMENTED)
        word, _, initial = arguments.partition(b" ")
        name = word.decode("ascii", "replace").upper()
        machine = new_mechanism(name) if name in options.mechanisms else None
        if machine is None:
            raise CommandRefused(reply.UNKNOWN_MECHANISM if name else reply.SYNTAX)
        octets = wire.decode_initial(initial)
        if octets is None:
            raise CommandRefused(reply.BAD_BASE64)
        exchange = cls(name, machine)
        return exchange, exchange._follow(machine.start(octets if initial else None))

    def respond(self, line: bytes) -> Authenticate | bytes:
        """Take one response line; give credentials or the next challenge line."""
        if line == wire.CANCEL:
            raise CommandRefused(reply.AUTH_CANCELLED)
        octets = wire.decode(line)
        if octets is None:
            raise CommandRefused(reply.BAD_BASE64)
        return self._follow(self._machine.respond(octets))

    def _follow(self, step: Challenge | Credentials | Failed) -> Authenticate | bytes:
        match step:
            case Challenge(octets):
                return b"334 " + wire.encode(octets) + b"\r\n"
            case Credentials():
                return Authenticate(self._name, step)
        raise CommandRefused(reply.AUTH_SYNTAX)
