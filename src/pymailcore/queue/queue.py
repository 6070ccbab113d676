"""The outbound queue: durable, in the store's database, shared by all processes.

Standards: RFC 5321 sections 4.5.4 (queueing) and 6.1 (responsibility for a message).

Contract: what was enqueued stays until a host has acknowledged it, until its sender was told that it
failed, or until an operator drops it. A recipient that was acknowledged is removed in the next transaction;
only a crash between the two, or a lease that ran out, sends it again.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import NotFound, StateMismatch
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.delivery.outbound import Done
from pymailcore.queue import chosen, due, held, tables, untried
from pymailcore.queue.schedule import by_deadline, has_missed, next_try_ms
from pymailcore.queue.settings import QueueSettings
from pymailcore.queue.turns import Group, Turns
from pymailcore.queue.types import Bounce, Entry, Lease, Result, Verdict
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.hub import QUEUE
from pymailcore.store.store import Store
from pymailcore.store.types import Database, StoredMessage, Transaction

_DROP_SLICE: Final = 500

Check = Callable[[Transaction], Awaitable[object]]
"""Asks whether something may be done, in the transaction that does it."""


def _to_be_told(lease: Lease, result: Result) -> str:
    """What the sender is to be told of a recipient that is done with; "" for nothing."""
    if result.verdict is Verdict.SENT:
        return result.report
    return "failed" if lease.wants(result.address, "FAILURE") else ""


class Queue:
    """Takes messages for other domains (`delivery.Outbound`), and gives leases on them to a runner.

    Args:
        database: where the tables are; the store's own.
        publish: `ChangeHub.publish`.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        publish: Callable[[int, int], None],
        settings: QueueSettings,
        *,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._publish = publish
        self._settings = settings
        self._now_ms = now_ms

    # --- taking messages -------------------------------------------------------------------------

    async def enqueue(
        self,
        tx: Transaction,
        message: StoredMessage,
        envelope: Envelope,
        recipients: tuple[Address, ...],
        *,
        id: int,
        now_ms: int,
        account: AccountId | None = None,
        reports: Sequence[Done] = (),
    ) -> None:
        """Keep a message for some recipients, inside the caller's transaction; see `delivery.Outbound`."""
        await tables.insert(
            tx,
            id,
            tenant=message.tenant,
            reverse_path=envelope.reverse_path,
            size_octets=message.size_octets,
            recipe=message.recipe,
            smtputf8=envelope.smtputf8,
            eight_bit=envelope.eight_bit,
            recipients=recipients,
            now_ms=now_ms,
            account=account or 0,
            binary=envelope.binary,
            terms=envelope.terms,
            report_terms=envelope.report_terms,
        )
        for done in reports:
            await tables.insert_report(
                tx, id, done.address, action=done.action, orcpt=done.orcpt, now_ms=now_ms
            )
        await self._store.hold_blobs(tx, message, id)

    async def hold(self, account: AccountId) -> None:
        """Let what waits of an account wait until it may send; see `delivery.Outbound`."""

        async def work(tx: Transaction) -> None:
            await held.hold(tx, account)

        await self._database.write(work)

    async def recall(
        self, tx: Transaction, queued: int, *, account: AccountId, recipients_count: int
    ) -> None:
        """Take back a message of which nobody was tried yet; see `delivery.Outbound`."""
        if await untried.remove(tx, queued, account) != recipients_count:
            raise StateMismatch("the message has begun to leave")
        await self._clear(tx, queued)

    def wake(self) -> None:
        """Tell the runner, in whatever process it is, that something is due."""
        self._publish(QUEUE, self._now_ms())

    # --- what the runner does --------------------------------------------------------------------

    async def take(self, limit: int, turns: Turns | None = None) -> list[Lease]:
        """Lease recipients that are due, in groups of one message and domain, in the order of their turns.

        Args:
            turns: who has places now; the caller says there who gets these.
        """
        whose = turns or Turns()
        now_ms = self._now_ms()
        until_ms = now_ms + int(self._settings.lease_seconds * 1000)

        async def look(tx: Transaction) -> list[Group]:
            return await due.due_groups(
                tx,
                whose,
                now_ms=now_ms,
                limit=limit,
                places=self._settings.concurrent_count,
                per_domain=self._settings.concurrent_per_domain_count,
            )

        groups = await self._database.read(look)
        if not groups:
            return []

        async def work(tx: Transaction) -> list[Lease]:
            most = self._settings.recipients_per_transaction_count
            return await tables.lease(tx, groups, now_ms=now_ms, until_ms=until_ms, per_lease=most)

        return await self._database.write(work)

    async def take_bounces(self, limit: int) -> list[Bounce]:
        """Lease messages whose senders are to be told of a failure."""
        now_ms = self._now_ms()
        until_ms = now_ms + int(self._settings.lease_seconds * 1000)

        async def look(tx: Transaction) -> bool:
            return await due.has_failed(tx, now_ms)

        if not await self._database.read(look):
            return []

        async def work(tx: Transaction) -> list[Bounce]:
            return await tables.lease_failed(tx, now_ms=now_ms, until_ms=until_ms, limit=limit)

        return await self._database.write(work)

    async def next_due_ms(self, turns: Turns | None = None) -> int | None:
        """When the next entry comes due that may have a place; None when there is none."""
        whose, settings = turns or Turns(), self._settings
        busy = whose.full_domains(settings.concurrent_per_domain_count)
        full = whose.full_flows(settings.concurrent_count)

        async def work(tx: Transaction) -> int | None:
            return await due.next_due_ms(tx, busy, full)

        return await self._database.read(work)

    async def resume(self) -> None:
        """Let what is held go on whose accounts may send again."""
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> int:
            return await held.resume(tx, now_ms)

        if not await self._database.read(held.may_resume):
            return
        if await self._database.write(work):
            self.wake()

    async def count(self) -> int:
        """How many recipients the queue holds."""
        return await self._database.read(chosen.count)

    async def release_leases(self) -> int:
        """Make everything due that is leased, before a runner begins, unless others run on other nodes."""
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> int:
            return await tables.release_leases(tx, now_ms)

        return await self._database.join("queue runners", work) or 0

    async def finish(self, lease: Lease, results: Sequence[Result]) -> list[Result]:
        """Write down what became of a lease, in one transaction.

        A recipient that is to be tried later and is too old fails. A failure of a message with the null
        reverse-path is the end of it (RFC 5321 section 6.1); any other waits for its report, unless the
        sender wants none, and so does a success of which he wants to be told (RFC 3461 section 5.2).

        Returns:
            The results as they were written down.
        """
        now_ms = self._now_ms()
        final = [self._too_old(lease, result, now_ms) for result in results]

        async def work(tx: Transaction) -> None:
            current = await tables.message(tx, lease.message.id)
            if current is None:
                return  # an operator dropped it meanwhile
            for result in final:
                if result.verdict is Verdict.LATER:
                    tries = await tables.tries(tx, lease.message.id, result.address)
                    due_ms = next_try_ms(current.begin_ms, tries + 1, now_ms, self._settings) or now_ms
                    due_ms = by_deadline(due_ms, now_ms, current.terms)
                    await tables.put_off(tx, lease, result.address, due_ms, result.reply)
                    continue
                action = _to_be_told(lease, result)
                if action and current.reverse_path is not None:
                    await tables.give_up(tx, lease, result.address, now_ms, result.reply, action=action)
                else:
                    await tables.remove(tx, lease.message.id, result.address)
            await self._clear(tx, lease.message.id)

        await self._database.write(work)
        return final

    def _too_old(self, lease: Lease, result: Result, now_ms: int) -> Result:
        message = lease.message
        if result.verdict is not Verdict.LATER:
            return result
        by = message.terms.deliver_by
        if by is not None and by.give_up and has_missed(now_ms, message.terms):
            return Result(result.address, Verdict.FAILED, f"5.4.7 not in time; last: {result.reply}")
        if next_try_ms(message.begin_ms, 1, now_ms, self._settings):
            return result
        return Result(result.address, Verdict.FAILED, f"4.4.7 gave up; last: {result.reply}")

    async def delayed(self, lease: Lease) -> Bounce | None:
        """Find recipients of a lease that still wait and of whose delay the sender is to be told now.

        That is where he asked for it, once, after some hours; or when the time is over by which the message
        should have been delivered (RFC 2852 section 4), unless he wants no such reports.
        """
        message, now_ms = lease.message, self._now_ms()
        missed = has_missed(now_ms, message.terms)
        hours = self._settings.delay_report_hours
        if message.reverse_path is None or (
            not missed and now_ms < message.begin_ms + int(hours * 3_600_000)
        ):
            return None
        wanting = [
            address
            for address in lease.recipients
            if lease.wants(address, "DELAY") or (missed and not lease.notify(address))
        ]
        if not wanting:
            return None
        found = await self._database.read(lambda tx: tables.untold(tx, lease))
        failures = tuple(failure for failure in found if failure.address in wanting)
        return Bounce(message, failures, 0) if failures else None

    async def tell(self, tx: Transaction, bounce: Bounce, now_ms: int) -> None:
        """Note that a sender was told of a delay, inside the transaction that files the report."""
        await tables.tell(tx, bounce.message.id, [one.address for one in bounce.failures], now_ms)

    async def forget_bounce(self, tx: Transaction, bounce: Bounce) -> None:
        """Remove failed recipients, inside the transaction that files their report."""
        for failure in bounce.failures:
            await tables.remove(tx, bounce.message.id, failure.address)
        await self._clear(tx, bounce.message.id)

    async def end_bounce(self, bounce: Bounce) -> None:
        """Remove failed recipients of whom nobody can be told."""

        async def work(tx: Transaction) -> None:
            await self.forget_bounce(tx, bounce)

        await self._database.write(work)

    async def put_off_bounce(self, bounce: Bounce) -> None:
        """Try to file a report again after the first interval of the schedule."""
        due_ms = self._now_ms() + int(self._settings.retry_minutes[0] * 60_000)

        async def work(tx: Transaction) -> None:
            await tables.put_off_report(tx, bounce, due_ms)

        await self._database.write(work)

    async def _clear(self, tx: Transaction, number: int) -> None:
        await tx.lock("queue_messages", (number,))
        if await tables.is_empty(tx, number):
            await tables.remove_message(tx, number)
            await self._store.release_blobs(tx, number)

    # --- what operators do -----------------------------------------------------------------------

    async def entries(self, *, after: tuple[int, str] = (0, ""), limit: int = 1_000) -> list[Entry]:
        """List recipients by message, from behind (id, recipient) on."""
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> list[Entry]:
            return await chosen.entries(tx, after=after, limit=limit, now_ms=now_ms)

        return await self._database.read(work)

    async def retry(
        self,
        *,
        message: int | None = None,
        domain: str | None = None,
        account: AccountId | None = None,
        check: Check | None = None,
    ) -> int:
        """Let recipients be tried now; of all messages, domains and senders where none is given.

        What is held stays held.

        Args:
            check: asked in the same transaction whether that may be; raises what refuses it.

        Raises:
            NotFound: nothing that matches waits.
        """
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> int:
            if check is not None:
                await check(tx)
            if not await chosen.matching(tx, number=message, domain=domain, account=account):
                raise NotFound("nothing in the queue matches")
            return await chosen.make_due(tx, now_ms, number=message, domain=domain, account=account)

        count = await self._database.write(work)
        self.wake()
        return count

    async def release(
        self,
        *,
        message: int | None = None,
        domain: str | None = None,
        account: AccountId | None = None,
        check: Check | None = None,
    ) -> int:
        """Let held messages go out although their accounts may not send; gives how many recipients.

        Args:
            check: asked in the same transaction whether that may be; raises what refuses it.

        Raises:
            NotFound: nothing that matches is held.
        """
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> int:
            if check is not None:
                await check(tx)
            return await held.release(tx, now_ms, number=message, domain=domain, account=account)

        count = await self._database.write(work)
        if not count:
            raise NotFound("nothing in the queue that matches is held")
        self.wake()
        return count

    async def drop(
        self,
        *,
        message: int | None = None,
        domain: str | None = None,
        account: AccountId | None = None,
        check: Check | None = None,
    ) -> int:
        """Remove recipients without telling anybody; of everything where nothing is given.

        What is being relayed at the moment may still arrive.

        Args:
            check: asked in each transaction whether that may be; raises what refuses it.

        Raises:
            NotFound: nothing matches.
        """

        async def matching(tx: Transaction) -> list[tuple[int, str]]:
            return await chosen.matching(tx, number=message, domain=domain, account=account)

        found = await self._database.read(matching)
        if not found:
            raise NotFound("nothing in the queue matches")
        for start in range(0, len(found), _DROP_SLICE):
            await self._drop(found[start : start + _DROP_SLICE], check)
        return len(found)

    async def drop_tenant(self, tenant: TenantId) -> int:
        """Remove all messages of a tenant that is removed and tell nobody; gives how many recipients."""
        found = await self._database.read(lambda tx: chosen.of_tenant(tx, tenant))
        for start in range(0, len(found), _DROP_SLICE):
            await self._drop(found[start : start + _DROP_SLICE])
        return len(found)

    async def drop_account(self, account: AccountId, note: Callable[[int], Check]) -> int:
        """Remove what waits of an account that is removed, held mail too, and tell nobody; gives how many.

        Args:
            note: what records that so many recipients go, in the transaction in which they do.
        """

        async def matching(tx: Transaction) -> list[tuple[int, str]]:
            return await chosen.matching(tx, number=None, domain=None, account=account)

        found = await self._database.read(matching)
        for start in range(0, len(found), _DROP_SLICE):
            some = found[start : start + _DROP_SLICE]
            await self._drop(some, note(len(some)))
        return len(found)

    async def _drop(self, some: Sequence[tuple[int, str]], check: Check | None = None) -> None:
        async def work(tx: Transaction) -> None:
            if check is not None:
                await check(tx)
            for number, address in some:
                await tables.remove(tx, number, address)
            for number in dict.fromkeys(number for number, _ in some):
                await self._clear(tx, number)

        await self._database.write(work)
