"""What of the queue is due, in whose turn, and when the next of it is: functions over a reading transaction.

Readers hold nobody up; the writer then takes what was found by its key (`queue.tables`).
"""

import json
from collections.abc import Collection, Sequence
from typing import Final

from pymailcore.queue.held import WAITING
from pymailcore.queue.tables import FAILED
from pymailcore.queue.turns import LEAST_FLOW, Group, Turns
from pymailcore.store.types import Row, Transaction

_LOOK_ROWS: Final = 500
_LOOK_FLOWS: Final = 64
_LOOK_EACH: Final = 8


async def due_groups(
    tx: Transaction, turns: Turns, *, now_ms: int, limit: int, places: int, per_domain: int
) -> list[Group]:
    """Find messages and domains that are due, in the order of their turns; for a reading transaction.

    Where more is due than is looked at, flows that stand further behind are looked for by themselves.

    Args:
        turns: who has places now.
        limit: most groups.
        places: how many there are in all.
        per_domain: most groups of a domain, with those that have a place.
    """
    chosen: list[Group] = []
    busy = turns.full_domains(per_domain)
    full = turns.full_flows(places)
    while True:
        rows = await _due(tx, now_ms, busy, full)
        found = dict.fromkeys(Group(*row) for row in rows)
        if len(rows) == _LOOK_ROWS:
            found |= dict.fromkeys(await _of_others(tx, turns, now_ms, busy, {one.flow for one in found}))
        candidates = [one for one in found if one not in chosen]
        planned = turns.copy()
        for one in chosen:
            planned.begin(one)
        more = planned.choose(candidates, free=limit - len(chosen), places=places, per_domain=per_domain)
        chosen += more
        if not more or len(chosen) >= limit or len(rows) < _LOOK_ROWS:
            return chosen
        for one in more:
            planned.begin(one)
        busy, full = planned.full_domains(per_domain), planned.full_flows(places)


async def _due(tx: Transaction, now_ms: int, busy: Sequence[str], full: Sequence[int]) -> list[Row]:
    """What is due, the longest due first, but for domains and flows that have their places."""
    return await tx.rows(
        "SELECT r.message, r.domain, r.flow, COALESCE(m.tenant, 0) FROM queue_recipients r"
        " LEFT JOIN queue_messages m ON m.id = r.message WHERE r.state = ?1 AND r.next_try_ms <= ?2"
        " AND r.domain NOT IN (SELECT value FROM json_each(?3 /*text*/))"
        " AND r.flow NOT IN (SELECT value FROM json_each(?5)) ORDER BY r.next_try_ms LIMIT ?4",
        WAITING,
        now_ms,
        json.dumps(busy),
        _LOOK_ROWS,
        json.dumps(full),
    )


_FLOWS: Final = (
    "SELECT o.flow FROM (WITH RECURSIVE others(flow) AS (SELECT min(f.flow) FROM queue_recipients f"
    " WHERE f.state = ?1 AND f.flow > ?2 UNION ALL SELECT (SELECT min(q.flow) FROM queue_recipients q"
    " WHERE q.state = ?1 AND q.flow > others.flow) FROM others WHERE others.flow IS NOT NULL)"
    " SELECT flow FROM others WHERE flow IS NOT NULL LIMIT ?3) o"
)
"""Flows that have something waiting, from behind one on: one step in the index for each."""


async def _of_others(
    tx: Transaction, turns: Turns, now_ms: int, busy: Sequence[str], seen: Collection[int]
) -> list[Group]:
    """Something due of each of some flows beside those that were seen, from where the last look ended on."""
    rows = await tx.rows(_FLOWS, WAITING, turns.looked_to, _LOOK_FLOWS)
    turns.looked_to = rows[-1][0] if len(rows) == _LOOK_FLOWS else LEAST_FLOW
    found: list[Group] = []
    for (flow,) in rows:
        if flow not in seen:
            some = await tx.rows(
                "SELECT r.message, r.domain, r.flow, COALESCE(m.tenant, 0) FROM queue_recipients r"
                " LEFT JOIN queue_messages m ON m.id = r.message"
                " WHERE r.state = ?1 AND r.flow = ?2 AND r.next_try_ms <= ?3"
                " AND r.domain NOT IN (SELECT value FROM json_each(?4 /*text*/))"
                " ORDER BY r.next_try_ms LIMIT ?5",
                WAITING,
                flow,
                now_ms,
                json.dumps(busy),
                _LOOK_EACH,
            )
            found += [Group(*row) for row in some]
    return found


async def has_failed(tx: Transaction, now_ms: int) -> bool:
    """Whether a report is due; for a reading transaction."""
    row = await tx.row(
        "SELECT 1 FROM queue_recipients WHERE state = ?1 AND next_try_ms <= ?2 LIMIT 1", FAILED, now_ms
    )
    return row is not None


async def next_due_ms(tx: Transaction, busy: Sequence[str], full: Sequence[int]) -> int | None:
    """When the next recipient or report comes due, those of busy domains and full flows left out."""
    waiting = await tx.row(
        "SELECT next_try_ms FROM queue_recipients WHERE state = ?1"
        " AND domain NOT IN (SELECT value FROM json_each(?2 /*text*/))"
        " AND flow NOT IN (SELECT value FROM json_each(?3)) ORDER BY next_try_ms LIMIT 1",
        WAITING,
        json.dumps(list(busy)),
        json.dumps(list(full)),
    )
    failed = await tx.row(
        "SELECT next_try_ms FROM queue_recipients WHERE state = ?1 ORDER BY next_try_ms LIMIT 1", FAILED
    )
    return min((row[0] for row in (waiting, failed) if row is not None), default=None)
