"""The back worker's app: outbound queue, the store's housekeeping and text index, the metrics of all."""

import contextlib
import functools
import random
from pathlib import Path
from typing import Final

import trio

from pymailcore.app.context import Context
from pymailcore.app.core import Core, open_core
from pymailcore.base.errors import TemporaryFailure
from pymailcore.config.configuration import Configuration
from pymailcore.dns.resolver import Resolver
from pymailcore.extract.extractor import open_extractor
from pymailcore.queue.carrier import SmtpCarrier
from pymailcore.queue.home import HomeRelay
from pymailcore.queue.nexthop import NextHops
from pymailcore.queue.relay import Relay
from pymailcore.queue.runner import QueueRunner
from pymailcore.runtime.lock import FolderLock, LockHeld
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics_http import serve_metrics
from pymailcore.runtime.serve import serve_sockets
from pymailcore.smtp.pool import Pool
from pymailcore.store.fulltext.job import IndexJob
from pymailcore.store.housekeeping.keeper import Keeper

_LOCK_SECONDS: Final = 0.2
_PRUNE_SECONDS: Final = 6 * 3600.0

log = get_logger()


class BackApp:
    """Relays what is queued, keeps house for the store, indexes mail, and answers `/metrics`.

    Args:
        core: opened by somebody else, who keeps it open; None to open one.
    """

    def __init__(self, context: Context, core: Core | None = None) -> None:
        self._context = context
        self._core = core
        self._ready = False
        self._draining = False
        self._runner: QueueRunner | None = None
        self._pool: Pool | None = None
        self._housekeeping = trio.CancelScope()
        self._indexing = trio.CancelScope()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until the acceptor drains; a delivery under way is finished first."""
        context = self._context
        if self._core is not None:
            await self._work(self._core, task_status)
            return
        async with open_core(context.configuration, context.hub, context.metrics, maintain=True) as core:
            self._core = core
            await self._work(core, task_status)

    def reload(self, configuration: Configuration) -> None:
        """Begin every further delivery with another configuration; those under way hold nothing up."""
        core = self._core
        if core is None:
            return
        core.reload(configuration)
        if self._runner is not None and self._pool is not None:
            self._pool.reload(hello=configuration.hostname, settings=configuration.smtp)
            self._runner.reload(
                core.queue,
                core.delivery,
                _make_relay(configuration, core, self._pool),
                configuration.queue,
                hostname=configuration.hostname,
            )

    async def _work(self, core: Core, task_status: trio.TaskStatus[None]) -> None:
        context = self._context
        async with trio.open_nursery() as nursery:
            if context.metrics_socket is not None:
                handler = functools.partial(serve_metrics, gather=context.gather, healthy=lambda: self._ready)
                await nursery.start(
                    functools.partial(
                        serve_sockets, handler, [context.metrics_socket], context.acceptor, name="metrics"
                    )
                )
            nursery.start_soon(self._relay, core)
            nursery.start_soon(self._keep_house, core)
            nursery.start_soon(self._index, core)
            self._ready = True
            task_status.started()
            await context.acceptor.draining.wait()
            self._draining = True
            self._housekeeping.cancel()
            self._indexing.cancel()
            if self._runner is not None:
                self._runner.stop()

    async def _relay(self, core: Core) -> None:
        """Run the queue, once no other process does."""
        lock = await self._lock(core.configuration.data)
        if lock is None:
            return
        configuration = core.configuration
        self._pool = Pool(hello=configuration.hostname, settings=configuration.smtp)
        with contextlib.closing(lock):
            self._runner = QueueRunner(
                core.queue,
                core.store,
                core.delivery,
                _make_relay(configuration, core, self._pool),
                core.hub,
                core.ids,
                configuration.queue,
                core.metrics,
                hostname=configuration.hostname,
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pool.run)
                await self._runner.run()
                nursery.cancel_scope.cancel()

    async def _keep_house(self, core: Core) -> None:
        """Keep house for the store until it is time to end; a slice under way is finished first."""
        with self._housekeeping:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._prune, core)
                await Keeper(core.store.engine, core.metrics).run()

    async def _prune(self, core: Core) -> None:
        """Let old records of the audit log go."""
        while True:
            with contextlib.suppress(TemporaryFailure):  # the next time will do
                await core.directory.audit.prune()
            await trio.sleep(_PRUNE_SECONDS)

    async def _index(self, core: Core) -> None:
        """Keep the text index up with the mail until it is time to end."""
        with self._indexing:
            async with open_extractor(core.configuration.attachments, core.metrics) as extractor:
                await IndexJob(core.store.engine, core.hub, core.metrics, extractor).run()

    async def _lock(self, data: Path) -> FolderLock | None:
        """Wait until this is the only runner of the queue; None when it is time to end.

        A family whose supervisor was killed finishes the deliveries that are under way, while the next family
        begins. The next runner takes all leases for those of a dead process, so it must not begin before.
        """
        told = False
        while not self._draining:
            try:
                return FolderLock(data, "queue.lock")
            except (LockHeld, OSError) as fault:
                if not told:
                    log.warning("the queue waits for another process to end", fault=repr(fault))
                told = True
            await trio.sleep(_LOCK_SECONDS)
        return None


def _make_relay(configuration: Configuration, core: Core, pool: Pool) -> HomeRelay:
    hops = NextHops(
        Resolver(configuration.dns),
        configuration.routes,
        configuration.queue,
        hostname=configuration.hostname,
        rng=random.SystemRandom(),
    )
    carrier = SmtpCarrier(pool, attempt_seconds=configuration.queue.attempt_seconds)
    return HomeRelay(Relay(hops, carrier), core.directory, core.delivery, hostname=configuration.hostname)
