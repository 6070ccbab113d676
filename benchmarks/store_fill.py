"""Fills a store with a million rows in a minute: copies of a few real messages, by set statements.

For benchmarks only. The store is closed meanwhile. Every copy is an Email of its own in a Thread of its
own, with rows for its envelope, its headers, its Thread key and a blob of its own, so that all indexes are as
large as they would be; the octets of the blobs are those of the few messages.
"""

import secrets
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.store_support import ALL, appender, by_callers, mailbox_id, message, opened
from pymailcore.admin.transfer.moving import Mover
from pymailcore.base.ids import AccountId, IdMint, MailboxId
from pymailcore.store.layout import Layout
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Want

_BATCH: Final = 50_000
_TEMPLATES: Final = 64
_PER_MODSEQ: Final = 50
_COPIED: Final = {
    "emails": {"id": "m.new", "thread": "m.new", "flags_modseq": "m.modseq", "created_modseq": "m.modseq",
               "changed_modseq": "m.modseq", "received_ms": "t.received_ms + m.n"},
    "email_headers": {"email": "m.new"},
    "email_data": {"email": "m.new"},
    "placements": {"uid": "m.uid", "email": "m.new", "arrived_modseq": "m.modseq", "modseq": "m.modseq",
                   "received_ms": "t.received_ms + m.n"},
    "threads": {"id": "m.new", "created_modseq": "m.modseq", "changed_modseq": "m.modseq"},
    "thread_mailboxes": {"thread": "m.new"},
    "blobs": {"id": "m.blob", "key": "randomblob(32)"},
    "blob_refs": {"owner": "m.new", "blob": "m.blob"},
}  # fmt: skip
"""Columns of a copy that are not those of the message that it is a copy of."""

_FROM: Final = {
    "emails": "t.id = m.template",
    "threads": "t.id = m.thread",
    "thread_mailboxes": "t.thread = m.thread",
    "blobs": "t.id = m.template_blob",
    "blob_refs": "t.owner = m.template AND t.blob = m.template_blob",
}


async def fill(folder: Path, count: int, *, octets: int) -> None:
    """Bring the inbox of account 1 to so many messages."""
    async with opened(folder) as store:
        inbox = await mailbox_id(store, 1, "INBOX")
        there = await store.snapshot(AccountId(1), inbox)
        missing = min(count, _TEMPLATES) - len(there.uids)
        if missing > 0:
            messages = [message(n, octets) for n in range(missing)]
            await by_callers(20, messages, appender(store, 1))
        rows = await store.fetch(AccountId(1), inbox, ALL, Want.NONE, limit=_TEMPLATES)
        held = len((await store.snapshot(AccountId(1), inbox)).uids)
    begun = time.perf_counter()
    if count > held:
        _copy(Layout(folder).database, inbox, [row.email for row in rows], count - held)
    print(f"filled to {count} in {time.perf_counter() - begun:.0f} s", flush=True)


async def move(folder: Path, metadata: str) -> None:
    """Move what `fill` made to PostgreSQL; blobs stay where they are."""
    begun = time.perf_counter()
    ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    settings = StoreSettings(data=folder)
    target = replace(settings, metadata=metadata)
    async with (
        open_store(settings, notify=lambda *_: None, ids=ids, maintain=False) as one,
        open_store(target, notify=lambda *_: None, ids=ids, maintain=False, any_state=True) as other,
    ):
        mover = Mover(one, other, _Silence())
        await mover.claim()
        await mover.copy_rows()
        await mover.finish()
    _remove_file(folder)
    print(f"moved to PostgreSQL in {time.perf_counter() - begun:.0f} s", flush=True)


def _remove_file(folder: Path) -> None:
    for file in folder.glob(Layout(folder).database.name + "*"):
        file.unlink()


class _Silence:
    def begin(self, what: str) -> None:
        """Nobody is told."""

    def at(self, share: float) -> None:
        """Nobody is told."""


def _copy(database: Path, inbox: MailboxId, templates: list[int], count: int) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA synchronous = off")
        connection.execute("PRAGMA cache_size = -1000000")
        connection.execute(
            "CREATE TEMP TABLE m (n INTEGER PRIMARY KEY, new INTEGER, template INTEGER, thread INTEGER,"
            " template_blob INTEGER, blob INTEGER, uid INTEGER, modseq INTEGER)"
        )
        done = 0
        while done < count:
            some = min(_BATCH, count - done)
            connection.execute("BEGIN")
            _copy_some(connection, inbox, templates, some)
            connection.execute("COMMIT")
            done += some
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _copy_some(connection: sqlite3.Connection, inbox: MailboxId, templates: list[int], count: int) -> None:
    execute = connection.execute
    ((last,),) = execute("SELECT max((SELECT max(id) FROM emails), (SELECT max(id) FROM threads))")
    ((uid,),) = execute("SELECT uid_next FROM mailboxes WHERE id = ?", (inbox,))
    ((modseq,),) = execute("SELECT modseq FROM accounts WHERE id = 1")
    origins = {
        id_: (thread, execute("SELECT blob FROM blob_refs WHERE owner = ?", (id_,)).fetchone()[0])
        for id_, thread in execute(
            f"SELECT id, thread FROM emails WHERE id IN ({','.join('?' * len(templates))})",  # noqa: S608
            templates,
        )
    }
    execute("DELETE FROM m")
    connection.executemany(
        "INSERT INTO m VALUES (?1, ?2, ?3, ?4, ?5, abs(random()), ?6, ?7)",
        (
            (n, last + 1 + n, template, *origins[template], uid + n, modseq + 1 + n // _PER_MODSEQ)
            for n in range(count)
            for template in (templates[n % len(templates)],)
        ),
    )
    for table, own in _COPIED.items():
        columns = [row[1] for row in execute(f"PRAGMA table_info({table})")]
        values = ", ".join(own.get(column, f"t.{column}") for column in columns)
        where = _FROM.get(table, "t.email = m.template")
        if table == "placements":
            where += f" AND +t.mailbox = {int(inbox)}"  # by the Email's index
        execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"  # noqa: S608
            f" FROM m CROSS JOIN {table} t ON {where} ORDER BY m.n"
        )
    execute("INSERT INTO thread_keys (account, key, thread) SELECT 1, abs(random()), new FROM m ORDER BY 2")
    ((octets,),) = execute("SELECT sum(e.size_octets) FROM m JOIN emails e ON e.id = m.template")
    end = modseq + 1 + (count - 1) // _PER_MODSEQ
    execute(
        "UPDATE accounts SET modseq = ?1, email_modseq = ?1, mailbox_modseq = ?1, thread_modseq = ?1,"
        " used_octets = used_octets + ?2, used_emails = used_emails + ?3 WHERE id = 1",
        (end, octets, count),
    )
    execute(
        "UPDATE mailboxes SET uid_next = uid_next + ?2, highest_modseq = ?3, counts_modseq = ?3,"
        " messages = messages + ?2, unseen = unseen + ?2, size_octets = size_octets + ?4,"
        " total_emails = total_emails + ?2, unread_emails = unread_emails + ?2,"
        " total_threads = total_threads + ?2, unread_threads = unread_threads + ?2 WHERE id = ?1",
        (inbox, count, end, octets),
    )
