"""Which Thread a new Email joins, and Threads by id.

Standards: RFC 8621 section 3: two Emails are in one Thread when they share a message id in Message-ID,
In-Reply-To or References and have the same base subject, white space aside. An Email that links two Threads
joins the older one; a Thread once given never changes.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

import hmac
from collections.abc import Container, Sequence
from typing import Final, cast

import orjson

from pymailcore.base.ids import AccountId, ThreadId
from pymailcore.message import facts as message_facts
from pymailcore.message.base_subject import base_subject
from pymailcore.message.limits import MAX_REFERENCES
from pymailcore.store.columns import unpack_column
from pymailcore.store.types import Transaction

_LOOK: Final = (
    "SELECT k.key, k.thread, (SELECT t.id FROM threads t WHERE t.id = k.thread) FROM thread_keys k"
    " WHERE k.account = ?1 AND k.key IN "
)
_FEW: Final = tuple(
    (number, f"{_LOOK}({', '.join(f'?{n}' for n in range(2, number + 2))})") for number in (1, 2, 4, 8, 16)
)
_MANY: Final = f"{_LOOK}(SELECT value FROM json_each(?2))"


def thread_keys(tenant_key: bytes, message_ids: Sequence[str], subject: str) -> list[int]:
    """Hash each message id together with the base subject to 63 bits; the key keeps others from aiming."""
    if not message_ids:
        return []
    key = "".join(subject.casefold().split()).encode("utf-8", "surrogatepass")
    return [
        int.from_bytes(
            hmac.digest(tenant_key, id_.encode("utf-8", "surrogatepass") + b"\0" + key, "sha256")[:8],
            "big",
        )
        >> 1
        for id_ in dict.fromkeys(message_ids)
    ]


def keys_of_facts(tenant_key: bytes, packed: bytes) -> list[int]:
    """The same keys for a stored Email, from its facts as they are kept."""
    facts = message_facts.unpack(unpack_column(packed))
    subject = base_subject(facts.subject or "")
    references = [*(facts.references or ())[-MAX_REFERENCES:], *(facts.in_reply_to or ())[:MAX_REFERENCES]]
    return thread_keys(tenant_key, (*(facts.message_id or ()), *references[-MAX_REFERENCES:]), subject)


def _lookup(keys: list[int]) -> tuple[str, Sequence[object]]:
    """A statement that looks keys up, and its arguments after the account; few keys are named one by one."""
    for number, sql in _FEW:
        if len(keys) <= number:
            return sql, keys + keys[-1:] * (number - len(keys))
    return _MANY, (orjson.dumps(keys).decode(),)


async def choose_thread(
    tx: Transaction, account: AccountId, keys: list[int], fresh: int, begun: Container[int] = ()
) -> int:
    """Give the oldest Thread that has one of the keys, or `fresh`; keys that led nowhere lead there now.

    Args:
        begun: Threads whose rows this transaction has yet to write.
    """
    known = await _known(tx, account, keys, begun)
    thread = min(known.values(), default=fresh)
    await _lead(tx, account, [key for key in keys if key not in known], thread)
    return thread


async def lead_to(
    tx: Transaction, account: AccountId, keys: list[int], thread: int, begun: Container[int] = ()
) -> None:
    """Let keys that lead nowhere lead to the Thread of an Email that has one; arguments as above."""
    known = await _known(tx, account, keys, begun)
    await _lead(tx, account, [key for key in keys if key not in known], thread)


async def _known(
    tx: Transaction, account: AccountId, keys: list[int], begun: Container[int]
) -> dict[int, int]:
    """Those of some keys that lead to a Thread, and to which."""
    if not keys:
        return {}
    sql, args = _lookup(keys)
    rows = await tx.rows(sql, account, *args)
    return {
        cast("int", key): cast("int", thread)
        for key, thread, there in rows
        if there is not None or thread in begun
    }


async def _lead(tx: Transaction, account: AccountId, keys: list[int], thread: int) -> None:
    await tx.run_many(
        "INSERT INTO thread_keys (account, key, thread) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (account, key) DO UPDATE SET thread = excluded.thread",
        [(account, key, thread) for key in keys],
    )


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
