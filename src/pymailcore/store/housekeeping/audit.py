"""Looks for what should not be: references of nobody, blobs that nobody refers to, wrong counters.

A share of everything each day, so that all of it was looked at once in `audit_days`. What can be put right
without a doubt is: a reference whose owner is gone goes, a blob without references becomes loose (the
collector proves that nobody needs it). Wrong counters are an alarm: `pymailcore verify --repair` sets them.
"""

import functools
from typing import Any, Final

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.runtime.logs import get_logger
from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.ops import blob_rows
from pymailcore.store.types import Transaction
from pymailcore.store.verifying.counts import (
    StillMoving,
    count_large_mailbox,
    sum_large_account,
    verify_account,
)

REFERENCES: Final = "audit-references"
BLOBS: Final = "audit-blobs"
COUNTERS: Final = "audit-counters"
SCAN_ROWS: Final = 20_000
LEAST_ROWS: Final = 200_000  # looked at each day, however small the share is
MOST_BLOBS: Final = 200_000  # in memory at a time
LEAST_ACCOUNTS: Final = 50
WHOLE: Final = 10_000  # Emails of an account that is counted on one snapshot

_NEXT_OWNER: Final = (
    "SELECT max(owner), count(*) FROM (SELECT owner FROM blob_refs WHERE owner > ?1 ORDER BY owner LIMIT ?2)"
    " AS stretch"
)
_NOBODY: Final = (
    "SELECT DISTINCT r.owner FROM blob_refs r WHERE r.owner > ?1 AND r.owner <= ?2"
    " AND NOT EXISTS (SELECT 1 FROM emails e WHERE e.id = r.owner)"
    " AND NOT EXISTS (SELECT 1 FROM kept_emails k WHERE k.id = r.owner)"
    " AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.id = r.owner)"
    " AND NOT EXISTS (SELECT 1 FROM queue_messages q WHERE q.id = r.owner)"
)
_COUNT_REFS: Final = "SELECT coalesce(sum(refs), 0) FROM tenant_octets"
_COUNT_ACCOUNTS: Final = "SELECT count(*) FROM accounts"
_FIRM: Final = (
    "SELECT id FROM blobs WHERE id > ?1 AND NOT EXISTS (SELECT 1 FROM loose_blobs l WHERE l.blob = blobs.id)"
    " ORDER BY id LIMIT ?2"
)
_NEEDED: Final = (
    "SELECT DISTINCT blob FROM blob_refs WHERE owner > ?1 AND owner <= ?2 AND blob >= ?3 AND blob <= ?4"
)
_LOOSEN: Final = (
    "INSERT INTO loose_blobs (blob) SELECT id FROM blobs WHERE id IN (SELECT value FROM json_each(?1))"
    " ORDER BY id ON CONFLICT (blob) DO NOTHING"
)
_EMAILS: Final = "SELECT used_emails FROM accounts WHERE id = ?1"
_MAILBOXES: Final = "SELECT id FROM mailboxes WHERE account = ?1 ORDER BY id"
_ACCOUNTS: Final = "SELECT id FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2"
_IS_THERE: Final = "SELECT 1 FROM accounts WHERE id = ?1"

log = get_logger()


def share(total: int, days: float, least: int) -> int:
    """How many of a total are due each day. Pure."""
    return max(least, int(total / max(days, 1.0)) + 1)


async def _number(tx: Transaction, sql: str) -> int:
    row = await tx.row(sql)
    return 0 if row is None else int(row[0])


async def _after(house: House, name: str) -> int:
    chore = await house.read(lambda tx: chores.load(tx, name))
    return int(chore.place.get("after", -1))


async def _note(house: House, name: str, after: int) -> None:
    now_ms = house.now_ms()
    await house.write(lambda tx: chores.save(tx, name, chores.Chore({"after": after}, now_ms, now_ms)))


async def audit_references(house: House) -> None:
    """Drop references whose owner is gone; a job."""
    after = await _after(house, REFERENCES)
    total = await house.read(lambda tx: _number(tx, _COUNT_REFS))
    left = share(total, house.settings.audit_days, LEAST_ROWS)

    async def look(tx: Transaction) -> tuple[int | None, int, list[int]]:
        row = await tx.row(_NEXT_OWNER, after, SCAN_ROWS)
        if row is None or row[0] is None:
            return None, 0, []
        return row[0], row[1], [found[0] for found in await tx.rows(_NOBODY, after, row[0])]

    while left > 0:
        upto, count, owners = await house.read(look)
        if upto is None:
            after = -1
            break
        for owner in owners:
            if await house.write(functools.partial(_drop, owner=owner)):
                log.error("a reference of nobody is dropped", owner=owner)
                house.metrics.store_audit_findings.labels("reference").inc()
        after = upto
        left -= count
    await _note(house, REFERENCES, after)


async def _drop(tx: Transaction, owner: int) -> bool:
    if not await tx.rows(_NOBODY, owner - 1, owner):
        return False
    await blob_rows.forget(tx, owner)
    return True


async def audit_blobs(house: House) -> None:
    """Let blobs that nobody refers to become loose; a job."""
    after = await _after(house, BLOBS)
    rows = await house.read(lambda tx: tx.rows(_FIRM, after, MOST_BLOBS))
    if not rows:
        await _note(house, BLOBS, -1)
        return
    low, high = rows[0][0], rows[-1][0]
    unneeded = {row[0] for row in rows}
    owner = -1

    async def look(tx: Transaction) -> tuple[int | None, list[Any]]:
        row = await tx.row(_NEXT_OWNER, owner, SCAN_ROWS)
        if row is None or row[0] is None:
            return None, []
        return row[0], await tx.rows(_NEEDED, owner, row[0], low, high)

    while unneeded:
        upto, needed = await house.read(look)
        if upto is None:
            break
        unneeded.difference_update(row[0] for row in needed)
        owner = upto
    pace = Pace(64)
    found = sorted(unneeded)
    while found:
        some, found = found[: pace.rows], found[pace.rows :]
        listed = orjson.dumps(some).decode()
        await house.write(functools.partial(_loosen, listed=listed), pace)
    if unneeded:
        log.warning("blobs without a reference were found", blobs=len(unneeded))
        house.metrics.store_audit_findings.labels("blob").inc(len(unneeded))
    await _note(house, BLOBS, high)


async def _loosen(tx: Transaction, listed: str) -> None:
    await tx.run(_LOOSEN, listed)


async def _faults(house: House, account: int) -> list[str]:
    """What is wrong with an account's counters; a large one is counted in slices."""
    row = await house.read(lambda tx: tx.row(_EMAILS, account))
    if row is None:
        return []
    if row[0] <= WHOLE:
        return await house.read(lambda tx: verify_account(tx, AccountId(account)))
    found = []
    try:
        for (mailbox,) in await house.read(lambda tx: tx.rows(_MAILBOXES, account)):
            counts = await count_large_mailbox(house.read, mailbox)
            found += counts.fault(mailbox) if counts is not None else []
        sums = await sum_large_account(house.read, account)
        found += sums.fault(account) if sums is not None else []
    except StillMoving:
        log.info("an account changed all the time and could not be counted", account=account)
    return [fault.text for fault in found]


async def audit_counters(house: House) -> None:
    """Count some accounts anew; a job."""
    for account in await house.read(_removed_accounts):
        await house.alarms(alarms.COUNTERS, [], prefix=f"{account}:")
    after = await _after(house, COUNTERS)
    total = await house.read(lambda tx: _number(tx, _COUNT_ACCOUNTS))
    due = share(total, house.settings.audit_days, LEAST_ACCOUNTS)
    rows = await house.read(lambda tx: tx.rows(_ACCOUNTS, after, due))
    for (account,) in rows:
        faults = await _faults(house, account)
        if faults:
            house.metrics.store_audit_findings.labels("counter").inc(len(faults))
        found = [
            alarms.Alarm(alarms.COUNTERS, f"{account}:{n}", fault) for n, fault in enumerate(faults[:10])
        ]
        await house.alarms(alarms.COUNTERS, found, prefix=f"{account}:")
    await _note(house, COUNTERS, rows[-1][0] if len(rows) == due else -1)


async def _removed_accounts(tx: Transaction) -> list[str]:
    """Accounts that an alarm is about and that are not there any more."""
    accounts = {
        alarm.subject.partition(":")[0] for alarm in await alarms.read(tx) if alarm.kind == alarms.COUNTERS
    }
    return [account for account in sorted(accounts) if await tx.row(_IS_THERE, int(account)) is None]
