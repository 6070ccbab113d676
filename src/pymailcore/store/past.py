"""What has happened in a Mailbox since a modseq, for clients that come back.

Standards: RFC 7162 sections 3.1.4.1 (CHANGEDSINCE) and 3.2.6 (VANISHED).
"""

from collections.abc import Sequence

from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.engine import Engine
from pymailcore.store.ops import fetch


class Past:
    """The part of the store that tells what has happened; `Store.past`."""

    def __init__(self, engine: Engine) -> None:
        self._database = engine.database

    async def changed_uids(self, account: AccountId, mailbox: MailboxId, since: int) -> Sequence[int]:
        """UIDs of the messages there that came or were changed after a modseq, ascending."""
        return await self._database.read(lambda tx: fetch.changed_uids(tx, account, mailbox, since))

    async def vanished(self, account: AccountId, mailbox: MailboxId, since: int) -> Sequence[int] | None:
        """UIDs that have left a Mailbox after a modseq, ascending.

        None when nobody knows any more, since the change log does not reach back so far.
        """
        return await self._database.read(lambda tx: fetch.vanished(tx, account, mailbox, since))
