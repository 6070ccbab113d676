"""The one way to change the directory: one change at a time, recorded, and seen by all processes.

Contract: when `run` returns, the change and its records in the audit log are on disk, both or neither. This
process has forgotten by then what it remembered of the things that were touched; the others do when the
notice reaches them.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pymailcore.base.errors import LocalProtocolError
from pymailcore.base.ids import AccountId, IdMint, TenantId
from pymailcore.directory import audit
from pymailcore.directory.actors import Actor
from pymailcore.directory.audit import Entry, Fields, Record
from pymailcore.directory.cache import Memory, tag
from pymailcore.runtime.hub import DIRECTORY, tag_channel
from pymailcore.runtime.logs import get_logger
from pymailcore.store.types import Database, Transaction

T = TypeVar("T")

_MOST_TAGS: Final = 1_000
"""Of a change that touches more everybody forgets everything: that is less to say."""

log = get_logger()


class Change:
    """What one run of an operation says about itself; each run gets a fresh one.

    Args:
        actor: who makes the change, as he stands in its transaction.
    """

    def __init__(self, actor: Actor | None) -> None:
        self._actor = actor
        self.entries: list[Entry] = []
        self.tags: set[int] = set()
        self.everything = False
        self.moved: list[tuple[AccountId, int]] = []

    @property
    def actor(self) -> Actor:
        """Who makes the change, with what he holds in its transaction.

        Raises:
            LocalProtocolError: nobody does.
        """
        if self._actor is None:
            raise LocalProtocolError("a change by nobody asks who makes it")
        return self._actor

    def record(
        self,
        action: str,
        subject: object,
        *,
        tenant: TenantId | None,
        old: Fields | None = None,
        new: Fields | None = None,
    ) -> None:
        """Have a line written into the audit log: what was done to whom.

        Args:
            action: the name of the operation, such as "account.set".
            tenant: to which the subject belongs; None: the installation.
            old: what was before, of the things that changed. Of secrets only whether there is one: True.
            new: what is now.
        """
        self.entries.append(Entry(action, str(subject), tenant, old, new))

    def touch(self, kind: str, key: object) -> None:
        """Have all processes forget what depends on a thing (`cache.tag`)."""
        self.tags.add(tag(kind, key))

    def touch_everything(self) -> None:
        """Have all processes forget everything."""
        self.everything = True

    def tell(self, account: AccountId, modseq: int) -> None:
        """Have the clients of an account told that it is at a modseq."""
        self.moved.append((account, modseq))


class Changes:
    """Writes to the directory of one process.

    Args:
        publish: `ChangeHub.publish`.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        memory: Memory,
        ids: IdMint,
        publish: Callable[[int, int], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._memory = memory
        self._ids = ids
        self._publish = publish
        self._now_ms = now_ms

    async def run(self, actor: Actor | None, work: Callable[[Transaction, Change], Awaitable[T]]) -> T:
        """Make a change.

        Cancellation: waits for the outcome.

        Args:
            actor: who wants it, and may be refused here (`Actor.confirm`); None for what belongs to no log,
                such as a session that begins: then `work` records nothing.
            work: awaits only its transaction, may run more than once, and says in its change what it did.
        """
        now_ms = self._now_ms()

        async def alone(tx: Transaction) -> tuple[T, Change, list[Record]]:
            await tx.lock("directory")
            acting = actor if actor is None or actor.confirm is None else await actor.confirm(tx, now_ms)
            change = Change(acting)
            result = await work(tx, change)
            if acting is None and change.entries:
                raise LocalProtocolError("a change by nobody has a record")
            records = [] if acting is None else await audit.append(tx, acting, change.entries, now_ms)
            return result, change, records

        result, change, records = await self._database.write(alone)
        self._tell(change)
        for record in records:
            log.info(
                "audit", seq=record.seq, actor=record.actor, peer=record.peer, action=record.action,
                subject=record.subject, digest=record.digest.hex(),
            )  # fmt: skip
        return result

    def _tell(self, change: Change) -> None:
        value = self._ids.new()
        if change.everything or len(change.tags) > _MOST_TAGS:
            self._memory.forget()
            self._publish(DIRECTORY, value)
        elif change.tags:
            self._memory.touch(change.tags)
            for number in sorted(change.tags):
                self._publish(tag_channel(number), value)
        for account, modseq in change.moved:
            self._publish(account, modseq)
