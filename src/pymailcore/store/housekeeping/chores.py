"""How far each job is: a row that a job writes as it goes, so that the next start goes on from there."""

from typing import Any, NamedTuple

import orjson

from pymailcore.store.types import Transaction


class Chore(NamedTuple):
    """A job's own notes and times.

    Attributes:
        place: whatever the job needs to go on; empty when the last run came to its end.
        begun_ms: when the run began that `place` belongs to, or the last one.
        ended_ms: when a run last came to its end; 0 for never.
    """

    place: dict[str, Any]
    begun_ms: int
    ended_ms: int


async def load(tx: Transaction, name: str) -> Chore:
    """Give what a job noted last."""
    row = await tx.row("SELECT place, begun_ms, ended_ms FROM chores WHERE name = ?1", name)
    return Chore({}, 0, 0) if row is None else Chore(orjson.loads(row[0]), row[1], row[2])


async def load_all(tx: Transaction) -> dict[str, Chore]:
    """Give the notes of all jobs."""
    rows = await tx.rows("SELECT name, place, begun_ms, ended_ms FROM chores ORDER BY name")
    return {row[0]: Chore(orjson.loads(row[1]), row[2], row[3]) for row in rows}


async def save(tx: Transaction, name: str, chore: Chore) -> None:
    """Note how far a job is."""
    await tx.run(
        "INSERT INTO chores (name, place, begun_ms, ended_ms) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (name) DO UPDATE SET place = excluded.place, begun_ms = excluded.begun_ms,"
        " ended_ms = excluded.ended_ms",
        name,
        orjson.dumps(chore.place).decode(),
        chore.begun_ms,
        chore.ended_ms,
    )
