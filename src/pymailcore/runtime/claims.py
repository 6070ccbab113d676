"""What peers say about where they come from, when nobody has asked them: it is ignored, and logged.

Known are the PROXY protocol, versions 1 and 2, XCLIENT and XFORWARD of SMTP, and the header field Forwarded
with its kin.

Theory. No proxy is believed: who a peer is says his socket. But an operator wants to know that somebody
tries, or that there is a proxy before the server which nobody reckons with, since all its clients are one
peer then. One line for each peer and minute tells; of very many peers in a minute only the first are named.
"""

import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

from pymailcore.runtime.logs import get_logger

_MINUTE_SECONDS: Final = 60.0
_MOST_PEERS: Final = 100
_LOOKED_AT_OCTETS: Final = 1_024
_SPOKEN: Final = re.compile(
    rb"(?:\A|\n)(PROXY(?= (?:TCP[46]|UNKNOWN))|XCLIENT|XFORWARD)\b|\A\r\n\r\n\0\r\nQUIT\n", re.IGNORECASE
)
_FIELDS: Final = frozenset(
    {
        b"cf-connecting-ip",
        b"forwarded",
        b"true-client-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-forwarded-for",
        b"x-originating-ip",
        b"x-proxy-ttl",
        b"x-real-ip",
    }
)

log = get_logger()


class Claims:
    """Takes note of claims that one listener's peers make.

    Args:
        clock: gives seconds; only differences count.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = -1
        self._told: set[str] = set()

    def look(self, peer: str, protocol: str, octets: bytes | bytearray) -> None:
        """Look at what a peer has sent where a command can stand."""
        found = _SPOKEN.search(octets, 0, _LOOKED_AT_OCTETS)
        if found is not None:
            self._note(peer, protocol, (found[1] or b"PROXY").decode().upper())

    def look_at_fields(self, peer: str, protocol: str, names: Iterable[bytes]) -> None:
        """Look at the names of header fields, or of what is like them; lower case."""
        found = _FIELDS.intersection(names)
        if found:
            self._note(peer, protocol, min(found).decode())

    def _note(self, peer: str, protocol: str, claim: str) -> None:
        minute = int(self._clock() // _MINUTE_SECONDS)
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
        net = _net_of(peer)
        if net in self._told or len(self._told) >= _MOST_PEERS:
            return
        self._told.add(net)
        log.info("claim ignored", peer=peer, protocol=protocol, claim=claim)


@lru_cache(maxsize=1_024)
def _net_of(peer: str) -> str:
    """What counts as one peer: an IPv4 address, an IPv6 /64."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    return str(ip_network((address, 32 if address.version == 4 else 64), strict=False))
