"""Repairs of rows, each one operation: it makes things agree again and tells the clients by a new modseq.

What an operation repairs is looked up anew inside of it, so a repair of what is sound by then changes
nothing that counts.
"""

# ruff: noqa: S608 - statements are put together from constants of this module; values are always bound

from typing import Final, cast

import msgspec

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.ops import blob_rows
from pymailcore.store.recipes import unpack_recipe
from pymailcore.store.types import Row, Transaction
from pymailcore.store.verifying.checks import INSIDE, OUTSIDE, UNREAD
from pymailcore.store.verifying.counts import count_mailbox, sum_account

FAR: Final = 2**53
"""A modseq that is so far above the clock is damage, and no trace of a clock that went back."""

_TICK: Final = (
    "UPDATE accounts SET modseq = modseq + 1, email_modseq = modseq + 1, mailbox_modseq = modseq + 1,"
    " thread_modseq = modseq + 1 WHERE id = ?1 RETURNING modseq"
)
_MEMBERS: Final = "(SELECT count(*) FROM emails e WHERE e.thread = ?1{})"


async def tick(tx: Transaction, account: int) -> int:
    """Take a modseq under which everything of an account may have changed, and tell of it."""
    await tx.lock("accounts", (account,))
    row = await tx.row(_TICK, account)
    if row is None:
        return 0
    tx.announce(AccountId(account), row[0])
    return int(row[0])


async def recount_mailbox(tx: Transaction, account: int, mailbox: int) -> None:
    """Set the counters of a Mailbox."""
    modseq = await tick(tx, account)
    counts = await count_mailbox(tx, mailbox)
    if counts is not None:
        await tx.run(
            "UPDATE mailboxes SET messages = ?2, unseen = ?3, deleted = ?4, size_octets = ?5,"
            " total_emails = ?6, unread_emails = ?7, total_threads = ?8, unread_threads = ?9,"
            " highest_modseq = ?10, counts_modseq = ?10 WHERE id = ?1",
            mailbox,
            *counts.counted,
            modseq,
        )


async def recount_thread(tx: Transaction, account: int, thread: int) -> None:
    """Set the counters of a Thread and of its Mailboxes; makes it, or removes it, as its Emails want it."""
    modseq = await tick(tx, account)
    counted = await tx.row(
        f"SELECT {_MEMBERS.format('')}, {_MEMBERS.format(' AND e.visible = 1')},"
        f" {_MEMBERS.format(f' AND {UNREAD} AND {OUTSIDE}')},"
        f" {_MEMBERS.format(f' AND {UNREAD} AND {INSIDE}')}",
        thread,
    )
    counts = cast("Row", counted)
    await tx.run("DELETE FROM thread_mailboxes WHERE thread = ?1", thread)
    if not counts[0]:
        await tx.run("DELETE FROM threads WHERE id = ?1", thread)
        return
    await tx.run(
        "INSERT INTO threads (id, account, members, emails, unread, unread_trash, created_modseq,"
        " changed_modseq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) ON CONFLICT (id) DO UPDATE SET"
        " members = excluded.members, emails = excluded.emails, unread = excluded.unread,"
        " unread_trash = excluded.unread_trash, changed_modseq = excluded.changed_modseq",
        thread,
        account,
        *counts,
        modseq,
    )
    await tx.run(
        "INSERT INTO thread_mailboxes (thread, mailbox, emails) SELECT e.thread, p.mailbox,"
        " count(DISTINCT e.id) FROM emails e JOIN placements p ON p.email = e.id"
        " WHERE p.deleted = 0 AND e.thread = ?1 GROUP BY e.thread, p.mailbox",
        thread,
    )


async def resum_account(tx: Transaction, account: int) -> None:
    """Set the sums of an account."""
    await tx.lock("accounts", (account,))
    sums = await sum_account(tx, account)
    if sums is not None:
        await tx.run(
            "UPDATE accounts SET used_octets = ?2, used_emails = ?3, used_mailboxes = ?4, kept_octets = ?5"
            " WHERE id = ?1",
            account,
            *sums.counted,
        )


async def show_email(tx: Transaction, account: int, email: int, now_ms: int) -> None:
    """Set whether an Email is visible, and say so in the change log."""
    modseq = await tick(tx, account)
    row = await tx.row(
        "SELECT e.visible, e.created_modseq, e.thread, CASE WHEN EXISTS (SELECT 1 FROM placements p"
        " WHERE p.email = e.id AND p.deleted = 0) THEN 1 ELSE 0 END FROM emails e WHERE e.id = ?1",
        email,
    )
    if row is None or row[0] == row[3]:
        return
    if row[3]:
        await tx.run(
            "UPDATE emails SET visible = 1, created_modseq = ?2, changed_modseq = ?2 WHERE id = ?1",
            email,
            modseq,
        )
        return
    await tx.run("UPDATE emails SET visible = 0, changed_modseq = ?2 WHERE id = ?1", email, modseq)
    await tx.run(
        "INSERT INTO removed (account, kind, id, modseq, created, thread, gone_ms)"
        " VALUES (?1, 'email', ?2, ?3, ?4, ?5, ?6)",
        account,
        email,
        modseq,
        row[1],
        row[2],
        now_ms,
    )


async def place_email(tx: Transaction, account: int, email: int, mailbox: int, now_ms: int) -> None:
    """Put an Email that is in no Mailbox into one."""
    modseq = await tick(tx, account)
    there = await tx.row("SELECT 1 FROM placements WHERE email = ?1", email)
    found = await tx.row("SELECT received_ms, thread FROM emails WHERE id = ?1", email)
    if there is not None or found is None:
        return
    row = await tx.row(
        "UPDATE mailboxes SET uid_next = uid_next + 1, highest_modseq = ?2 WHERE id = ?1 RETURNING uid_next",
        mailbox,
        modseq,
    )
    if row is None:
        return
    await tx.run(
        "INSERT INTO placements (mailbox, uid, email, deleted, arrived_modseq, modseq, received_ms, saved_ms)"
        " VALUES (?1, ?2, ?3, 0, ?4, ?4, ?5, ?6)",
        mailbox,
        row[0] - 1,
        email,
        modseq,
        found[0],
        now_ms,
    )
    await tx.run(
        "UPDATE emails SET visible = 1, created_modseq = ?2, changed_modseq = ?2 WHERE id = ?1", email, modseq
    )
    await recount_thread(tx, account, found[1])
    await recount_mailbox(tx, account, mailbox)


async def expunge_placement(tx: Transaction, account: int, mailbox: int, uid: int, now_ms: int) -> None:
    """Take a placement away that leads nowhere."""
    modseq = await tick(tx, account)
    row = await tx.row(
        "DELETE FROM placements WHERE mailbox = ?1 AND uid = ?2 RETURNING arrived_modseq, saved_ms",
        mailbox,
        uid,
    )
    if row is None or not modseq:
        return
    await tx.run(
        "INSERT INTO expunged (mailbox, modseq, uid, arrived, saved_ms, gone_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        mailbox,
        modseq,
        uid,
        row[0],
        row[1],
        now_ms,
    )
    await tx.run("UPDATE mailboxes SET highest_modseq = ?2 WHERE id = ?1", mailbox, modseq)


async def remove_email(tx: Transaction, email: int) -> None:
    """Remove all rows of an Email that belongs to no account."""
    for table, column in (
        ("placements", "email"),
        ("emails", "id"),
        ("email_data", "email"),
        ("email_headers", "email"),
    ):
        await tx.run(f"DELETE FROM {table} WHERE {column} = ?1", email)
    await blob_rows.let_go(tx, [email])


async def stop_keeping(tx: Transaction, account: int, email: int) -> None:
    """Keep an expunged Email no longer."""
    await tx.run("DELETE FROM kept_emails WHERE id = ?1", email)
    if await tx.row("SELECT 1 FROM emails WHERE id = ?1", email) is None:
        await tx.run("DELETE FROM email_data WHERE email = ?1", email)
        await tx.run("DELETE FROM email_headers WHERE email = ?1", email)
        await blob_rows.let_go(tx, [email])
    await resum_account(tx, account)


async def remove_upload(tx: Transaction, upload: int) -> None:
    """Forget an upload."""
    await tx.run("DELETE FROM uploads WHERE id = ?1", upload)
    await blob_rows.let_go(tx, [upload])


async def refer_again(tx: Transaction, email: int) -> bool:
    """Make the references of an Email again from its recipe; False when a blob of it is gone."""
    row = await tx.row(
        "SELECT e.account, a.tenant, d.recipe FROM emails e JOIN email_data d ON d.email = e.id"
        " JOIN accounts a ON a.id = e.account WHERE e.id = ?1",
        email,
    )
    if row is None:
        return False
    account, tenant, packed = row
    try:
        keys = unpack_recipe(bytes(packed)).keys
    except (msgspec.MsgspecError, ValueError):
        return False
    numbers = []
    for key in keys:
        found = await tx.row(
            "SELECT id FROM blobs WHERE id IN (?1, ?2) AND tenant = ?3 AND key = ?4",
            *blob_numbers(key),
            tenant,
            key,
        )
        numbers.append(found[0] if found is not None else blob_numbers(key)[0])
    await blob_rows.take_up(tx, numbers)
    await blob_rows.refer(tx, email, TenantId(tenant), account, numbers)
    return True


async def set_parent(tx: Transaction, account: int, mailbox: int) -> None:
    """Give a Mailbox the parent that its path names, which is there."""
    modseq = await tick(tx, account)
    row = await tx.row("SELECT path FROM mailboxes WHERE id = ?1", mailbox)
    above = None if row is None else str(row[0]).rpartition("/")[0]
    parent = None
    if above:
        parent = await tx.row("SELECT id FROM mailboxes WHERE account = ?1 AND path = ?2", account, above)
    await tx.run(
        "UPDATE mailboxes SET parent = ?2, changed_modseq = ?3 WHERE id = ?1",
        mailbox,
        None if parent is None else parent[0],
        modseq,
    )


async def drop_role(tx: Transaction, account: int, mailbox: int) -> None:
    """Take its role from a Mailbox: an older one has it."""
    modseq = await tick(tx, account)
    await tx.run("UPDATE mailboxes SET role = NULL, changed_modseq = ?2 WHERE id = ?1", mailbox, modseq)


async def give_inbox(tx: Transaction, account: int) -> bool:
    """Give the Mailbox `INBOX` its role again; False when there is none."""
    modseq = await tick(tx, account)
    changed = await tx.run(
        "UPDATE mailboxes SET role = 'inbox', changed_modseq = ?2 WHERE account = ?1 AND path = 'INBOX'",
        account,
        modseq,
    )
    return bool(changed)


async def raise_uid_next(tx: Transaction, account: int, mailbox: int) -> None:
    """Set the next UID above all that were given."""
    modseq = await tick(tx, account)
    await tx.run(
        "UPDATE mailboxes SET uid_next = 1 + max(coalesce((SELECT max(p.uid) FROM placements p"
        " WHERE p.mailbox = mailboxes.id), 0), coalesce((SELECT max(x.uid) FROM expunged x"
        " WHERE x.mailbox = mailboxes.id), 0)), highest_modseq = ?2 WHERE id = ?1",
        mailbox,
        modseq,
    )


async def raise_uid_validity(tx: Transaction, account: int) -> None:
    """Set the last UIDVALIDITY to the highest that was given."""
    await tx.lock("accounts", (account,))
    await tx.run(
        "UPDATE accounts SET last_uid_validity = (SELECT max(m.uid_validity) FROM mailboxes m"
        " WHERE m.account = ?1) WHERE id = ?1",
        account,
    )


_HIGHEST: Final = (
    ("emails", "changed_modseq", "account = ?1"),
    ("emails", "flags_modseq", "account = ?1"),
    ("threads", "changed_modseq", "account = ?1"),
    ("removed", "modseq", "account = ?1"),
    ("placements", "modseq", "mailbox IN (SELECT m.id FROM mailboxes m WHERE m.account = ?1)"),
    ("expunged", "modseq", "mailbox IN (SELECT m.id FROM mailboxes m WHERE m.account = ?1)"),
    ("mailboxes", "highest_modseq", "account = ?1"),
    ("mailboxes", "changed_modseq", "account = ?1"),
    ("mailboxes", "counts_modseq", "account = ?1"),
    ("accounts", "email_modseq", "id = ?1"),
    ("accounts", "mailbox_modseq", "id = ?1"),
    ("accounts", "thread_modseq", "id = ?1"),
    ("accounts", "identity_modseq", "id = ?1"),
    ("accounts", "submission_modseq", "id = ?1"),
    ("accounts", "log_floor", "id = ?1"),
)
_MINE: Final = "mailbox IN (SELECT m.id FROM mailboxes m WHERE m.account = ?1)"
_CAPPED: Final = "{0} = CASE WHEN {0} > ?2 THEN ?2 ELSE {0} END"
_SET: Final = (
    f"UPDATE emails SET changed_modseq = ?2, {_CAPPED.format('flags_modseq')},"
    f" {_CAPPED.format('created_modseq')} WHERE account = ?1 AND (changed_modseq > ?2"
    " OR flags_modseq > changed_modseq OR created_modseq > changed_modseq)",
    f"UPDATE placements SET modseq = ?2, {_CAPPED.format('arrived_modseq')} WHERE {_MINE}"
    " AND (modseq > ?2 OR arrived_modseq > modseq)",
    f"UPDATE threads SET changed_modseq = ?2, {_CAPPED.format('created_modseq')} WHERE account = ?1"
    " AND (changed_modseq > ?2 OR created_modseq > changed_modseq)",
    f"UPDATE expunged SET modseq = ?2 WHERE {_MINE} AND modseq > ?2",
    "UPDATE removed SET modseq = ?2 WHERE account = ?1 AND modseq > ?2",
    f"UPDATE mailboxes SET highest_modseq = ?2, counts_modseq = ?2, {_CAPPED.format('changed_modseq')},"
    f" {_CAPPED.format('created_modseq')} WHERE account = ?1",
    "UPDATE accounts SET modseq = ?2, email_modseq = ?2, mailbox_modseq = ?2, thread_modseq = ?2,"
    " identity_modseq = ?2, submission_modseq = ?2, log_floor = ?2 WHERE id = ?1",
)


async def raise_clock(tx: Transaction, account: int) -> None:
    """Set an account's clock above every modseq that was ever given, and make its clients start afresh.

    Where the clock went back, numbers were given twice: no client can be told what changed since one of
    them, so the change log begins anew (RFC 8620 section 5.2: cannotCalculateChanges). What is absurdly far
    above the clock is taken down to it.
    """
    await tx.lock("accounts", (account,))
    row = await tx.row("SELECT modseq FROM accounts WHERE id = ?1", account)
    if row is None:
        return
    clock = int(row[0])
    for table, column, mine in _HIGHEST:
        found = await tx.row(
            f"SELECT max({column}) FROM {table} WHERE {mine} AND {column} <= ?2", account, clock + FAR
        )
        if found is not None and found[0] is not None:
            clock = max(clock, int(found[0]))
    for statement in _SET:
        await tx.run(statement, account, clock + 1)
    tx.announce(AccountId(account), clock + 1)
