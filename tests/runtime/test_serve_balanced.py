"""Connections that come through a load balancer, and through a Unix socket."""

import contextlib
import socket
from ipaddress import ip_network
from pathlib import Path

import pytest
import trio

from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Acceptor, Connection, serve_sockets
from pymailcore.runtime.settings import ServeSettings
from pymailcore.runtime.sockets import CannotBind, bind_place, bound_to


async def answers(
    nursery: trio.Nursery,
    listening: socket.socket,
    said: bytes,
    *,
    settings: ServeSettings | None = None,
    networks: tuple[str, ...] | None = ("127.0.0.0/8",),
) -> tuple[bytes, Acceptor]:
    """Serve one connection whose handler tells what it sees; give that, and what behind was left to read."""

    async def handler(connection: Connection) -> None:
        octets = bytes(await connection.stream.receive_some())
        await connection.stream.send_all(f"{connection.peer} {connection.peer_port} ".encode() + octets)

    acceptor = Acceptor(settings or ServeSettings(), Metrics())
    place = bound_to(listening)
    sockets = [trio.socket.from_stdlib_socket(listening)]
    balancers = None if networks is None else [ip_network(network) for network in networks]

    async def run(task_status: trio.TaskStatus[None]) -> None:
        await serve_sockets(
            handler, sockets, acceptor, name="test", balancers=balancers, task_status=task_status
        )
        ended.set()

    ended = trio.Event()

    await nursery.start(run)
    if place.startswith("unix:"):
        stream = await trio.open_unix_socket(place.removeprefix("unix:"))
    else:
        stream = await trio.open_tcp_stream("127.0.0.1", int(place.rpartition(":")[2]))
    octets = b""
    async with stream:
        with contextlib.suppress(trio.BrokenResourceError):  # who closes with octets unread resets
            await stream.send_all(said)
            while more := await stream.receive_some():
                octets += more
    acceptor.draining.set()
    await ended.wait()
    return octets, acceptor


async def test_the_client_behind_a_balancer_is_the_peer(nursery: trio.Nursery) -> None:
    """proxy-protocol.txt section 2.1; it is counted, and given back."""
    said = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 25\r\nEHLO"
    octets, acceptor = await answers(nursery, bind_place("127.0.0.1:0"), said)
    assert octets == b"198.51.100.7 4711 EHLO"
    assert acceptor.caps.count == 0


async def test_a_stranger_cannot_say_who_it_is(nursery: trio.Nursery) -> None:
    """S13: PROXY from strangers."""
    said = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 25\r\nEHLO"
    octets, _ = await answers(nursery, bind_place("127.0.0.1:0"), said, networks=("192.0.2.0/24",))
    assert octets == b""


@pytest.mark.parametrize("said", [b"EHLO c.example\r\n", b"\x16\x03\x01" * 20])
async def test_without_header_nobody_is_served(said: bytes, nursery: trio.Nursery) -> None:
    """A balancer that forgets it would make all its clients one."""
    octets, acceptor = await answers(nursery, bind_place("127.0.0.1:0"), said)
    assert octets == b""
    assert acceptor.caps.count == 0


async def test_caps_hold_for_the_client_behind_a_balancer(nursery: trio.Nursery) -> None:
    """S11: not for the balancer, which has all of them."""
    settings = ServeSettings(new_per_minute_count=1)
    said = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 25\r\nEHLO"
    acceptor = Acceptor(settings, Metrics())
    assert acceptor.caps.admit("198.51.100.7") is None
    assert acceptor.caps.admit("198.51.100.7") == "rate"
    octets, _ = await answers(nursery, bind_place("127.0.0.1:0"), said, settings=settings)
    assert octets.startswith(b"198.51.100.7 ")


async def test_a_unix_socket(tmp_path: Path, nursery: trio.Nursery) -> None:
    """A peer on this machine counts as 127.0.0.1."""
    place = f"unix:{tmp_path / 'lmtp'}"
    octets, _ = await answers(nursery, bind_place(place), b"LHLO", networks=None)
    assert octets == b"127.0.0.1 0 LHLO"


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    """A server that was killed leaves its socket; one that runs keeps it."""
    place = f"unix:{tmp_path / 'lmtp'}"
    bind_place(place).close()
    with bind_place(place) as listening:
        assert bound_to(listening) == place
        with pytest.raises(CannotBind):
            bind_place(place)


def test_places_that_are_none(tmp_path: Path) -> None:
    """What is no path, or is something else."""
    (tmp_path / "file").write_text("x")
    for place in (f"unix:{tmp_path / 'file'}", f"unix:{tmp_path / 'no' / 'lmtp'}"):
        with pytest.raises(CannotBind):
            bind_place(place)
    for place in ("unix:lmtp", "unix:/" + "x" * 107, "host:25"):
        with pytest.raises(ValueError, match=r"must be|no IP address"):
            bind_place(place)
