"""Blocks by itself the sending of accounts that are refused again and again: somebody has their passwords.

Contract: counted are messages beyond the account's own limits, by all processes and nodes together; those
beyond a limit of its domain or tenant may be the fault of others. An account is blocked once, with one record
in the audit log by `system`, and its alarm says so. A refusal never fails because of this.
"""

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory import account_rows as rows
from pymailcore.directory import sending
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.types import Principal
from pymailcore.store.housekeeping import alarms
from pymailcore.store.types import Transaction


class SendingHolds:
    """Counts refusals, and blocks."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def refused(self, principal: Principal, why: str, *, after: int) -> bool:
        """Count one refusal; gives whether it was the one that blocked the account.

        Where nothing can be written now, this one is not counted.

        Args:
            why: which limit it is.
            after: so many within an hour block; 0 for never.
        """
        if not after:
            return False
        now_ms = self._ground.now_ms()

        async def count(tx: Transaction) -> int:
            return await sending.refused(tx, principal.account, now_ms)

        try:
            return await self._ground.database.write(count) >= after and await self._hold(principal, why)
        except TemporaryFailure:
            return False

    async def _hold(self, principal: Principal, why: str) -> bool:
        now_ms = self._ground.now_ms()
        detail = f"{principal.name}: sending is blocked and queued mail is held; {why}"
        alarm = alarms.Alarm(alarms.SENDING, str(principal.account), detail)

        async def work(tx: Transaction, change: Change) -> bool:
            held = await tx.run(
                "UPDATE accounts SET send_blocked = 1 WHERE id = ?1 AND send_blocked = 0", principal.account
            )
            account = await rows.account_numbered(tx, principal.account)
            if not held or account is None:
                return False
            rows.touch(change, account)
            change.record(
                "account.hold", account.display, tenant=account.tenant,
                old={"send_blocked": False}, new={"send_blocked": True, "why": why},
            )  # fmt: skip
            await alarms.sound(tx, alarm, now_ms)
            return True

        held = await self._ground.changes.run(SYSTEM, work)
        if held:
            alarms.tell([alarm], [])
        return held


async def lift(tx: Transaction, account: AccountId) -> None:
    """Let what led to a hold count no more, in the transaction that lets an account send again."""
    await sending.forget_refused(tx, account)
    await alarms.end(tx, alarms.SENDING, str(account))
