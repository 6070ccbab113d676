"""Compacts the change log: what was removed before the horizon is forgotten.

A client that was away for longer gets "cannotCalculateChanges" (JMAP, RFC 8620 section 5.2) or all UIDs anew
(IMAP, RFC 7162 section 3.2.5.1): `accounts.log_floor` is the oldest state from which changes can still be
told, and is raised in the transaction that forgets.

Each log is in the order of its modseqs, so a look at its oldest row tells whether there is anything to do.
"""

import functools
from typing import Any, Final

from pymailcore.store.housekeeping import chores
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.types import Row, Transaction

NAME: Final = "horizon"
ACCOUNTS: Final = 100  # in one look
DAY_MS: Final = 86_400_000

_KINDS: Final = ("email", "thread", "mailbox", "identity", "submission")
_SOME: Final = "SELECT id FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2"
_OLDEST_REMOVED: Final = (
    "SELECT gone_ms FROM removed WHERE account = ?1 AND kind = ?2 ORDER BY modseq LIMIT 1"
)
_OLDEST_EXPUNGED: Final = (
    "SELECT m.id, (SELECT x.gone_ms FROM expunged x WHERE x.mailbox = m.id ORDER BY x.modseq LIMIT 1)"
    " FROM mailboxes m WHERE m.account = ?1"
)
_REMOVED: Final = (
    "SELECT modseq, gone_ms FROM removed WHERE account = ?1 AND kind = ?2 ORDER BY modseq LIMIT ?3"
)
_EXPUNGED: Final = "SELECT modseq, gone_ms FROM expunged WHERE mailbox = ?1 ORDER BY modseq, uid LIMIT ?2"
_FORGET_REMOVED: Final = "DELETE FROM removed WHERE account = ?1 AND kind = ?2 AND modseq <= ?3"
_FORGET_EXPUNGED: Final = "DELETE FROM expunged WHERE mailbox = ?1 AND modseq <= ?2"
_NEXT_MAILBOX: Final = "SELECT mailbox FROM expunged WHERE mailbox > ?1 ORDER BY mailbox LIMIT 1"
_KNOWN: Final = (
    "SELECT 1 FROM mailboxes WHERE id = ?1 UNION ALL SELECT 1 FROM kept_mailboxes WHERE id = ?1 LIMIT 1"
)
_FORGET_SOME: Final = (
    "DELETE FROM expunged WHERE mailbox = ?1 AND (modseq, uid) IN"
    " (SELECT modseq, uid FROM expunged WHERE mailbox = ?1 ORDER BY modseq, uid LIMIT ?2)"
)
_RAISE: Final = "UPDATE accounts SET log_floor = max(log_floor, ?2) WHERE id = ?1"


def oldest_run(rows: list[Row], before_ms: int) -> int | None:
    """The modseq up to which the first of these rows (modseq, gone_ms) went before a moment. Pure."""
    upto = None
    for modseq, gone_ms in rows:
        if gone_ms >= before_ms:
            break
        upto = int(modseq)
    return upto


class Compaction:
    """One walk through all accounts."""

    def __init__(self, house: House, before_ms: int) -> None:
        self._house = house
        self._before_ms = before_ms
        self._pace = Pace(128)

    async def account(self, account: int) -> None:
        """Compact the logs of one account."""
        kinds, mailboxes = await self._house.read(lambda tx: self._old(tx, account))
        for kind in kinds:
            while await self._house.write(functools.partial(self._removed, account, kind), self._pace):
                pass
        for mailbox in mailboxes:
            while await self._house.write(functools.partial(self._expunged, account, mailbox), self._pace):
                pass

    async def _old(self, tx: Transaction, account: int) -> tuple[list[str], list[int]]:
        """Which logs of an account begin before the horizon."""
        kinds = []
        for kind in _KINDS:
            row = await tx.row(_OLDEST_REMOVED, account, kind)
            if row is not None and row[0] < self._before_ms:
                kinds.append(kind)
        rows = await tx.rows(_OLDEST_EXPUNGED, account)
        return kinds, [row[0] for row in rows if row[1] is not None and row[1] < self._before_ms]

    async def _removed(self, account: int, kind: str, tx: Transaction) -> bool:
        await tx.lock("accounts", (account,))
        upto = oldest_run(await tx.rows(_REMOVED, account, kind, self._pace.rows), self._before_ms)
        if upto is None:
            return False
        await tx.run(_RAISE, account, upto)
        await tx.run(_FORGET_REMOVED, account, kind, upto)
        return True

    async def _expunged(self, account: int, mailbox: int, tx: Transaction) -> bool:
        await tx.lock("accounts", (account,))
        upto = oldest_run(await tx.rows(_EXPUNGED, mailbox, self._pace.rows), self._before_ms)
        if upto is None:
            return False
        await tx.run(_RAISE, account, upto)
        await tx.run(_FORGET_EXPUNGED, mailbox, upto)
        return True

    async def nobody(self, mailbox: int) -> None:
        """Forget the history of a Mailbox that is neither there nor kept."""
        while await self._house.write(functools.partial(self._nobody, mailbox), self._pace):
            pass

    async def _nobody(self, mailbox: int, tx: Transaction) -> bool:
        if await tx.row(_KNOWN, mailbox) is not None:
            return False
        return await tx.run(_FORGET_SOME, mailbox, self._pace.rows) > 0


async def _some_mailboxes(after: int, tx: Transaction) -> tuple[int | None, list[int]]:
    """The next Mailboxes with a history: up to which, None for all, and those that are nobody's."""
    strays: list[int] = []
    for _ in range(ACCOUNTS):
        row = await tx.row(_NEXT_MAILBOX, after)
        if row is None:
            return None, strays
        after = row[0]
        if await tx.row(_KNOWN, after) is None:
            strays.append(after)
    return after, strays


async def compact(house: House) -> None:
    """Forget what is beyond the horizon, account by account; the job.

    The history of Mailboxes is what undelete goes by, so the horizon is never nearer than `undelete_days`.
    """
    settings = house.settings
    now_ms = house.now_ms()
    before_ms = now_ms - int(max(settings.change_log_days, settings.undelete_days) * DAY_MS)
    chore = await house.read(lambda tx: chores.load(tx, NAME))
    compaction = Compaction(house, before_ms)
    after = int(chore.place.get("after", 0))

    async def some(tx: Transaction) -> list[Row]:
        return await tx.rows(_SOME, after, ACCOUNTS)

    while rows := await house.read(some):
        for (account,) in rows:
            await compaction.account(account)
        after = rows[-1][0]
        await _note(house, {"after": after}, now_ms, chore.ended_ms)
    upto: int | None = -1
    while upto is not None:
        upto, strays = await house.read(functools.partial(_some_mailboxes, upto))
        for mailbox in strays:
            await compaction.nobody(mailbox)
    await _note(house, {}, now_ms, house.now_ms())


async def _note(house: House, place: dict[str, Any], begun_ms: int, ended_ms: int) -> None:
    await house.write(lambda tx: chores.save(tx, NAME, chores.Chore(place, begun_ms, ended_ms)))
