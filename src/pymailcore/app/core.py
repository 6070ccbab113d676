"""The objects that every process has: store, directory, queue, delivery, submission.

The store lives as long as the process. What stands above it is made anew from a whole new configuration by
`Core.reload`; whoever holds the old objects (a connection, a command) keeps them to its end.
"""

import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from typing import Final

import trio

from pymailcore.admin.registry import Administration
from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import IdMint
from pymailcore.config.configuration import Configuration
from pymailcore.delivery.delivery import Delivery
from pymailcore.directory.directory import Directory
from pymailcore.directory.presence import Presence
from pymailcore.directory.sign_ins import FLUSH_SECONDS
from pymailcore.dns.resolver import Resolver
from pymailcore.queue.queue import Queue
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.hub import DIRECTORY, QUEUE, ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Row, Transaction
from pymailcore.submission.submission import Submission

_RECHECK_SECONDS: Final = 5.0
_LAST_WRITE_SECONDS: Final = 5.0
_RECHECK_SLICE: Final = 500
_MODSEQS: Final = "SELECT id, modseq FROM accounts WHERE id IN (SELECT value FROM json_each(?1))"


class _Missed:
    """Wakes who looks again by himself, because notices may have been missed."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def tell(self) -> None:
        """Notices may have been missed."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for that, at most so long; gives whether it was."""
        with trio.move_on_after(seconds):
            await self._event.wait()
        missed, self._event = self._event.is_set(), trio.Event()
        return missed


class Core:
    """What protocols, queue and command line stand on.

    Attributes:
        counters: what all processes of the family count together.
        directory, queue, delivery, submission, administration: made of the configuration in force.
    """

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        ids: IdMint,
        hub: ChangeHub,
        metrics: Metrics,
        missed: _Missed,
        counters: SharedCounters | None = None,
    ) -> None:
        self._missed = missed
        self.store = store
        self.ids = ids
        self.hub = hub
        self.metrics = metrics
        self.presence = Presence(store.database, secrets.token_hex(6))
        self.counters = counters or SharedCounters.create(configuration.directory.failures_entries_count)
        self._seen: list[Directory] = []
        self.reload(configuration)

    def reload(self, configuration: Configuration) -> None:
        """Make everything above the store anew."""
        self.configuration = configuration
        database = self.store.database
        self.directory = Directory(
            database,
            self.store,
            self.ids,
            self.publish,
            configuration.directory,
            presence=self.presence,
            counters=self.counters,
        )
        self._seen.append(self.directory)
        self.queue = Queue(database, self.store, self.publish, configuration.queue)
        self.administration = Administration(self.directory, self.queue, records=Resolver(configuration.dns))
        self.delivery = Delivery(self.store, self.directory, self.queue, self.ids)
        self.submission = Submission(
            self.directory,
            self.delivery,
            configuration.submission,
            hostname=configuration.hostname,
            ids=self.ids,
        )

    def publish(self, channel: int, value: int) -> None:
        """Tell all processes of the site; what the store has committed it tells other nodes itself."""
        self.hub.publish(channel, value)
        if channel < 0:
            self.store.database.tell(channel, value)

    async def follow(self) -> None:
        """Forget what the directory remembers whenever another process changed it; until cancelled."""
        with self.hub.follow_directory() as watch:
            while True:
                tags = await watch.changed()
                self.directory.forget(tags)
                self.presence.touched(tags)

    async def keep_gathered(self) -> None:
        """Write every minute who has signed in, and who asked with ids of others; until cancelled."""
        while True:
            await trio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was gathered since the last time."""
        for seen in self._seen:
            await seen.flush()
        self._seen = [self.directory]

    async def recheck(self) -> None:
        """Every few seconds read the modseq of watched accounts and see who may stay; until cancelled.

        A notice may be lost: its process may be killed after the commit and before it has told anybody.
        """
        while True:
            if await self._missed.wait(_RECHECK_SECONDS):
                for channel in (DIRECTORY, QUEUE):
                    self.hub.receive(channel, 0)
            with contextlib.suppress(TemporaryFailure):
                await self.recheck_once()
                await self.presence.review()
                await self.presence.keep()

    async def recheck_once(self) -> None:
        """Tell this process where the watched accounts are."""
        accounts = self.hub.watched()
        for first in range(0, len(accounts), _RECHECK_SLICE):
            some = json.dumps(accounts[first : first + _RECHECK_SLICE])

            async def work(tx: Transaction, some: str = some) -> list[Row]:
                return await tx.rows(_MODSEQS, some)

            for account, modseq in await self.store.database.read(work):
                self.hub.receive(account, modseq)


@contextlib.asynccontextmanager
async def open_core(
    configuration: Configuration,
    hub: ChangeHub,
    metrics: Metrics,
    *,
    maintain: bool,
    any_state: bool = False,
    counters: SharedCounters | None = None,
) -> AsyncIterator[Core]:
    """Open the store and build everything on it.

    Args:
        maintain: whether this process keeps house for the store (checkpoints, garbage); one of a family does.
        any_state: also a store that is not whole yet, or was moved away.
        counters: where the family counts failed sign-ins; None to count alone.

    Raises:
        MailError: the store cannot be opened.
    """
    ids = IdMint(now_ms, secrets.randbits)
    missed = _Missed()
    async with (
        open_store(
            configuration.store,
            notify=hub.publish,
            ids=ids,
            maintain=maintain,
            heard=hub.receive,
            missed=missed.tell,
            any_state=any_state,
        ) as store,
        trio.open_nursery() as nursery,
    ):
        core = Core(configuration, store, ids, hub, metrics, missed, counters)
        nursery.start_soon(core.follow)
        nursery.start_soon(core.recheck)
        nursery.start_soon(core.keep_gathered)
        nursery.start_soon(core.presence.follow)
        try:
            yield core
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _LAST_WRITE_SECONDS):
                await core.flush()
                with contextlib.suppress(TemporaryFailure):
                    await core.presence.leave()
        nursery.cancel_scope.cancel()
