"""claims: what peers say about where they come from is logged, once for each of them and minute (A9)."""

import pytest
from tests.support.logs import captured

from pymailcore.runtime.claims import Claims

PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(claims: Claims, *octets: bytes, peer: str = "192.0.2.1") -> list[str]:
    with captured() as lines:
        for one in octets:
            claims.look(peer, "smtp", one)
    assert all(line["event"] == "claim ignored" and line["peer"] == peer for line in lines)
    return [line["claim"] for line in lines]


@pytest.mark.parametrize(
    ("octets", "claim"),
    [
        (b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 25\r\n", "PROXY"),
        (b"PROXY UNKNOWN\r\n", "PROXY"),
        (PROXY_2, "PROXY"),
        (b"XCLIENT ADDR=203.0.113.7\r\n", "XCLIENT"),
        (b"EHLO x\r\nxforward ADDR=203.0.113.7\r\n", "XFORWARD"),
    ],
)
def test_what_is_claimed_is_told(octets: bytes, claim: str) -> None:
    assert told(Claims(), octets) == [claim]


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"EHLO [203.0.113.7]\r\n",
        b"PROXY NOOP\r\n",
        b"MAIL FROM:<XCLIENT@x.example>\r\n",
        b"XCLIENTS\r\n",
    ],
)
def test_what_claims_nothing_is_not_told(octets: bytes) -> None:
    assert told(Claims(), octets) == []


def test_fields_are_told_by_name() -> None:
    claims = Claims()
    with captured() as lines:
        claims.look_at_fields("192.0.2.1", "http", [b"host", b"via", b"accept"])
        claims.look_at_fields("192.0.2.1", "http", [b"host", b"x-forwarded-for", b"x-real-ip"])
    assert [(line["claim"], line["protocol"]) for line in lines] == [("x-forwarded-for", "http")]


def test_one_line_for_each_peer_and_minute() -> None:
    clock = Clock()
    claims = Claims(clock)
    assert told(claims, *[b"XCLIENT A=1\r\n"] * 50) == ["XCLIENT"]
    assert told(claims, b"XCLIENT A=1\r\n", peer="192.0.2.2") == ["XCLIENT"]
    assert told(claims, b"XCLIENT A=1\r\n", peer="2001:db8::1") == ["XCLIENT"]
    assert told(claims, b"XCLIENT A=1\r\n", peer="2001:db8::2") == []
    clock.now = 60.0
    assert told(claims, b"XCLIENT A=1\r\n") == ["XCLIENT"]


def test_of_very_many_peers_only_some_are_named() -> None:
    claims = Claims(Clock())
    found = [
        told(claims, b"XCLIENT A=1\r\n", peer=f"10.0.{number // 250}.{number % 250}") for number in range(500)
    ]
    assert sum(map(len, found)) == 100
