"""What the DNS calls a peer: asked for while the peer talks, so that nobody waits for it without need.

Standards: RFC 1035 section 3.5 (in-addr.arpa), RFC 3596 section 2.5 (ip6.arpa), RFC 8601 section 3 (iprev: a
name counts when it leads back to the address).

Contract: answers, and their absence, are kept by the resolver. A question that cannot be answered now says
nothing about a peer.
"""

import ipaddress
from typing import Final, Protocol

import trio

from pymailcore.base.errors import NotFound, TemporaryFailure

MAX_ASKING_COUNT: Final = 200
"""Questions at a time; for peers beyond that nothing is asked."""
MAX_NAMES_COUNT: Final = 5
"""So many names of an address are looked at (RFC 7208 section 4.6.4 has ten)."""


class Names(Protocol):
    """What is asked of the resolver."""

    async def names(self, address: str) -> tuple[str, ...]:
        """The names of an address."""
        ...

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host."""
        ...


class PeerName:
    """The name of one peer, when it is known.

    Attributes:
        name: "" of a peer that has none; None when that is not known.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._ended = trio.Event()

    def end(self, name: str | None) -> None:
        """Say the name."""
        self.name = name
        self._ended.set()

    async def wait(self, seconds: float) -> str | None:
        """Give the name, after at most so long."""
        if not self._ended.is_set():
            with trio.move_on_after(seconds):
                await self._ended.wait()
        return self.name


class PeerNames:
    """Asks for the names of peers, a task for each."""

    def __init__(self, resolver: Names) -> None:
        self._resolver = resolver
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask until cancelled; before that nobody has a name."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def reload(self, resolver: Names) -> None:
        """Ask another resolver from now on."""
        self._resolver = resolver

    def ask(self, peer: str) -> PeerName:
        """Begin to look for the name of a peer."""
        asked = PeerName()
        nursery = self._nursery
        if nursery is None or len(nursery.child_tasks) >= MAX_ASKING_COUNT:
            asked.end(None)
        else:
            nursery.start_soon(self._look, peer, asked)
        return asked

    async def _look(self, peer: str, asked: PeerName) -> None:
        try:
            asked.end(await self._name_of(peer))
        except TemporaryFailure:
            asked.end(None)

    async def _name_of(self, peer: str) -> str:
        """The first name of an address that leads back to it; "" for none."""
        try:
            names = await self._resolver.names(peer)
        except NotFound:
            return ""
        address = ipaddress.ip_address(peer)
        for name in names[:MAX_NAMES_COUNT]:
            try:
                back = await self._resolver.addresses(name)
            except NotFound:
                continue
            if address in {ipaddress.ip_address(one) for one in back}:
                return name
        return ""
