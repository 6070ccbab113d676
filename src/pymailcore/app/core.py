"""The objects that every process has: store, directory, queue, delivery, submission.

The store lives as long as the process. What stands above it is made anew from a whole new configuration by
`Core.reload`; whoever holds the old objects (a connection, a command) keeps them to its end.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator

import trio

from pymailcore.admin.operations import Operations
from pymailcore.base.ids import IdMint
from pymailcore.config.configuration import Configuration
from pymailcore.delivery.delivery import Delivery
from pymailcore.directory.directory import Directory
from pymailcore.queue.queue import Queue
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.hub import DIRECTORY, ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.submission.submission import Submission


class Core:
    """What protocols, queue and command line stand on.

    Attributes:
        directory, queue, delivery, submission, operations: made of the configuration in force.
    """

    def __init__(
        self, configuration: Configuration, store: Store, ids: IdMint, hub: ChangeHub, metrics: Metrics
    ) -> None:
        self.store = store
        self.ids = ids
        self.hub = hub
        self.metrics = metrics
        self.reload(configuration)

    def reload(self, configuration: Configuration) -> None:
        """Make everything above the store anew."""
        self.configuration = configuration
        database = self.store.database
        self.directory = Directory(database, self.store, self.ids, self.hub.publish, configuration.directory)
        self.queue = Queue(database, self.store, self.hub.publish, configuration.queue)
        self.operations = Operations(self.directory, self.queue)
        self.delivery = Delivery(self.store, self.directory, self.queue, self.ids)
        self.submission = Submission(
            self.directory,
            self.delivery,
            configuration.submission,
            hostname=configuration.hostname,
            ids=self.ids,
        )

    async def follow(self) -> None:
        """Forget what the directory remembers whenever another process changed it; until cancelled."""
        with self.hub.watch(DIRECTORY) as watch:
            while True:
                await watch.changed()
                self.directory.invalidate()


@contextlib.asynccontextmanager
async def open_core(
    configuration: Configuration, hub: ChangeHub, metrics: Metrics, *, maintain: bool
) -> AsyncIterator[Core]:
    """Open the store and build everything on it.

    Args:
        maintain: whether this process keeps house for the store (checkpoints, garbage); one of a family does.

    Raises:
        MailError: the store cannot be opened.
    """
    ids = IdMint(now_ms, secrets.randbits)
    async with (
        open_store(configuration.store, notify=hub.publish, ids=ids, maintain=maintain) as store,
        trio.open_nursery() as nursery,
    ):
        core = Core(configuration, store, ids, hub, metrics)
        nursery.start_soon(core.follow)
        yield core
        nursery.cancel_scope.cancel()
