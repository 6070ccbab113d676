"""Takes due entries of the queue and brings them on their way; runs in the back worker.

Standards: RFC 5321 sections 4.5.4.1 (sending strategy) and 6.1 (reports).

Theory: one loop takes what is due while there are free places, and then waits for the first of: a notice
that something was enqueued, a place that became free, the time at which the next entry comes due. A domain
that has all the places it may have is left alone until one is free, so a slow one holds nobody else up. Who
gets a place that is free says `queue.turns`.
Each entry is in the tables all the time, leased while it is on its way: whatever happens to this process,
it comes due again.

A fault of our own in one entry puts that entry off like any failed try: it must not stop the others.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from pymailcore.base.envelope import Envelope, Terms
from pymailcore.base.errors import MailError, OverQuota, PermanentFailure, TemporaryFailure
from pymailcore.base.ids import IdMint
from pymailcore.base.parties import Party, working_for
from pymailcore.delivery.delivery import Delivery, without_return_path
from pymailcore.queue.home import Attempts
from pymailcore.queue.queue import Queue
from pymailcore.queue.reports import report
from pymailcore.queue.settings import QueueSettings
from pymailcore.queue.turns import Group, Turns
from pymailcore.queue.types import Bounce, Lease, Result, Verdict
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.hub import QUEUE, ChangeHub
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.store import Store
from pymailcore.store.types import StoredMessage, Transaction

T = TypeVar("T")
W = TypeVar("W")

_AFTER_TROUBLE_SECONDS: Final = 5.0
_NOTICE_SECONDS: Final = 1.0
_REPORTS: Final = ""  # the place of reports among those of domains

log = get_logger()


class QueueRunner:
    """Relays what the queue holds.

    Args:
        delivery: files reports to senders.
        hostname: our own name, for reports.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        queue: Queue,
        store: Store,
        delivery: Delivery,
        relay: Attempts,
        hub: ChangeHub,
        ids: IdMint,
        settings: QueueSettings,
        metrics: Metrics,
        *,
        hostname: str,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._queue = queue
        self._store = store
        self._delivery = delivery
        self._relay = relay
        self._hub = hub
        self._ids = ids
        self._settings = settings
        self._metrics = metrics
        self._hostname = hostname
        self._now_ms = now_ms
        self._turns = Turns()
        self._wake = trio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Work until `stop`, then end when what is on its way has ended.

        There is one runner for a store, so all leases that it finds at its beginning are of a process that
        is gone. Cancellation: entries on their way are tried again by the next runner; a host that had
        taken one and whose reply was not written down yet gets it twice.
        """
        await self._until_it_works(lambda: self._queue.release_leases())
        await self._until_it_works(lambda: self._queue.resume())
        async with trio.open_nursery() as listening:
            listening.start_soon(self._listen)
            async with trio.open_nursery() as nursery:
                while not self._stopping:
                    self._wake = trio.Event()
                    if not await self._until_it_works(lambda: self._start_due(nursery)):
                        await self._wait()
            listening.cancel_scope.cancel()

    def reload(
        self, queue: Queue, delivery: Delivery, relay: Attempts, settings: QueueSettings, *, hostname: str
    ) -> None:
        """Begin everything from now on with these; what is on its way goes on, and nothing waits for it."""
        self._queue = queue
        self._delivery = delivery
        self._relay = relay
        self._settings = settings
        self._hostname = hostname
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more."""
        self._stopping = True
        self._wake.set()

    async def _listen(self) -> None:
        with self._hub.watch(QUEUE) as watch:
            while True:
                await watch.changed()
                self._wake.set()

    async def _until_it_works(self, step: Callable[[], Awaitable[T]]) -> T:
        """Run a step on the database again until the database can be used."""
        while True:
            try:
                return await step()
            except TemporaryFailure as failure:
                log.warning("the queue cannot be used now", reason=str(failure))
                await trio.sleep(_AFTER_TROUBLE_SECONDS)

    # --- what to do next -------------------------------------------------------------------------

    async def _start_due(self, nursery: trio.Nursery) -> int:
        """Start tasks for what is due, as far as there are places; gives how many."""
        free = self._settings.concurrent_count - self._turns.total()
        if free <= 0:
            return 0
        bounces = await self._queue.take_bounces(free)
        for bounce in bounces:
            report = Group(bounce.message.id, _REPORTS, 0, bounce.message.tenant)
            self._start(nursery, report, self._report, bounce)
        leases = await self._queue.take(free - len(bounces), self._turns)
        for lease in leases:
            self._start(nursery, lease.group, self._carry, lease)
        return len(bounces) + len(leases)

    def _start(
        self, nursery: trio.Nursery, place: Group, work: Callable[[W], Awaitable[None]], what: W
    ) -> None:
        async def run() -> None:
            try:
                with working_for(Party(place.tenant, place.flow)):
                    await work(what)
            finally:
                self._turns.end(place)
                self._wake.set()

        self._turns.begin(place)
        nursery.start_soon(run)

    async def _wait(self) -> None:
        """Wait for the first reason to look again."""
        self._metrics.queue_entries.set(await self._until_it_works(lambda: self._queue.count()))
        seconds = self._settings.poll_seconds
        if self._turns.total() < self._settings.concurrent_count:
            due_ms = await self._until_it_works(lambda: self._queue.next_due_ms(self._turns))
            if due_ms is not None:
                away = (due_ms - self._now_ms()) / 1000
                # What is due and was not taken a moment ago has just come; its notice is on its way.
                seconds = min(seconds, away if away > 0 else _NOTICE_SECONDS)
        with trio.move_on_after(seconds) as quiet:
            await self._wake.wait()
        if quiet.cancelled_caught:
            await self._until_it_works(lambda: self._queue.resume())

    # --- one entry -------------------------------------------------------------------------------

    async def _carry(self, lease: Lease) -> None:
        results = await self._attempt(lease)
        for result in await self._until_it_works(lambda: self._queue.finish(lease, results)):
            self._metrics.relayed.labels(result.verdict.value).inc()
            log.info(
                "relayed",
                message=lease.message.id,
                recipient=result.address,
                outcome=result.verdict.value,
                reply=result.reply,
            )
        bounce = await self._until_it_works(lambda: self._queue.delayed(lease))
        if bounce is not None:
            await self._tell(bounce)

    async def _attempt(self, lease: Lease) -> list[Result]:
        reason = "4.4.2 the host took too long"
        with trio.move_on_after(self._settings.attempt_seconds):
            try:
                octets = await self._store.rebuild(lease.message.tenant, lease.message.recipe)
                return await self._relay.attempt(lease, without_return_path(octets))
            except MailError as failure:
                log.error("a queued message cannot be read", message=lease.message.id, reason=str(failure))
                reason = "4.3.0 the message cannot be read"
            except Exception:  # a fault of ours in one entry must not stop the others
                log.exception("fault while relaying", message=lease.message.id)
                reason = "4.3.0 fault while relaying"
        return [Result(address, Verdict.LATER, reason) for address in lease.recipients]

    async def _tell(self, bounce: Bounce) -> None:
        """Tell the sender of a delay; when that cannot be done now, the next failed try does it."""
        now_ms = self._now_ms()

        async def note(tx: Transaction, told: Bounce) -> None:
            await self._queue.tell(tx, told, now_ms)

        try:
            await self._file_report(bounce, note)
        except MailError as failure:
            log.warning("a delay cannot be told", message=bounce.message.id, reason=str(failure))

    async def _report(self, bounce: Bounce) -> None:
        """Tell the sender; the report and the end of the failed recipients are one transaction."""
        try:
            await self._file_report(bounce, self._queue.forget_bounce)
        except (TemporaryFailure, OverQuota) as failure:
            log.warning("a report cannot be filed now", message=bounce.message.id, reason=str(failure))
            await self._until_it_works(lambda: self._queue.put_off_bounce(bounce))
        except PermanentFailure as failure:
            # RFC 5321 section 6.1: a report that nobody takes ends here.
            log.warning("a report has no reader", message=bounce.message.id, reason=str(failure))
            await self._until_it_works(lambda: self._queue.end_bounce(bounce))
        except Exception:  # a fault of ours in one entry must not stop the others
            log.exception("fault while reporting", message=bounce.message.id)
            await self._until_it_works(lambda: self._queue.put_off_bounce(bounce))

    async def _file_report(
        self, bounce: Bounce, note: Callable[[Transaction, Bounce], Awaitable[None]]
    ) -> None:
        message = bounce.message
        if message.reverse_path is None:
            raise PermanentFailure("null reverse-path")
        try:
            original = without_return_path(await self._store.rebuild(message.tenant, message.recipe))
        except PermanentFailure:
            original = b""
        now_ms = self._now_ms()
        octets = report(
            bounce,
            original,
            hostname=self._hostname,
            number=self._ids.new(),
            now_ms=now_ms,
            give_up_hours=self._settings.give_up_hours,
            max_returned_octets=self._settings.returned_octets,
        )

        async def also(tx: Transaction, _: StoredMessage) -> None:
            await note(tx, bounce)

        await self._delivery.accept(
            Envelope(
                reverse_path=None,
                recipients=(message.reverse_path,),
                smtputf8=message.smtputf8,
                eight_bit=not octets.isascii(),
                terms=Terms(require_tls=message.terms.require_tls),  # RFC 8689 section 5
            ),
            octets,
            tenant=message.tenant,
            received_ms=now_ms,
            also=also,
        )
