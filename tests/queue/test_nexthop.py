"""nexthop: which hosts take mail for a domain."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.support import dns_zone
from tests.support.dns_zone import serving

from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.dns.resolver import Resolver
from pymailcore.queue.nexthop import Hop, NextHops, Unroutable
from pymailcore.queue.settings import QueueSettings, Route
from pymailcore.queue.tls_policy import NAMED, OwnNames, TlsPolicies, TlsPolicy

ZONE: dns_zone.Zone = {
    ("b.example", "MX"): ["20 two.b.example.", "10 one.b.example."],
    ("one.b.example", "A"): ["1.1.1.1"],
    ("one.b.example", "AAAA"): ["2606:4700::1"],
    ("two.b.example", "A"): ["1.1.1.2"],
    ("equal.example", "MX"): [f"10 h{n}.equal.example." for n in range(8)],
    **{(f"h{n}.equal.example", "A"): [f"1.1.2.{n}"] for n in range(8)},
    ("many.example", "MX"): [f"{n} m{n}.many.example." for n in range(30)],
    **{(f"m{n}.many.example", "A"): [f"1.1.3.{n}"] for n in range(30)},
    ("plain.example", "A"): ["1.1.1.3"],
    ("null.example", "MX"): ["0 ."],
    ("ours.example", "MX"): ["10 MX.a.example.", "20 one.b.example."],
    ("backup.example", "MX"): [
        "10 one.b.example.",
        "20 mx.a.example.",
        "20 two.b.example.",
        "30 h1.equal.example.",
    ],
    ("gone.example", "MX"): ["10 nowhere.example."],
    ("half.example", "MX"): ["10 nowhere.example.", "20 one.b.example."],
    ("ill.example", "MX"): ["10 ill.ill.example."],
    ("ill.ill.example", "A"): dns_zone.SERVFAIL,
    ("broken.example", "MX"): dns_zone.SERVFAIL,
    **{
        (f"inside{n}.example", "A"): [address]
        for n, address in enumerate(["127.0.0.1", "10.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1"])  # noqa: S104
    },
    ("mapped.example", "AAAA"): ["::ffff:1.1.1.1"],
    ("inside5.example", "AAAA"): ["::1"],
    ("inside6.example", "AAAA"): ["::ffff:127.0.0.1"],
    ("inside7.example", "AAAA"): ["fd00::1"],
}
LITERALS = ["[127.0.0.1]", "[ipv6:::1]", "[10.1.2.3]", "[x]", "[ipv6:nonsense]", "[1.2.3]"]


@asynccontextmanager
async def hops_of(
    *routes: Route,
    settings: QueueSettings | None = None,
    seed: int = 1,
    policies: TlsPolicies | None = None,
) -> AsyncIterator[NextHops]:
    async with serving(ZONE) as server:
        yield NextHops(
            Resolver(server.settings()),
            routes,
            settings or QueueSettings(),
            hostname="mx.a.example",
            rng=random.Random(seed),  # noqa: S311 - the order of hosts is no secret
            policies=policies or OwnNames(),
        )


async def find(
    domain: str,
    *routes: Route,
    settings: QueueSettings | None = None,
    policies: TlsPolicies | None = None,
) -> list[Hop]:
    async with hops_of(*routes, settings=settings, policies=policies) as hops:
        try:
            return await hops.find(domain)
        except MailError as failure:
            outcome = failure
    raise outcome  # outside of the server's nursery, which would put it in a group


def hosts(hops: Sequence[Hop]) -> list[str]:
    return [hop.host for hop in hops]


async def test_hosts_come_by_preference_with_all_addresses() -> None:
    """RFC 5321 section 5.1."""
    assert await find("b.example") == [
        Hop("one.b.example", "2606:4700::1", 25),
        Hop("one.b.example", "1.1.1.1", 25),
        Hop("two.b.example", "1.1.1.2", 25),
    ]


async def test_without_mx_the_domain_is_the_host() -> None:
    assert await find("plain.example") == [Hop("plain.example", "1.1.1.3", 25, tls=NAMED)]


async def test_equal_hosts_come_in_random_order() -> None:
    """RFC 5321 section 5.1: to spread the load."""
    orders = set()
    for seed in range(3):
        async with hops_of(seed=seed) as hops:
            order = hosts(await hops.find("equal.example"))
        assert sorted(order) == [f"h{n}.equal.example" for n in range(8)]
        orders.add(tuple(order))
    assert len(orders) == 3


async def test_no_more_than_ten_hosts_are_tried() -> None:
    assert hosts(await find("many.example")) == [f"m{n}.many.example" for n in range(10)]


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("absent.example", "5.1.2"),
        ("null.example", "5.1.10"),
        ("ours.example", "5.4.6"),
        ("gone.example", "5.4.4"),
        *[(literal, "5.1.2") for literal in LITERALS],
        *[(f"inside{n}.example", "5.4.6") for n in range(8)],
    ],
)
async def test_domains_to_which_no_mail_can_go(domain: str, status: str) -> None:
    """RFC 7505 section 4, RFC 5321 section 5.1, RFC 3463 section 3."""
    with pytest.raises(Unroutable) as caught:
        await find(domain)
    assert str(caught.value).startswith(status + " ")


async def test_only_hosts_better_than_ourselves_are_tried() -> None:
    """RFC 5321 section 5.1: hosts of our own and of higher preference numbers are dropped."""
    assert set(hosts(await find("backup.example"))) == {"one.b.example"}


async def test_a_host_without_address_is_passed_over() -> None:
    assert set(hosts(await find("half.example"))) == {"one.b.example"}


@pytest.mark.parametrize("domain", ["broken.example", "ill.example"])
async def test_trouble_in_the_dns_is_temporary(domain: str) -> None:
    with pytest.raises(TemporaryFailure):
        await find(domain)


async def test_a_mapped_address_is_judged_as_what_it_stands_for() -> None:
    """An IPv4 address in the form of IPv6; the mapped loopback address is refused above."""
    assert hosts(await find("mapped.example")) == ["mapped.example"]


async def test_private_addresses_can_be_allowed() -> None:
    settings = QueueSettings(allow_private_addresses=True)
    assert await find("inside0.example", settings=settings) == [
        Hop("inside0.example", "127.0.0.1", 25, tls=NAMED)
    ]
    assert await find("[127.0.0.1]", settings=settings) == [Hop("[127.0.0.1]", "127.0.0.1", 25)]


async def test_a_literal_is_its_own_host() -> None:
    """RFC 5321 section 4.1.3."""
    assert await find("[1.1.1.1]") == [Hop("[1.1.1.1]", "1.1.1.1", 25)]
    assert await find("[ipv6:2606:4700::1]") == [Hop("[ipv6:2606:4700::1]", "2606:4700::1", 25)]


@pytest.mark.parametrize(
    ("domain", "host"),
    [
        ("b.example", "exact"),
        ("sub.b.example", "below"),
        ("deep.sub.b.example", "below"),
        ("c.example", "all"),
        ("absent.example", "all"),
    ],
)
async def test_routes_come_before_the_dns_the_nearest_first(domain: str, host: str) -> None:
    routes = [
        Route(domain="*", host="all", port=2525),
        Route(domain=".b.example", host="below", port=2526),
        Route(domain="B.example", host="exact"),
    ]
    (hop,) = await find(domain, *routes)
    assert hop.host == hop.address == host


async def test_a_route_of_all_is_not_for_literals() -> None:
    assert hosts(await find("[1.1.1.1]", Route(domain="*", host="all"))) == ["[1.1.1.1]"]


async def test_a_route_may_speak_lmtp() -> None:
    """RFC 2033: hand-over to another store."""
    route = Route(domain="b.example", host="unix:/run/lmtp", protocol="lmtp")
    hop = Hop("unix:/run/lmtp", "unix:/run/lmtp", 25, tls=NAMED, lmtp=True)
    assert await find("b.example", route) == [hop]
    with pytest.raises(ValueError, match="protocol"):
        Route(domain="*", host="x", protocol="uucp")  # type: ignore[arg-type]  # what a file may say


async def test_what_the_dns_named_is_not_certain() -> None:
    """RFC 8689 section 4.2.1 (2)."""
    assert {hop.tls.certain for hop in await find("b.example")} == {False}


async def test_who_knows_the_policies_of_domains_is_asked_for_each_host() -> None:
    """The place where MTA-STS and DANE say what they know."""
    asked: list[tuple[str, str]] = []

    class Known:
        async def find(self, domain: str, host: str) -> TlsPolicy:
            asked.append((domain, host))
            return TlsPolicy(certain=True, required=True)

    hops = await find("b.example", policies=Known())
    assert {hop.tls for hop in hops} == {TlsPolicy(certain=True, required=True)}
    assert set(asked) == {("b.example", hop.host) for hop in hops}
