"""domains: which there are, and how a tenant proves that one is its own."""

from pathlib import Path

import pytest
from tests.support.directory_parts import ALL, ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import (
    AlreadyExists,
    Forbidden,
    InvalidValue,
    NotEmpty,
    NotFound,
    TemporaryFailure,
)
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory.domains import CHALLENGE_NAME, CHALLENGE_VALUE
from pymailcore.directory.permissions import View
from pymailcore.directory.types import Alias


class Zone:
    """TXT records of names; a name with None gives no answer now."""

    def __init__(self, **records: str | None) -> None:
        self.records = {f"{CHALLENGE_NAME}{name}.example": text for name, text in records.items()}

    async def texts(self, name: str) -> tuple[bytes, ...]:
        if name not in self.records:
            raise NotFound(name)
        text = self.records[name]
        if text is None:
            raise TemporaryFailure("no answer")
        return (b"v=spf1 -all", text.encode())


async def names(parts: Parts, view: View = ALL) -> list[str]:
    return [domain.name for domain in await parts.domains.page(view)]


async def test_an_operators_domain_counts_at_once_and_in_its_one_form(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 5890 section 2.3.2.1."""
    async with opened_parts(tmp_path, store_settings) as parts:
        added = await parts.domains.add(ROOT, "BÜCHER.example")
        assert (added.name, added.verified_by) == ("xn--bcher-kva.example", "operator")
        assert await parts.routes.domain("xn--bcher-kva.example") is not None
        with pytest.raises(AlreadyExists):
            await parts.domains.add(ROOT, "bücher.EXAMPLE")
        for text in ("", "a..b", "[192.0.2.1]", "a b", "x" * 64 + ".example"):
            with pytest.raises(InvalidValue):
                await parts.domains.add(ROOT, text)
        assert await names(parts) == ["xn--bcher-kva.example"]
        assert await parts.domains.first() == "xn--bcher-kva.example"
        assert await parts.actions() == [("domain.add", "xn--bcher-kva.example")]


async def test_a_claim_routes_nothing_until_its_record_is_found(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """Domain capture: an unverified domain never routes."""
    async with opened_parts(tmp_path, store_settings) as parts:
        claim = await parts.domains.claim(ROOT, "a.example", tenant=DEFAULT_TENANT)
        assert await parts.domains.claim(ROOT, "A.example", tenant=DEFAULT_TENANT) == claim
        assert await parts.routes.domain("a.example") is None
        assert (await parts.route("x@a.example")).remote == (address("x@a.example"),)
        with pytest.raises(NotFound):
            await parts.accounts.add(ROOT, address("x@a.example"))
        for zone, outcome in (
            (Zone(), Forbidden),
            (Zone(a=CHALLENGE_VALUE + "0" * 40), Forbidden),
            (Zone(a=None), TemporaryFailure),
        ):
            with pytest.raises(outcome):
                await parts.domains.verify(ROOT, "a.example", tenant=DEFAULT_TENANT, records=zone)
        right = Zone(a=CHALLENGE_VALUE + claim.challenge)
        domain = await parts.domains.verify(ROOT, "a.example", tenant=DEFAULT_TENANT, records=right)
        assert domain.verified_by == "dns"
        assert await parts.routes.domain("a.example") is not None
        assert await parts.domains.claims(ALL) == []
        with pytest.raises(AlreadyExists):
            await parts.domains.claim(ROOT, "a.example", tenant=DEFAULT_TENANT)


async def test_of_two_tenants_the_first_that_proves_it_has_the_domain(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        blue = (await parts.tenants.add(ROOT, "blue")).id
        red = (await parts.tenants.add(ROOT, "red")).id
        first = await parts.domains.claim(ROOT, "a.example", tenant=blue)
        second = await parts.domains.claim(ROOT, "a.example", tenant=red)
        assert first.challenge != second.challenge
        zone = Zone(a=CHALLENGE_VALUE + first.challenge)
        with pytest.raises(Forbidden):  # the other's record proves nothing
            await parts.domains.verify(ROOT, "a.example", tenant=red, records=zone)
        zone = Zone(a=CHALLENGE_VALUE + second.challenge)
        assert (await parts.domains.verify(ROOT, "a.example", tenant=red, records=zone)).tenant == red
        with pytest.raises(Forbidden):  # nothing is said of who has it before the proof
            await parts.domains.verify(ROOT, "a.example", tenant=blue, records=zone)
        zone = Zone(a=CHALLENGE_VALUE + first.challenge)
        with pytest.raises(AlreadyExists):
            await parts.domains.verify(ROOT, "a.example", tenant=blue, records=zone)
        mine = View(everything=False, tenants=frozenset({blue}), domains=frozenset())
        assert [claim.tenant for claim in await parts.domains.claims(mine)] == [blue]
        assert await names(parts, mine) == []
        await parts.domains.withdraw(ROOT, "a.example", tenant=blue)
        with pytest.raises(NotFound):
            await parts.domains.withdraw(ROOT, "a.example", tenant=blue)
        with pytest.raises(NotFound):
            await parts.domains.claim(ROOT, "b.example", tenant=TenantId(77))


async def test_an_alias_domain_has_the_addresses_of_another(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        for name in ("b.example", "c.example"):
            await parts.domains.add(ROOT, name)
        with pytest.raises(NotFound):
            await parts.route("ann@b.example")
        assert (await parts.domains.set(ROOT, "b.example", alias_of="a.example")).alias_of == "a.example"
        assert await parts.reached("ann@b.example") == (["ann@a.example"], [])
        for name, other in (
            ("a.example", "c.example"),
            ("c.example", "b.example"),
            ("c.example", "c.example"),
        ):
            with pytest.raises(InvalidValue):
                await parts.domains.set(ROOT, name, alias_of=other)
        with pytest.raises(NotFound):
            await parts.domains.set(ROOT, "c.example", alias_of="d.example")
        with pytest.raises(InvalidValue):
            await parts.accounts.add(ROOT, address("ben@b.example"))
        blue = (await parts.tenants.add(ROOT, "blue")).id
        await parts.domains.add(ROOT, "blue.example", tenant=blue)
        with pytest.raises(NotFound):
            await parts.domains.set(ROOT, "blue.example", alias_of="a.example")
        await parts.domains.set(ROOT, "b.example", alias_of="")
        with pytest.raises(NotFound):
            await parts.route("ann@b.example")


async def test_mail_for_a_suspended_domain_is_put_off(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        await parts.domains.set(ROOT, "a.example", state="suspended")
        assert (await parts.route("ann@a.example")).state == "suspended"
        await parts.domains.set(ROOT, "a.example", state="active")
        assert (await parts.route("ann@a.example")).state == "active"
        for state in ("closing", "odd"):
            with pytest.raises(InvalidValue):
                await parts.domains.set(ROOT, "a.example", state=state)


async def test_a_domain_with_accounts_stays_and_goes_with_all_else(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        ann = await parts.account("ann@a.example")
        await parts.domains.add(ROOT, "b.example")
        await parts.domains.set(ROOT, "b.example", alias_of="a.example")
        with pytest.raises(NotEmpty, match=r"ann@a\.example"):
            await parts.domains.remove(ROOT, "a.example")
        with pytest.raises(NotFound):
            await parts.domains.remove(ROOT, "c.example")
        await parts.domains.add(ROOT, "example")
        await parts.addresses.add(ROOT, address("x@example"), address("ann@a.example"))
        await parts.addresses.add(ROOT, address("y@a.example"), address("ann@a.example"))
        await parts.groups.add(ROOT, address("g@example"))
        await parts.groups.add_member(ROOT, address("g@example"), address("ann@a.example"))
        await parts.send_rights.grant(ROOT, address("ann@a.example"), address("g@example"))
        assert await parts.send_rights.standing(ann.id, address("x@example")) == "own"
        await parts.domains.remove(ROOT, "example")
        assert await parts.addresses.page(ALL) == [Alias("y@a.example", "ann@a.example", True)]
        assert await parts.send_rights.standing(ann.id, address("x@example")) == ""
        for table in ("groups", "group_members", "send_rights"):
            assert await parts.rows(f"SELECT 1 FROM {table}") == [], table  # noqa: S608 - names of this test
        await parts.accounts.remove(ROOT, address("ann@a.example"))
        with pytest.raises(NotEmpty, match="alias"):
            await parts.domains.remove(ROOT, "a.example")
