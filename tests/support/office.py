"""An installation that relays: the real store, directory, queue and runner, and real sockets."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio
from tests.support.deliveries import MESSAGE, envelope
from tests.support.directories import CHEAP, Clock, address, mint
from tests.support.smtp_sink import Sink
from tests.support.stores import EnginePlace, small_settings

from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.delivery.delivery import Accepted, Delivery
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.directory import Directory
from pymailcore.directory.types import Account
from pymailcore.dns.resolver import Resolver
from pymailcore.dns.settings import DnsSettings
from pymailcore.queue.carrier import SmtpCarrier
from pymailcore.queue.home import HomeRelay
from pymailcore.queue.nexthop import NextHops
from pymailcore.queue.queue import Queue
from pymailcore.queue.relay import Relay
from pymailcore.queue.runner import QueueRunner
from pymailcore.queue.settings import QueueSettings, Route
from pymailcore.queue.types import Entry
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.pool import Pool
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Want


@dataclass
class Office:
    """One installation with ann's account; `b.example` is routed to the sink."""

    store: Store
    directory: Directory
    queue: Queue
    delivery: Delivery
    hub: ChangeHub
    ann: Account
    runner: QueueRunner
    pool: Pool

    async def send(
        self, *recipients: str, octets: bytes = MESSAGE, reverse_path: str | None = "ann@a.example"
    ) -> Accepted:
        """Accept a message."""
        return await self.accept(envelope(*recipients, reverse_path=reverse_path), octets)

    async def accept(self, to: Envelope, octets: bytes = MESSAGE) -> Accepted:
        """Accept a message with all that its envelope says."""
        return await self.delivery.accept(to, octets, tenant=DEFAULT_TENANT, received_ms=now_ms())

    async def until(self, count: int) -> list[Entry]:
        """Wait until so many entries are left and none of them is on its way."""
        with trio.fail_after(10):
            while True:
                entries = await self.queue.entries()
                if len(entries) == count and all(e.state == "waiting" and e.tries for e in entries):
                    return entries
                await trio.lowlevel.checkpoint()

    async def inbox(self) -> list[bytes]:
        """What ann has got."""
        box = await self.store.mailbox_named(self.ann.id, "INBOX")
        assert box is not None
        rows = await self.store.fetch(self.ann.id, box.id, [(1, 2**32 - 1)], Want.NONE)
        return [await self.store.message(self.ann.id, row.email) for row in rows]  # type: ignore[arg-type]


@asynccontextmanager
async def office(
    data: Path,
    settings_of: EnginePlace,
    *routes: Route,
    dns: DnsSettings | None = None,
    queue: QueueSettings | None = None,
) -> AsyncIterator[Office]:
    """Open an installation, new or as it was left."""
    ids, hub, settings = mint(Clock(now_ms())), ChangeHub(), queue or QueueSettings()
    async with open_store(
        small_settings(data, **settings_of), notify=hub.publish, ids=ids, maintain=False
    ) as store:
        directory = Directory(store.database, store, ids, hub.publish, CHEAP)
        if await directory.first_domain() is None:
            await directory.domains.add(SYSTEM, "a.example")
            await directory.accounts.add(SYSTEM, address("ann@a.example"), None)
        ann = await directory.accounts.get(address("ann@a.example"))
        outbound = Queue(store.database, store, hub.publish, settings)
        delivery = Delivery(store, directory, outbound, ids)
        resolver = Resolver(dns or DnsSettings(nameservers=("127.0.0.1",), port=9))
        hops = NextHops(resolver, routes, settings, hostname="mx.a.example", rng=random.Random(1))  # noqa: S311
        pool = Pool(hello="mx.a.example", settings=SmtpSettings())
        carrier = SmtpCarrier(pool, attempt_seconds=10.0)
        runner = QueueRunner(
            outbound,
            store,
            delivery,
            HomeRelay(Relay(hops, carrier), directory, delivery, hostname="mx.a.example"),
            hub,
            ids,
            settings,
            Metrics(),
            hostname="mx.a.example",
        )
        yield Office(store, directory, outbound, delivery, hub, ann, runner, pool)


@asynccontextmanager
async def running(it: Office) -> AsyncIterator[None]:
    """Run the queue until the end of the block, as the back worker does."""
    async with trio.open_nursery() as pooling:
        pooling.start_soon(it.pool.run)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.runner.run)
            yield
            it.runner.stop()
        pooling.cancel_scope.cancel()


def route_to(sink: Sink) -> Route:
    """Where b.example is."""
    return Route(domain="b.example", host="127.0.0.1", port=sink.port)
