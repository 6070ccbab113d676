import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import trio
import trio.testing
from tests.support.certificates import contexts
from tests.support.deliveries import envelope
from tests.support.smtp import FakeConnection, FakeRole, server_of
from tests.support.smtp_sink import Sink, sinking

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import TemporaryFailure
from pymailcore.smtp.client import Endpoint
from pymailcore.smtp.pool import Pool
from pymailcore.smtp.settings import SmtpSettings

TO = envelope("b@host.example")
OCTETS = b"Subject: x\r\n\r\nx\r\n"
SETTINGS = SmtpSettings(reuse_idle_seconds=5.0, reuse_messages_count=3)

Script = Callable[[trio.abc.Stream], Awaitable[None]]


@asynccontextmanager
async def pooling(pool: Pool) -> AsyncIterator[Pool]:
    """Run a pool until the end of the block."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run)
        await trio.testing.wait_all_tasks_blocked()
        yield pool
        nursery.cancel_scope.cancel()


@dataclass
class Hosts:
    """Connects to servers that are functions; each connection begins the next one."""

    nursery: trio.Nursery
    scripts: list[Script]
    connections: int = 0
    ended: list[int] = field(default_factory=list)

    async def connect(self, _host: str, _port: int) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        number = self.connections

        async def play() -> None:
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async with theirs:
                    await script(theirs)
            self.ended.append(number)

        self.nursery.start_soon(play)
        return ours


async def honest(stream: trio.abc.Stream) -> None:
    """Take everything."""
    await server_of(FakeRole()).serve_connection(FakeConnection(stream))


def pool_of(hosts: Hosts, settings: SmtpSettings = SETTINGS) -> Pool:
    return Pool(hello="us.example", settings=settings, connect=hosts.connect, now_ms=lambda: 0)


async def deliver(pool: Pool, endpoint: Endpoint, to: Envelope = TO) -> list[int]:
    outcome = await pool.deliver(endpoint, to, OCTETS)
    return [outcome.replies[address].code for address in to.recipients if address in outcome.replies]


HOST = Endpoint(host="mx.example")


async def test_messages_to_one_host_share_a_connection_up_to_a_number() -> None:
    """RFC 5321 section 3.3."""
    async with sinking() as sink, pooling(Pool(hello="us.example", settings=SETTINGS)) as pool:
        endpoint = Endpoint(host="127.0.0.1", port=sink.port)
        for _ in range(7):
            assert await deliver(pool, endpoint) == [250]
        assert sink.connections == 3
        assert len(sink.taken) == 7
        assert sink.said.count("QUIT") == 2


async def test_without_anybody_to_watch_each_message_has_its_own() -> None:
    async with sinking() as sink:
        pool = Pool(hello="us.example", settings=SETTINGS)
        for _ in range(2):
            await deliver(pool, Endpoint(host="127.0.0.1", port=sink.port))
        assert sink.connections == 2
        assert sink.said.count("QUIT") == 2
        assert pool.parked_count == 0


async def test_another_tls_policy_is_another_connection(nursery: trio.Nursery) -> None:
    """What goes over verified TLS only must not meet a connection in clear."""
    hosts = Hosts(nursery, [honest])
    async with pooling(pool_of(hosts)) as pool:
        await deliver(pool, HOST)
        await deliver(pool, replace(HOST, tls=contexts()[1]))
        await deliver(pool, replace(HOST, lmtp=False, port=26))
        assert hosts.connections == 3
        assert pool.parked_count == 3


async def test_messages_at_the_same_time_have_connections_of_their_own(nursery: trio.Nursery) -> None:
    hosts = Hosts(nursery, [honest])
    async with pooling(pool_of(hosts)) as pool:
        async with trio.open_nursery() as senders:
            for _ in range(3):
                senders.start_soon(deliver, pool, HOST)
        assert hosts.connections == 3
        await deliver(pool, HOST)
        assert hosts.connections == 3


async def test_an_idle_connection_is_left_with_quit(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.1.1.10."""
    hosts = Hosts(nursery, [honest])
    async with pooling(pool_of(hosts)) as pool:
        await deliver(pool, HOST)
        await trio.sleep(4.9)
        assert pool.parked_count == 1
        await trio.sleep(0.2)
        assert (pool.parked_count, hosts.ended) == (0, [1])


@pytest.mark.parametrize("word", [b"", b"421 4.4.2 idle\r\n", b"250 injected\r\n"])
async def test_a_server_that_leaves_or_speaks_meanwhile_is_not_used_again(
    word: bytes, nursery: trio.Nursery
) -> None:
    """RFC 5321 section 3.8."""

    async def once(stream: trio.abc.Stream) -> None:
        await said(b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n", b"250 x\r\n")(stream)
        await trio.testing.wait_all_tasks_blocked()
        if word:
            await stream.send_all(word)
            await stream.receive_some()

    hosts = Hosts(nursery, [once, honest])
    async with pooling(pool_of(hosts)) as pool:
        assert await deliver(pool, HOST) == [250]
        await trio.testing.wait_all_tasks_blocked()
        await trio.testing.wait_all_tasks_blocked()
        assert pool.parked_count == 0
        assert await deliver(pool, HOST) == [250]
    assert hosts.connections == 2


def said(*answers: bytes) -> Script:
    """Greet, and say one thing after each read."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 x\r\n")
        for answer in answers:
            await stream.receive_some()
            await stream.send_all(answer)

    return script


YES = (b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n", b"250 x\r\n")


@pytest.mark.parametrize(
    "second", [(), (b"421 4.3.2 going down\r\n",), (b"250 x\r\n", b"421 x\r\n"), (b"nonsense\r\n",)]
)
async def test_a_used_connection_that_fails_before_the_data_costs_nothing(
    second: tuple[bytes, ...], nursery: trio.Nursery
) -> None:
    """The message goes over a new connection at once."""

    async def dies(stream: trio.abc.Stream) -> None:
        await said(*YES, *second)(stream)
        await stream.receive_some()

    hosts = Hosts(nursery, [dies, honest])
    async with pooling(pool_of(hosts)) as pool:
        assert await deliver(pool, HOST) == [250]
        assert await deliver(pool, HOST) == [250]
    assert hosts.connections == 2


async def test_a_used_connection_that_fails_after_the_data_is_a_failed_try(nursery: trio.Nursery) -> None:
    """RFC 5321 section 4.1.1.4: the server may have taken it, so it is not sent again at once."""
    hosts = Hosts(nursery, [said(*YES, *YES[1:-1]), honest])
    async with pooling(pool_of(hosts)) as pool:
        assert await deliver(pool, HOST) == [250]
        with pytest.raises(TemporaryFailure):
            await deliver(pool, HOST)
    assert hosts.connections == 1


async def test_mailmax_is_kept_and_the_rest_goes_over_another(nursery: trio.Nursery) -> None:
    """RFC 9422 sections 4.1 and 4.2: two recipients at a time, one transaction a connection."""
    limits = ["PIPELINING", "LIMITS MAILMAX=1 RCPTMAX=2"]
    async with (
        sinking(Sink(extensions=limits)) as sink,
        pooling(Pool(hello="us.example", settings=SETTINGS)) as pool,
    ):
        to = envelope(*(f"r{n}@host.example" for n in range(5)))
        assert await deliver(pool, Endpoint(host="127.0.0.1", port=sink.port), to) == [250] * 5
        assert [len(taken.recipients) for taken in sink.taken] == [2, 2, 1]
        assert sink.connections == 3
        assert pool.parked_count == 0


async def test_what_was_said_of_some_is_kept_when_the_rest_fails(nursery: trio.Nursery) -> None:
    """RFC 9422 section 4.2: the first transaction stands."""
    ehlo = b"250-x\r\n250 LIMITS RCPTMAX=1\r\n"
    hosts = Hosts(nursery, [said(ehlo, *YES[1:], b"250 x\r\n"), said(b"421 x\r\n")])
    to = envelope("b@host.example", "c@host.example")
    outcome = await pool_of(hosts).deliver(HOST, to, OCTETS)
    assert {str(address): reply.code for address, reply in outcome.replies.items()} == {"b@host.example": 250}


async def test_a_host_that_never_takes_mail_answers_for_all(nursery: trio.Nursery) -> None:
    """RFC 7504 section 3."""

    async def refuses(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"521 5.3.2 no mail here\r\n")
        await stream.receive_some()

    hosts = Hosts(nursery, [refuses])
    outcome = await pool_of(hosts).deliver(HOST, TO, OCTETS)
    assert outcome.replies[Address("b", "host.example")].code == 521


async def test_the_whole_delivery_has_a_deadline(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A tarpit that answers each command just in time."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 x\r\n")
        while True:
            await stream.receive_some()
            await trio.sleep(250)
            await stream.send_all(b"250 x\r\n")

    hosts = Hosts(nursery, [script])
    with pytest.raises(TemporaryFailure):
        await pool_of(hosts).deliver(HOST, TO, OCTETS, deadline_seconds=600)
    assert trio.current_time() == pytest.approx(600.0)
    nursery.cancel_scope.cancel()


async def test_reload_is_for_what_comes() -> None:
    async with sinking() as sink:
        pool = Pool(hello="us.example", settings=SETTINGS)
        pool.reload(hello="new.example", settings=SETTINGS)
        await deliver(pool, Endpoint(host="127.0.0.1", port=sink.port))
        assert sink.taken[0].hello == "new.example"


async def test_a_host_without_the_chunking_that_it_offers_gets_data_from_then_on(
    nursery: trio.Nursery,
) -> None:
    """The message is not returned for a fault of the host's, and what it took for commands is left behind."""
    octets = b"x" * 70_000
    taken: list[bytes] = []

    async def broken(stream: trio.abc.Stream) -> None:
        replies = {b"EHLO": b"250-x\r\n250 CHUNKING\r\n", b"BDAT": b"500 what\r\n", b"DATA": b"354 go\r\n"}
        await stream.send_all(b"220 x\r\n")
        while line := await stream.receive_some():
            taken.append(bytes(line[:4]))
            await stream.send_all(replies.get(bytes(line[:4]), b"250 ok\r\n"))
            if line.startswith(b"BDAT"):
                return
            while line.startswith(b"DATA") and not line.endswith(b"\r\n.\r\n"):
                line += await stream.receive_some()
            if line.endswith(b"\r\n.\r\n"):
                await stream.send_all(b"250 ok\r\n")

    hosts = Hosts(nursery, [broken])
    async with pooling(pool_of(hosts)) as pool:
        for _ in range(2):
            outcome = await pool.deliver(HOST, TO, octets)
            assert [reply.code for reply in outcome.replies.values()] == [250]
    assert taken.count(b"BDAT") == 1
    assert taken.count(b"DATA") == 2
    assert hosts.connections == 2
