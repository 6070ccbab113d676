"""Reading a selected Mailbox: rows, snapshot, delta.

Standards: RFC 9051 sections 6.3.2 and 6.4.5, RFC 7162 sections 3.1 and 3.2.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, cast

import orjson

from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.message import facts
from pymailcore.message.structure import unpack
from pymailcore.message.wire import body_forms
from pymailcore.store.columns import unpack_column
from pymailcore.store.keywords import SEEN
from pymailcore.store.ops import mailboxes
from pymailcore.store.types import FetchRow, MailboxDelta, Numbers, Snapshot, Transaction, Want

MAX_UID: Final = 2**32 - 1
_MODSEQ: Final = "max(e.flags_modseq, p.modseq)"
_BLOBS: Final = (
    (Want.ENVELOPE, "d.envelope"),
    (Want.BODY, "d.parts"),
    (Want.BODYSTRUCTURE, "d.bodystructure"),
    (Want.PARTS, "d.parts"),
)


def merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in ascending order, without overlap; ends included; turned ones are turned back."""
    out: list[tuple[int, int]] = []
    for low, high in sorted((low, high) if low <= high else (high, low) for low, high in ranges):
        if out and low <= out[-1][1] + 1:
            if high > out[-1][1]:
                out[-1] = (out[-1][0], high)
        else:
            out.append((low, high))
    return out


def runs(uids: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as ranges."""
    return merged([(uid, uid) for uid in uids])


@lru_cache(maxsize=64)
def fetch_sql(want: int) -> str:
    """The statement for a set of columns; arguments: Mailbox, low, high, limit."""
    facts = "e.size_octets, e.received_ms, e.thread" if want & Want.FACTS else "0, 0, 0"
    blobs = ", ".join(column if want & bit else "NULL" for bit, column in _BLOBS)
    data = " JOIN email_data d ON d.email = p.email" if want & ~int(Want.FACTS | Want.SAVED) else ""
    saved = "p.saved_ms" if want & Want.SAVED else "0"
    preview = "d.facts" if want & Want.PREVIEW else "NULL"
    return (
        f"SELECT p.uid, p.email, e.flags, e.extra, p.deleted, {_MODSEQ}, {facts}, {blobs}, {saved}, {preview}"
        f" FROM placements p JOIN emails e ON e.id = p.email{data}"
        " WHERE p.mailbox = ?1 AND p.uid BETWEEN ?2 AND ?3 ORDER BY p.uid LIMIT ?4"
    )


async def fetch(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    ranges: Sequence[tuple[int, int]],
    want: Want,
    limit: int,
) -> list[FetchRow]:
    """Rows by UID, at most `limit`; a Mailbox that the account does not have is empty."""
    if await tx.row("SELECT 1 FROM mailboxes WHERE id = ?1 AND account = ?2", mailbox, account) is None:
        return []
    sql = fetch_sql(int(want))
    out: list[FetchRow] = []
    for low, high in merged(ranges):
        rows = await tx.rows(sql, mailbox, low, high, limit - len(out))
        out += map(FetchRow._make, rows)
        if len(out) >= limit:
            break
    if want & Want.BODY:
        out = [row._replace(body=body_forms(unpack(unpack_column(row.body or b"")))[0]) for row in out]
    if want & Want.PARTS:
        out = [row._replace(parts=unpack_column(row.parts or b"")) for row in out]
    if want & Want.PREVIEW:  # the column is all that JMAP shows in a list
        packed = [cast("bytes", row.preview) for row in out]
        previews = [facts.unpack(unpack_column(column)).preview for column in packed]
        out = [row._replace(preview=preview) for row, preview in zip(out, previews, strict=True)]
    return out


async def uids_in(tx: Transaction, mailbox: int, ranges: Sequence[tuple[int, int]] | None) -> list[int]:
    """UIDs of a Mailbox that are in the ranges, ascending; None for all."""
    out: list[int] = []
    for low, high in merged(ranges) if ranges is not None else ((1, MAX_UID),):
        row = await tx.row(
            "SELECT json_group_array(uid) FROM"
            " (SELECT uid FROM placements WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid) x",
            mailbox,
            low,
            high,
        )
        out += orjson.loads(row[0]) if row is not None else []
    return out


async def emails_of(tx: Transaction, mailbox: int, uids: Sequence[int]) -> list[tuple[int, int]]:
    """The Emails of UIDs, as (uid, email), by UID."""
    rows = await tx.rows(
        "SELECT uid, email FROM placements WHERE mailbox = ?1 AND uid IN (SELECT value FROM json_each(?2))"
        " ORDER BY uid",
        mailbox,
        orjson.dumps(list(uids)).decode(),
    )
    return [(row[0], row[1]) for row in rows]


def width(ranges: Sequence[tuple[int, int]]) -> int:
    """How many UIDs the ranges could name."""
    return sum(high - low + 1 for low, high in merged(ranges))


async def marked_uids(
    tx: Transaction, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]] | None
) -> list[int]:
    r"""UIDs in the ranges whose placement has `\Deleted`, ascending; None for all."""
    found = await mailboxes.get(tx, account, mailbox)
    if not found.deleted:
        return []
    out: list[int] = []
    for low, high in merged(ranges) if ranges is not None else ((1, MAX_UID),):
        rows = await tx.rows(
            "SELECT uid FROM placements WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3 AND deleted = 1"
            " ORDER BY uid",
            mailbox,
            low,
            high,
        )
        out += [row[0] for row in rows]
    return out


async def snapshot(tx: Transaction, account: AccountId, mailbox: MailboxId) -> Snapshot:
    """A Mailbox with its UIDs."""
    found = await mailboxes.get(tx, account, mailbox)
    uids = array("I", await uids_in(tx, mailbox, None))
    first = 0
    if found.unseen:
        row = await tx.row(
            "SELECT p.uid FROM placements p JOIN emails e ON e.id = p.email"
            f" WHERE p.mailbox = ?1 AND (e.flags & {SEEN}) = 0 ORDER BY p.uid LIMIT 1",
            mailbox,
        )
        if row is not None:
            first = uids.index(row[0]) + 1
    return Snapshot(found, uids, first)


async def delta(tx: Transaction, account: AccountId, mailbox: MailboxId, since: int) -> MailboxDelta | None:
    """What happened in a Mailbox after a modseq."""
    row = await tx.row(
        "SELECT m.highest_modseq, a.log_floor FROM mailboxes m JOIN accounts a ON a.id = m.account"
        " WHERE m.id = ?1 AND m.account = ?2",
        mailbox,
        account,
    )
    if row is None or since < row[1]:
        return None
    highest = cast("int", row[0])
    if highest <= since:
        return MailboxDelta(highest, (), (), ())
    expunged = await tx.rows(
        "SELECT uid FROM expunged WHERE mailbox = ?1 AND modseq > ?2 AND arrived <= ?2 ORDER BY uid",
        mailbox,
        since,
    )
    # The plus keeps SQLite from starting at the Mailbox: what changed is few, the Mailbox is many.
    rows = await tx.rows(
        f"SELECT p.uid, p.email, e.flags, e.extra, p.deleted, {_MODSEQ}, e.size_octets, e.received_ms,"
        " e.thread, p.arrived_modseq FROM emails e JOIN placements p ON p.email = e.id"
        " WHERE e.account = ?1 AND e.changed_modseq > ?3 AND +p.mailbox = ?2"
        f" AND {_MODSEQ} > ?3 ORDER BY p.uid",
        account,
        mailbox,
        since,
    )
    return MailboxDelta(
        highest,
        tuple([row[0] for row in rows if row[9] > since]),
        tuple([FetchRow(*row[:9]) for row in rows if row[9] <= since]),
        tuple([row[0] for row in expunged]),
    )


async def changed_uids(tx: Transaction, account: AccountId, mailbox: MailboxId, since: int) -> Numbers:
    """UIDs of the messages there that came, or were changed, after a modseq; ascending."""
    return await tx.numbers(
        1,
        # The plus: as in `delta`.
        "SELECT p.uid FROM emails e JOIN placements p ON p.email = e.id"
        " WHERE e.account = ?1 AND e.changed_modseq > ?3 AND +p.mailbox = ?2"
        f" AND {_MODSEQ} > ?3 ORDER BY p.uid",
        account,
        mailbox,
        since,
    )


async def vanished(tx: Transaction, account: AccountId, mailbox: MailboxId, since: int) -> "Numbers | None":
    """UIDs that have left a Mailbox after a modseq, ascending; None: the change log does not reach back."""
    row = await tx.row(
        "SELECT a.log_floor FROM mailboxes m JOIN accounts a ON a.id = m.account"
        " WHERE m.id = ?1 AND m.account = ?2",
        mailbox,
        account,
    )
    if row is None or since < row[0]:
        return None
    return await tx.numbers(
        1, "SELECT uid FROM expunged WHERE mailbox = ?1 AND modseq > ?2 ORDER BY uid", mailbox, since
    )
