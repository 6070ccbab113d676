"""Which Thread a new Email joins, and Threads by id.

Standards: RFC 8621 section 3: two Emails are in one Thread when they share a message id in Message-ID,
In-Reply-To or References and have the same base subject, white space aside. An Email that links two Threads
joins the older one; a Thread once given never changes.
"""

import hmac
from collections.abc import Sequence
from typing import cast

import orjson

from pymailcore.base.ids import AccountId, ThreadId
from pymailcore.store.types import Transaction


def thread_keys(tenant_key: bytes, message_ids: Sequence[str], base_subject: str) -> list[int]:
    """Hash each message id together with the base subject to 63 bits; the key keeps others from aiming."""
    if not message_ids:
        return []
    subject = "".join(base_subject.casefold().split()).encode("utf-8", "surrogatepass")
    return [
        int.from_bytes(
            hmac.digest(tenant_key, id_.encode("utf-8", "surrogatepass") + b"\0" + subject, "sha256")[:8],
            "big",
        )
        >> 1
        for id_ in dict.fromkeys(message_ids)
    ]


async def choose_thread(tx: Transaction, account: AccountId, keys: list[int], fresh: int) -> int:
    """Give the oldest Thread that has one of the keys, or `fresh`; keys that led nowhere lead there now."""
    if not keys:
        return fresh
    rows = await tx.rows(
        "SELECT k.key, k.thread FROM thread_keys k JOIN threads t ON t.id = k.thread"
        " WHERE k.account = ?1 AND k.key IN (SELECT value FROM json_each(?2))",
        account,
        orjson.dumps(keys).decode(),
    )
    known = dict(cast("list[tuple[int, int]]", rows))
    thread = min(known.values(), default=fresh)
    await tx.run_many(
        "INSERT INTO thread_keys (account, key, thread) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (account, key) DO UPDATE SET thread = excluded.thread",
        [(account, key, thread) for key in keys if key not in known],
    )
    return thread


async def read_threads(
    tx: Transaction, account: AccountId, ids: Sequence[int]
) -> list[tuple[ThreadId, tuple[int, ...]]]:
    """Threads that have visible Emails, in the order asked for; their Emails oldest first."""
    rows = await tx.rows(
        "SELECT thread, id FROM emails WHERE thread IN (SELECT value FROM json_each(?2)) AND +account = ?1"
        " AND visible = 1 ORDER BY received_ms, id",
        account,
        orjson.dumps(list(ids)).decode(),
    )
    members: dict[int, list[int]] = {}
    for thread, email in rows:
        members.setdefault(thread, []).append(email)
    return [(ThreadId(id_), tuple(members[id_])) for id_ in dict.fromkeys(ids) if id_ in members]
