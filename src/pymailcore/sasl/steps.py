"""What one step of a SASL exchange can lead to, and the contract of a mechanism.

Standards: RFC 4422 sections 3 and 5 (authentication exchange), RFC 5802 section 3 (what a server keeps).

A mechanism sees decoded octets only. Base64, the empty initial response written as `=` and cancelling with
`*` belong to the protocol that carries the exchange; `pymailcore.sasl.wire` has the helpers for them.

An exchange goes so: `start` and `respond` take what the client says. `Challenge` goes to the client.
`NeedKeys` is answered with `keys`. Evidence (`Credentials`, `ScramProof`, `BearerToken`, `External`) is put
to the directory and answered with `accept` or `refuse`. `Succeeded` and `Failed` end the exchange; nobody
has logged in before `Succeeded`.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_FIELD_OCTETS: Final = 1_024  # RFC 4616 section 2 asks for 255 at least
MAX_TOKEN_OCTETS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server sends these octets and waits for a response; they may be empty."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """The exchange has given a name and a password; the caller now asks the directory.

    Attributes:
        authentication_id: whose password this is.
        authorization_id: who the client wants to act as; "" means the same.
        password: in clear, never shown by `repr`. Preparation (SASLprep) is the directory's.
    """

    authentication_id: str
    authorization_id: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedKeys:
    """The machine waits for the keys of a name; whether it exists must not show in them.

    Attributes:
        mechanism: "SCRAM-SHA-256" or "SCRAM-SHA-1", without "-PLUS": the keys are the same.
        authentication_id: prepared with SASLprep.
    """

    mechanism: str
    authentication_id: str


@dataclass(frozen=True, slots=True)
class ScramKey:
    """What is kept of one secret; nobody can log in with it (RFC 5802 section 3).

    Attributes:
        secret: 0 for the account's password, else the number of an app password.
    """

    secret: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """The answer to `NeedKeys`: all secrets that may be meant, under one salt.

    Attributes:
        iterations: 1 or more.
        generation: of the account, for whoever decides on the proof.
    """

    salt: bytes
    iterations: int
    keys: tuple[ScramKey, ...]
    generation: int = 0


@dataclass(frozen=True, slots=True)
class ScramProof:
    """The client has shown which secret it knows; the server's own proof waits for the decision.

    Attributes:
        mechanism: with "-PLUS" when channel binding was used.
        secret: of the key that fits; None when none does.
        generation: of the keys that were given.
    """

    mechanism: str
    authentication_id: str
    authorization_id: str
    secret: int | None
    generation: int


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token, which says by itself whose it is.

    Attributes:
        authorization_id: who the client says it acts as; "" when it does not.
        token: in clear, never shown by `repr`.
    """

    mechanism: str
    authorization_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class External:
    """The connection's client certificate is to log in.

    Attributes:
        authorization_id: who the client wants to act as; "" means whose certificate it is.
    """

    authorization_id: str


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The exchange is over and the client has logged in."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange is over: the client broke the mechanism's rules, or was refused.

    Attributes:
        reason: for the log and the peer, without anything the peer sent.
        octets: a last challenge that tells the client why; whatever it responds, the exchange has failed.
            None when the mechanism has no such thing.
    """

    reason: str
    octets: bytes | None = None


Evidence = Credentials | ScramProof | BearerToken | External
Step = Challenge | NeedKeys | Credentials | ScramProof | BearerToken | External | Succeeded | Failed


class Mechanism(Protocol):
    """One exchange of one mechanism; made anew for each attempt.

    No method raises because of the peer. A call that the last step did not ask for is a `LocalProtocolError`.
    """

    def start(self, initial: bytes | None) -> Step:
        """Begin, with the initial response when the client sent one (it may be empty)."""
        ...

    def respond(self, response: bytes) -> Step:
        """Take the client's response to the last challenge."""
        ...

    def keys(self, keys: ScramKeys) -> Step:
        """Take the answer to `NeedKeys`."""
        ...

    def accept(self) -> Challenge | Succeeded:
        """The directory has said yes; the client may have to be told something first."""
        ...

    def refuse(self) -> Failed:
        """The directory has said no."""
        ...
