"""What a stranger says about where he comes from changes nothing, and is logged (security notes, A9).

No proxy is believed: who a peer is, for the log and for the limits of failures, is what his socket says.
"""

from collections import Counter

import pytest
import trio
from tests.support.family import Family
from tests.support.guessing import Claimed, Line, Log, connected, sign_in
from tests.support.waiting import until

pytestmark = pytest.mark.slow

CLAIMED = "203.0.113.7"
PROXY_1 = f"PROXY TCP4 {CLAIMED} 127.0.0.1 4711 143\r\n".encode()
PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes((203, 0, 113, 7, 127, 0, 0, 1, 0x12, 0x67, 0, 143))

HEADERS = (
    f"X-Forwarded-For: {CLAIMED}",
    f"X-Forwarded-For: {CLAIMED}, 127.0.0.1",
    f"Forwarded: for={CLAIMED};proto=https",
    f"X-Real-IP: {CLAIMED}",
    f"X-Client-IP: {CLAIMED}",
    f"X-Originating-IP: [{CLAIMED}]",
    f"X-Cluster-Client-IP: {CLAIMED}",
    f"True-Client-IP: {CLAIMED}",
    f"CF-Connecting-IP: {CLAIMED}",
    f"Via: 1.1 {CLAIMED}",
)

FIRST = (
    ("imap", PROXY_1),
    ("imap", f'x ID ("x-originating-ip" "{CLAIMED}" "x-proxy-ttl" "5")\r\n'.encode()),
    ("smtp", PROXY_1),
    ("smtp", f"XCLIENT ADDR={CLAIMED} LOGIN=anna@example.test\r\n".encode()),
    ("smtp", f"XFORWARD ADDR={CLAIMED}\r\n".encode()),
    ("smtp", f"EHLO [{CLAIMED}]\r\n".encode()),
)

CLAIMS = {
    first: claim
    for (_, first), claim in zip(
        FIRST, ("PROXY", "x-originating-ip", "PROXY", "XCLIENT", "XFORWARD", None), strict=True
    )
}


async def try_http(family: Family, source: str, header: str) -> None:
    """Guess by HTTP with one more header field."""
    async with connected(family, "jmap", source) as connection:
        assert not await sign_in(connection, "jmap", "nobody@example.test", "wrong", f"{header}\r\n")


async def try_line(family: Family, protocol: str, source: str, first: bytes) -> None:
    """Guess by IMAP or submission after saying something else."""
    async with connected(family, protocol, source) as connection:
        await connection.send(first)
        assert await connection.last_line(
            b"" if protocol == "imap" else b"2" if first[:4] == b"EHLO" else b"5"
        )
        assert not await sign_in(connection, protocol, "nobody@example.test", "wrong")


async def test_whatever_is_claimed_the_peer_is_that_of_the_socket(family: Family) -> None:
    log, sources = Log(family), [f"127.66.{number * 8}.1" for number in range(len(HEADERS) + len(FIRST))]

    def mine(line: Line) -> bool:
        return line.user == "nobody@example.test"

    async with trio.open_nursery() as nursery:
        for source, header in zip(sources, HEADERS, strict=False):
            nursery.start_soon(try_http, family, source, header)
        for source, (protocol, first) in zip(sources[len(HEADERS) :], FIRST, strict=True):
            nursery.start_soon(try_line, family, protocol, source, first)
        lines = await log.until(len(sources), mine)
        nursery.cancel_scope.cancel()  # the answers take a second
    assert sorted(line.peer for line in lines) == sorted(sources)
    # "Via" names a proxy and no peer, and a name in EHLO is nobody's claim to be believed
    claimed = {claim.peer: (claim.protocol, claim.claim) for claim in log.claims()}
    for source, header in zip(sources, HEADERS, strict=False):
        name = header.partition(":")[0].lower()
        assert claimed.get(source) == (None if name == "via" else ("http", name))
    for source, (protocol, first) in zip(sources[len(HEADERS) :], FIRST, strict=True):
        way = {"smtp": "submission"}.get(protocol, protocol)
        assert claimed.get(source) == (None if CLAIMS[first] is None else (way, CLAIMS[first]))


async def test_another_claim_is_no_other_peer_for_the_limits(family: Family) -> None:
    """Eleven guesses from one socket address that all claim to be somebody else: the last is one too many."""
    log, source = Log(family), "127.67.0.1"
    async with trio.open_nursery() as nursery:
        for number in range(11):
            header = f"X-Forwarded-For: 203.0.{number}.7\r\nX-Real-IP: 203.0.{number}.7"
            nursery.start_soon(try_named, family, source, f"who{number}@example.test", header)
        lines = await log.until(11, lambda line: line.peer == source)
        nursery.cancel_scope.cancel()
    assert Counter(line.reason for line in lines) == {"wrong": 10, "too many failures": 1}


async def try_named(family: Family, source: str, name: str, headers: str) -> None:
    """Guess by HTTP for one name."""
    async with connected(family, "jmap", source) as connection:
        assert not await sign_in(connection, "jmap", name, "wrong", f"{headers}\r\n")


@pytest.mark.parametrize("first", [PROXY_1, PROXY_2], ids=["1", "2"])
@pytest.mark.parametrize(
    ("protocol", "after", "refusals"),
    [
        ("imap", b"", (b"PROXY BAD ", b"* BAD ")),
        ("smtp", b"", (b"500 5.5.1 ",)),
        ("jmap", b"GET / HTTP/1.1\r\nHost: mx.test\r\n\r\n", (b"HTTP/1.1 400 ",)),
    ],
    ids=["imap", "smtp", "http"],
)
async def test_the_proxy_protocol_is_no_command(
    family: Family, protocol: str, after: bytes, refusals: tuple[bytes, ...], first: bytes
) -> None:
    log = Log(family)
    source = f"127.68.{8 * ['imap', 'smtp', 'jmap'].index(protocol)}.{1 + [PROXY_1, PROXY_2].index(first)}"
    async with connected(family, protocol, source) as connection:
        await connection.send(first + after)
        assert (await connection.line()).startswith(refusals)
    protocol = {"jmap": "http", "smtp": "submission"}.get(protocol, protocol)
    await until(lambda: Claimed(source, protocol, "PROXY") in list(log.claims()))
