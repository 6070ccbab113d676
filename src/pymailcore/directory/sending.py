"""How much was sent: counted in the tables, so that all processes and nodes know.

Theory. Hours and days begin at fixed times. What counts at a moment is what was sent in the window that runs,
and of the one before it the share that lies less than a whole window back; so nobody sends twice as much
around the full hour, and two rows for each limit are enough. The row is changed before it is compared: two
who send at the same time come one behind the other, and who is over the limit is undone with his transaction.
Rows are always taken in the same order, so nobody waits for himself. Of the recipients those to whom the
account writes for the first time (`directory.correspondents`) have a limit of their own: who sends with a
stolen password knows none of the account's friends.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId
from pymailcore.directory import correspondents
from pymailcore.directory.errors import RateExceeded
from pymailcore.directory.standing import Standing
from pymailcore.store.types import Transaction

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

_WINDOWS: Final = (("hour", HOUR_MS), ("day", DAY_MS))
_COUNTED: Final = ("messages", "recipients", "first_recipients")
_SAID: Final = ("messages", "recipients", "mail to recipients that are new to it")
_COUNTS: Final = (
    "SELECT messages, recipients, first_recipients, refused FROM sent"
    " WHERE scope = ?1 AND scope_id = ?2 AND window_ms = ?3"
)


class Meter(NamedTuple):
    """One window of one account, domain or tenant with its limits; None for no limit."""

    scope: str
    scope_id: int
    per: str
    window_ms: int
    messages: int | None
    recipients: int | None
    first_recipients: int | None = None


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
            for what in _COUNTED:
                limit = standing.limit(scope, f"{what}_per_{per}")
                if limit is None and scope == "account":
                    limit = defaults.get(f"{what}_per_{per}") or None
                limits.append(limit)
            if any(limit is not None for limit in limits):
                found.append(Meter(scope, scope_id, per, window_ms, *limits))
    return tuple(found)


async def spend(
    tx: Transaction,
    counted: Sequence[Meter],
    account: AccountId,
    recipients: int,
    outside: Sequence[int],
    now_ms: int,
) -> None:
    """Count one message in the transaction that keeps it.

    Args:
        recipients: how many it has.
        outside: those of other tenants and elsewhere, as `correspondents.digest` gives them.

    Raises:
        RateExceeded: it is one too many; the transaction is to be undone.
    """
    first = 0
    if outside and any(meter.first_recipients is not None for meter in counted):
        first = await correspondents.mailed(tx, account, outside, now_ms)
    for meter in counted:
        begun_ms = now_ms - now_ms % meter.window_ms
        row = await tx.row(
            "INSERT INTO sent (scope, scope_id, window_ms, begun_ms, messages, recipients, first_recipients)"
            " VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6) ON CONFLICT (scope, scope_id, window_ms, begun_ms)"
            " DO UPDATE SET messages = sent.messages + 1, recipients = sent.recipients + excluded.recipients,"
            " first_recipients = sent.first_recipients + excluded.first_recipients"
            " RETURNING messages, recipients, first_recipients",
            meter.scope,
            meter.scope_id,
            meter.window_ms,
            begun_ms,
            recipients,
            first,
        )
        now = (1, recipients, first) if row is None else tuple(row)
        if now[0] == 1:
            await _forget_older(tx, meter, begun_ms)
        before = await _before(tx, meter, begun_ms, now_ms)
        _compare(meter, [one + other for one, other in zip(now, before, strict=False)])


async def refused(tx: Transaction, account: AccountId, now_ms: int) -> int:
    """Count one message that an account was not let send; gives how many in the last hour."""
    begun_ms = now_ms - now_ms % HOUR_MS
    meter = Meter("account", account, "hour", HOUR_MS, None, None)
    row = await tx.row(
        "INSERT INTO sent (scope, scope_id, window_ms, begun_ms, messages, recipients, refused)"
        " VALUES ('account', ?1, ?2, ?3, 0, 0, 1) ON CONFLICT (scope, scope_id, window_ms, begun_ms)"
        " DO UPDATE SET refused = sent.refused + 1 RETURNING refused",
        account,
        HOUR_MS,
        begun_ms,
    )
    return (1 if row is None else int(row[0])) + (await _before(tx, meter, begun_ms, now_ms))[3]


async def forget_refused(tx: Transaction, account: AccountId) -> None:
    """Begin to count anew what an account is not let send."""
    await tx.run("UPDATE sent SET refused = 0 WHERE scope = 'account' AND scope_id = ?1", account)


async def _forget_older(tx: Transaction, meter: Meter, begun_ms: int) -> None:
    await tx.run(
        "DELETE FROM sent WHERE scope = ?1 AND scope_id = ?2 AND window_ms = ?3 AND begun_ms < ?4",
        meter.scope,
        meter.scope_id,
        meter.window_ms,
        begun_ms - meter.window_ms,
    )


async def _before(tx: Transaction, meter: Meter, begun_ms: int, now_ms: int) -> tuple[int, int, int, int]:
    """What of the window before still counts: messages, recipients, first recipients, refusals."""
    row = await tx.row(f"{_COUNTS} AND begun_ms = ?4", *_key(meter), begun_ms - meter.window_ms)
    if row is None:
        return 0, 0, 0, 0
    left_ms = meter.window_ms - (now_ms - begun_ms)
    messages, recipients, first, refusals = (count * left_ms // meter.window_ms for count in row)
    return messages, recipients, first, refusals


def _key(meter: Meter) -> tuple[str, int, int]:
    return meter.scope, meter.scope_id, meter.window_ms


def _compare(meter: Meter, counts: Sequence[int]) -> None:
    limits = (meter.messages, meter.recipients, meter.first_recipients)
    for what, limit, count in zip(_SAID, limits, counts, strict=True):
        if limit is not None and count > limit:
            raise RateExceeded(
                f"the {meter.scope} may send no more {what} in this {meter.per}", scope=meter.scope
            )


class Sent(NamedTuple):
    """What a scope has sent lately, for its owner and for operators."""

    per: str
    messages: int
    recipients: int
    first_recipients: int


async def sent(tx: Transaction, scope: str, scope_id: int, now_ms: int) -> Sequence[Sent]:
    """What counts at this moment of an account, a domain or a tenant; only what is limited is counted."""
    found = []
    for per, window_ms in _WINDOWS:
        meter = Meter(scope, scope_id, per, window_ms, None, None)
        begun_ms = now_ms - now_ms % window_ms
        now = await tx.row(f"{_COUNTS} AND begun_ms = ?4", *_key(meter), begun_ms) or (0, 0, 0, 0)
        before = await _before(tx, meter, begun_ms, now_ms)
        found.append(Sent(per, now[0] + before[0], now[1] + before[1], now[2] + before[2]))
    return found
