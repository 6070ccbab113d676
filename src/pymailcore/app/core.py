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

from pymailcore.admin.operations import Operations
from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import IdMint
from pymailcore.config.configuration import Configuration
from pymailcore.delivery.delivery import Delivery
from pymailcore.directory.directory import Directory
from pymailcore.queue.queue import Queue
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.hub import DIRECTORY, QUEUE, ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Row, Transaction
from pymailcore.submission.submission import Submission

_RECHECK_SECONDS: Final = 5.0
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
        directory, queue, delivery, submission, operations: made of the configuration in force.
    """

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        ids: IdMint,
        hub: ChangeHub,
        metrics: Metrics,
        missed: _Missed,
    ) -> None:
        self._missed = missed
        self.store = store
        self.ids = ids
        self.hub = hub
        self.metrics = metrics
        self.reload(configuration)

    def reload(self, configuration: Configuration) -> None:
        """Make everything above the store anew."""
        self.configuration = configuration
        database = self.store.database
        self.directory = Directory(database, self.store, self.ids, self.publish, configuration.directory)
        self.queue = Queue(database, self.store, self.publish, configuration.queue)
        self.operations = Operations(self.directory, self.queue)
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
        with self.hub.watch(DIRECTORY) as watch:
            while True:
                await watch.changed()
                self.directory.invalidate()

    async def recheck(self) -> None:
        """Read the modseq of accounts that somebody watches every few seconds; until cancelled.

        A notice may be lost: its process may be killed after the commit and before it has told anybody.
        """
        while True:
            if await self._missed.wait(_RECHECK_SECONDS):
                for channel in (DIRECTORY, QUEUE):
                    self.hub.receive(channel, 0)
            with contextlib.suppress(TemporaryFailure):
                await self.recheck_once()

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
) -> AsyncIterator[Core]:
    """Open the store and build everything on it.

    Args:
        maintain: whether this process keeps house for the store (checkpoints, garbage); one of a family does.
        any_state: also a store that is not whole yet, or was moved away.

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
        core = Core(configuration, store, ids, hub, metrics, missed)
        nursery.start_soon(core.follow)
        nursery.start_soon(core.recheck)
        yield core
        nursery.cancel_scope.cancel()
