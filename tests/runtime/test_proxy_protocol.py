import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.runtime.proxy_protocol import MAX_HEADER_OCTETS, BadProxyHeader, ProxyHeader

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def binary(client: str, *, command: int = 0x21, family: int | None = None, more: bytes = b"") -> bytes:
    """A header of version 2."""
    address = ipaddress.ip_address(client)
    body = address.packed * 2 + struct.pack("!HH", 4711, 25) + more
    kind = family if family is not None else (0x11 if address.version == 4 else 0x21)
    return SIGNATURE + bytes((command, kind)) + struct.pack("!H", len(body)) + body


def read(octets: bytes, step: int = 1_000) -> tuple[ProxyHeader, bytes]:
    """Feed a reader as a driver does; give it, and what it left."""
    header = ProxyHeader()
    while header.wanted_octets:
        count = min(header.wanted_octets, step)
        taken, octets = octets[:count], octets[count:]
        header.receive(taken)
    return header, octets


@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize(
    ("octets", "client"),
    [
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 25\r\n", ("198.51.100.7", 4711)),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", ("2001:db8::7", 4711)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff 65535 65535\r\n", None),
        (binary("198.51.100.7"), ("198.51.100.7", 4711)),
        (binary("2001:db8::7"), ("2001:db8::7", 4711)),
        (binary("198.51.100.7", more=b"\x04\x00\x02xx"), ("198.51.100.7", 4711)),
        (binary("198.51.100.7", command=0x20), None),
        (binary("198.51.100.7", family=0x00), None),
        (binary("198.51.100.7", more=b"x" * (MAX_HEADER_OCTETS - 28)), ("198.51.100.7", 4711)),
    ],
    ids=range(10),
)
def test_headers(octets: bytes, client: tuple[str, int] | None, step: int) -> None:
    """proxy-protocol.txt sections 2.1 and 2.2; not one octet behind the header is taken."""
    header, left = read(octets + b"EHLO c.example\r\n", step)
    assert header.client == client
    assert left == b"EHLO c.example\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO client.example\r\n",
        b"",
        b"PROXY TCP4 198.51.100.7",
        b"PROXY TCP4 2001:db8::7 192.0.2.1 4711 25\r\n",
        b"PROXY TCP4 198.51.100.777 192.0.2.1 4711 25\r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 70000 25\r\n",
        b"PROXY UDP4 198.51.100.7 192.0.2.1 4711 25\r\n",
        b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
        binary("198.51.100.7", command=0x11),
        binary("198.51.100.7", command=0x22),
        binary("198.51.100.7", family=0x21),
        binary("198.51.100.7", more=b"x" * (MAX_HEADER_OCTETS - 27)),
        SIGNATURE[:11] + b"X" * 20,
    ],
    ids=range(13),
)
def test_what_is_no_header(octets: bytes) -> None:
    """The connection is worth nothing then."""
    with pytest.raises(BadProxyHeader):
        read(octets)


@given(st.binary(max_size=700), st.sampled_from([b"", b"PROXY ", SIGNATURE + b"\x21\x11"]))
def test_it_reads_no_more_than_any_header_has(octets: bytes, start: bytes) -> None:
    """Whatever comes."""
    header = ProxyHeader()
    taken = 0
    octets = start + octets
    try:
        while header.wanted_octets:
            piece = octets[taken : taken + header.wanted_octets]
            header.receive(piece)
            taken += len(piece)
    except BadProxyHeader:
        pass
    assert taken <= MAX_HEADER_OCTETS
