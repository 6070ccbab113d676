"""Mail that can still be taken back, because no host has been asked to take it.

Standards: RFC 4865 section 4 (mail that waits for its release), RFC 8621 section 7 (undoStatus).

Theory. A recipient whom a runner has leased may have the message already. The rows are removed on the
condition that none of them ever was leased, in one statement, so a lease that is taken at the same time comes
either before it, and then the caller finds too few, or after it, and then finds nothing.
"""

from pymailcore.base.ids import AccountId
from pymailcore.queue.held import HELD, WAITING
from pymailcore.store.types import Transaction


async def remove(tx: Transaction, number: int, account: AccountId) -> int:
    """Remove the recipients of a message of an account who were never tried; gives how many."""
    return await tx.run(
        "DELETE FROM queue_recipients WHERE state IN (?1, ?2) AND tries = 0 AND lease_until_ms = 0"
        " AND message IN (SELECT id FROM queue_messages WHERE id = ?3 AND account = ?4)",
        WAITING,
        HELD,
        number,
        account,
    )
