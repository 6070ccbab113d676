"""How many addresses that nobody has a network may ask for.

Who harvests addresses asks for thousands; counting by connection alone would let him come again. So they are
counted for the IPv4 /24 or IPv6 /56 that the peer is in, in one process, over a time.
"""

import ipaddress
from collections.abc import Callable
from typing import Final

WINDOW_SECONDS: Final = 600
MAX_NETWORKS_COUNT: Final = 20_000
"""Networks that are remembered; when there are more, those of the window before are forgotten at once."""
_PREFIXES: Final = {4: 24, 6: 56}


class Guesses:
    """Counts guesses by network; two windows are looked at, so that a new one is no new start.

    Args:
        limit: guesses of one network within a window; 0 for no limit.
        now_ms: milliseconds since 1970.
    """

    def __init__(self, limit: int, now_ms: Callable[[], int]) -> None:
        self._limit = limit
        self._now_ms = now_ms
        self._window = 0
        self._counts: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def add(self, peer: str) -> None:
        """Count one guess of a peer, unless it is on this machine."""
        if ipaddress.ip_address(peer).is_loopback:
            return
        self._turn()
        if len(self._counts) >= MAX_NETWORKS_COUNT:
            self._before, self._counts = self._counts, {}
        network = _network(peer)
        self._counts[network] = self._counts.get(network, 0) + 1

    def exhausted(self, peer: str) -> bool:
        """Whether the network of a peer has guessed too often."""
        if not self._limit or not (self._counts or self._before):
            return False
        self._turn()
        network = _network(peer)
        return self._counts.get(network, 0) + self._before.get(network, 0) >= self._limit

    def _turn(self) -> None:
        window = self._now_ms() // (1_000 * WINDOW_SECONDS)
        if window != self._window:
            self._before = self._counts if window == self._window + 1 else {}
            self._counts = {}
            self._window = window


def _network(peer: str) -> str:
    address = ipaddress.ip_address(peer)
    return str(ipaddress.ip_network((address, _PREFIXES[address.version]), strict=False))
