"""domains: kept here at an operator's word, or by a proof in the DNS."""

import pytest
from tests.support.administration import OPERATOR, Installation

from pymailcore.admin.registry import Administration
from pymailcore.base.errors import (
    AlreadyExists,
    Forbidden,
    InvalidValue,
    NotEmpty,
    NotFound,
    TemporaryFailure,
)


class Zone:
    """Answers every question with one text."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    async def texts(self, name: str) -> tuple[bytes, ...]:
        assert name == "_pymailcore-challenge.proved.example"
        return (b"v=spf1 -all", self._text)


async def test_a_domain_comes_changes_and_goes(it: Installation) -> None:
    added = await it.do("domain.add", domain="Bücher.example", tenant="alpha")
    assert (added["domain"], added["display"]) == ("xn--bcher-kva.example", "bücher.example")
    assert (added["verified_by"], added["state"], added["alias_of"]) == ("operator", "active", None)
    assert (await it.do("domain.state", domain="bücher.example", state="suspended"))["state"] == "suspended"
    assert (await it.do("domain.set", domain="bücher.example", alias_of="a.example"))[
        "alias_of"
    ] == "a.example"
    assert await it.do("domain.remove", domain="BÜCHER.example") == {}
    with pytest.raises(NotFound):
        await it.do("domain.show", domain="bücher.example")


async def test_lists_are_of_all_or_of_a_tenant(it: Installation) -> None:
    everything = await it.do("domain.list")
    assert [one["domain"] for one in everything["items"]] == ["a.example", "a2.example", "canary.example"]
    some = await it.do("domain.list", tenant="alpha", limit=1)
    assert ([one["domain"] for one in some["items"]], some["next"]) == (["a.example"], "a.example")


async def test_a_claim_becomes_a_domain_by_its_record(it: Installation) -> None:
    """T5: no mail goes by a domain before its owner has shown that he is that."""
    admin = it.actors["tenant-admin"]
    arguments = {"domain": "proved.example", "tenant": "alpha"}
    claim = await it.administration.call(admin, "domain.claim", arguments)
    assert not await it.directory.is_local_domain("proved.example")
    right = f"pymailcore-domain-verification={claim['challenge']}".encode()
    for text in (b"pymailcore-domain-verification=else", right[:-1]):
        administration = Administration(it.directory, it.queue, records=Zone(text))
        with pytest.raises(Forbidden):
            await administration.call(admin, "domain.verify", arguments)
    with pytest.raises(TemporaryFailure):
        await it.administration.call(admin, "domain.verify", arguments)
    administration = Administration(it.directory, it.queue, records=Zone(right))
    verified = await administration.call(admin, "domain.verify", arguments)
    assert verified["verified_by"] == "dns"
    assert await it.directory.is_local_domain("proved.example")


async def test_claims_are_withdrawn_or_vouched_for(it: Installation) -> None:
    names = [one["domain"] for one in (await it.do("domain.claims"))["items"]]
    assert names == ["claimed.a.example", "claimed.a2.example", "claimed.canary.example"]
    await it.do("domain.withdraw", domain="claimed.a.example", tenant="alpha")
    vouched = await it.do("domain.vouch", domain="claimed.a2.example", tenant="alpha")
    assert vouched["verified_by"] == "operator"
    assert len((await it.do("domain.claims"))["items"]) == 1


async def test_claims_of_one_name_come_in_pages(it: Installation) -> None:
    """Any number of tenants may claim a name; none is left out where a page ends."""
    for tenant in ("canary-tenant", "alpha"):
        await it.do("domain.claim", domain="claimed.a.example", tenant=tenant)
    found: list[tuple[str, str]] = []
    following: str | None = ""
    while following is not None:
        page = await it.do("domain.claims", after=following, limit=1)
        found += [(one["domain"], one["tenant"]) for one in page["items"]]
        following = page["next"]
    assert found == [
        ("claimed.a.example", "alpha"),
        ("claimed.a.example", "canary-tenant"),
        ("claimed.a2.example", "alpha"),
        ("claimed.canary.example", "canary-tenant"),
    ]
    own = await it.by("tenant-admin", "domain.claims")
    assert {one["tenant"] for one in own["items"]} == {"alpha"}


async def test_a_claim_does_not_say_whose_a_domain_is(it: Installation) -> None:
    """T1, T5: claiming a domain that another tenant has looks like claiming one that nobody has."""
    foreign = {"domain": "canary.example", "tenant": "alpha"}
    unknown = {"domain": "nobodys.example", "tenant": "alpha"}
    answers = [
        await it.administration.call(it.actors["key"], "domain.claim", one) for one in (foreign, unknown)
    ]
    assert [sorted(answer) for answer in answers] == [["challenge", "created", "domain"]] * 2


async def test_what_cannot_be_is_refused(it: Installation) -> None:
    with pytest.raises(InvalidValue):
        await it.do("domain.add", domain="a b")
    with pytest.raises(AlreadyExists):
        await it.do("domain.add", domain="a.example")
    with pytest.raises(NotEmpty):
        await it.do("domain.remove", domain="a.example")
    with pytest.raises(InvalidValue):
        await it.administration.call(OPERATOR, "domain.state", {"domain": "a.example", "state": "gone"})
