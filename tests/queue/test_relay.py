"""relay: one try, over the hosts of a domain."""

import random

import pytest
from tests.support import dns_zone
from tests.support.directories import address
from tests.support.dns_zone import serving

from pymailcore.base.envelope import PLAIN, DeliverBy, Envelope, ReportTerms, Terms
from pymailcore.base.errors import MailError, PermanentFailure, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.dns.resolver import Resolver
from pymailcore.dns.settings import DnsSettings
from pymailcore.queue.nexthop import Hop, NextHops
from pymailcore.queue.relay import Relay
from pymailcore.queue.settings import QueueSettings, Route
from pymailcore.queue.types import Lease, Message, Result, Verdict
from pymailcore.smtp.client import Outcome, TlsUnavailable
from pymailcore.smtp.protocol.capabilities import Capabilities
from pymailcore.smtp.protocol.outgoing import NEEDS_REQUIRETLS
from pymailcore.smtp.protocol.reply import Reply

ZONE: dns_zone.Zone = {
    ("b.example", "MX"): ["10 one.b.example.", "20 two.b.example."],
    ("one.b.example", "A"): ["1.1.1.1"],
    ("two.b.example", "A"): ["1.1.1.2"],
    ("broken.example", "MX"): dns_zone.SERVFAIL,
}
OK = Reply(250, "2.0.0", "kept")
BUSY = Reply(450, "4.2.1", "busy")
NO = Reply(550, "5.1.1", "nobody")


class Hosts:
    """A carrier: each host gives replies or raises."""

    def __init__(self, **hosts: dict[str, Reply] | MailError) -> None:
        self._hosts = hosts
        self.tried: list[str] = []

    async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Outcome:
        assert octets == b"octets"
        assert envelope.reverse_path == address("ann@a.example")
        self.tried.append(hop.host)
        outcome = self._hosts[hop.host.partition(".")[0]]
        if isinstance(outcome, MailError):
            raise outcome
        return Outcome(replies={address(text): reply for text, reply in outcome.items()}, tls="")


async def attempt(
    hosts: Hosts, *recipients: str, domain: str = "b.example", terms: Terms = PLAIN
) -> list[Result]:
    message = Message(1, DEFAULT_TENANT, address("ann@a.example"), 6, b"", False, False, 0, terms=terms)
    async with serving(ZONE) as server:
        hops = NextHops(
            Resolver(server.settings()),
            (),
            QueueSettings(),
            hostname="mx.a.example",
            rng=random.Random(1),  # noqa: S311 - no secret
        )
        return await Relay(hops, hosts).attempt(Lease(message, domain, recipients, 0), b"octets")


async def test_each_recipient_has_its_own_outcome() -> None:
    """RFC 5321 section 4.2.1."""
    hosts = Hosts(one={"x@b.example": OK, "y@b.example": BUSY, "z@b.example": NO})
    assert await attempt(hosts, "w@b.example", "x@b.example", "y@b.example", "z@b.example") == [
        Result("w@b.example", Verdict.LATER, "one.b.example: 4.5.0 no reply for this recipient"),
        Result("x@b.example", Verdict.SENT, "one.b.example: 250 2.0.0 kept"),
        Result("y@b.example", Verdict.LATER, "one.b.example: 450 4.2.1 busy"),
        Result("z@b.example", Verdict.FAILED, "one.b.example: 550 5.1.1 nobody"),
    ]
    assert hosts.tried == ["one.b.example"]


async def test_the_next_host_is_tried_when_one_cannot_be_used() -> None:
    """RFC 5321 section 5.1."""
    hosts = Hosts(one=TemporaryFailure("refused"), two={"x@b.example": OK})
    (result,) = await attempt(hosts, "x@b.example")
    assert (result.verdict, hosts.tried) == (Verdict.SENT, ["one.b.example", "two.b.example"])


async def test_when_no_host_can_be_used_all_wait() -> None:
    hosts = Hosts(one=TemporaryFailure("refused"), two=TemporaryFailure("silent"))
    assert await attempt(hosts, "x@b.example") == [
        Result("x@b.example", Verdict.LATER, "two.b.example: silent")
    ]


async def test_what_a_host_refuses_for_good_fails() -> None:
    hosts = Hosts(one=PermanentFailure("5.6.7 no SMTPUTF8"))
    assert await attempt(hosts, "x@b.example") == [
        Result("x@b.example", Verdict.FAILED, "one.b.example: 5.6.7 no SMTPUTF8")
    ]


@pytest.mark.parametrize(
    ("domain", "verdict", "status"),
    [("absent.example", Verdict.FAILED, "5.1.2 "), ("broken.example", Verdict.LATER, "4.4.3 ")],
)
async def test_what_the_dns_says_decides_without_a_host(domain: str, verdict: Verdict, status: str) -> None:
    hosts = Hosts()
    (result,) = await attempt(hosts, f"x@{domain}", domain=domain)
    assert (result.verdict, hosts.tried) == (verdict, [])
    assert result.reply.startswith(status)


# Required TLS, and what the sender is told

REFUSED = NEEDS_REQUIRETLS


@pytest.mark.parametrize(
    ("one", "two", "verdict", "reply"),
    [
        ({"x@b.example": REFUSED}, {"x@b.example": OK}, Verdict.SENT, "two.b.example: 250 2.0.0 kept"),
        ({"x@b.example": REFUSED}, {"x@b.example": REFUSED}, Verdict.FAILED, f"two.b.example: {REFUSED}"),
        (TlsUnavailable("no TLS"), {"x@b.example": OK}, Verdict.SENT, "two.b.example: 250 2.0.0 kept"),
        (
            TlsUnavailable("no TLS"),
            TlsUnavailable("nor here"),
            Verdict.FAILED,
            "two.b.example: 5.7.10 nor here",
        ),
        (TlsUnavailable("no TLS"), TemporaryFailure("silent"), Verdict.LATER, "two.b.example: silent"),
    ],
)
async def test_required_tls_is_looked_for_on_every_host(
    one: dict[str, Reply] | MailError, two: dict[str, Reply] | MailError, verdict: Verdict, reply: str
) -> None:
    """RFC 8689 section 4.2.1: it fails for good when no host has it and none was out of reach."""
    hosts = Hosts(one=one, two=two)
    results = await attempt(hosts, "x@b.example", terms=Terms(require_tls=True))
    assert results == [Result("x@b.example", verdict, reply)]
    assert hosts.tried == ["one.b.example", "two.b.example"]


async def test_tls_that_only_the_domain_requires_is_waited_for() -> None:
    """As MTA-STS will have it: its certificate may be mended tomorrow."""
    hosts = Hosts(one=TlsUnavailable("expired"), two=TlsUnavailable("not offered"))
    (result,) = await attempt(hosts, "x@b.example")
    assert (result.verdict, result.reply) == (Verdict.LATER, "two.b.example: 4.7.10 not offered")


def lease_of(notify: str, terms: Terms) -> Lease:
    message = Message(1, DEFAULT_TENANT, address("ann@a.example"), 6, b"", False, False, 0, terms=terms)
    said = {"x@b.example": ReportTerms(notify=frozenset(filter(None, [notify])), orcpt="rfc822;o@b.example")}
    return Lease(message, "b.example", ("x@b.example",), 0, report_terms=said)


TRACE = Terms(deliver_by=DeliverBy(at_ms=10**15, give_up=True, trace=True))


@pytest.mark.parametrize(
    ("notify", "terms", "offers", "lmtp", "told"),
    [
        ("SUCCESS", PLAIN, "", False, "relayed"),
        ("SUCCESS", PLAIN, "DSN", False, ""),
        ("SUCCESS", PLAIN, "", True, "delivered"),
        ("SUCCESS", PLAIN, "DSN", True, ""),
        ("", PLAIN, "", False, ""),
        ("FAILURE", PLAIN, "", True, ""),
        ("", TRACE, "DSN", False, "relayed"),
        ("NEVER", TRACE, "", False, ""),
    ],
)
async def test_a_success_is_told_where_the_host_will_not(
    notify: str, terms: Terms, offers: str, lmtp: bool, told: str
) -> None:
    """RFC 3461 sections 5.2.1 and 5.2.2 (b), RFC 2852 section 4; a store that offers DSN tells by itself."""
    offered = Capabilities(keywords={offers: ""})
    seen: list[Envelope] = []

    class Host:
        async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Outcome:
            assert (hop.lmtp, octets) == (lmtp, b"octets")
            seen.append(envelope)
            return Outcome(replies={address("x@b.example"): OK}, tls="", offered=offered)

    route = Route(domain="*", host="relay", protocol="lmtp" if lmtp else "smtp")
    hops = NextHops(
        Resolver(DnsSettings()),
        (route,),
        QueueSettings(),
        hostname="mx.a.example",
        rng=random.Random(1),  # noqa: S311 - no secret
    )
    lease = lease_of(notify, terms)
    (result,) = await Relay(hops, Host()).attempt(lease, b"octets")
    assert (result.verdict, result.report) == (Verdict.SENT, told)
    assert seen[0].terms == terms
    assert seen[0].reports(address("x@b.example")) == lease.report_terms["x@b.example"]
