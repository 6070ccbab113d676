"""A DNS server on a loopback port that answers from a dict, and misbehaves where it is told to."""

import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import trio

from pymailcore.dns.settings import DnsSettings

SILENT: Final = "silent"
SERVFAIL: Final = "servfail"
REFUSED: Final = "refused"
TRUNCATED: Final = "truncated"
WRONG_ID: Final = "wrong id"
GARBAGE: Final = "garbage"

Zone = Mapping[tuple[str, str], list[str] | str]
"""(name, type) to records, or to one of the words above. A name that nothing is known of does not exist."""


class ZoneServer:
    """Answers questions over UDP and TCP and counts them.

    Attributes:
        asked: how often each (name, type) was asked.
        release: when it is not None, answers wait for it.
    """

    def __init__(self, zone: Zone, ttl: int = 60) -> None:
        self.zone = dict(zone)
        self.ttl = ttl
        self.asked: Counter[tuple[str, str]] = Counter()
        self.release: trio.Event | None = None
        self.port = 0

    def settings(self, **more: float) -> DnsSettings:
        """Settings of a resolver that asks this server."""
        times: dict[str, float] = {"timeout_seconds": 2.0, "lifetime_seconds": 5.0, **more}
        return DnsSettings(nameservers=("127.0.0.1",), port=self.port, **times)  # type: ignore[arg-type]

    def answer(self, octets: bytes, *, tcp: bool) -> bytes | None:
        """Answer one question."""
        query = dns.message.from_wire(octets)
        (question,) = query.question
        name, kind = (
            question.name.to_text(omit_final_dot=True).lower(),
            dns.rdatatype.to_text(question.rdtype),
        )
        self.asked[name, kind] += 1
        response = dns.message.make_response(query)
        found = self.zone.get((name, kind))
        if isinstance(found, str):
            return self._misbehave(found, response, tcp=tcp)
        if found is not None:
            response.answer.append(dns.rrset.from_text_list(question.name, self.ttl, "IN", kind, found))
        else:
            if not any(known == name for known, _ in self.zone):
                response.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.{name}. root.{name}. 1 60 60 60 {self.ttl}"
            response.authority.append(dns.rrset.from_text(question.name, self.ttl, "IN", "SOA", soa))
        return response.to_wire(max_size=65_535)

    def _misbehave(self, how: str, response: dns.message.Message, *, tcp: bool) -> bytes | None:
        if how == SILENT:
            return None
        if how == GARBAGE:
            return b"\xff" * 40
        if how == WRONG_ID:
            response.id ^= 1
        elif how == TRUNCATED:
            (question,) = response.question
            if tcp:
                response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "MX", "10 big.example."))
            else:
                response.flags |= dns.flags.TC
        else:
            response.set_rcode(dns.rcode.SERVFAIL if how == SERVFAIL else dns.rcode.REFUSED)
        return response.to_wire()

    async def serve_udp(self, socket: trio.socket.SocketType) -> None:
        """Answer datagrams until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                octets, peer = await socket.recvfrom(65_535)
                nursery.start_soon(self._reply, socket, octets, peer)

    async def _reply(self, socket: trio.socket.SocketType, octets: bytes, peer: tuple[str, int]) -> None:
        answer = self.answer(octets, tcp=False)
        if self.release is not None:
            await self.release.wait()
        if answer is not None:
            await socket.sendto(answer, peer)

    async def serve_tcp(self, stream: trio.SocketStream) -> None:
        """Answer one question of one connection (RFC 7766 section 8)."""
        async with stream:
            octets = await stream.receive_some(65_535)
            while len(octets) < 2 or len(octets) < 2 + struct.unpack("!H", octets[:2])[0]:
                octets += await stream.receive_some(65_535)
            answer = self.answer(bytes(octets[2:]), tcp=True) or b""
            await stream.send_all(struct.pack("!H", len(answer)) + answer)


@asynccontextmanager
async def serving(zone: Zone, ttl: int = 60) -> AsyncIterator[ZoneServer]:
    """Run a server."""
    server = ZoneServer(zone, ttl)
    listener, socket = await _bound()
    with socket:
        server.port = socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve_udp, socket)
            nursery.start_soon(trio.serve_listeners, server.serve_tcp, [listener])
            yield server
            nursery.cancel_scope.cancel()


async def _bound() -> tuple[trio.SocketListener, trio.socket.SocketType]:
    """Find a port that is free for both TCP and UDP."""
    while True:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        socket = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
        try:
            await socket.bind(listener.socket.getsockname())
        except OSError:
            socket.close()
            await listener.aclose()
        else:
            return listener, socket
