"""What operators see of the queue and choose in it: functions over one transaction."""

from pymailcore.base.ids import TenantId
from pymailcore.queue.held import WAITING
from pymailcore.queue.types import Entry
from pymailcore.store.types import Transaction


async def count(tx: Transaction) -> int:
    """How many recipients there are."""
    row = await tx.row("SELECT count(*) FROM queue_recipients")
    return 0 if row is None else int(row[0])


async def entries(tx: Transaction, *, after: tuple[int, str], limit: int, now_ms: int) -> list[Entry]:
    """Recipients ordered by message and address, from behind one on."""
    rows = await tx.rows(
        "SELECT m.id, r.address, COALESCE(m.reverse_path, ''), m.size_octets, m.created_ms, r.tries,"
        " r.next_try_ms, CASE r.state WHEN 'failed' THEN r.action ELSE r.state END, r.last_reply,"
        " r.lease_until_ms FROM queue_recipients r"
        " JOIN queue_messages m ON m.id = r.message"
        " WHERE r.message > ?1 OR (r.message = ?1 AND r.address > ?2) ORDER BY r.message, r.address LIMIT ?3",
        *after,
        limit,
    )
    return [
        Entry(
            id=row[0],
            recipient=row[1],
            sender=row[2],
            size_octets=row[3],
            created_ms=row[4],
            tries=row[5],
            next_try_ms=row[6],
            state="sending" if row[7] == WAITING and row[9] > now_ms else row[7],
            last_reply=row[8],
        )
        for row in rows
    ]


async def make_due(
    tx: Transaction, now_ms: int, *, number: int | None, domain: str | None, account: int | None
) -> int:
    """Let waiting recipients be tried now, unless they are being tried; None means all."""
    return await tx.run(
        "UPDATE queue_recipients SET next_try_ms = ?1, lease_until_ms = 0 WHERE lease_until_ms <= ?1"
        " AND (?2 = 0 OR message = ?2) AND (?3 = '' OR domain = ?3)"
        " AND (?4 = 0 OR message IN (SELECT id FROM queue_messages WHERE account = ?4))",
        now_ms,
        number or 0,
        domain or "",
        account or 0,
    )


async def matching(
    tx: Transaction, *, number: int | None, domain: str | None, account: int | None
) -> list[tuple[int, str]]:
    """Message and address of recipients; None means all."""
    rows = await tx.rows(
        "SELECT message, address FROM queue_recipients"
        " WHERE (?1 = 0 OR message = ?1) AND (?2 = '' OR domain = ?2)"
        " AND (?3 = 0 OR message IN (SELECT id FROM queue_messages WHERE account = ?3))"
        " ORDER BY message, address",
        number or 0,
        domain or "",
        account or 0,
    )
    return [(row[0], row[1]) for row in rows]


async def of_tenant(tx: Transaction, tenant: TenantId) -> list[tuple[int, str]]:
    """Message and address of all recipients of a tenant's messages."""
    rows = await tx.rows(
        "SELECT r.message, r.address FROM queue_recipients r JOIN queue_messages m ON m.id = r.message"
        " WHERE m.tenant = ?1 ORDER BY r.message, r.address",
        tenant,
    )
    return [(row[0], row[1]) for row in rows]
