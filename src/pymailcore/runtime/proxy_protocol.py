"""The PROXY protocol: what a load balancer says of the client behind it, before anything else.

Standards: the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt, sections 2.1 and 2.2).

Pure: `ProxyHeader` says how many octets to read next, so that not one octet behind the header is taken. What
is no header, or is longer than any header may be, is refused; the connection is worth nothing then.
"""

import ipaddress
import re
from typing import Final

MAX_HEADER_OCTETS: Final = 536
"""Octets of a header of version 2 that are read: the addresses, and what a balancer adds to them."""
MAX_LINE_OCTETS: Final = 107
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_FIRST_OCTETS: Final = 15  # the shortest line is "PROXY UNKNOWN" CR LF
_FIXED_OCTETS: Final = 16
_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?"
    rb"|(TCP[46]) ([0-9A-Fa-f.:]{2,39}) [0-9A-Fa-f.:]{2,39} ([0-9]{1,5}) [0-9]{1,5})\r\n\Z"
)
_ADDRESS_OCTETS: Final = {0x11: 4, 0x21: 16}


class BadProxyHeader(Exception):
    """The peer did not begin with a header of the PROXY protocol."""


class ProxyHeader:
    """Reads one header.

    Attributes:
        wanted_octets: how many to read next, at most; 0 when the header is whole.
        client: address and port of the client; None when the balancer speaks for itself, or does not know.
    """

    def __init__(self) -> None:
        self._octets = b""
        self.wanted_octets = _FIRST_OCTETS
        self.client: tuple[str, int] | None = None

    def receive(self, octets: bytes) -> None:
        """Take what was read.

        Raises:
            BadProxyHeader: this is no header.
        """
        if not octets:
            raise BadProxyHeader("the peer has gone")
        self._octets += octets
        if len(octets) < self.wanted_octets:
            self.wanted_octets -= len(octets)
        elif self._octets.startswith(_SIGNATURE):
            self._read_binary()
        else:
            self._read_line()

    def _read_line(self) -> None:
        line = self._octets
        if not line.startswith(b"PROXY "):
            raise BadProxyHeader("no header")
        if not line.endswith(b"\r\n"):
            if len(line) >= MAX_LINE_OCTETS:
                raise BadProxyHeader("line too long")
            self.wanted_octets = 1
            return
        match = _LINE.match(line)
        if match is None:
            raise BadProxyHeader("no such line")
        if match[1]:
            self.client = _client(match[2].decode("ascii"), int(match[3]), version=int(match[1][3:]))
        self.wanted_octets = 0

    def _read_binary(self) -> None:
        octets = self._octets
        if len(octets) < _FIXED_OCTETS:
            self.wanted_octets = _FIXED_OCTETS - len(octets)
            return
        whole = _FIXED_OCTETS + int.from_bytes(octets[14:16], "big")
        if octets[12] not in (0x20, 0x21) or whole > MAX_HEADER_OCTETS:
            raise BadProxyHeader("no such version or command, or header too long")
        self.wanted_octets = whole - len(octets)
        if self.wanted_octets == 0 and octets[12] == 0x21:
            self._read_addresses(octets[13], octets[_FIXED_OCTETS:])

    def _read_addresses(self, family: int, octets: bytes) -> None:
        size = _ADDRESS_OCTETS.get(family)
        if size is None:
            return  # UNSPEC, a Unix socket or datagrams: nothing to know
        if len(octets) < 2 * size + 4:
            raise BadProxyHeader("addresses too short")
        port = int.from_bytes(octets[2 * size : 2 * size + 2], "big")
        self.client = str(ipaddress.ip_address(octets[:size])), port


def _client(address: str, port: int, *, version: int) -> tuple[str, int]:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise BadProxyHeader("no address") from None
    if parsed.version != version or port > 65_535:
        raise BadProxyHeader("another address, or no port")
    return str(parsed), port
