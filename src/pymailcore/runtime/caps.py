"""How many connections a peer may have, and open in a minute.

Counting by address alone is no bound where one customer has a whole network, so each connection also counts
for two wider networks, which may have three and nine times as many: /32, /26, /21 for IPv4 and /64, /56, /48
for IPv6.
"""

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from pymailcore.runtime.settings import ServeSettings

_IPV4: Final = (32, 26, 21)
_IPV6: Final = (64, 56, 48)
_FACTORS: Final = (1, 3, 9)
_MINUTE: Final = 60.0
_KNOWN_PEERS: Final = 4096

Prefix = tuple[int, int, int]  # bits of an address (32 or 128), length, leading bits


class ConnectionCaps:
    """Counts the connections of one process.

    Args:
        clock: gives seconds; only differences count.
    """

    def __init__(self, settings: ServeSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count = 0
        self._held: dict[Prefix, int] = {}
        self._new: dict[Prefix, int] = {}
        self._minute = -1
        self.reload(settings)

    def reload(self, settings: ServeSettings) -> None:
        """Use other caps from now on; connections that are held count as they are."""
        self._settings = settings
        self._known: dict[str, tuple[Prefix, ...]] = {}
        self._trusted = [ipaddress.ip_network(network) for network in settings.trusted_networks]

    @property
    def count(self) -> int:
        """Connections that are held now."""
        return self._count

    def admit(self, peer: str) -> str | None:
        """Count a new connection from this address, or say why not: `full`, `prefix` or `rate`.

        Each connection that was admitted is given back by `release`.
        """
        if self._count >= self._settings.connections_count:
            return "full"
        prefixes = self._prefixes(peer)
        minute = int(self._clock() // _MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._new.clear()
        caps = self._settings
        for prefix, factor in zip(prefixes, _FACTORS, strict=False):
            if self._held.get(prefix, 0) >= caps.connections_per_prefix_count * factor:
                return "prefix"
            if self._new.get(prefix, 0) >= caps.new_per_minute_count * factor:
                return "rate"
        for prefix in prefixes:
            self._held[prefix] = self._held.get(prefix, 0) + 1
            self._new[prefix] = self._new.get(prefix, 0) + 1
        self._count += 1
        return None

    def release(self, peer: str) -> None:
        """Count a connection as ended."""
        self._count -= 1
        for prefix in self._prefixes(peer):
            left = self._held.get(prefix, 1) - 1  # a reload may have changed who is trusted
            if left:
                self._held[prefix] = left
            else:
                self._held.pop(prefix, None)

    def _prefixes(self, peer: str) -> tuple[Prefix, ...]:
        """The three networks of an address, the narrowest first; none for a trusted one."""
        known = self._known.get(peer)
        if known is None:
            if len(self._known) >= _KNOWN_PEERS:
                self._known.clear()
            known = self._known[peer] = self._prefixes_of(peer)
        return known

    def _prefixes_of(self, peer: str) -> tuple[Prefix, ...]:
        address = ipaddress.ip_address(peer)
        if any(address in network for network in self._trusted):
            return ()
        bits = address.max_prefixlen
        number = int(address)
        lengths = _IPV4 if bits == 32 else _IPV6
        return tuple((bits, length, number >> (bits - length)) for length in lengths)


@lru_cache(maxsize=4096)
def plain_address(host: str) -> str:
    """Give a peer's address as text: IPv4 inside IPv6 is IPv4, a scope is left out."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
