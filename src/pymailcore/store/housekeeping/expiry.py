"""Lets go of what has had its time: uploads, expunged mail that was kept for undelete, alarms of sending."""

import functools
from typing import Final

from pymailcore.base.ids import AccountId
from pymailcore.runtime.logs import get_logger
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.ops import blob_rows, kept

DAY_MS: Final = 86_400_000
SOON_MS: Final = 60_000  # with no space, what was expunged a minute ago may go

_EXPIRED: Final = "SELECT DISTINCT account FROM uploads WHERE expires_ms <= ?1"

log = get_logger()


async def expire_uploads(house: House) -> None:
    """Forget uploads whose time is over; a job."""
    now_ms = house.now_ms()
    for (account,) in await house.read(lambda tx: tx.rows(_EXPIRED, now_ms)):
        await house.write(functools.partial(blob_rows.expire_uploads, account=account, now_ms=now_ms))


async def expire_kept(house: House) -> None:
    """Let go of kept mail that is too old or beyond an account's quota; with no space, of all; a job."""
    now_ms = house.now_ms()
    before_ms = now_ms - (SOON_MS if house.hurry else int(house.settings.undelete_days * DAY_MS))
    pace = Pace(32, most=1024)
    gone = 0
    for account in await house.read(kept.accounts_with_kept):
        while done := await house.write(
            functools.partial(kept.purge, account=AccountId(account), before_ms=before_ms, most=pace.rows),
            pace,
        ):
            gone += done
    while await house.read(lambda tx: kept.names_before(tx, before_ms)):
        await house.write(lambda tx: kept.purge_names(tx, before_ms, pace.rows), pace)
    house.metrics.store_purged.inc(gone)
    if house.hurry and gone:
        log.warning("space is short: expunged mail can no longer be restored", emails=gone)


async def expire_alarms(house: House) -> None:
    """End the alarms of accounts that have reached no sending limit for a day; a job."""
    before_ms = house.now_ms() - DAY_MS
    if any(alarm.kind == alarms.SENDING for alarm in await house.read(alarms.read)):
        alarms.tell([], await house.write(lambda tx: alarms.end_old(tx, alarms.SENDING, before_ms)))
