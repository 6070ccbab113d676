"""States and what changed since one.

Standards: RFC 8620 sections 5.1 and 5.2, RFC 8621 sections 2.2, 3.2, 4.3.

Each thing that changed has one place in the order of modseqs: a new one where it came, another where it last
changed, a removed one where it went. A page ends between two modseqs, so its last one is a state; things of one
modseq are never parted, and when those alone are more than the limit the answer is "cannot tell".
"""

from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId
from pymailcore.store.types import Changes, States, Transaction

_LIVE: Final = {
    "email": (
        "SELECT id, created_modseq, changed_modseq, 0 FROM emails"
        " WHERE account = ?1 AND changed_modseq > ?2 AND visible = 1"
    ),
    "thread": (
        "SELECT id, created_modseq, changed_modseq, 0 FROM threads"
        " WHERE account = ?1 AND changed_modseq > ?2 AND emails > 0"
    ),
    "mailbox": (
        "SELECT id, created_modseq, max(changed_modseq, counts_modseq), changed_modseq FROM mailboxes"
        " WHERE account = ?1 AND max(changed_modseq, counts_modseq) > ?2"
    ),
}
_REMOVED: Final = "SELECT id, modseq, created FROM removed WHERE account = ?1 AND kind = ?2 AND modseq > ?3"


async def states(tx: Transaction, account: AccountId) -> States:
    """The account's counters."""
    row = await tx.row(
        "SELECT modseq, email_modseq, mailbox_modseq, thread_modseq, identity_modseq, submission_modseq"
        " FROM accounts WHERE id = ?1",
        account,
    )
    if row is None:
        raise NotFound("no such account")
    return States(*row)


async def bump(tx: Transaction, account: AccountId, kind: str) -> int:
    """Take a modseq for a change of another package's data."""
    if kind not in ("identity", "submission"):
        raise ValueError(f"no counter for {kind}")
    row = await tx.row(
        f"UPDATE accounts SET modseq = modseq + 1, {kind}_modseq = modseq + 1 WHERE id = ?1 RETURNING modseq",
        account,
    )
    if row is None:
        raise NotFound("no such account")
    tx.announce(account, row[0])
    return int(row[0])


async def changes(tx: Transaction, account: AccountId, kind: str, since: int, limit: int) -> Changes | None:
    """Ids of a type that changed since a state; None when that cannot be told."""
    row = await tx.row(f"SELECT {kind}_modseq, log_floor, modseq FROM accounts WHERE id = ?1", account)
    if row is None:
        raise NotFound("no such account")
    newest, floor, modseq = row
    if since < floor or since > modseq:
        return None
    live = await tx.rows(_LIVE[kind], account, since)
    here = {row[0] for row in live}
    # What the client knew at `since`: it had come by then and went later.
    known_removed = {
        id_: went for id_, went, came in await tx.rows(_REMOVED, account, kind, since) if came <= since
    }
    events: list[tuple[int, int, str]] = []
    only_counts = kind == "mailbox"
    for id_, created, changed, properties in live:
        if created > since and id_ not in known_removed:
            events.append((created, id_, "created"))
            only_counts = False
        else:
            events.append((changed, id_, "updated"))
            only_counts = only_counts and properties <= since
    for id_, went in known_removed.items():
        if id_ not in here:
            events.append((went, id_, "destroyed"))
            only_counts = False
    events.sort()
    end = len(events)
    new, more = max(newest, since), False
    if end > limit:
        end = limit
        while end and events[end - 1][0] == events[limit][0]:
            end -= 1
        if not end:
            return None
        new, more = events[end - 1][0], True
    by: dict[str, list[int]] = {"created": [], "updated": [], "destroyed": []}
    for _, id_, what in events[:end]:
        by[what].append(id_)
    return Changes(
        since,
        new,
        more,
        tuple(by["created"]),
        tuple(by["updated"]),
        tuple(by["destroyed"]),
        only_counts and bool(by["updated"]),
    )
