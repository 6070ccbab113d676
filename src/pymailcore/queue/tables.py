"""The queue's rows: functions over one transaction.

Theory: a row of `queue_recipients` is one recipient. It is due when its state is `waiting` and
`next_try_ms` has come. A lease moves `next_try_ms` to the lease's end, so that a process which dies with it
simply leaves rows that come due again, and one index answers both "what is due" and "when is the next".
`lease_until_ms` says whose lease it is: what a process brings back after its lease has passed to another
changes nothing, but a success always counts.

Looking for what is due is for readers, which hold nobody up; the writer then takes what was found by its key.

`failed` rows wait for the report to the sender; they go in the transaction that files the report. The
message's row goes with its last recipient, and lets its blobs go in the same transaction.

`held` rows are of accounts that may not send. Whether one may is looked at where mail begins to leave, in the
transaction that leases it; so nothing leaves after an account was blocked but what was leased before.
"""

import json
from collections.abc import Collection, Sequence
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.ids import TenantId
from pymailcore.queue.turns import LEAST_FLOW, Group, Turns
from pymailcore.queue.types import Bounce, Entry, Failure, Lease, Message
from pymailcore.store.types import Row, Transaction

WAITING: Final = "waiting"
HELD: Final = "held"
FAILED: Final = "failed"
MAX_REPLY_CHARACTERS: Final = 1_000
_LOOK_ROWS: Final = 500
_LOOK_FLOWS: Final = 64
_LOOK_EACH: Final = 8


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
    account: int = 0,
) -> None:
    """Add a message that is due at once."""
    await tx.run(
        "INSERT INTO queue_messages (id, tenant, reverse_path, size_octets, recipe, smtputf8, eight_bit,"
        " created_ms, account) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        number,
        tenant,
        None if reverse_path is None else str(reverse_path),
        size_octets,
        recipe,
        int(smtputf8),
        int(eight_bit),
        now_ms,
        account,
    )
    for address in recipients:
        await tx.run(
            "INSERT INTO queue_recipients (message, address, domain, next_try_ms, flow)"
            " VALUES (?1, ?2, ?3, ?4, ?5)",
            number,
            str(address),
            address.domain,
            now_ms,
            account or -tenant,
        )


async def message(tx: Transaction, number: int) -> Message | None:
    """One message."""
    row = await tx.row(
        "SELECT id, tenant, reverse_path, size_octets, recipe, smtputf8, eight_bit, created_ms, account"
        " FROM queue_messages WHERE id = ?1",
        number,
    )
    return None if row is None else _message(row)


def _message(row: Row) -> Message:
    reverse_path = None if row[2] is None else Address.parse(row[2])
    return Message(row[0], row[1], reverse_path, row[3], row[4], bool(row[5]), bool(row[6]), row[7], row[8])


async def due_groups(
    tx: Transaction, turns: Turns, *, now_ms: int, limit: int, places: int, per_domain: int
) -> list[Group]:
    """Find messages and domains that are due, in the order of their turns; for a reading transaction.

    Where more is due than is looked at, flows that stand further behind are looked for by themselves.

    Args:
        turns: who has places now.
        limit: most groups.
        places: how many there are in all.
        per_domain: most groups of a domain, with those that have a place.
    """
    chosen: list[Group] = []
    busy = turns.full_domains(per_domain)
    full = turns.full_flows(places)
    while True:
        rows = await _due(tx, now_ms, busy, full)
        found = dict.fromkeys(Group(*row) for row in rows)
        if len(rows) == _LOOK_ROWS:
            found |= dict.fromkeys(await _of_others(tx, turns, now_ms, busy, {one.flow for one in found}))
        candidates = [one for one in found if one not in chosen]
        planned = turns.copy()
        for one in chosen:
            planned.begin(one)
        more = planned.choose(candidates, free=limit - len(chosen), places=places, per_domain=per_domain)
        chosen += more
        if not more or len(chosen) >= limit or len(rows) < _LOOK_ROWS:
            return chosen
        for one in more:
            planned.begin(one)
        busy, full = planned.full_domains(per_domain), planned.full_flows(places)


async def _due(tx: Transaction, now_ms: int, busy: Sequence[str], full: Sequence[int]) -> list[Row]:
    """What is due, the longest due first, but for domains and flows that have their places."""
    return await tx.rows(
        "SELECT r.message, r.domain, r.flow, COALESCE(m.tenant, 0) FROM queue_recipients r"
        " LEFT JOIN queue_messages m ON m.id = r.message WHERE r.state = ?1 AND r.next_try_ms <= ?2"
        " AND r.domain NOT IN (SELECT value FROM json_each(?3 /*text*/))"
        " AND r.flow NOT IN (SELECT value FROM json_each(?5)) ORDER BY r.next_try_ms LIMIT ?4",
        WAITING,
        now_ms,
        json.dumps(busy),
        _LOOK_ROWS,
        json.dumps(full),
    )


_FLOWS: Final = (
    "SELECT o.flow FROM (WITH RECURSIVE others(flow) AS (SELECT min(f.flow) FROM queue_recipients f"
    " WHERE f.state = ?1 AND f.flow > ?2 UNION ALL SELECT (SELECT min(q.flow) FROM queue_recipients q"
    " WHERE q.state = ?1 AND q.flow > others.flow) FROM others WHERE others.flow IS NOT NULL)"
    " SELECT flow FROM others WHERE flow IS NOT NULL LIMIT ?3) o"
)
"""Flows that have something waiting, from behind one on: one step in the index for each."""


async def _of_others(
    tx: Transaction, turns: Turns, now_ms: int, busy: Sequence[str], seen: Collection[int]
) -> list[Group]:
    """Something due of each of some flows beside those that were seen, from where the last look ended on."""
    rows = await tx.rows(_FLOWS, WAITING, turns.looked_to, _LOOK_FLOWS)
    turns.looked_to = rows[-1][0] if len(rows) == _LOOK_FLOWS else LEAST_FLOW
    found: list[Group] = []
    for (flow,) in rows:
        if flow not in seen:
            some = await tx.rows(
                "SELECT r.message, r.domain, r.flow, COALESCE(m.tenant, 0) FROM queue_recipients r"
                " LEFT JOIN queue_messages m ON m.id = r.message"
                " WHERE r.state = ?1 AND r.flow = ?2 AND r.next_try_ms <= ?3"
                " AND r.domain NOT IN (SELECT value FROM json_each(?4 /*text*/))"
                " ORDER BY r.next_try_ms LIMIT ?5",
                WAITING,
                flow,
                now_ms,
                json.dumps(busy),
                _LOOK_EACH,
            )
            found += [Group(*row) for row in some]
    return found


async def lease(
    tx: Transaction, groups: Sequence[Group], *, now_ms: int, until_ms: int, per_lease: int
) -> list[Lease]:
    """Lease recipients of some messages and domains, as far as they are still due.

    Args:
        per_lease: most recipients of a lease; more stay due.
    """
    leases: list[Lease] = []
    for number, domain, flow, _ in groups:
        found = await message(tx, number)
        if found is None:
            await remove_message(tx, number)
            continue
        if await _may_not_send(tx, found):
            await hold(tx, found.account)
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
            leases.append(Lease(found, domain, tuple(sorted(row[0] for row in rows)), until_ms, flow))
    return leases


async def _may_not_send(tx: Transaction, found: Message) -> bool:
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
        "UPDATE queue_recipients SET state = ?2, next_try_ms = ?3"  # noqa: S608 - a constant
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
        "UPDATE queue_recipients SET state = ?5, next_try_ms = ?6 WHERE state = ?1"
        " AND (?2 = 0 OR message = ?2) AND (?3 = '' OR domain = ?3)"
        " AND (?4 = 0 OR message IN (SELECT id FROM queue_messages WHERE account = ?4))",
        HELD,
        *which,
        WAITING,
        now_ms,
    )


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


async def next_due_ms(tx: Transaction, busy: Sequence[str], full: Sequence[int]) -> int | None:
    """When the next recipient or report comes due, those of busy domains and full flows left out."""
    waiting = await tx.row(
        "SELECT next_try_ms FROM queue_recipients WHERE state = ?1"
        " AND domain NOT IN (SELECT value FROM json_each(?2 /*text*/))"
        " AND flow NOT IN (SELECT value FROM json_each(?3)) ORDER BY next_try_ms LIMIT 1",
        WAITING,
        json.dumps(list(busy)),
        json.dumps(list(full)),
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


async def tries(tx: Transaction, number: int, address: str) -> int:
    """How often a recipient was tried."""
    row = await tx.row(
        "SELECT tries FROM queue_recipients WHERE message = ?1 AND address = ?2", number, address
    )
    return 0 if row is None else int(row[0])
