"""Plug-in `dnsbl` against a DNS server that answers as lists do, and as broken ones do."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import trio
import trio.testing
from tests.support.dns_zone import REFUSED, SERVFAIL, Zone, serving
from tests.support.hooks import converse, hooked
from tests.support.smtp import FakeRole, codes

from pymailcore.base.address import Address
from pymailcore.dns.resolver import Resolver
from pymailcore.mx.plugins.dnsbl import Dnsbl, reversed_name
from pymailcore.mx.plugins.settings import BlockList, DnsblSettings
from pymailcore.smtp.hooks import Client, Tag, Transaction

CLIENT = Client(connection="c1", listener="smtp", address="192.0.2.99", hello="relay.bad.example")
TRANSACTION = Transaction(number=1, reverse_path=Address("a", "spam.example"))
BL = BlockList(zone="bl.example")
LISTED = {("99.2.0.192.bl.example", "A"): ["127.0.0.2"]}


async def look(
    zone: Zone,
    *lists: BlockList,
    client: Client = CLIENT,
    transaction: Transaction = TRANSACTION,
    refuse_score: int = 1,
) -> list[str]:
    """Ask, and give the tags."""
    async with serving(zone) as server:
        settings = DnsblSettings(lists=lists or (BL,), refuse_score=refuse_score)
        plugin = Dnsbl(settings, Resolver(server.settings()))
        return [tag.name for tag in await plugin.mail(client, transaction)]


async def test_who_is_listed_is_refused_at_each_recipient_but_postmaster() -> None:
    """RFC 5321 section 4.5.1: one can write to postmaster about it."""
    async with serving(LISTED) as server:
        plugin = Dnsbl(DnsblSettings(lists=(BL,)), Resolver(server.settings()))
        octets = (
            b"EHLO x.example\r\nMAIL FROM:<a@x.example>\r\n"
            b"RCPT TO:<b@host.example>\r\nRCPT TO:<postmaster@host.example>\r\n"
        )
        said = await converse(hooked(FakeRole(), plugin), octets, peer="192.0.2.99")
        assert codes(said) == [b"220", b"250", b"250", b"550", b"250"]
        assert b"550 5.7.1 You are listed at bl.example\r\n" in said
        said = await converse(hooked(FakeRole(), plugin), octets, peer="192.0.2.98")
        assert codes(said) == [b"220", b"250", b"250", b"250", b"250"]


@pytest.mark.parametrize(
    "answers",
    [
        ["127.255.255.252"],
        ["127.255.255.254"],
        ["127.0.0.1"],
        ["203.0.113.7"],
        SERVFAIL,
        REFUSED,
    ],
)
async def test_what_looks_like_a_hit_and_is_none(answers: list[str] | str) -> None:
    """A list that does not answer this resolver must not stop all mail; nor a resolver that lies."""
    assert await look({("99.2.0.192.bl.example", "A"): answers}) == []


async def test_a_list_that_has_everything_is_left_out() -> None:
    """RFC 5782 section 5: no list has 127.0.0.1; one that was given up may have it."""
    wildcard = {**LISTED, ("1.0.0.127.bl.example", "A"): ["127.0.0.2"]}
    assert await look(wildcard) == []
    domains = BlockList(zone="dbl.example", of="domain")
    zone = {("spam.example.dbl.example", "A"): ["127.0.1.2"], ("invalid.dbl.example", "A"): ["127.0.1.2"]}
    assert await look(zone, domains) == []


async def test_a_list_that_does_not_answer_in_time_lists_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Silent:
        async def listed(self, name: str) -> tuple[str, ...]:
            if name.endswith("slow.example"):
                await trio.sleep_forever()
            return ("127.0.0.2",) if name == "99.2.0.192.bl.example" else ()

    lists = (BlockList(zone="slow.example"), BL)
    plugin = Dnsbl(DnsblSettings(lists=lists, lookup_seconds=3.0), Silent())
    began = trio.current_time()
    assert await plugin.mail(CLIENT, TRANSACTION) == [Tag("dnsbl.listed.bl.example")]
    assert trio.current_time() - began == pytest.approx(3.0)


async def test_only_the_answers_that_are_asked_for_count() -> None:
    lists = BlockList(zone="bl.example", answers=("127.0.0.10", "127.0.0.4/31"))
    for answer, tags in (("127.0.0.2", []), ("127.0.0.5", ["dnsbl.listed.bl.example"])):
        assert await look({("99.2.0.192.bl.example", "A"): [answer]}, lists) == tags


@pytest.mark.parametrize(
    ("listed", "tags"),
    [
        (["bad"], ["dnsbl.suspicious"]),
        (["worse"], ["dnsbl.listed.worse.example"]),
        (["bad", "worse", "good"], ["dnsbl.suspicious"]),
        (["good"], ["dnsbl.good"]),
        ([], []),
    ],
)
async def test_weights_are_added_up(listed: list[str], tags: list[str]) -> None:
    weights: Mapping[str, int] = {"bad": 1, "worse": 3, "good": -2}
    lists = [BlockList(zone=f"{name}.example", weight=weight) for name, weight in weights.items()]
    zone = {(f"99.2.0.192.{name}.example", "A"): ["127.0.0.2"] for name in listed}
    assert await look(zone, *lists, refuse_score=3) == tags


@pytest.mark.parametrize("name", ["relay.bad.example", "spam.example"])
async def test_domains_of_hello_and_reverse_path_are_looked_up(name: str) -> None:
    zone = {(f"{name}.dbl.example", "A"): ["127.0.1.2"]}
    assert await look(zone, BlockList(zone="dbl.example", of="domain")) == ["dnsbl.listed.dbl.example"]


@pytest.mark.parametrize("hello", ["[192.0.2.99]", "localhost", "a..b.example", "x" * 70 + ".example"])
async def test_what_is_no_domain_is_not_looked_up(hello: str) -> None:
    client = replace(CLIENT, hello=hello)
    null = Transaction(number=1, reverse_path=None)
    async with serving({}) as server:
        settings = DnsblSettings(lists=(BlockList(zone="dbl.example", of="domain"),))
        assert await Dnsbl(settings, Resolver(server.settings())).mail(client, null) == []
        assert not server.asked


async def test_who_has_logged_in_is_never_looked_up() -> None:
    async with serving(LISTED) as server:
        plugin = Dnsbl(DnsblSettings(lists=(BL,)), Resolver(server.settings()))
        assert await plugin.mail(replace(CLIENT, login="tim@host.example"), TRANSACTION) == []
        assert not server.asked


async def test_answers_are_kept() -> None:
    async with serving(LISTED) as server:
        plugin = Dnsbl(DnsblSettings(lists=(BL,)), Resolver(server.settings()))
        for _ in range(5):
            assert await plugin.mail(CLIENT, TRANSACTION)
        assert set(server.asked.values()) == {1}


def test_addresses_are_written_as_lists_have_them() -> None:
    """RFC 5782 sections 2.1 and 2.4."""
    assert reversed_name("192.0.2.99") == "99.2.0.192"
    assert reversed_name("2001:db8:1:2:3:4:567:89ab") == (
        "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"
    )
