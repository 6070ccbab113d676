"""States and what changed since one.

Standards: RFC 8620 sections 5.1 and 5.2, RFC 8621 sections 2.2, 3.2, 4.3.

Each thing that changed has one place in the order of modseqs: a new one where it came, another where it last
changed, a removed one where it went. A page ends between two modseqs, so its last one is a state; things
of one modseq are never parted, and when those alone are more than the limit the answer is "cannot tell".
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from typing import Final, cast

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId
from pymailcore.store.types import Changes, Row, States, Transaction

_LIVE: Final = {
    "email": (
        "SELECT id, created_modseq, changed_modseq, 0 FROM emails"
        " WHERE account = ?1 AND changed_modseq > ?2 AND visible = 1"
    ),
    "thread": (
        # A Thread has changed when one of its Emails has come or gone.
        "SELECT t.id, t.created_modseq, t.changed_modseq, 0 FROM (SELECT thread FROM emails"
        " WHERE account = ?1 AND changed_modseq > ?2 UNION SELECT thread FROM removed"
        " WHERE account = ?1 AND kind = 'email' AND modseq > ?2) c CROSS JOIN threads t ON t.id = c.thread"
        " WHERE t.changed_modseq > ?2 AND t.emails > 0"
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
    live_sql = _LIVE[kind]
    row = await tx.row(f"SELECT {kind}_modseq, log_floor, modseq FROM accounts WHERE id = ?1", account)
    if row is None:
        raise NotFound("no such account")
    newest, floor, modseq = row
    if since < floor or since > modseq:
        return None
    live = await tx.rows(live_sql, account, since)
    removed = await tx.rows(_REMOVED, account, kind, since)
    # What the client knew at `since`: it had come by then and went later.
    went = {id_: modseq for id_, modseq, came in removed if came <= since}
    # What came, went, and came again stands where it came first: the page after that one calls it updated.
    first = {id_: came for id_, _, came in sorted(removed, key=_came, reverse=True) if came > since}
    events = _events(live, went, first, since)
    end = _page_end(events, limit)
    if end is None:
        return None
    more = end < len(events)
    by: dict[str, list[int]] = {"created": [], "updated": [], "destroyed": []}
    for _, id_, what in events[:end]:
        by[what].append(id_)
    only_counts = (
        kind == "mailbox"
        and bool(events)
        and all(what == "updated" for _, _, what in events)
        and all(properties <= since for *_, properties in live)
    )
    return Changes(
        since,
        events[end - 1][0] if more else max(newest, since),
        more,
        tuple(by["created"]),
        tuple(by["updated"]),
        tuple(by["destroyed"]),
        only_counts,
    )


def _came(row: Row) -> int:
    return cast("int", row[2])


def _events(
    live: list[Row], went: dict[int, int], first: dict[int, int], since: int
) -> list[tuple[int, int, str]]:
    """What a client has to be told, as (modseq, id, what), in the order of modseqs.

    A Mailbox stands where its properties changed, though its counters may have changed later: else a page
    could end between the two, and the next one would say that nothing but counters changed.
    """
    events: list[tuple[int, int, str]] = []
    for id_, created, changed, properties in live:
        if created > since and id_ not in went:
            came = first.get(id_, int(created))
            events.append((came, id_, "created"))
        else:
            events.append((properties if properties > since else changed, id_, "updated"))
    here = {row[0] for row in live}
    events += [(modseq, id_, "destroyed") for id_, modseq in went.items() if id_ not in here]
    events.sort()
    return events


def _page_end(events: list[tuple[int, int, str]], limit: int) -> int | None:
    """Where a page of at most `limit` ends, between two modseqs; None when it would be empty."""
    if len(events) <= limit:
        return len(events)
    end = limit
    while end and events[end - 1][0] == events[limit][0]:
        end -= 1
    return end or None
