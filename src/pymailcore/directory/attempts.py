"""One attempt to sign in after the other: within the limits, with one line in the log, refused or let in.

All ways of signing in go through here, so that their failures count together and look alike.
"""

from typing import Final

import trio

from pymailcore.base.address import Address
from pymailcore.base.errors import Forbidden
from pymailcore.directory.app_passwords import AppPassword
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.ground import Ground
from pymailcore.directory.sign_in_rows import Known
from pymailcore.directory.sign_ins import SignIns
from pymailcore.directory.throttle import Attempt, Throttle
from pymailcore.directory.types import Principal

WRONG: Final = "name or password is wrong"
"""What everybody is told who does not get in, whatever the reason."""

_LONGEST_NAME: Final = 512
_LOGGED_CHARACTERS: Final = 128
_LOOK_AGAIN_SECONDS: Final = 0.2  # attempts of other processes end without telling us


def key_of(name: str) -> str:
    """The key form of a name that somebody signs in with; empty when it is no address."""
    address = Address.parse(name) if len(name) <= _LONGEST_NAME else None
    return "" if address is None else address.key


def barred(known: Known, authorization_id: str = "") -> str:
    """Why nobody signs in to an account now, or not to act for whom he wants to; empty when he may."""
    if authorization_id and key_of(authorization_id) != known.name:
        return "he wants to act as somebody else"
    return known.refusal


class Attempts:
    """Attempts of one process.

    Args:
        throttle: how often they may fail.
        sign_ins: takes note of what happened.
    """

    def __init__(self, ground: Ground, throttle: Throttle, sign_ins: SignIns) -> None:
        self._now_ms = ground.now_ms
        self._most_waiting = ground.settings.hashing_waiting_count
        self._throttle = throttle
        self._sign_ins = sign_ins
        self._waiting = 0
        self._ended = trio.Event()

    def pause_seconds(self, peer: str) -> float:
        """How long a client waits for the answer to an attempt that failed."""
        return self._throttle.pause_seconds(peer, self._now_ms())

    def require_room(self, peer: str, name: str, protocol: str, nets: frozenset[str]) -> None:
        """Make sure that an attempt could begin, without beginning it.

        Raises:
            TooManyAttempts: a limit is reached.
        """
        if self._throttle.is_limited(peer, name, self._now_ms(), nets):
            raise self._limited(name, peer, protocol)

    async def begin(self, peer: str, name: str, protocol: str, nets: frozenset[str] | None = None) -> Attempt:
        """Begin an attempt, after others on which the limit depends have ended; `end` must follow.

        Args:
            name: what failures count for, beside the nets around the peer.
            nets: from which the account was signed in to before; None when its own limit holds for all nets.

        Raises:
            TooManyAttempts: a limit is reached, or too many wait.
        """
        while True:
            try:
                attempt = self._throttle.begin(peer, name, self._now_ms(), nets)
            except TooManyAttempts:
                raise self._limited(name, peer, protocol) from None
            if attempt is not None:
                return attempt
            if self._waiting >= self._most_waiting:
                raise TooManyAttempts("too many logins at once")
            self._waiting += 1
            try:
                with trio.move_on_after(_LOOK_AGAIN_SECONDS):
                    await self._ended.wait()
            finally:
                self._waiting -= 1

    def end(self, attempt: Attempt, right: bool | None, shown: bytes = b"") -> None:
        """End an attempt; see `Throttle.end`."""
        self._throttle.end(attempt, right=right, now_ms=self._now_ms(), shown=shown)
        self._ended.set()
        self._ended = trio.Event()

    async def count_failure(
        self, peer: str, name: str, protocol: str, *, nets: frozenset[str] | None = None, shown: bytes = b""
    ) -> None:
        """Count something that does not do and took no time to look at; arguments of `begin` and `end`.

        Raises:
            TooManyAttempts: a limit is reached.
        """
        self.end(await self.begin(peer, name, protocol, nets), False, shown)

    def admit(
        self,
        known: Known,
        peer: str,
        protocol: str,
        mechanism: str,
        *,
        app_password: AppPassword | None = None,
    ) -> Principal:
        """Let somebody in who may: his secret is right, and nothing bars him (`barred`).

        Raises:
            Forbidden: the account may not sign in; the text is that of a wrong password.
        """
        if known.refusal:
            raise self.refused(known.name, peer, protocol, known.refusal)
        principal = Principal(
            account=known.account,
            tenant=known.tenant,
            name=known.name,
            mechanism=mechanism,
            read_only=app_password is not None and app_password.read_only,
            generation=known.generation,
            secret=0 if app_password is None else app_password.id,
            protocols=frozenset() if app_password is None else frozenset(app_password.protocols),
        )
        self._sign_ins.note(principal, protocol=protocol, peer=peer)
        return principal

    def refused(self, name: str, peer: str, protocol: str, reason: str) -> Forbidden:
        """Note a failure; gives what is to be raised."""
        self._sign_ins.failed(name=name[:_LOGGED_CHARACTERS], protocol=protocol, peer=peer, reason=reason)
        return Forbidden(WRONG)

    def _limited(self, name: str, peer: str, protocol: str) -> TooManyAttempts:
        reason = "too many failures"
        self._sign_ins.failed(name=name[:_LOGGED_CHARACTERS], protocol=protocol, peer=peer, reason=reason)
        return TooManyAttempts("too many failed logins")
