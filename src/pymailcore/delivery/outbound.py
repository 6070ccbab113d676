"""What delivery needs of the outbound queue, which stands above it."""

from typing import Protocol

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import AccountId
from pymailcore.store.types import StoredMessage, Transaction


class Outbound(Protocol):
    """Takes messages for addresses elsewhere."""

    async def enqueue(
        self,
        tx: Transaction,
        message: StoredMessage,
        envelope: Envelope,
        recipients: tuple[Address, ...],
        *,
        id: int,
        now_ms: int,
        account: AccountId | None = None,
    ) -> None:
        """Keep a message for some recipients, inside the caller's transaction; may run more than once.

        Args:
            account: who sent it, where somebody signed in to do so.
            envelope: reverse-path and options of the message; its recipients are not looked at.
        """
        ...

    async def hold(self, account: AccountId) -> None:
        """Let what waits of an account that may not send wait until it may.

        What comes into the queue of it later is held as well, when its turn comes.
        """
        ...

    def wake(self) -> None:
        """Say that something was enqueued and is on disk."""
        ...
