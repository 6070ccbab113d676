"""What a restored store must not promise any more.

Standards: RFC 9051 section 2.3.1.1 (UIDVALIDITY), RFC 7162 section 3.1.2 (HIGHESTMODSEQ), RFC 8620
sections 5.1 and 5.2 (state, cannotCalculateChanges).

A backup is older than what clients have seen: UIDs, modseqs and states that were given after it would be
given again for other things. So every Mailbox gets a UIDVALIDITY that is higher than any it had, and every
account's clock leaps so far ahead that no state comes twice; the change log begins anew there, so that
clients with any older state start afresh. Nobody is signed in any more: a session that was ended since would
be back.
"""

from typing import Final

from pymailcore.store.types import Transaction

CHANGES_PER_SECOND: Final = 2**20
"""More than any account makes: a clock that begins at the present second times this is ahead of every one
that was ever told, however often a backup was restored, and stays below 2**53 until the year 2242."""

GENERATION: Final = "generation"
"""The secret that tells an index of its own file that the store is another one now."""

_STATEMENTS: Final = (
    "UPDATE accounts SET email_modseq = modseq, mailbox_modseq = modseq, thread_modseq = modseq,"
    " identity_modseq = modseq, submission_modseq = modseq, log_floor = modseq",
    "UPDATE mailboxes SET highest_modseq = (SELECT a.modseq FROM accounts a WHERE a.id = mailboxes.account)"
    " WHERE EXISTS (SELECT 1 FROM accounts a WHERE a.id = mailboxes.account)",
    "DELETE FROM sessions",
    "UPDATE queue_recipients SET lease_until_ms = 0",
    "DELETE FROM packs",
    "DELETE FROM chores",
    "DELETE FROM alarms",
)
_CLOCK: Final = "UPDATE accounts SET modseq = max(modseq, ?1) + 1"
_VALIDITY: Final = (
    "UPDATE mailboxes SET uid_validity = (SELECT max(a.last_uid_validity, ?1) FROM accounts a"
    " WHERE a.id = mailboxes.account) + (SELECT count(*) FROM mailboxes q"
    " WHERE q.account = mailboxes.account AND q.id <= mailboxes.id)"
    " WHERE EXISTS (SELECT 1 FROM accounts a WHERE a.id = mailboxes.account)"
)
_LAST: Final = (
    "UPDATE accounts SET last_uid_validity = max(last_uid_validity, coalesce((SELECT max(m.uid_validity)"
    " FROM mailboxes m WHERE m.account = accounts.id), 0))"
)


async def renew(tx: Transaction, *, now_ms: int, generation: bytes) -> None:
    """Take back what a restored store promised; once, before anybody opens it.

    Args:
        generation: random; see `GENERATION`.
    """
    await tx.run(_CLOCK, now_ms // 1000 * CHANGES_PER_SECOND)
    await tx.run(_VALIDITY, now_ms // 1000)
    await tx.run(_LAST)
    for statement in _STATEMENTS:
        await tx.run(statement)
    await tx.run(
        "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET"
        " value = excluded.value",
        GENERATION,
        generation,
    )
