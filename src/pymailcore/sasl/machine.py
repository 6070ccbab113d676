"""The order of an exchange, which all mechanisms have in common.

Standards: RFC 4422 section 3 (server challenges, client responses), section 5 (what each mechanism defines).

Theory: what may come next depends on the last step alone, so the last step is the state. A mechanism only
says what one client message means (`_read`) and, where it has such things, what keys mean and what the client
is told at the end.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl.steps import (
    BearerToken,
    Challenge,
    Credentials,
    External,
    Failed,
    NeedKeys,
    ScramKeys,
    ScramProof,
    Step,
    Succeeded,
)

_ENDED: Final = "ended"
_NEXT: Final[Mapping[type[Step], str]] = MappingProxyType(
    {
        Challenge: "respond",
        NeedKeys: "keys",
        Credentials: "evidence",
        ScramProof: "evidence",
        BearerToken: "evidence",
        External: "evidence",
        Succeeded: _ENDED,
        Failed: _ENDED,
    }
)


class Machine:
    """A `sasl.steps.Mechanism` whose client speaks first; subclasses read its messages.

    Attributes:
        first: what a client is sent that gave no initial response.
    """

    first = Challenge(b"")

    def __init__(self) -> None:
        self._next = "start"
        self._accepted = False

    def start(self, initial: bytes | None) -> Step:
        """Begin; without an initial response the challenge is empty (RFC 4422 section 5)."""
        self._expect("start")
        return self._move(self.first if initial is None else self._read(initial))

    def respond(self, response: bytes) -> Step:
        """Take the client's response to the last challenge."""
        self._expect("respond")
        if self._accepted:
            return self._move(Failed("something follows the end") if response else Succeeded())
        return self._move(self._read(response))

    def keys(self, keys: ScramKeys) -> Step:
        """Take the answer to `NeedKeys`."""
        self._expect("keys")
        return self._move(self._take_keys(keys))

    def accept(self) -> Challenge | Succeeded:
        """The directory has said yes."""
        self._expect("evidence")
        self._accepted = True
        told = self._outcome()
        step = Succeeded() if told is None else Challenge(told)
        self._move(step)
        return step

    def refuse(self) -> Failed:
        """The directory has said no."""
        self._expect("evidence")
        step = self._refusal()
        self._move(step)
        return step

    def _read(self, message: bytes) -> Step:
        """Read one message of the client."""
        raise NotImplementedError

    def _take_keys(self, _keys: ScramKeys) -> Step:
        raise LocalProtocolError("this mechanism asks for no keys")

    def _outcome(self) -> bytes | None:
        """What the client is told when it is accepted; None for nothing."""
        return None

    def _refusal(self) -> Failed:
        return Failed("refused")

    def _expect(self, call: str) -> None:
        if self._next != call:
            raise LocalProtocolError(f"the exchange is at {self._next!r}, not at {call!r}")

    def _move(self, step: Step) -> Step:
        self._next = _NEXT[type(step)]
        return step


def text_of(octets: bytes, limit: int = 0) -> str | None:
    """Read UTF-8 without NUL (RFC 4422 section 3.4.1); None when it is not that, or longer than `limit`."""
    if limit and len(octets) > limit:
        return None
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
