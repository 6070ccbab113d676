"""What a client does, as the driver sees it.

Standards: RFC 3501 section 3 (states), RFC 2177 section 3 (DONE), RFC 4422 section 5 (SASL).
"""

from dataclasses import dataclass, field

from pymailcore.imap.protocol.commands import Command


@dataclass(frozen=True, slots=True)
class Opened:
    """The connection is there; the answer is the greeting."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A command that its state allows; the answer is its tagged response."""

    tag: bytes
    command: Command


@dataclass(frozen=True, slots=True)
class SaslResponse:
    """The client's response to a challenge, decoded; the answer is a challenge or a tagged response."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdleDone:
    """The client ends IDLE; the answer is the tagged response."""


Event = Opened | Requested | SaslResponse | IdleDone
