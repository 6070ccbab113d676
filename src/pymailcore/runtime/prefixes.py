"""The networks that an address counts for.

Counting by address alone is no bound where one customer has a whole network, so what a peer does counts for
two wider networks as well, which may do three and nine times as much: /32, /26, /21 for IPv4 and /64, /56,
/48 for IPv6.
"""

import functools
from ipaddress import ip_address, ip_network
from typing import Final

WIDTHS: Final = {4: (32, 26, 21), 6: (64, 56, 48)}
FACTORS: Final = (1, 3, 9)


@functools.lru_cache(maxsize=4_096)
def prefixes(peer: str) -> tuple[str, ...]:
    """The networks around an address, the narrowest first; what is no address is its own only network."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return (peer,)
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped if mapped is not None else address
    return tuple(str(ip_network((address, width), strict=False)) for width in WIDTHS[address.version])
