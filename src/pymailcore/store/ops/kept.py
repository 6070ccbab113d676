"""Expunged mail that is kept for undelete: finding it, bringing it back, letting it go.

Theory of operation. An Email that loses its last placement moves from `emails` to `kept_emails`
(ops.revision, ops.stretch); its other rows and its blobs stay under its id. `expunged` remembers which Email
left which Mailbox when, and when it had come, so who was in a Mailbox at a moment can be told. What is
brought back is a new Email with new UIDs over the same octets; `restored_emails` says what a kept Email
became, so that the history still names it and bringing back twice changes nothing. A removed Mailbox leaves
a row in `kept_mailboxes` and its history.

A kept Email exists for nobody: it has no modseq, no Thread, no place in any counter but `kept_octets`.

Standards: RFC 8621 section 3 (Threads), RFC 8474 section 5.1 (a new id for what is there anew).
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.columns import unpack_column
from pymailcore.store.ops import annotations, blob_rows, quota
from pymailcore.store.ops.footprint import Message
from pymailcore.store.ops.revision import Revision
from pymailcore.store.ops.threads import choose_thread, keys_of_facts, lead_to
from pymailcore.store.types import Kept, Row, Transaction

_IN: Final = "(SELECT value FROM json_each(?1))"
_HISTORY: Final = (
    "SELECT x.modseq, x.uid, coalesce(r.became, x.email) AS email, x.saved_ms, x.gone_ms FROM expunged x"
    " LEFT JOIN restored_emails r ON r.email = x.email WHERE x.mailbox = ?1 AND x.email IS NOT NULL"
)
_GONE_SINCE: Final = (
    f"SELECT h.modseq, h.uid, h.email, coalesce(k.size_octets, 0), k.thread FROM ({_HISTORY}) h"
    " LEFT JOIN kept_emails k ON k.id = h.email"
    " WHERE h.saved_ms <= ?2 AND h.gone_ms > ?2 AND (h.modseq > ?3 OR (h.modseq = ?3 AND h.uid > ?4))"
    " AND (k.id IS NOT NULL OR EXISTS (SELECT 1 FROM emails e WHERE e.id = h.email))"
    " AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.email = h.email AND p.mailbox = ?5)"
    " ORDER BY h.modseq, h.uid LIMIT ?6"
)
_KEPT: Final = (
    "SELECT id, thread, size_octets, received_ms, flags, extra, sent_ms, sent_local_ms, has_attachment"
    f" FROM kept_emails WHERE +account = ?2 AND id IN {_IN}"
)
_LIST: Final = (
    "SELECT k.id, coalesce(m.path, g.path), k.size_octets, k.received_ms, k.gone_ms, k.flags, k.extra,"
    " d.facts FROM kept_emails k JOIN email_data d ON d.email = k.id"
    " LEFT JOIN mailboxes m ON m.id = k.mailbox"
    " LEFT JOIN kept_mailboxes g ON g.id = k.mailbox WHERE k.account = ?1 AND k.gone_ms >= ?2"
    " AND (k.gone_ms < ?3 OR (k.gone_ms = ?3 AND k.id < ?4)) ORDER BY k.gone_ms DESC, k.id DESC LIMIT ?5"
)
_LATEST_MS: Final = 2**62


class Place(NamedTuple):
    """A Mailbox that mail is to come back to: one that is there, or one that is gone."""

    mailbox: int
    path: str
    there: bool


class StandIn(NamedTuple):
    """The Mailbox that stands for a removed one, or how to make it."""

    mailbox: int | None
    role: str | None  # None where another Mailbox has it now
    subscribed: bool


class Missing(NamedTuple):
    """An Email that was in a Mailbox and is not."""

    modseq: int
    uid: int
    email: int
    size_octets: int  # 0: it is in another Mailbox
    thread: int | None  # that it was in, if it is in none now


class Back(NamedTuple):
    """An Email that is to come back; the ids were minted outside of the transaction."""

    email: int
    new_email: int
    new_thread: int  # if its Thread is gone
    mailboxes: tuple[int, ...]


# --- finding ------------------------------------------------------------------------------------


async def listed(
    tx: Transaction, account: AccountId, since_ms: int, before: tuple[int, int] | None, limit: int
) -> list[Kept]:
    """What is kept of an account, the last that went first; `before` is (gone_ms, email) of a page's end."""
    gone_ms, email = before or (_LATEST_MS, 0)
    rows = await tx.rows(_LIST, account, since_ms, gone_ms, email, limit)
    return [Kept._make((*row[:-1], unpack_column(row[-1]))) for row in rows]


async def places(tx: Transaction, account: AccountId, at_ms: int) -> list[Place]:
    """The Mailboxes that mail was in at a moment: those there, then those removed since."""
    there = await tx.rows("SELECT id, path FROM mailboxes WHERE account = ?1 ORDER BY path", account)
    gone = await tx.rows(
        "SELECT id, path FROM kept_mailboxes WHERE account = ?1 AND gone_ms > ?2 ORDER BY path",
        account,
        at_ms,
    )
    return [Place(id_, path, there=True) for id_, path in there] + [
        Place(id_, path, there=False) for id_, path in gone
    ]


async def missing(
    tx: Transaction, place: Place, to: int, at_ms: int, after: tuple[int, int], limit: int
) -> list[Missing]:
    """Emails that were in a Mailbox at a moment, can come back, and are not in Mailbox `to`.

    Args:
        after: (modseq, uid) of a page's end.
    """
    rows = await tx.rows(_GONE_SINCE, place.mailbox, at_ms, *after, to, limit)
    return [Missing._make(row) for row in rows]


async def left_last(
    tx: Transaction, account: AccountId, emails: Sequence[int]
) -> list[tuple[int, int, int, int]]:
    """Kept Emails as (id, Mailbox that it left last, octets, Thread), in the order asked for."""
    rows = await tx.rows(
        f"SELECT id, mailbox, size_octets, thread FROM kept_emails WHERE +account = ?2 AND id IN {_IN}",
        orjson.dumps(list(emails)).decode(),
        account,
    )
    found = {row[0]: (row[0], row[1], row[2], row[3]) for row in rows}
    return [found[email] for email in dict.fromkeys(emails) if email in found]


async def stand_in(tx: Transaction, account: AccountId, mailbox: int) -> StandIn:
    """What stands for a removed Mailbox now."""
    row = await tx.row(
        "SELECT coalesce(b.id, p.id), CASE WHEN r.id IS NULL THEN g.role END, g.subscribed"
        " FROM kept_mailboxes g LEFT JOIN mailboxes b ON b.id = g.became AND b.account = g.account"
        " LEFT JOIN mailboxes p ON p.account = g.account AND p.path = g.path"
        " LEFT JOIN mailboxes r ON r.account = g.account AND r.role = g.role"
        " WHERE g.id = ?1 AND g.account = ?2",
        mailbox,
        account,
    )
    if row is None:
        return StandIn(None, None, subscribed=False)
    return StandIn(row[0], row[1], subscribed=bool(row[2]))


async def stands_in(tx: Transaction, mailbox: int, became: int) -> None:
    """Note which Mailbox stands for a removed one."""
    await tx.run("UPDATE kept_mailboxes SET became = ?2 WHERE id = ?1", mailbox, became)


# --- bringing back ------------------------------------------------------------------------------


async def restore(
    tx: Transaction,
    account: AccountId,
    wanted: Sequence[Back],
    tenant_key: bytes,
    limits: quota.Limits,
    now_ms: int,
) -> int:
    """Bring Emails back, or place them where they are missing; gives how many placements were made.

    What was brought back already stays as it is, so the same call twice is as good as once.

    Raises:
        OverQuota: they do not fit; nothing is done then.
        NotFound: a Mailbox is gone.
    """
    revision = await Revision.begin(tx, account, now_ms)
    became = await newest(tx, [back.email for back in wanted])
    asked = {became.get(back.email, back.email): back for back in wanted}
    ids = orjson.dumps(list(asked)).decode()
    kept = {row[0]: row for row in await tx.rows(_KEPT, ids, account)}
    quota.require(revision, limits, sum(row[2] for row in kept.values()), len(kept))
    await revision.load([email for email in asked if email not in kept])
    threads = await _threads(tx, account, asked, kept, tenant_key)
    placed = 0
    for email, back in asked.items():
        row = kept.get(email)
        if row is None:
            message = revision.messages.get(email)
        else:
            message = _message(row, back, threads[email])
            revision.add(message, (row[6], row[7], row[8]))
            revision.kept_octets -= message.size_octets
        if message is None:
            continue
        here = {placement.mailbox for placement in message.placements}
        for mailbox in dict.fromkeys(back.mailboxes):
            if mailbox not in here:
                await revision.mailbox(mailbox)
                revision.place(message, mailbox)
                placed += 1
    await _rename(tx, account, {email: asked[email].new_email for email in kept}, now_ms)
    await revision.finish()
    return placed


def _message(row: Row, back: Back, thread: int) -> Message:
    _, _, size_octets, received_ms, flags, extra, *_ = row
    return Message(back.new_email, thread, size_octets, received_ms, flags, extra, 0, 0, 0)


async def newest(tx: Transaction, emails: Sequence[int]) -> dict[int, int]:
    """What Emails that were brought back have become."""
    rows = await tx.rows(
        f"SELECT email, became FROM restored_emails WHERE email IN {_IN}", orjson.dumps(list(emails)).decode()
    )
    return {row[0]: row[1] for row in rows}


async def _threads(
    tx: Transaction, account: AccountId, asked: dict[int, Back], kept: dict[int, Row], tenant_key: bytes
) -> dict[int, int]:
    """The Thread of each kept Email: the one that it was in, or the one that its like are in now."""
    old = orjson.dumps(list({row[1] for row in kept.values()})).decode()
    alive = {row[0] for row in await tx.rows(f"SELECT id FROM threads WHERE id IN {_IN}", old)}
    chosen: dict[int, int] = {thread: thread for thread in alive}
    rows = await tx.rows(
        f"SELECT email, facts FROM email_data WHERE email IN {_IN}",
        orjson.dumps(list(kept)).decode(),
    )
    facts = {row[0]: bytes(row[1]) for row in rows}
    fresh: set[int] = set()
    for email in sorted(kept):
        thread, new = kept[email][1], asked[email].new_thread
        keys = keys_of_facts(tenant_key, facts[email])
        if thread in chosen:
            await lead_to(tx, account, keys, chosen[thread], fresh)
        else:
            chosen[thread] = await choose_thread(tx, account, keys, new, fresh)
            fresh.add(chosen[thread])
    return {email: chosen[row[1]] for email, row in kept.items()}


async def _rename(tx: Transaction, account: AccountId, ids: dict[int, int], now_ms: int) -> None:
    """Give the rows of kept Emails their new id, and note what they became."""
    if not ids:
        return
    pairs = list(ids.items())
    listed_ids = orjson.dumps(list(ids)).decode()
    blobs = await tx.rows(f"SELECT DISTINCT blob FROM blob_refs WHERE owner IN {_IN}", listed_ids)
    await blob_rows.take_up(tx, [row[0] for row in blobs])  # the collector may have passed the new owners
    await tx.run_many("UPDATE email_data SET email = ?2 WHERE email = ?1", pairs)
    await tx.run_many("UPDATE email_headers SET email = ?2 WHERE email = ?1", pairs)
    await tx.run_many("UPDATE blob_refs SET owner = ?2 WHERE owner = ?1", pairs)
    await tx.run_many("UPDATE restored_emails SET became = ?2 WHERE became = ?1", pairs)
    await tx.run_many(
        "INSERT INTO restored_emails (email, account, became, restored_ms) VALUES (?1, ?2, ?3, ?4)",
        [(email, account, new, now_ms) for email, new in pairs],
    )
    await tx.run(f"DELETE FROM kept_emails WHERE id IN {_IN}", listed_ids)


# --- letting go ---------------------------------------------------------------------------------


async def accounts_with_kept(tx: Transaction) -> list[int]:
    """Accounts of which something is kept."""
    return [row[0] for row in await tx.rows("SELECT id FROM accounts WHERE kept_octets > 0 ORDER BY id")]


async def purge(
    tx: Transaction, account: AccountId, before_ms: int, most: int, *, within_quota: bool = True
) -> int:
    """Let go, for good, of at most `most` kept Emails, the oldest first; gives how many.

    Args:
        before_ms: those that went before.
        within_quota: and so many that the rest is no more than the account's quota of octets.
    """
    await tx.lock("accounts", (account,))
    row = await tx.row("SELECT kept_octets, quota_octets FROM accounts WHERE id = ?1", account)
    if row is None:
        return 0
    kept, allowed = row
    gone: list[int] = []
    octets = 0
    for email, size, gone_ms in await tx.rows(
        "SELECT id, size_octets, gone_ms FROM kept_emails WHERE account = ?1 ORDER BY gone_ms, id LIMIT ?2",
        account,
        most,
    ):
        full = within_quota and allowed is not None and kept - octets > allowed
        if gone_ms >= before_ms and not full:
            break
        gone.append(email)
        octets += size
    if gone:
        await _let_go(tx, account, gone, octets)
    return len(gone)


async def _let_go(tx: Transaction, account: AccountId, emails: list[int], octets: int) -> None:
    ids = orjson.dumps(emails).decode()
    await blob_rows.let_go(tx, emails)
    await tx.run(f"DELETE FROM email_data WHERE email IN {_IN}", ids)
    await tx.run(f"DELETE FROM email_headers WHERE email IN {_IN}", ids)
    await tx.run(f"DELETE FROM restored_emails WHERE became IN {_IN}", ids)
    await tx.run(f"DELETE FROM kept_emails WHERE id IN {_IN}", ids)
    await tx.run("UPDATE accounts SET kept_octets = kept_octets - ?2 WHERE id = ?1", account, octets)


async def names_before(tx: Transaction, before_ms: int) -> bool:
    """Whether `purge_names` has something to do."""
    for table, column in (("kept_mailboxes", "gone_ms"), ("restored_emails", "restored_ms")):
        if await tx.row(f"SELECT 1 FROM {table} WHERE {column} < ?1 LIMIT 1", before_ms) is not None:
            return True
    return False


async def purge_names(tx: Transaction, before_ms: int, most: int) -> int:
    """Forget removed Mailboxes with their history, and what came back, from before a moment; gives how many.

    One call takes at most `most` rows of each kind.
    """
    rows = await tx.rows(
        "SELECT id FROM kept_mailboxes WHERE gone_ms < ?1 ORDER BY gone_ms, id LIMIT 1", before_ms
    )
    done = 0
    for (mailbox,) in rows:
        done = await tx.run(
            "DELETE FROM expunged WHERE mailbox = ?1 AND (modseq, uid) IN (SELECT modseq, uid FROM expunged"
            " WHERE mailbox = ?1 ORDER BY modseq, uid LIMIT ?2)",
            mailbox,
            most,
        )
        if done < most:
            await annotations.let_go(tx, mailbox)
            done += await tx.run("DELETE FROM kept_mailboxes WHERE id = ?1", mailbox)
    return done + await tx.run(
        "DELETE FROM restored_emails WHERE email IN (SELECT email FROM restored_emails WHERE restored_ms < ?1"
        " ORDER BY email LIMIT ?2)",
        before_ms,
        most,
    )
