"""tables: no entry is lost and none is sent twice, whatever happens in whatever order.

The machine keeps a plain model beside the queue's rows: each recipient is in the queue, was acknowledged by
a host, was reported as failed, or was dropped by an operator; and how often it was handed to a host.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from tests.support.deliveries import envelope
from tests.support.directories import Clock, address
from tests.support.memory_store import MemoryStore

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings
from pymailcore.queue.types import Bounce, Lease, Result, Verdict
from pymailcore.store.types import StoredMessage, Transaction

T = TypeVar("T")
SETTINGS = QueueSettings(
    concurrent_per_domain_count=2,
    recipients_per_transaction_count=2,
    lease_seconds=1_500.0,
    give_up_hours=3.0,
)
RECIPIENTS = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from(["b.example", "c.example", "d.example"])),
    min_size=1,
    max_size=6,
    unique=True,
)


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waited")


class QueueMachine(RuleBasedStateMachine):
    leases = Bundle("leases")
    bounces = Bundle("bounces")

    def __init__(self) -> None:
        super().__init__()
        self.store, self.clock = MemoryStore(), Clock()
        self.queue = Queue(
            self.store.database, self.store, lambda _channel, _value: None, SETTINGS, now_ms=self.clock
        )
        self.number = 0
        self.waiting: dict[tuple[int, str], bool] = {}  # has a sender
        self.failed: set[tuple[int, str]] = set()
        self.held: dict[tuple[int, str], int] = {}  # end of the lease that is in force

    @rule(recipients=RECIPIENTS, null=st.booleans(), commit=st.booleans())
    def enqueue(self, recipients: list[tuple[str, str]], null: bool, commit: bool) -> None:
        self.number += 1
        to = envelope(*(f"{local}@{domain}" for local, domain in recipients), reverse_path=None)
        if not null:
            to = envelope(*map(str, to.recipients), reverse_path="ann@a.example")
        message = StoredMessage(DEFAULT_TENANT, b"", 1, b"%d" % self.number, ())

        async def work(tx: Transaction) -> None:
            await self.queue.enqueue(tx, message, to, to.recipients, id=self.number, now_ms=self.clock.ms)

        if not commit:
            self.store.memory.fail_next = TemporaryFailure("power")
        try:
            drive(self.store.memory.write(work))
        except TemporaryFailure:
            return
        self.waiting.update({(self.number, str(recipient)): not null for recipient in to.recipients})

    @rule(target=leases, limit=st.integers(1, 6))
    def take(self, limit: int) -> Any:  # noqa: ANN401 - Hypothesis' own type
        taken = drive(self.queue.take(limit))
        assert len(taken) <= limit
        for lease in taken:
            assert len(lease.recipients) <= 2
            for recipient in lease.recipients:
                key = (lease.message.id, recipient)
                assert key in self.waiting, "it is done with"
                assert self.held.get(key, 0) <= self.clock.ms, "somebody else has it"
                self.held[key] = lease.until_ms
        return multiple(*taken)

    @rule(lease=consumes(leases), data=st.data(), commit=st.booleans())
    def finish(self, lease: Lease, data: st.DataObject, commit: bool) -> None:
        results = [
            Result(recipient, data.draw(st.sampled_from(Verdict)), "mx: 450 x")
            for recipient in lease.recipients
        ]
        if not commit:
            self.store.memory.fail_next = TemporaryFailure("power")
        try:
            final = drive(self.queue.finish(lease, results))
        except TemporaryFailure:
            return  # the process is gone; the lease stays until it runs out
        finally:
            self.store.memory.fail_next = None
        for recipient, verdict, *_ in final:
            key = (lease.message.id, recipient)
            if key not in self.waiting:
                if verdict is Verdict.SENT:  # by one whose lease had run out: nobody is told that it failed
                    self.failed.discard(key)
                continue
            in_force = self.held.get(key) == lease.until_ms
            sender = self.waiting[key]
            if verdict is Verdict.SENT or (verdict is Verdict.FAILED and not sender):
                del self.waiting[key]
                self.held.pop(key, None)
            elif in_force:
                self.held.pop(key)
                if verdict is Verdict.FAILED:
                    del self.waiting[key]
                    self.failed.add(key)

    @rule(target=bounces)
    def take_bounces(self) -> Any:  # noqa: ANN401 - Hypothesis' own type
        taken = drive(self.queue.take_bounces(10))
        for bounce in taken:
            for failure in bounce.failures:
                assert (bounce.message.id, failure.address) in self.failed
            assert bounce.message.reverse_path == address("ann@a.example")
        return multiple(*taken)

    @rule(bounce=consumes(bounces), filed=st.booleans())
    def report(self, bounce: Bounce, filed: bool) -> None:
        if filed:
            drive(self.queue.end_bounce(bounce))
            self.failed -= {(bounce.message.id, failure.address) for failure in bounce.failures}
        else:
            drive(self.queue.put_off_bounce(bounce))

    @rule(seconds=st.sampled_from([1, 300, 1_500, 4_000, 20_000]))
    def wait(self, seconds: int) -> None:
        self.clock.ms += seconds * 1_000

    @rule()
    def restart(self) -> None:
        drive(self.queue.release_leases())
        self.held.clear()

    @rule()
    def everything_now(self) -> None:
        if self.waiting or self.failed:
            drive(self.queue.retry())
            now = self.clock.ms  # a lease that has run out is taken away
            self.held = {key: until for key, until in self.held.items() if until > now}

    @invariant()
    def every_recipient_is_where_the_model_has_it(self) -> None:
        rows = self.store.memory.connection.execute("SELECT message, address, state FROM queue_recipients")
        found = {(row[0], row[1]): row[2] for row in rows}
        assert {key for key, state in found.items() if state == "waiting"} == set(self.waiting)
        assert {key for key, state in found.items() if state == "failed"} == self.failed

    @invariant()
    def messages_and_blobs_live_as_long_as_their_recipients(self) -> None:
        needed = {number for number, _ in (*self.waiting, *self.failed)}
        connection = self.store.memory.connection
        assert {row[0] for row in connection.execute("SELECT id FROM queue_messages")} == needed
        assert {row[0] for row in connection.execute("SELECT owner FROM held")} == needed


QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueueMachine = QueueMachine.TestCase
