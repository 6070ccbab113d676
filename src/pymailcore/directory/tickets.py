"""What a browser carries from one step of a sign-in to the next: sealed, for a short time, good once.

So no process keeps anything between the steps, and any worker can take the next one.
"""

import base64
import binascii
from typing import Final

import msgspec

from pymailcore.base.errors import Forbidden, InvalidValue
from pymailcore.base.ids import AccountId
from pymailcore.directory.digests import Digests
from pymailcore.directory.ground import Ground
from pymailcore.directory.throttle import Throttle

_LONGEST: Final = 2_048


class Ticket(msgspec.Struct, frozen=True):
    """What is known from the step before.

    Attributes:
        purpose: the step that it is for.
        account: 0 when nobody has said yet who he is.
        generation: of the account; a later one makes the ticket worthless.
        state: of a passkey's exchange.
    """

    purpose: str
    account: int
    expires_ms: int
    generation: int = 0
    state: dict[str, str | None] = msgspec.field(default_factory=dict)


class Tickets:
    """Makes tickets and takes them back."""

    def __init__(self, ground: Ground, digests: Digests, throttle: Throttle) -> None:
        self._ground = ground
        self._digests = digests
        self._throttle = throttle

    async def issue(
        self,
        purpose: str,
        account: AccountId,
        *,
        generation: int = 0,
        state: dict[str, str | None] | None = None,
    ) -> str:
        """Make a ticket."""
        expires_ms = self._ground.now_ms() + int(self._ground.settings.second_step_seconds * 1000)
        ticket = Ticket(purpose, account, expires_ms, generation, state or {})
        sealed = (await self._digests.keys()).seal(
            msgspec.msgpack.encode(ticket), f"ticket {purpose}", self._digests.nonce()
        )
        return _text_of(sealed)

    async def read(self, purpose: str, text: str) -> Ticket:
        """Look at a ticket, which can still be taken afterwards.

        Raises:
            Forbidden: it is none for this purpose, or its time is over.
        """
        try:
            if len(text) > _LONGEST:
                raise InvalidValue("too long")
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if _text_of(sealed) != text:  # one text only, so that `take` knows it again
                raise InvalidValue("not in its one form")
            octets = (await self._digests.keys()).unseal(sealed, f"ticket {purpose}")
            ticket = msgspec.msgpack.decode(octets, type=Ticket)
        except (InvalidValue, binascii.Error, ValueError, msgspec.MsgspecError):
            raise Forbidden("begin again") from None
        if ticket.purpose != purpose or ticket.expires_ms <= self._ground.now_ms():
            raise Forbidden("begin again")
        return ticket

    def take(self, text: str) -> None:
        """Make a ticket worthless, in all processes.

        Raises:
            Forbidden: it was taken before.
        """
        if not self._throttle.take_once(f"ticket {text}", self._ground.now_ms()):
            raise Forbidden("begin again")


def _text_of(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")
