"""What delivery needs of the outbound queue, which stands above it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import AccountId
from pymailcore.store.types import StoredMessage, Transaction


class Done(NamedTuple):
    """A recipient who is served here, of whom the sender wants to be told (RFC 3461 section 5.2).

    Attributes:
        action: "delivered", or "expanded" for an address that stands for several.
        orcpt: the original recipient with its type, "" when it is not known.
    """

    address: Address
    action: str
    orcpt: str


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
        reports: Sequence[Done] = (),
    ) -> None:
        """Keep a message for some recipients, inside the caller's transaction; may run more than once.

        Args:
            account: who sent it, where somebody signed in to do so.
            envelope: reverse-path and options of the message; its recipients are not looked at, but what was
                said of them is.
            reports: of whom the sender is to be told, without anything else to do.
        """
        ...

    async def hold(self, account: AccountId) -> None:
        """Let what waits of an account that may not send wait until it may.

        What comes into the queue of it later is held as well, when its turn comes.
        """
        ...

    async def recall(
        self, tx: Transaction, queued: int, *, account: AccountId, recipients_count: int
    ) -> None:
        """Take back a message of which nobody was tried yet, inside the caller's transaction.

        Args:
            recipients_count: how many there were.

        Raises:
            StateMismatch: somebody was; or there is no such message, or it is not the account's.
        """
        ...

    def wake(self) -> None:
        """Say that something was enqueued and is on disk."""
        ...
