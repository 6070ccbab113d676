"""Notices between processes, over real Unix sockets."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from pymailcore.runtime.hub import DIRECTORY, QUEUE, ChangeHub
from pymailcore.runtime.hub_link import HubClient, HubServer, announce, listen_unix


async def wait_for(hub: ChangeHub, channel: int, value: int) -> None:
    with trio.fail_after(5), hub.watch(channel) as watch:
        while hub.current(channel) < value:
            await watch.changed()


class Family:
    """A hub server and what connects to it."""

    def __init__(self, path: Path, nursery: trio.Nursery) -> None:
        self.path = path
        self.nursery = nursery
        self.scope = trio.CancelScope()

    def start(self, hub: ChangeHub | None = None) -> None:
        sock = listen_unix(self.path)
        self.scope = trio.CancelScope()
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))

        async def serve(scope: trio.CancelScope) -> None:
            with scope:
                await HubServer(hub).serve(listener)

        self.nursery.start_soon(serve, self.scope)

    async def join(self) -> ChangeHub:
        hub = ChangeHub()
        connected = trio.Event()
        client = HubClient(hub, self.path)

        async def run() -> None:
            await client.run(connected=connected.set)

        self.nursery.start_soon(run)
        await connected.wait()
        return hub


@pytest.fixture
async def family(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Family]:
    made = Family(tmp_path / "run" / "hub.sock", nursery)
    made.start()
    yield made
    nursery.cancel_scope.cancel()


async def test_a_notice_reaches_all_others(family: Family) -> None:
    one, two, three = [await family.join() for _ in range(3)]
    one.publish(5, 10)
    for hub in (two, three):
        await wait_for(hub, 5, 10)
    two.publish(5, 11)
    for hub in (one, three):
        await wait_for(hub, 5, 11)


async def test_whoever_comes_late_is_told_all(family: Family) -> None:
    one = await family.join()
    two = await family.join()
    for channel in range(1, 10_001):
        one.publish(channel, channel * 2)
    await wait_for(two, 10_000, 20_000)
    late = await family.join()
    await wait_for(late, 10_000, 20_000)
    assert {channel: late.current(channel) for channel in range(1, 10_001)} == {
        channel: channel * 2 for channel in range(1, 10_001)
    }


async def test_after_a_loss_clients_connect_again_and_announce_what_they_know(family: Family) -> None:
    one = await family.join()
    two = await family.join()
    family.scope.cancel()
    one.publish(3, 33)
    family.start()
    await wait_for(two, 3, 33)


async def test_a_peer_that_does_not_read_makes_nobody_wait(family: Family) -> None:
    deaf = socket.socket(socket.AF_UNIX)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.connect(str(family.path))
    with deaf:
        one = await family.join()
        two = await family.join()
        for channel in range(1, 50_001):
            one.publish(channel, 1)
        await wait_for(two, 50_000, 1)


async def test_a_server_with_a_hub_of_its_own_takes_part(family: Family, tmp_path: Path) -> None:
    family.path = tmp_path / "other.sock"
    own = ChangeHub()
    family.start(own)
    one = await family.join()
    own.publish(4, 5)
    await wait_for(one, 4, 5)
    one.publish(QUEUE, 1)
    await wait_for(own, QUEUE, 1)


async def test_the_command_line_can_announce(family: Family) -> None:
    one = await family.join()
    assert await trio.to_thread.run_sync(announce, family.path, DIRECTORY, 1)
    await wait_for(one, DIRECTORY, 1)


def test_announcing_to_nobody_is_no_fault(tmp_path: Path) -> None:
    assert not announce(tmp_path / "hub.sock", DIRECTORY, 1)


async def test_a_long_path_works_too(tmp_path: Path, nursery: trio.Nursery) -> None:
    """`sun_path` holds 107 octets."""
    family = Family(tmp_path / ("x" * 120) / "hub.sock", nursery)
    family.start()
    hub = await family.join()
    assert announce(family.path, 5, 6)
    await wait_for(hub, 5, 6)
    nursery.cancel_scope.cancel()


def test_only_the_owner_may_use_the_socket_and_a_stale_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    for _ in range(2):
        listen_unix(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
