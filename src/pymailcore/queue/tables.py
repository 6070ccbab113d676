"""The queue's rows: functions over one transaction.

Theory: a row of `queue_recipients` is one recipient. It is due when its state is `waiting` and
`next_try_ms` has come. A lease moves `next_try_ms` to the lease's end, so that a process which dies with it
simply leaves rows that come due again, and one index answers both "what is due" and "when is the next".
`lease_until_ms` says whose lease it is: what a process brings back after its lease has passed to another
changes nothing, but a success always counts.

What is due is looked for in `queue.due`; here the writer takes what was found by its key.

`failed` rows wait for the report to the sender, also of a success that was to be told; they go in the
transaction that files the report. The message's row goes with its last recipient, and lets its blobs go in
the same transaction.

`held` rows are of accounts that may not send; see `queue.held`.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import NOTHING_SAID, PLAIN, DeliverBy, ReportTerms, Terms
from pymailcore.queue.held import WAITING, hold, may_not_send
from pymailcore.queue.schedule import first_try_ms
from pymailcore.queue.turns import Group
from pymailcore.queue.types import Bounce, Failure, Lease, Message
from pymailcore.store.types import Row, Transaction

FAILED: Final = "failed"
MAX_REPLY_CHARACTERS: Final = 1_000
_NO_TERMS: Final[Mapping[Address, ReportTerms]] = MappingProxyType({})


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
    binary: bool = False,
    terms: Terms = PLAIN,
    report_terms: Mapping[Address, ReportTerms] = _NO_TERMS,
    account: int = 0,
) -> None:
    """Add a message that is due at once, or when it may be released (RFC 4865 section 4)."""
    by = terms.deliver_by
    await tx.run(
        "INSERT INTO queue_messages (id, tenant, reverse_path, size_octets, recipe, smtputf8, eight_bit,"
        " created_ms, is_binary, ret, envid, require_tls, hold_until_ms, deliver_by_ms, deliver_by_mode,"
        " priority, account)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        number,
        tenant,
        None if reverse_path is None else str(reverse_path),
        size_octets,
        recipe,
        int(smtputf8),
        int(eight_bit),
        now_ms,
        int(binary),
        terms.ret,
        terms.envid,
        int(terms.require_tls),
        terms.hold_until_ms,
        None if by is None else by.at_ms,
        "" if by is None else ("R" if by.give_up else "N") + ("T" if by.trace else ""),
        terms.priority,
        account,
    )
    due_ms = first_try_ms(now_ms, terms)
    for address in recipients:
        said = report_terms.get(address, NOTHING_SAID)
        await tx.run(
            "INSERT INTO queue_recipients (message, address, domain, next_try_ms, notify, orcpt, flow)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            number,
            str(address),
            address.domain,
            due_ms,
            ",".join(sorted(said.notify)),
            said.orcpt,
            account or -tenant,
        )


async def insert_report(
    tx: Transaction, number: int, address: Address, *, action: str, orcpt: str, now_ms: int
) -> None:
    """Add a recipient who is done with and of whom the sender of a message is to be told."""
    await tx.run(
        "INSERT INTO queue_recipients (message, address, domain, next_try_ms, state, action, orcpt,"
        " last_reply) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        number,
        str(address),
        address.domain,
        now_ms,
        FAILED,
        action,
        orcpt,
        f"2.1.5 {action}",
    )


async def message(tx: Transaction, number: int) -> Message | None:
    """One message."""
    row = await tx.row(
        "SELECT id, tenant, reverse_path, size_octets, recipe, smtputf8, eight_bit, created_ms, is_binary,"
        " ret, envid, require_tls, hold_until_ms, deliver_by_ms, deliver_by_mode, priority, account"
        " FROM queue_messages WHERE id = ?1",
        number,
    )
    return None if row is None else _message(row)


def _message(row: Row) -> Message:
    reverse_path = None if row[2] is None else Address.parse(row[2])
    by = None
    if row[13] is not None:
        by = DeliverBy(at_ms=row[13], give_up="R" in row[14], trace="T" in row[14])
    return Message(
        *(row[0], row[1], reverse_path, row[3], row[4], bool(row[5]), bool(row[6]), row[7], row[16]),
        binary=bool(row[8]),
        terms=Terms(
            ret=row[9],
            envid=row[10],
            require_tls=bool(row[11]),
            hold_until_ms=row[12],
            deliver_by=by,
            priority=row[15],
        ),
    )


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
        if await may_not_send(tx, found):
            await hold(tx, found.account)
            continue
        rows = await tx.rows(
            "UPDATE queue_recipients SET next_try_ms = ?5, lease_until_ms = ?5 WHERE message = ?1"
            " AND state = ?3 AND next_try_ms <= ?4"  # again: another runner may have been faster
            " AND address IN (SELECT address FROM queue_recipients WHERE message = ?1 AND domain = ?2"
            " AND state = ?3 AND next_try_ms <= ?4 ORDER BY address LIMIT ?6)"
            " RETURNING address, notify, orcpt",
            number,
            domain,
            WAITING,
            now_ms,
            until_ms,
            per_lease,
        )
        if rows:
            addresses = tuple(sorted(row[0] for row in rows))
            leases.append(Lease(found, domain, addresses, until_ms, flow, report_terms=_report_terms(rows)))
    return leases


def _report_terms(rows: Sequence[Row]) -> Mapping[str, ReportTerms]:
    return {
        row[0]: ReportTerms(notify=frozenset(filter(None, row[1].split(","))), orcpt=row[2])
        for row in rows
        if row[1] or row[2]
    }


async def lease_failed(tx: Transaction, *, now_ms: int, until_ms: int, limit: int) -> list[Bounce]:
    """Lease recipients of messages whose senders are to be told of them."""
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
            " AND state = ?2 AND next_try_ms <= ?3 RETURNING address, tries, last_reply, action, orcpt",
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


async def give_up(
    tx: Transaction, held: Lease, address: str, now_ms: int, reply: str, *, action: str = "failed"
) -> None:
    """Note a try after which there is no other; the report is due now. A success counts in any case."""
    await tx.run(
        "UPDATE queue_recipients SET state = ?6, tries = tries + 1, next_try_ms = ?4, lease_until_ms = 0,"
        " last_reply = ?5, action = ?7 WHERE message = ?1 AND address = ?2"
        " AND (lease_until_ms = ?3 OR (?7 <> 'failed' AND state = ?8))",
        held.message.id,
        address,
        held.until_ms,
        now_ms,
        reply[:MAX_REPLY_CHARACTERS],
        FAILED,
        action,
        WAITING,
    )


async def untold(tx: Transaction, held: Lease) -> list[Failure]:
    """Recipients of a lease that still wait, and of whose delay the sender was not told."""
    rows = await tx.rows(
        "SELECT address, tries, last_reply, 'delayed', orcpt FROM queue_recipients WHERE message = ?1"
        " AND state = ?2 AND told_ms = 0 AND address IN (SELECT value FROM json_each(?3 /*text*/))"
        " ORDER BY address",
        held.message.id,
        WAITING,
        json.dumps(list(held.recipients)),
    )
    return [Failure(*row) for row in rows]


async def tell(tx: Transaction, number: int, addresses: Sequence[str], now_ms: int) -> None:
    """Note that the sender was told of the delay of recipients."""
    await tx.run(
        "UPDATE queue_recipients SET told_ms = ?2 WHERE message = ?1"
        " AND address IN (SELECT value FROM json_each(?3 /*text*/))",
        number,
        now_ms,
        json.dumps(list(addresses)),
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


async def tries(tx: Transaction, number: int, address: str) -> int:
    """How often a recipient was tried."""
    row = await tx.row(
        "SELECT tries FROM queue_recipients WHERE message = ?1 AND address = ?2", number, address
    )
    return 0 if row is None else int(row[0])
