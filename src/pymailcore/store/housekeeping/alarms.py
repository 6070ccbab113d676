"""Alarms: what an operator must know of, until it is over.

An alarm has a kind and a subject. It is logged when it is raised and when it is over, shown by
`pymailcore check`, and counted in the metrics. Those of disk, reserve and log are what the file system says
at the moment, so that they need no store that can be written; all others are rows.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pymailcore.runtime.logs import get_logger
from pymailcore.store.layout import Layout
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction

DISK: Final = "disk"
RESERVE: Final = "reserve"
LOG: Final = "log"
SCRUB: Final = "scrub"
COUNTERS: Final = "counters"
JOB: Final = "job"
INDEX: Final = "index"
OBJECTS: Final = "objects"
SENDING: Final = "sending"

KINDS: Final = (DISK, RESERVE, LOG, SCRUB, COUNTERS, JOB, INDEX, OBJECTS, SENDING)

MOST: Final = 20
"""Alarms that one pack or account may have; more tell nobody more."""

OF_DISK: Final = (DISK, RESERVE, LOG)
"""Those that `look` and `judge` find."""

_EARLY: Final = 2  # the disk is nearly full at twice the watermark, before mail is refused
_LONG_LOG: Final = 2  # times the size from which writers wait for the log to be copied

log = get_logger()


class Alarm(NamedTuple):
    """One alarm; `since_ms` is 0 where nobody wrote it down yet."""

    kind: str
    subject: str
    detail: str
    since_ms: int = 0


class Condition(NamedTuple):
    """What the file system says about a store, at one moment."""

    free_octets: int
    reserve: bool
    log_octets: int


def look(layout: Layout, packs: Path | None = None) -> Condition:
    """Look at the folder of a store, and at that of its packs where it is elsewhere."""
    free = []
    for folder in (layout.data, packs):
        if folder is not None and folder.is_dir():
            status = os.statvfs(folder)
            free.append(status.f_bavail * status.f_frsize)
    try:
        log_octets = layout.wal.stat().st_size
    except OSError:
        log_octets = 0
    return Condition(min(free, default=0), layout.reserve.exists(), log_octets)


def judge(condition: Condition, settings: StoreSettings) -> list[Alarm]:
    """Say which alarms a condition is. Pure."""
    out = []
    free = f"{condition.free_octets // 2**20} MiB are free in {settings.data}"
    if condition.free_octets < settings.watermark_octets:
        out.append(Alarm(DISK, "", f"{free}: no mail is accepted"))
    elif condition.free_octets < settings.watermark_octets * _EARLY:
        out.append(
            Alarm(DISK, "", f"{free}; below {settings.watermark_octets // 2**20} MiB none is accepted")
        )
    if settings.reserve_octets and not condition.reserve:
        out.append(Alarm(RESERVE, "", "there is no reserve: mail cannot be deleted once the disk is full"))
    if condition.log_octets > settings.restart_checkpoint_octets * _LONG_LOG:
        text = f"the write-ahead log has {condition.log_octets // 2**20} MiB and is not copied back"
        out.append(Alarm(LOG, "", text))
    return out


def few(found: Sequence[Alarm], prefix: str = "") -> list[Alarm]:
    """The first of many alarms of one kind and prefix, and how many more there are. Pure.

    Args:
        prefix: what their subjects begin with, unless it ends before the first colon.
    """
    if len(found) <= MOST:
        return list(found)
    more = len(found) - MOST
    subject = prefix or found[0].subject.partition(":")[0]
    return [*found[:MOST], Alarm(found[0].kind, f"{subject}:more", f"and {more} more like these")]


async def read(tx: Transaction) -> list[Alarm]:
    """Give all alarms there are."""
    rows = await tx.rows(
        "SELECT kind, subject, detail, since_ms FROM alarms ORDER BY since_ms, kind, subject"
    )
    return [Alarm(*row) for row in rows]


async def sound(tx: Transaction, alarm: Alarm, now_ms: int) -> bool:
    """Write an alarm down; True when it is new."""
    there = await tx.run(
        "UPDATE alarms SET detail = ?3, seen_ms = ?4 WHERE kind = ?1 AND subject = ?2", *alarm[:3], now_ms
    )
    if there:
        return False
    await tx.run(
        "INSERT INTO alarms (kind, subject, detail, since_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?4)",
        *alarm[:3],
        now_ms,
    )
    return True


async def is_seen(tx: Transaction, alarm: Alarm, *, after_ms: int) -> bool:
    """Whether an alarm is there that was raised, or raised again, after a moment."""
    row = await tx.row(
        "SELECT 1 FROM alarms WHERE kind = ?1 AND subject = ?2 AND seen_ms > ?3", *alarm[:2], after_ms
    )
    return row is not None


async def sound_again(tx: Transaction, alarm: Alarm, now_ms: int, *, every_ms: int) -> bool:
    """Write an alarm down unless it was less than a while ago; True when it is to be told.

    For alarms that anybody can cause often. Of several transactions at the same time one does it.
    """
    written = await tx.run(
        "INSERT INTO alarms (kind, subject, detail, since_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?4)"
        " ON CONFLICT (kind, subject) DO UPDATE SET detail = excluded.detail, seen_ms = excluded.seen_ms"
        " WHERE alarms.seen_ms <= ?5",
        *alarm[:3],
        now_ms,
        now_ms - every_ms,
    )
    return written > 0


async def end(tx: Transaction, kind: str, subject: str) -> None:
    """End an alarm, if it is there."""
    await tx.run("DELETE FROM alarms WHERE kind = ?1 AND subject = ?2", kind, subject)


async def end_old(tx: Transaction, kind: str, before_ms: int) -> list[Alarm]:
    """End the alarms of a kind that were last raised before a moment; gives them."""
    rows = await tx.rows(
        "DELETE FROM alarms WHERE kind = ?1 AND seen_ms < ?2 RETURNING kind, subject, detail, since_ms",
        kind,
        before_ms,
    )
    return [Alarm(*row) for row in rows]


async def settle(
    tx: Transaction, kind: str, alarms: Collection[Alarm], now_ms: int, *, prefix: str = ""
) -> tuple[list[Alarm], list[Alarm]]:
    """Make the alarms of one kind, whose subject begins with a prefix, exactly these.

    Returns:
        Those that are new, and those that are over.
    """
    wanted = {alarm.subject for alarm in alarms}
    there = [alarm for alarm in await read(tx) if alarm.kind == kind and alarm.subject.startswith(prefix)]
    over = [alarm for alarm in there if alarm.subject not in wanted]
    for alarm in over:
        await end(tx, alarm.kind, alarm.subject)
    return [alarm for alarm in alarms if await sound(tx, alarm, now_ms)], over


def tell(new: Collection[Alarm], over: Collection[Alarm]) -> None:
    """Log alarms that are new, and those that are over."""
    for alarm in new:
        log.error("alarm", kind=alarm.kind, subject=alarm.subject, detail=alarm.detail)
    for alarm in over:
        log.warning("alarm is over", kind=alarm.kind, subject=alarm.subject)
