"""What delivery needs of the outbound queue, which stands above it."""

from typing import Protocol

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
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
    ) -> None:
        """Keep a message for some recipients, inside the caller's transaction; may run more than once.

        Args:
            envelope: reverse-path and options of the message; its recipients are not looked at.
        """
        ...

    def wake(self) -> None:
        """Say that something was enqueued and is on disk."""
        ...
