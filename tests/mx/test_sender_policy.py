"""sender_policy: SPF asked beside the conversation, against zones and a DNS server on loopback (RFC 7208)."""

import pytest
import trio
import trio.testing
from tests.support import dns_zone
from tests.support.dns_zone import serving
from tests.support.logs import captured
from tests.support.spf_zone import PEER, PEER6, ZoneLookups, sending

from pymailcore.dns.resolver import Resolver
from pymailcore.mailauth.spf import Verdict
from pymailcore.mx.sender_policy import (
    MAX_ASKING_COUNT,
    MOST_VAIN_WAITS_COUNT,
    REST_SECONDS,
    SenderPolicies,
    is_public,
)
from pymailcore.runtime.metrics import Metrics

ZONE: dns_zone.Zone = {
    ("e.example", "TXT"): [
        '"v=spf1 mx a:a.e.exa" "mple include:i.example ptr:p.example -all exp=why.example"'
    ],
    ("e.example", "MX"): ["20 m.e.example.", "10 A.e.example."],
    ("a.e.example", "A"): ["192.0.2.9"],
    ("a.e.example", "AAAA"): ["2001:db8::9"],
    ("m.e.example", "A"): ["192.0.2.10"],
    ("i.example", "TXT"): ['"v=spf1 exists:%{ir}.list.example -all"'],
    ("11.2.0.192.list.example", "A"): ["127.0.0.2"],
    ("12.2.0.192.in-addr.arpa", "PTR"): ["x.P.example."],
    ("x.p.example", "A"): ["192.0.2.12"],
    ("why.example", "TXT"): ['"%{i} is a stranger"'],
    ("ill.example", "TXT"): dns_zone.SERVFAIL,
    ("silent.example", "TXT"): dns_zone.SILENT,
}


def counts(metrics: Metrics) -> dict[str, float]:
    """Results by name."""
    (family,) = metrics.spf_results.collect()
    return {one.labels["result"]: one.value for one in family.samples if one.name.endswith("_total")}


@pytest.mark.parametrize(
    ("peer", "domain", "expected"),
    [
        ("192.0.2.9", "e.example", "pass"),
        ("192.0.2.10", "e.example", "pass"),
        ("2001:db8::9", "e.example", "pass"),
        ("192.0.2.11", "e.example", "pass"),
        ("192.0.2.12", "e.example", "pass"),
        ("192.0.2.13", "e.example", "fail"),
        ("192.0.2.9", "gone.example", "none"),
        ("192.0.2.9", "ill.example", "temperror"),
        ("192.0.2.9", "silent.example", "temperror"),
    ],
)
async def test_a_server_is_asked(peer: str, domain: str, expected: str, nursery: trio.Nursery) -> None:
    """Each kind of record, as it comes over the wire; trouble is a temperror; and then all is known."""
    async with serving(ZONE) as server:
        metrics = Metrics()
        resolver = Resolver(server.settings(timeout_seconds=0.2, lifetime_seconds=0.3))
        policies = SenderPolicies(resolver, metrics)
        await nursery.start(policies.run)
        who = sending(f"ann@{domain}", peer)
        pending = policies.ask(who, seconds=20, connection="c1")
        assert not pending.ended
        verdict = await pending.wait(20)
        assert verdict is not None
        assert verdict.result == expected
        assert verdict.explanation == (f"{peer} is a stranger" if expected == "fail" else "")
        asked = server.asked.total()
        assert policies.ask(who, seconds=20, connection="c1").value == verdict
        assert server.asked.total() == asked
        assert counts(metrics) == {expected: 2}


async def test_what_is_known_needs_no_task() -> None:
    """Nothing runs here."""
    policies = SenderPolicies(ZoneLookups({"e.example": ["TXT v=spf1 +all"]}, is_cached=True), Metrics())
    with captured() as lines:
        pending = policies.ask(sending(), seconds=20, connection="c7")
    assert pending.value is not None
    assert pending.value.result == "pass"
    assert lines == [
        {
            "event": "spf",
            "log_level": "info",
            "connection": "c7",
            "peer": PEER,
            "result": "pass",
            "identity": "mailfrom",
            "domain": "e.example",
            "mechanism": "+all",
            "problem": "",
        }
    ]


async def test_it_may_not_take_too_long(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 7208 section 4.6.4: two questions of a second each, just in time and too late; and it ends then."""
    zone = {"e.example": ["TXT v=spf1 a -all", f"A {PEER}"]}
    for seconds, expected in ((2.5, "pass"), (1.5, "temperror")):
        lookups = ZoneLookups(zone)
        policies = SenderPolicies(lookups, Metrics())
        await nursery.start(policies.run)
        began = trio.current_time()
        verdict = await policies.ask(sending(), seconds=seconds, connection="c1").wait(20)
        assert verdict is not None
        assert verdict.result == expected
        assert trio.current_time() - began == min(seconds, 2)
        await trio.sleep(5)
        assert len(lookups.asked) == 2


async def test_what_nobody_wants_to_know_any_more_is_not_asked(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    metrics, lookups = Metrics(), ZoneLookups({"e.example": ["TXT v=spf1 a a:b.example -all"]})
    policies = SenderPolicies(lookups, metrics)
    await nursery.start(policies.run)
    pending = policies.ask(sending(), seconds=20, connection="c1")
    await trio.sleep(0.5)
    pending.give_up()
    await trio.sleep(5)
    assert (pending.ended, pending.value) == (True, None)
    assert len(lookups.asked) == 1
    assert counts(metrics) == {}


async def test_there_is_a_most_of_it_at_a_time(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """199, 200, 201: of the rest nothing is said, and that is counted."""
    metrics = Metrics()
    policies = SenderPolicies(ZoneLookups({"e.example": ["TXT v=spf1 -all"]}), metrics)
    await nursery.start(policies.run)
    begun = [policies.ask(sending(), seconds=20, connection="c1") for _ in range(MAX_ASKING_COUNT + 1)]
    assert [one.ended for one in begun] == [False] * MAX_ASKING_COUNT + [True]
    said = [await one.wait(20) for one in begun]
    assert [one and one.result for one in said] == ["fail"] * MAX_ASKING_COUNT + [None]
    assert counts(metrics) == {"skipped": 1, "fail": MAX_ASKING_COUNT}


async def test_another_resolver_can_be_asked() -> None:
    policies = SenderPolicies(ZoneLookups({}, is_cached=True), Metrics())
    assert policies.ask(sending(), seconds=20, connection="c1").value == Verdict(
        "none", "mailfrom", "e.example"
    )
    policies.reload(ZoneLookups({"e.example": [f"TXT v=spf1 ip6:{PEER6} -all"]}, is_cached=True))
    found = policies.ask(sending(peer=PEER6), seconds=20, connection="c1").value
    assert found is not None
    assert found.result == "pass"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("10.1.2.3", False),
        ("172.15.255.255", True),
        ("172.16.0.0", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("100.128.0.1", True),
        ("169.254.1.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.1.2.3", False),
        ("::ffff:198.51.100.1", True),
        ("198.51.100.1", True),
        ("2001:db8::1", True),
    ],
)
def test_which_addresses_a_domain_can_know(peer: str, expected: bool) -> None:
    assert is_public(peer) is expected


async def test_a_dns_that_is_away_is_not_waited_for_each_time(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Two, three, four waits in vain; after a rest one more decides; an answer in time ends it."""
    lookups = ZoneLookups({"e.example": ["TXT v=spf1 -all"]})
    policies = SenderPolicies(lookups, Metrics())
    await nursery.start(policies.run)

    async def wait(seconds: float) -> float:
        """How long a message waits that would wait so long; an answer takes a second."""
        began = trio.current_time()
        await policies.wait_briefly(policies.ask(sending(), seconds=20, connection="c1"), seconds)
        return trio.current_time() - began

    for _ in range(2):
        assert [await wait(0.5) for _ in range(MOST_VAIN_WAITS_COUNT - 1)] == [0.5, 0.5]
        assert await wait(2) == 1.0
    assert [await wait(0.5) for _ in range(MOST_VAIN_WAITS_COUNT + 1)] == [0.5, 0.5, 0.5, 0]
    await trio.sleep(REST_SECONDS - 0.5)
    assert await wait(0.5) == 0
    await trio.sleep(0.5)
    assert [await wait(0.5) for _ in range(2)] == [0.5, 0]
    await trio.sleep(REST_SECONDS)
    assert await wait(2) == 1.0
    assert [await wait(0.5) for _ in range(MOST_VAIN_WAITS_COUNT)] == [0.5, 0.5, 0.5]


async def test_what_is_known_is_said_while_nobody_waits(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    policies = SenderPolicies(ZoneLookups({}), Metrics())
    await nursery.start(policies.run)
    pending = policies.ask(sending(), seconds=20, connection="c1")
    for _ in range(MOST_VAIN_WAITS_COUNT):
        assert await policies.wait_briefly(pending, 0.1) is None
    await trio.sleep(5)
    found = await policies.wait_briefly(pending, 0.1)
    assert found is not None
    assert found.result == "none"
