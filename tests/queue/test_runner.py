"""runner: what becomes of queued mail, on a virtual clock with hosts of our own."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from tests.support.deliveries import MESSAGE, Post, envelope, make_post
from tests.support.directories import VirtualClock, address
from trio.testing import MockClock, wait_all_tasks_blocked

from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.actors import SYSTEM
from pymailcore.dns.resolver import Resolver
from pymailcore.dns.settings import DnsSettings
from pymailcore.queue.nexthop import Hop, NextHops
from pymailcore.queue.relay import Relay
from pymailcore.queue.runner import QueueRunner
from pymailcore.queue.settings import QueueSettings, Route
from pymailcore.queue.types import Result, Verdict
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.client import Outcome
from pymailcore.smtp.protocol.reply import Reply

MINUTE, DAY = 60.0, 86_400.0
OK = Reply(250, "2.0.0", "kept")
BUSY = Reply(450, "4.2.1", "busy")
NO = Reply(550, "5.1.1", "nobody")

Behaviour = Callable[[Envelope], Awaitable[Reply]]


@dataclass
class Hosts:
    """A carrier; each domain behaves as the test says, and takes everything otherwise."""

    behaviour: dict[str, Behaviour | Reply | Exception] = field(default_factory=dict)
    got: list[tuple[float, str, str | None, bytes]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Outcome:
        assert hop.host == "relay"
        domain = envelope.recipients[0].domain
        self.tries[domain] += 1
        self.now[domain] += 1
        self.most[domain] = max(self.most[domain], self.now[domain])
        try:
            how = self.behaviour.get(domain, OK)
            if isinstance(how, Exception):
                raise how
            reply = how if isinstance(how, Reply) else await how(envelope)
        finally:
            self.now[domain] -= 1
        reverse_path = None if envelope.reverse_path is None else str(envelope.reverse_path)
        if reply.positive:
            for recipient in envelope.recipients:
                self.got.append((trio.current_time(), str(recipient), reverse_path, octets))
        return Outcome(replies=dict.fromkeys(envelope.recipients, reply), tls="")


@dataclass
class Scene:
    post: Post
    hosts: Hosts
    hub: ChangeHub
    settings: QueueSettings
    metrics: Metrics = field(default_factory=Metrics)

    def relay(self, hosts: Hosts) -> Relay:
        hops = NextHops(
            Resolver(DnsSettings()),
            [Route(domain="*", host="relay")],
            self.settings,
            hostname="mx.a.example",
            rng=random.Random(1),  # noqa: S311 - no secret
        )
        return Relay(hops, hosts)

    def runner(self) -> QueueRunner:
        return QueueRunner(
            self.post.queue,
            self.post.store,
            self.post.delivery,
            self.relay(self.hosts),
            self.hub,
            self.post.ids,
            self.settings,
            self.metrics,
            hostname="mx.a.example",
            now_ms=self.post.clock,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[QueueRunner]:
        runner = self.runner()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runner.run)
            await wait_all_tasks_blocked()
            yield runner
            nursery.cancel_scope.cancel()

    async def put(self, *recipients: str, reverse_path: str | None = "ann@a.example") -> None:
        await self.post.delivery.accept(
            envelope(*recipients, reverse_path=reverse_path),
            MESSAGE,
            tenant=DEFAULT_TENANT,
            received_ms=self.post.clock(),
        )

    def outcomes(self) -> dict[str, float]:
        samples = next(iter(self.metrics.relayed.collect())).samples
        return {s.labels["outcome"]: s.value for s in samples if s.name.endswith("_total")}

    def inbox(self) -> list[bytes]:
        return self.post.store.mail_of(self.post.ann.id)

    def is_empty(self) -> bool:
        return all(self.post.store.count(t) == 0 for t in ("queue_messages", "queue_recipients", "held"))


async def make_scene(settings: QueueSettings | None = None) -> Scene:
    settings, hub = settings or QueueSettings(), ChangeHub()
    return Scene(await make_post(settings, clock=VirtualClock(), hub=hub), Hosts(), hub, settings)


@pytest.fixture
async def scene() -> Scene:
    return await make_scene()


async def test_mail_goes_out_as_soon_as_it_is_announced(scene: Scene, autojump_clock: MockClock) -> None:
    async with scene.running():
        await scene.put("x@b.example", "y@c.example", "z@b.example")
        await trio.sleep(0.1)
    assert [(at, to, by) for at, to, by, _ in sorted(scene.hosts.got)] == [
        (0.0, "x@b.example", "ann@a.example"),
        (0.0, "y@c.example", "ann@a.example"),
        (0.0, "z@b.example", "ann@a.example"),
    ]
    assert {octets for *_, octets in scene.hosts.got} == {MESSAGE}
    assert scene.hosts.tries == {"b.example": 1, "c.example": 1}
    assert scene.is_empty()
    assert scene.outcomes() == {"sent": 3.0}


async def test_mail_that_waited_for_the_process_goes_out_when_it_starts(
    scene: Scene, autojump_clock: MockClock
) -> None:
    await scene.put("x@b.example")
    async with scene.running():
        await trio.sleep(0.1)
    assert len(scene.hosts.got) == 1


async def test_mail_that_was_not_announced_goes_out_at_the_next_look(
    scene: Scene, autojump_clock: MockClock
) -> None:
    async with scene.running():
        await scene.post.directory.addresses.add(SYSTEM, address("far@a.example"), address("x@b.example"))
        scene.hub.publish = lambda _channel, _value: None  # type: ignore[method-assign, assignment]
        await scene.put("far@a.example")
        await trio.sleep(61)
    assert len(scene.hosts.got) == 1


async def test_an_unreachable_host_leaves_it_queued_with_a_next_try_time(
    scene: Scene, autojump_clock: MockClock
) -> None:
    """RFC 5321 section 4.5.4.1."""
    scene.hosts.behaviour["b.example"] = TemporaryFailure("connection refused")
    async with scene.running():
        await scene.put("x@b.example")
        for tries, minutes in ((1, 5), (2, 15), (3, 35), (4, 75), (5, 135), (6, 255), (7, 495)):
            await trio.sleep(1)
            (entry,) = await scene.post.queue.entries()
            assert (entry.state, entry.tries) == ("waiting", tries)
            assert entry.last_reply == "relay: connection refused"
            assert entry.next_try_ms == scene.post.clock.ms + minutes * 60_000
            await trio.sleep(minutes * MINUTE - 0.5 - trio.current_time())
        del scene.hosts.behaviour["b.example"]
        await trio.sleep(1)
    assert [at for at, *_ in scene.hosts.got] == [495 * MINUTE]
    assert scene.is_empty()
    assert scene.inbox() == []


async def test_a_refusal_comes_back_as_one_report(scene: Scene, autojump_clock: MockClock) -> None:
    """RFC 3464; RFC 5321 section 4.5.5: with the null reverse-path."""
    scene.hosts.behaviour["b.example"] = NO
    async with scene.running():
        await scene.put("x@b.example", "y@b.example", "z@c.example")
        await trio.sleep(0.1)
    (octets,) = scene.inbox()
    assert octets.startswith(b"Return-Path: <>\r\n")
    for line in (b"rfc822; x@b.example", b"rfc822; y@b.example", b"Status: 5.1.1", b"relay"):
        assert line in octets
    assert b"z@c.example" not in octets
    assert [to for _, to, *_ in scene.hosts.got] == ["z@c.example"]
    assert scene.is_empty()
    assert scene.outcomes() == {"sent": 1.0, "failed": 2.0}


async def test_some_are_sent_some_wait_some_fail(scene: Scene, autojump_clock: MockClock) -> None:
    scene.hosts.behaviour.update({"b.example": BUSY, "c.example": NO})
    async with scene.running():
        await scene.put("x@b.example", "y@c.example", "z@d.example")
        await trio.sleep(0.1)
        assert [entry.recipient for entry in await scene.post.queue.entries()] == ["x@b.example"]
    assert len(scene.inbox()) == len(scene.hosts.got) == 1
    assert scene.post.store.count("held") == 1


async def test_what_cannot_be_sent_for_five_days_comes_back(scene: Scene, autojump_clock: MockClock) -> None:
    """RFC 5321 section 4.5.4.1."""
    scene.hosts.behaviour["b.example"] = BUSY
    async with scene.running():
        await scene.put("x@b.example")
        await trio.sleep(5 * DAY - 1)
        assert scene.inbox() == []
        await trio.sleep(2)
    (octets,) = scene.inbox()
    assert b"Status: 4.4.7\r\n" in octets
    assert b"450 4.2.1 busy" in octets
    assert scene.hosts.tries["b.example"] == 36
    assert scene.is_empty()


async def test_mail_with_the_null_reverse_path_never_causes_a_report(
    scene: Scene, autojump_clock: MockClock
) -> None:
    """RFC 5321 section 6.1."""
    scene.hosts.behaviour["b.example"] = NO
    async with scene.running():
        await scene.put("x@b.example", reverse_path=None)
        await trio.sleep(0.1)
    assert scene.is_empty()
    assert scene.inbox() == []


async def test_a_report_to_a_sender_elsewhere_goes_out_once_and_is_not_reported_on(
    scene: Scene, autojump_clock: MockClock
) -> None:
    scene.hosts.behaviour["b.example"] = NO
    async with scene.running():
        await scene.put("x@b.example", reverse_path="s@c.example")
        await trio.sleep(0.1)
        scene.hosts.behaviour["c.example"] = NO
        await scene.put("x@b.example", reverse_path="s@c.example")
        await trio.sleep(0.1)
    ((_, to, reverse_path, octets),) = scene.hosts.got
    assert (to, reverse_path) == ("s@c.example", None)
    assert b"multipart/report" in octets
    assert not octets.startswith(b"Return-Path")
    assert scene.hosts.tries == {"b.example": 2, "c.example": 2}
    assert scene.is_empty()


async def test_a_report_to_nobody_ends(scene: Scene, autojump_clock: MockClock) -> None:
    scene.hosts.behaviour["b.example"] = NO
    async with scene.running():
        await scene.put("x@b.example", reverse_path="nobody@a.example")
        await trio.sleep(0.1)
    assert scene.is_empty()


async def test_a_report_to_a_full_account_waits(scene: Scene, autojump_clock: MockClock) -> None:
    scene.hosts.behaviour["b.example"] = NO
    full = "UPDATE accounts SET full = ?1 WHERE id = ?2"
    scene.post.store.memory.connection.execute(full, (1, scene.post.ann.id))
    async with scene.running():
        await scene.put("x@b.example")
        await trio.sleep(4 * MINUTE)
        (entry,) = await scene.post.queue.entries()
        assert entry.state == "failed"
        scene.post.store.memory.connection.execute(full, (0, scene.post.ann.id))
        await trio.sleep(1 * MINUTE + 1)
    assert len(scene.inbox()) == 1
    assert scene.is_empty()


async def test_a_report_that_cannot_be_stored_now_is_filed_later(
    scene: Scene, autojump_clock: MockClock
) -> None:
    async def then_full(_: Envelope) -> Reply:
        await trio.sleep(1)
        return NO

    scene.hosts.behaviour["b.example"] = then_full
    accept = scene.post.delivery.accept
    faults: list[Exception] = [KeyError("our own fault"), TemporaryFailure("disk full")]

    async def failing(*args: Any, **more: Any) -> Any:  # noqa: ANN401 - passes on what it is given
        if more.get("also") is not None and faults:
            raise faults.pop()
        return await accept(*args, **more)

    scene.post.delivery.accept = failing  # type: ignore[method-assign]
    async with scene.running():
        await scene.put("x@b.example")
        await trio.sleep(10 * MINUTE - 10)
        assert scene.inbox() == []
        await trio.sleep(20)
    assert (len(scene.inbox()), faults) == (1, [])
    assert scene.is_empty()


async def test_a_crash_between_failure_and_report_still_reports_once(
    scene: Scene, autojump_clock: MockClock
) -> None:
    await scene.put("x@b.example")
    (lease,) = await scene.post.queue.take(1)
    await scene.post.queue.finish(lease, [Result("x@b.example", Verdict.FAILED, "mx: 550 5.1.1 no")])
    await scene.post.queue.take_bounces(1)  # and the process dies here
    async with scene.running():
        await trio.sleep(0.1)
    assert len(scene.inbox()) == 1
    assert scene.is_empty()


async def test_a_slow_domain_holds_nobody_else_up(autojump_clock: MockClock) -> None:
    scene = await make_scene(QueueSettings(concurrent_count=8, concurrent_per_domain_count=3))

    async def slow(_: Envelope) -> Reply:
        await trio.sleep(100)
        return OK

    scene.hosts.behaviour["slow.example"] = slow
    async with scene.running():
        for number in range(7):
            await scene.put(f"x{number}@slow.example")
        for number in range(20):
            await scene.put(f"x{number}@d{number}.example")
        await trio.sleep(1)
        assert len(scene.hosts.got) == 20
        await trio.sleep(350)
    assert len(scene.hosts.got) == 27
    assert scene.hosts.most["slow.example"] == 3
    assert sorted({at for at, *_ in scene.hosts.got}) == [0.0, 100.0, 200.0, 300.0]


async def test_no_more_than_so_many_are_relayed_at_once(autojump_clock: MockClock) -> None:
    scene = await make_scene(QueueSettings(concurrent_count=4))
    at_once, most = 0, 0

    async def slow(_: Envelope) -> Reply:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await trio.sleep(10)
        at_once -= 1
        return OK

    for number in range(12):
        scene.hosts.behaviour[f"d{number}.example"] = slow
        await scene.put(f"x@d{number}.example")
    async with scene.running():
        await trio.sleep(31)
    assert (most, len(scene.hosts.got)) == (4, 12)


async def test_a_host_that_hangs_is_left_after_a_time(scene: Scene, autojump_clock: MockClock) -> None:
    async def hang(_: Envelope) -> Reply:
        await trio.sleep_forever()
        raise AssertionError

    scene.hosts.behaviour["b.example"] = hang
    async with scene.running():
        await scene.put("x@b.example")
        await trio.sleep(1_201)
        (entry,) = await scene.post.queue.entries()
    assert (entry.tries, entry.last_reply) == (1, "4.4.2 the host took too long")


async def test_a_fault_in_one_entry_leaves_the_others_alone(scene: Scene, autojump_clock: MockClock) -> None:
    scene.hosts.behaviour["b.example"] = KeyError("our own fault")
    async with scene.running():
        await scene.put("x@b.example")
        await scene.put("y@c.example")
        await trio.sleep(0.1)
        (entry,) = await scene.post.queue.entries()
    assert (entry.recipient, entry.last_reply) == ("x@b.example", "4.3.0 fault while relaying")
    assert len(scene.hosts.got) == 1


async def test_a_message_whose_octets_are_gone_stays_for_an_operator(
    scene: Scene, autojump_clock: MockClock
) -> None:
    await scene.put("x@b.example")
    scene.post.store.memory.connection.execute("DELETE FROM held")
    async with scene.running():
        await trio.sleep(0.1)
        (entry,) = await scene.post.queue.entries()
    assert entry.last_reply == "4.3.0 the message cannot be read"


async def test_a_success_is_written_down_however_long_it_takes_and_sent_once(
    scene: Scene, autojump_clock: MockClock
) -> None:
    async def then_full(_: Envelope) -> Reply:
        scene.post.store.memory.fail_next = TemporaryFailure("disk full")
        return OK

    scene.hosts.behaviour["b.example"] = then_full
    async with scene.running():
        await scene.put("x@b.example")
        await trio.sleep(0.1)
        assert not scene.is_empty()
        await trio.sleep(6)
    assert scene.is_empty()
    assert scene.hosts.tries["b.example"] == 1


async def test_a_runner_that_was_killed_leaves_its_entries_to_the_next(
    scene: Scene, autojump_clock: MockClock
) -> None:
    async def hang(_: Envelope) -> Reply:
        await trio.sleep_forever()
        raise AssertionError

    scene.hosts.behaviour["b.example"] = hang
    async with scene.running():
        await scene.put("x@b.example")
        await trio.sleep(1)
    assert not scene.is_empty()
    del scene.hosts.behaviour["b.example"]
    async with scene.running():
        await trio.sleep(0.1)
    assert len(scene.hosts.got) == 1
    assert scene.is_empty()


async def test_stopping_waits_for_what_is_on_its_way_and_takes_nothing_new(
    scene: Scene, autojump_clock: MockClock
) -> None:
    async def slow(_: Envelope) -> Reply:
        await trio.sleep(10)
        return OK

    scene.hosts.behaviour["b.example"] = slow
    runner = scene.runner()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runner.run)
        await scene.put("x@b.example")
        await trio.sleep(1)
        runner.stop()
        await scene.put("y@c.example")
    assert trio.current_time() == 10.0
    assert [to for _, to, *_ in scene.hosts.got] == ["x@b.example"]
    assert await scene.post.queue.count() == 1


async def test_an_operators_retry_is_tried_at_once(scene: Scene, autojump_clock: MockClock) -> None:
    scene.hosts.behaviour["b.example"] = BUSY
    async with scene.running():
        await scene.put("x@b.example")
        await trio.sleep(1)
        del scene.hosts.behaviour["b.example"]
        await scene.post.queue.retry()
        await trio.sleep(0.1)
    assert len(scene.hosts.got) == 1


async def test_a_reload_waits_for_no_delivery_that_is_under_way(
    scene: Scene, autojump_clock: MockClock
) -> None:
    """D9: a host that hangs for twenty minutes must not stop all other mail after SIGHUP."""

    async def hang(_: Envelope) -> Reply:
        await trio.sleep(1_000)
        return OK

    scene.hosts.behaviour["hanging.example"] = hang
    async with scene.running() as runner:
        await scene.put("x@hanging.example")
        await trio.sleep(1)
        hosts = Hosts()
        relay = scene.relay(hosts)
        runner.reload(
            scene.post.queue, scene.post.delivery, relay, scene.settings, hostname="other.a.example"
        )
        await scene.put("y@quick.example")
        await trio.sleep(1)
        assert [(at, who) for at, who, *_ in hosts.got] == [(1.0, "y@quick.example")]
        await trio.sleep(1_000)
    assert [who for _, who, *_ in scene.hosts.got] == ["x@hanging.example"]
    assert scene.is_empty()
