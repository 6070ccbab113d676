"""What one step of a SASL exchange can lead to, and the contract of a mechanism.

Standards: RFC 4422 sections 3 and 5 (authentication exchange).

A mechanism sees decoded octets only. Base64, the empty initial response written as `=` and cancelling with
`*` belong to the protocol that carries the exchange; `pymailcore.sasl.wire` has the helpers for them.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_FIELD_OCTETS: Final = 1_024  # RFC 4616 section 2 asks for 255 at least


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server sends these octets and waits for a response; they may be empty."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """The exchange has given all it can; the caller now asks the directory.

    Attributes:
        authentication_id: whose password this is.
        authorization_id: who the client wants to act as; "" means the same.
        password: in clear, never shown by `repr`. Preparation (SASLprep) is the directory's.
    """

    authentication_id: str
    authorization_id: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The client broke the mechanism's rules; the exchange is over.

    Attributes:
        reason: for the log and the peer, without anything the peer sent.
    """

    reason: str


Step = Challenge | Credentials | Failed


class Mechanism(Protocol):
    """One exchange of one mechanism; made anew for each attempt.

    No method raises because of the peer. After `Credentials` or `Failed` the machine is spent, and
    another call is a `LocalProtocolError`.
    """

    def start(self, initial: bytes | None) -> Step:
        """Begin, with the initial response when the client sent one (it may be empty)."""
        ...

    def respond(self, response: bytes) -> Step:
        """Take the client's response to the last challenge."""
        ...
