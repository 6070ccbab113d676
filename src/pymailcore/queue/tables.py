"""The queue's rows: functions over one transaction.

Theory: a row of `queue_recipients` is one recipient. It is due when its state is `waiting` and
`next_try_ms` has come. A lease moves `next_try_ms` to the lease's end, so that a process which dies with it
simply leaves rows that come due again, and one index answers both "what is due" and "when is the next".
`lease_until_ms` says whose lease it is: what a process brings back after its lease has passed to another
changes nothing, but a success always counts.

Looking for what is due is for readers, which hold nobody up; the writer then takes what was found by its key.

`failed` rows wait for the report to the sender; they go in the transaction that files the report. The
message's row goes with its last recipient, and lets its blobs go in the same transaction.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.ids import TenantId
from pymailcore.queue.types import Bounce, Entry, Failure, Lease, Message
from pymailcore.store.types import Row, Transaction

WAITING: Final = "waiting"
FAILED: Final = "failed"
MAX_REPLY_CHARACTERS: Final = 1_000
_LOOK_ROWS: Final = 500


async def insert(
    tx: Transaction,
    number: int,
    *,
    tenant: int,
    reverse_path: Address | None,
    size_octets: int,
    recipe: bytes,
    smtputf8: bool,
    eight_bit: bool,
    recipients: Sequence[Address],
    now_ms: int,
) -> None:
    """Add a message that is due at once."""
    await tx.run(
        "INSERT INTO queue_messages (id, tenant, reverse_path, size_octets, recipe, smtputf8, eight_bit,"
        " created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        number,
        tenant,
        None if reverse_path is None else str(reverse_path),
        size_octets,
        recipe,
        int(smtputf8),
        int(eight_bit),
        now_ms,
    )
    for address in recipients:
        await tx.run(
            "INSERT INTO queue_recipients (message, address, domain, next_try_ms) VALUES (?1, ?2, ?3, ?4)",
            number,
            str(address),
            address.domain,
            now_ms,
        )


async def message(tx: Transaction, number: int) -> Message | None:
    """One message."""
    row = await tx.row(
        "SELECT id, tenant, reverse_path, size_octets, recipe, smtputf8, eight_bit, created_ms"
        " FROM queue_messages WHERE id = ?1",
        number,
    )
    return None if row is None else _message(row)


def _message(row: Row) -> Message:
    reverse_path = None if row[2] is None else Address.parse(row[2])
    return Message(row[0], row[1], reverse_path, row[3], row[4], bool(row[5]), bool(row[6]), row[7])


async def due_groups(
    tx: Transaction, *, now_ms: int, limit: int, running: Mapping[str, int], per_domain: int
) -> list[tuple[int, str]]:
    """Find messages and domains that are due, the longest due first; for a reading transaction.

    Args:
        limit: most groups.
        running: leases of each domain that are being worked on.
        per_domain: most groups of a domain, with those.
    """
    groups: dict[tuple[int, str], None] = {}
    places = Counter(running)
    while len(groups) < limit:
        before = len(groups)
        busy = [domain for domain, count in places.items() if count >= per_domain]
        rows = await tx.rows(
            "SELECT message, domain FROM queue_recipients WHERE state = ?1 AND next_try_ms <= ?2"
            " AND domain NOT IN (SELECT value FROM json_each(?3 /*text*/)) ORDER BY next_try_ms LIMIT ?4",
            WAITING,
            now_ms,
            json.dumps(busy),
            _LOOK_ROWS,
        )
        for number, domain in rows:
            if (number, domain) not in groups and places[domain] < per_domain and len(groups) < limit:
                groups[number, domain] = None
                places[domain] += 1
        if len(rows) < _LOOK_ROWS or len(groups) == before:
            break
    return list(groups)


async def lease(
    tx: Transaction, groups: Sequence[tuple[int, str]], *, now_ms: int, until_ms: int, per_lease: int
) -> list[Lease]:
    """Lease recipients of some messages and domains, as far as they are still due.

    Args:
        per_lease: most recipients of a lease; more stay due.
    """
    leases: list[Lease] = []
    for number, domain in groups:
        found = await message(tx, number)
        if found is None:
            await remove_message(tx, number)
            continue
        rows = await tx.rows(
            "UPDATE queue_recipients SET next_try_ms = ?5, lease_until_ms = ?5 WHERE message = ?1"
            " AND state = ?3 AND next_try_ms <= ?4"  # again: another runner may have been faster
            " AND address IN (SELECT address FROM queue_recipients WHERE message = ?1 AND domain = ?2"
            " AND state = ?3 AND next_try_ms <= ?4 ORDER BY address LIMIT ?6) RETURNING address",
            number,
            domain,
            WAITING,
            now_ms,
            until_ms,
            per_lease,
        )
        if rows:
            leases.append(Lease(found, domain, tuple(sorted(row[0] for row in rows)), until_ms))
    return leases


async def has_failed(tx: Transaction, now_ms: int) -> bool:
    """Whether a report is due; for a reading transaction."""
    row = await tx.row(
        "SELECT 1 FROM queue_recipients WHERE state = ?1 AND next_try_ms <= ?2 LIMIT 1", FAILED, now_ms
    )
    return row is not None


async def lease_failed(tx: Transaction, *, now_ms: int, until_ms: int, limit: int) -> list[Bounce]:
    """Lease the failed recipients of messages whose senders are to be told."""
    due = await tx.rows(
        "SELECT message FROM queue_recipients WHERE state = ?1 AND next_try_ms <= ?2"
        " ORDER BY next_try_ms LIMIT ?3",
        FAILED,
        now_ms,
        limit,
    )
    bounces = []
    for number in dict.fromkeys(row[0] for row in due):
        found = await message(tx, number)
        rows = await tx.rows(
            "UPDATE queue_recipients SET next_try_ms = ?4, lease_until_ms = ?4 WHERE message = ?1"
            " AND state = ?2 AND next_try_ms <= ?3 RETURNING address, tries, last_reply",
            number,
            FAILED,
            now_ms,
            until_ms,
        )
        if found is None:
            await remove_message(tx, number)
        else:
            bounces.append(Bounce(found, tuple(sorted(Failure(*row) for row in rows)), until_ms))
    return bounces


async def next_due_ms(tx: Transaction, busy: Sequence[str]) -> int | None:
    """When the next recipient or report comes due, those of busy domains left out."""
    waiting = await tx.row(
        "SELECT next_try_ms FROM queue_recipients WHERE state = ?1"
        " AND domain NOT IN (SELECT value FROM json_each(?2 /*text*/)) ORDER BY next_try_ms LIMIT 1",
        WAITING,
        json.dumps(list(busy)),
    )
    failed = await tx.row(
        "SELECT next_try_ms FROM queue_recipients WHERE state = ?1 ORDER BY next_try_ms LIMIT 1", FAILED
    )
    return min((row[0] for row in (waiting, failed) if row is not None), default=None)


async def count(tx: Transaction) -> int:
    """How many recipients there are."""
    row = await tx.row("SELECT count(*) FROM queue_recipients")
    return 0 if row is None else int(row[0])


async def release_leases(tx: Transaction, now_ms: int) -> int:
    """Make everything due that a process took which is no more."""
    return await tx.run(
        "UPDATE queue_recipients SET next_try_ms = ?1, lease_until_ms = 0 WHERE lease_until_ms > 0", now_ms
    )


async def remove(tx: Transaction, number: int, address: str) -> None:
    """Remove a recipient that is done with."""
    await tx.run("DELETE FROM queue_recipients WHERE message = ?1 AND address = ?2", number, address)


async def put_off(tx: Transaction, held: Lease, address: str, next_try_ms: int, reply: str) -> None:
    """Note a try that failed for now."""
    await tx.run(
        "UPDATE queue_recipients SET tries = tries + 1, next_try_ms = ?4, lease_until_ms = 0, last_reply = ?5"
        " WHERE message = ?1 AND address = ?2 AND lease_until_ms = ?3",
        held.message.id,
        address,
        held.until_ms,
        next_try_ms,
        reply[:MAX_REPLY_CHARACTERS],
    )


async def give_up(tx: Transaction, held: Lease, address: str, now_ms: int, reply: str) -> None:
    """Note a try that failed for good; the report is due now."""
    await tx.run(
        "UPDATE queue_recipients SET state = ?6, tries = tries + 1, next_try_ms = ?4, lease_until_ms = 0,"
        " last_reply = ?5 WHERE message = ?1 AND address = ?2 AND lease_until_ms = ?3",
        held.message.id,
        address,
        held.until_ms,
        now_ms,
        reply[:MAX_REPLY_CHARACTERS],
        FAILED,
    )


async def put_off_report(tx: Transaction, bounce: Bounce, next_try_ms: int) -> None:
    """Try to file a report later."""
    await tx.run(
        "UPDATE queue_recipients SET next_try_ms = ?4, lease_until_ms = 0"
        " WHERE message = ?1 AND state = ?2 AND lease_until_ms = ?3",
        bounce.message.id,
        FAILED,
        bounce.until_ms,
        next_try_ms,
    )


async def is_empty(tx: Transaction, number: int) -> bool:
    """Whether a message has no recipients left."""
    return await tx.row("SELECT 1 FROM queue_recipients WHERE message = ?1 LIMIT 1", number) is None


async def remove_message(tx: Transaction, number: int) -> None:
    """Remove a message with all its recipients."""
    await tx.run("DELETE FROM queue_recipients WHERE message = ?1", number)
    await tx.run("DELETE FROM queue_messages WHERE id = ?1", number)


async def entries(tx: Transaction, *, after: tuple[int, str], limit: int, now_ms: int) -> list[Entry]:
    """Recipients ordered by message and address, from behind one on."""
    rows = await tx.rows(
        "SELECT m.id, r.address, COALESCE(m.reverse_path, ''), m.size_octets, m.created_ms, r.tries,"
        " r.next_try_ms, r.state, r.last_reply, r.lease_until_ms FROM queue_recipients r"
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


async def make_due(tx: Transaction, now_ms: int, *, number: int | None, domain: str | None) -> int:
    """Let waiting recipients be tried now, unless they are being tried; None means all."""
    return await tx.run(
        "UPDATE queue_recipients SET next_try_ms = ?1, lease_until_ms = 0 WHERE lease_until_ms <= ?1"
        " AND (?2 = 0 OR message = ?2) AND (?3 = '' OR domain = ?3)",
        now_ms,
        number or 0,
        domain or "",
    )


async def matching(tx: Transaction, *, number: int | None, domain: str | None) -> list[tuple[int, str]]:
    """Message and address of recipients; None means all."""
    rows = await tx.rows(
        "SELECT message, address FROM queue_recipients"
        " WHERE (?1 = 0 OR message = ?1) AND (?2 = '' OR domain = ?2) ORDER BY message, address",
        number or 0,
        domain or "",
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


async def tries(tx: Transaction, number: int, address: str) -> int:
    """How often a recipient was tried."""
    row = await tx.row(
        "SELECT tries FROM queue_recipients WHERE message = ?1 AND address = ?2", number, address
    )
    return 0 if row is None else int(row[0])
