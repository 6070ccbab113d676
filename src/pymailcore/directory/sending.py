"""How much was sent: counted in the tables, so that all processes and nodes know.

Theory. Hours and days begin at fixed times. What counts at a moment is what was sent in the window that runs,
and of the one before it the share that lies less than a whole window back; so nobody sends twice as much
around the full hour, and two rows for each limit are enough. The row is changed before it is compared: two
who send at the same time come one behind the other, and who is over the limit is undone with his transaction.
Rows are always taken in the same order, so nobody waits for himself.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from pymailcore.directory.errors import RateExceeded
from pymailcore.directory.standing import Standing
from pymailcore.store.types import Transaction

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

_WINDOWS: Final = (("hour", HOUR_MS), ("day", DAY_MS))


class Meter(NamedTuple):
    """One window of one account, domain or tenant with its limits; None for no limit."""

    scope: str
    scope_id: int
    per: str
    window_ms: int
    messages: int | None
    recipients: int | None


def meters(standing: Standing, defaults: Mapping[str, int]) -> tuple[Meter, ...]:
    """What is counted when an account sends.

    Args:
        defaults: limits by name for an account that has none of its own; 0 for no limit.
    """
    found = []
    ids = {"account": standing.account, "domain": standing.domain, "tenant": standing.tenant}
    for scope, scope_id in ids.items():
        for per, window_ms in _WINDOWS:
            limits: list[int | None] = []
            for what in ("messages", "recipients"):
                limit = standing.limit(scope, f"{what}_per_{per}")
                if limit is None and scope == "account":
                    limit = defaults.get(f"{what}_per_{per}") or None
                limits.append(limit)
            if limits != [None, None]:
                found.append(Meter(scope, scope_id, per, window_ms, *limits))
    return tuple(found)


async def spend(tx: Transaction, counted: Iterable[Meter], recipients: int, now_ms: int) -> None:
    """Count one message in the transaction that keeps it.

    Raises:
        RateExceeded: it is one too many; the transaction is to be undone.
    """
    for meter in counted:
        begun_ms = now_ms - now_ms % meter.window_ms
        row = await tx.row(
            "INSERT INTO sent (scope, scope_id, window_ms, begun_ms, messages, recipients)"
            " VALUES (?1, ?2, ?3, ?4, 1, ?5) ON CONFLICT (scope, scope_id, window_ms, begun_ms)"
            " DO UPDATE SET messages = sent.messages + 1, recipients = sent.recipients + excluded.recipients"
            " RETURNING messages, recipients",
            meter.scope,
            meter.scope_id,
            meter.window_ms,
            begun_ms,
            recipients,
        )
        now = (int(row[0]), int(row[1])) if row is not None else (1, recipients)
        if now[0] == 1:
            await _forget_older(tx, meter, begun_ms)
        before = await _before(tx, meter, begun_ms, now_ms)
        _compare(meter, now[0] + before[0], now[1] + before[1])


async def _forget_older(tx: Transaction, meter: Meter, begun_ms: int) -> None:
    await tx.run(
        "DELETE FROM sent WHERE scope = ?1 AND scope_id = ?2 AND window_ms = ?3 AND begun_ms < ?4",
        meter.scope,
        meter.scope_id,
        meter.window_ms,
        begun_ms - meter.window_ms,
    )


async def _before(tx: Transaction, meter: Meter, begun_ms: int, now_ms: int) -> tuple[int, int]:
    """What of the window before still counts."""
    row = await tx.row(
        "SELECT messages, recipients FROM sent"
        " WHERE scope = ?1 AND scope_id = ?2 AND window_ms = ?3 AND begun_ms = ?4",
        meter.scope,
        meter.scope_id,
        meter.window_ms,
        begun_ms - meter.window_ms,
    )
    if row is None:
        return 0, 0
    left_ms = meter.window_ms - (now_ms - begun_ms)
    return row[0] * left_ms // meter.window_ms, row[1] * left_ms // meter.window_ms


def _compare(meter: Meter, messages: int, recipients: int) -> None:
    what = ""
    if meter.messages is not None and messages > meter.messages:
        what = "messages"
    elif meter.recipients is not None and recipients > meter.recipients:
        what = "recipients"
    if what:
        raise RateExceeded(f"the {meter.scope} may send no more {what} in this {meter.per}")


class Sent(NamedTuple):
    """What a scope has sent lately, for its owner and for operators."""

    per: str
    messages: int
    recipients: int


async def sent(tx: Transaction, scope: str, scope_id: int, now_ms: int) -> Sequence[Sent]:
    """What counts at this moment of an account, a domain or a tenant; only what is limited is counted."""
    found = []
    for per, window_ms in _WINDOWS:
        meter = Meter(scope, scope_id, per, window_ms, None, None)
        begun_ms = now_ms - now_ms % window_ms
        row = await tx.row(
            "SELECT messages, recipients FROM sent"
            " WHERE scope = ?1 AND scope_id = ?2 AND window_ms = ?3 AND begun_ms = ?4",
            scope,
            scope_id,
            window_ms,
            begun_ms,
        )
        before = await _before(tx, meter, begun_ms, now_ms)
        now = (0, 0) if row is None else (row[0], row[1])
        found.append(Sent(per, now[0] + before[0], now[1] + before[1]))
    return found
