"""What the DNS calls a peer: asked for while the peer talks, so that nobody waits for it without need.

Standards: RFC 1035 section 3.5 (in-addr.arpa), RFC 3596 section 2.5 (ip6.arpa), RFC 8601 section 3 (iprev: a
name counts when it leads back to the address).

Contract: answers, and their absence, are kept by the resolver. A question that cannot be answered now says
nothing about a peer.
"""

import ipaddress
from functools import partial
from typing import Final, Protocol

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.mx.beside import Beside, Pending

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


class PeerNames:
    """Asks for the names of peers, a task for each.

    What it gives is "" of a peer that has none, and None as long as that is not known.
    """

    def __init__(self, resolver: Names) -> None:
        self._resolver = resolver
        self._beside = Beside(MAX_ASKING_COUNT)
        self.run = self._beside.run

    def reload(self, resolver: Names) -> None:
        """Ask another resolver from now on."""
        self._resolver = resolver

    def ask(self, peer: str) -> Pending[str]:
        """Begin to look for the name of a peer."""
        asked: Pending[str] = Pending()
        self._beside.begin(partial(self._look, peer), asked)
        return asked

    async def _look(self, peer: str) -> str | None:
        try:
            return await self._name_of(peer)
        except TemporaryFailure:
            return None

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
