"""Tells operators which accounts reach their sending limits: their passwords may be in wrong hands.

Contract: at most one change of the database and one line in the log in an hour for each account, from all
processes and nodes together, however often it is refused; a refusal never fails because of its alarm.
Housekeeping ends an alarm a day after it was last raised.
"""

from typing import Final

from pymailcore.base.errors import TemporaryFailure
from pymailcore.directory.ground import Ground
from pymailcore.directory.types import Principal
from pymailcore.store.housekeeping import alarms
from pymailcore.store.types import Transaction

_AGAIN_MS: Final = 3_600_000


class SendingAlarms:
    """Raises alarms of the kind "sending"; their subjects are the numbers of accounts."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def sound(self, principal: Principal, why: str) -> None:
        """Raise the alarm of an account that was refused; nothing happens where it is less than an hour old.

        Where nothing can be written now, the account's next refusal tries again.

        Args:
            why: which limit it is, for operators.
        """
        now_ms, database = self._ground.now_ms(), self._ground.database
        alarm = alarms.Alarm(alarms.SENDING, str(principal.account), f"{principal.name}: {why}")

        async def is_young(tx: Transaction) -> bool:
            return await alarms.is_seen(tx, alarm, after_ms=now_ms - _AGAIN_MS)

        async def write(tx: Transaction) -> bool:
            return await alarms.sound_again(tx, alarm, now_ms, every_ms=_AGAIN_MS)

        try:
            if not await database.read(is_young) and await database.write(write):
                alarms.tell([alarm], [])
        except TemporaryFailure:
            return
