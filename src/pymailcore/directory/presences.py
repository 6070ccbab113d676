"""Rows of who is connected: what all processes of all nodes know of each other's connections.

Theory. A process writes what has changed among its connections every few seconds, not at each connection: one
that ends before is never seen, and a busy server writes no more for it than a quiet one. A row is good while
its process says now and then that it lives; rows of processes that were killed are removed by the others.
"""

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId
from pymailcore.directory.permissions import View
from pymailcore.store.types import Row, Transaction

STALE_MS: Final = 180_000
"""After this time without a sign of life the connections of a process are taken for gone."""


class Connected(NamedTuple):
    """A connection that is signed in.

    Attributes:
        process: made up by the process when it began.
        number: of the connection in its process; ascending.
        client: what the program says that it is; a claim.
        since_ms: when it signed in.
        seen_ms: when its process last said that it lives.
    """

    process: str
    number: int
    name: str
    protocol: str
    peer: str
    client: str
    mechanism: str
    since_ms: int
    seen_ms: int


class New(NamedTuple):
    """A connection on its way into the tables."""

    number: int
    account: AccountId
    protocol: str
    peer: str
    client: str
    mechanism: str
    since_ms: int


async def keep(tx: Transaction, process: str, new: Iterable[New], gone: Iterable[int], now_ms: int) -> None:
    """Write what has changed among the connections of a process, and that it lives."""
    await tx.run_many(
        "DELETE FROM presences WHERE process = ?1 AND number = ?2", [(process, number) for number in gone]
    )
    await tx.run_many(
        "INSERT INTO presences (process, number, account, protocol, peer, client, mechanism, since_ms,"
        " seen_ms) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
        " WHERE EXISTS (SELECT 1 FROM accounts WHERE id = ?3)"
        " ON CONFLICT (process, number) DO UPDATE SET client = excluded.client",
        [(process, *one, now_ms) for one in new],
    )
    await tx.run("UPDATE presences SET seen_ms = ?2 WHERE process = ?1", process, now_ms)
    await tx.run("DELETE FROM presences WHERE seen_ms < ?1", now_ms - STALE_MS)


async def leave(tx: Transaction, process: str) -> None:
    """Remove all connections of a process."""
    await tx.run("DELETE FROM presences WHERE process = ?1", process)


async def listing(
    tx: Transaction, view: View, account: AccountId | None, *, after: str, limit: int, now_ms: int
) -> list[Connected]:
    """Connections that are signed in, by process and in the order of their sign-ins.

    Args:
        account: whose; None for all that the view shows.
        after: the last one of the page before, as `place_of` gives it.
    """
    process, _, number = after.rpartition("-")
    rows = await tx.rows(
        _LIST, process, int(number) if number.isdecimal() and len(number) < 19 else -1,
        now_ms - STALE_MS, int(view.everything or account is not None), json.dumps(sorted(view.tenants)),
        json.dumps(sorted(view.domains)), account or 0, limit,
    )  # fmt: skip
    return [_read(row) for row in rows]


def place_of(one: Connected) -> str:
    """What names a connection in a list."""
    return f"{one.process}-{one.number}"


def _read(row: Row) -> Connected:
    return Connected(*row)


_LIST: Final = (
    "SELECT p.process, p.number, a.name, p.protocol, p.peer, p.client, p.mechanism, p.since_ms, p.seen_ms"
    " FROM presences p JOIN accounts a ON a.id = p.account WHERE (p.process, p.number) > (?1, ?2)"
    " AND p.seen_ms >= ?3 AND (?4 = 1 OR a.tenant IN (SELECT value FROM json_each(?5))"
    " OR a.domain IN (SELECT value FROM json_each(?6))) AND (?7 = 0 OR p.account = ?7)"
    " ORDER BY p.process, p.number LIMIT ?8"
)
