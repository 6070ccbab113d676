"""Blocks by itself the sending of accounts that are refused again and again: somebody has their passwords.

Contract: counted are messages beyond the account's own limits, by all processes and nodes together; those
beyond a limit of its domain or tenant may be the fault of others. An account is blocked once, with one record
in the audit log by `system`, and its alarm says so. A refusal never fails because of this.

Who blocked an account, the server or an administrator, is kept beside it until it may send again.
"""

from typing import NamedTuple

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


class Block(NamedTuple):
    """Why an account sends nothing.

    Attributes:
        by: who blocked it, as the audit log names him; empty where an earlier version has not kept that.
        since_ms: 0 where that is not known.
        why: in words; empty where nobody said.
    """

    by: str = ""
    since_ms: int = 0
    why: str = ""

    @property
    def is_automatic(self) -> bool:
        """Whether the server did it by itself."""
        return self.by == SYSTEM.name


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
            await keep(tx, account.id, Block(SYSTEM.name, now_ms, why))
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


async def keep(tx: Transaction, account: AccountId, block: Block) -> None:
    """Keep who blocked an account, in the transaction that does it."""
    await tx.run("DELETE FROM sending_blocks WHERE account = ?1", account)
    await tx.run(
        "INSERT INTO sending_blocks (account, blocked_by, since_ms, why) VALUES (?1, ?2, ?3, ?4)",
        account,
        *block,
    )


async def block_of(tx: Transaction, account: AccountId) -> Block | None:
    """Why an account sends nothing; None when it may send."""
    row = await tx.row(
        "SELECT COALESCE(b.blocked_by, ''), COALESCE(b.since_ms, 0), COALESCE(b.why, '') FROM accounts a"
        " LEFT JOIN sending_blocks b ON b.account = a.id WHERE a.id = ?1 AND a.send_blocked <> 0",
        account,
    )
    return None if row is None else Block(*row)


async def lift(tx: Transaction, account: AccountId) -> None:
    """Let what led to a hold count no more, in the transaction that lets an account send again."""
    await tx.run("DELETE FROM sending_blocks WHERE account = ?1", account)
    await sending.forget_refused(tx, account)
    await alarms.end(tx, alarms.SENDING, str(account))
