"""Mail that waits because its account may not send.

Theory. Whether an account may send is looked at where mail begins to leave, in the transaction that leases
it; so nothing leaves after an account was blocked but what was leased before. What is let go is due at once,
but not before the moment that its sender has named (RFC 4865).
"""

from typing import Final

from pymailcore.queue.types import Message
from pymailcore.store.types import Transaction

WAITING: Final = "waiting"
HELD: Final = "held"


async def may_not_send(tx: Transaction, found: Message) -> bool:
    """Whether a message is of an account that may not send, and no operator has let it go."""
    if not found.account:
        return False
    row = await tx.row(
        "SELECT 1 FROM accounts a JOIN queue_messages m ON m.account = a.id"
        " WHERE m.id = ?1 AND m.cleared = 0 AND a.send_blocked <> 0",
        found.id,
    )
    return row is not None


async def hold(tx: Transaction, account: int) -> None:
    """Hold what waits of an account, but for what an operator has let go."""
    await tx.run(
        "UPDATE queue_recipients SET state = ?2 WHERE state = ?3"
        " AND message IN (SELECT id FROM queue_messages WHERE account = ?1 AND cleared = 0)",
        account,
        HELD,
        WAITING,
    )


_DUE: Final = (
    "next_try_ms = COALESCE((SELECT m.hold_until_ms FROM queue_messages m"
    " WHERE m.id = queue_recipients.message AND m.hold_until_ms > {now}), {now})"
)
_MAY_GO: Final = (
    "SELECT m.id FROM queue_messages m JOIN accounts a ON a.id = m.account WHERE a.send_blocked = 0"
)


async def may_resume(tx: Transaction) -> bool:
    """Whether something is held whose account may send; for a reading transaction."""
    row = await tx.row(
        f"SELECT 1 FROM queue_recipients WHERE state = ?1 AND message IN ({_MAY_GO}) LIMIT 1",  # noqa: S608 - a constant
        HELD,
    )
    return row is not None


async def resume(tx: Transaction, now_ms: int) -> int:
    """Let what is held wait again whose account may send."""
    return await tx.run(
        f"UPDATE queue_recipients SET state = ?2, {_DUE.format(now='?3')}"  # noqa: S608 - constants
        f" WHERE state = ?1 AND message IN ({_MAY_GO})",
        HELD,
        WAITING,
        now_ms,
    )


async def release(
    tx: Transaction, now_ms: int, *, number: int | None, domain: str | None, account: int | None
) -> int:
    """Let held messages go out whatever their account may; None means all."""
    which = (number or 0, domain or "", account or 0)
    await tx.run(
        "UPDATE queue_messages SET cleared = 1 WHERE (?2 = 0 OR id = ?2) AND (?4 = 0 OR account = ?4)"
        " AND id IN (SELECT message FROM queue_recipients WHERE state = ?1 AND (?3 = '' OR domain = ?3))",
        HELD,
        *which,
    )
    return await tx.run(
        f"UPDATE queue_recipients SET state = ?5, {_DUE.format(now='?6')} WHERE state = ?1"  # noqa: S608 - constants
        " AND (?2 = 0 OR message = ?2) AND (?3 = '' OR domain = ?3)"
        " AND (?4 = 0 OR message IN (SELECT id FROM queue_messages WHERE account = ?4))",
        HELD,
        *which,
        WAITING,
        now_ms,
    )
