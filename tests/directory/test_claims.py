"""claims: no mail goes by one before its record is found; there are not too many of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.directories import CHEAP, Clock
from tests.support.directory_parts import ALL, ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import AlreadyExists, Forbidden, NotFound, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory.claims import CHALLENGE_NAME, CHALLENGE_VALUE, Claims
from pymailcore.directory.errors import OverLimit, TooManyQuestions
from pymailcore.directory.limits import Limits
from pymailcore.directory.permissions import View
from pymailcore.directory.types import Claim


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


async def test_a_claim_routes_nothing_until_its_record_is_found(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """Domain capture: an unverified domain never routes."""
    async with opened_parts(tmp_path, store_settings) as parts:
        claim = await parts.claims.make(ROOT, "a.example", tenant=DEFAULT_TENANT)
        assert await parts.claims.make(ROOT, "A.example", tenant=DEFAULT_TENANT) == claim
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
                await parts.claims.verify(ROOT, "a.example", tenant=DEFAULT_TENANT, records=zone)
        right = Zone(a=CHALLENGE_VALUE + claim.challenge)
        domain = await parts.claims.verify(ROOT, "a.example", tenant=DEFAULT_TENANT, records=right)
        assert domain.verified_by == "dns"
        assert await parts.routes.domain("a.example") is not None
        assert await parts.claims.page(ALL) == []
        with pytest.raises(AlreadyExists):
            await parts.claims.make(ROOT, "a.example", tenant=DEFAULT_TENANT)


async def test_of_two_tenants_the_first_that_proves_it_has_the_domain(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        blue = (await parts.tenants.add(ROOT, "blue")).id
        red = (await parts.tenants.add(ROOT, "red")).id
        first = await parts.claims.make(ROOT, "a.example", tenant=blue)
        second = await parts.claims.make(ROOT, "a.example", tenant=red)
        assert first.challenge != second.challenge
        zone = Zone(a=CHALLENGE_VALUE + first.challenge)
        with pytest.raises(Forbidden):  # the other's record proves nothing
            await parts.claims.verify(ROOT, "a.example", tenant=red, records=zone)
        zone = Zone(a=CHALLENGE_VALUE + second.challenge)
        assert (await parts.claims.verify(ROOT, "a.example", tenant=red, records=zone)).tenant == red
        with pytest.raises(Forbidden):  # nothing is said of who has it before the proof
            await parts.claims.verify(ROOT, "a.example", tenant=blue, records=zone)
        zone = Zone(a=CHALLENGE_VALUE + first.challenge)
        with pytest.raises(AlreadyExists):
            await parts.claims.verify(ROOT, "a.example", tenant=blue, records=zone)
        mine = View(everything=False, tenants=frozenset({blue}), domains=frozenset())
        assert [claim.tenant for claim in await parts.claims.page(mine)] == [blue]
        assert await parts.domains.page(mine) == []
        await parts.claims.withdraw(ROOT, "a.example", tenant=blue)
        with pytest.raises(NotFound):
            await parts.claims.withdraw(ROOT, "a.example", tenant=blue)
        with pytest.raises(NotFound):
            await parts.claims.make(ROOT, "b.example", tenant=TenantId(77))


async def claim_some(parts: Parts, tenant: TenantId, count: int) -> list[Claim]:
    return [await parts.claims.make(ROOT, f"d{number}.example", tenant=tenant) for number in range(count)]


async def test_a_tenant_has_as_many_claims_as_it_may(tmp_path: Path, store_settings: EnginePlace) -> None:
    """The setting holds for who has no limit of his own; a claim that is there may be asked for again."""
    few = replace(CHEAP, claims_per_tenant_count=3)
    async with opened_parts(tmp_path, store_settings, directory=few) as parts:
        blue = (await parts.tenants.add(ROOT, "blue")).id
        await claim_some(parts, blue, 2)
        made = await claim_some(parts, blue, 3)
        with pytest.raises(OverLimit, match="3 claims"):
            await parts.claims.make(ROOT, "more.example", tenant=blue)
        assert await claim_some(parts, blue, 3) == made
        await Limits(parts.ground).set(ROOT, "tenant", "blue", {"claims": 4})
        await claim_some(parts, blue, 4)
        with pytest.raises(OverLimit, match="4 claims"):
            await parts.claims.make(ROOT, "more.example", tenant=blue)
        await parts.claims.withdraw(ROOT, "d0.example", tenant=blue)
        await parts.claims.make(ROOT, "more.example", tenant=blue)
        assert len(await claim_some(parts, DEFAULT_TENANT, 3)) == 3


async def test_pages_go_on_between_two_claims_of_one_name(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        for name in ("blue", "red", "white"):
            await claim_some(parts, (await parts.tenants.add(ROOT, name)).id, 2)
        pages, after = [], ("", "")
        while page := await parts.claims.page(ALL, after=after, limit=2):
            pages.append([(claim.name, claim.claimant) for claim in page])
            after = pages[-1][-1]
        assert [one for page in pages for one in page] == [
            (domain, tenant) for domain in ("d0.example", "d1.example") for tenant in ("blue", "red", "white")
        ]


async def test_the_dns_is_asked_a_few_times_a_minute_for_each_tenant(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    few = replace(CHEAP, verifications_per_minute_count=2)
    async with opened_parts(tmp_path, store_settings, directory=few) as parts:
        clock = Clock()
        claims = Claims(replace(parts.ground, now_ms=clock))
        blue = (await parts.tenants.add(ROOT, "blue")).id
        for tenant in (blue, DEFAULT_TENANT):
            await claims.make(ROOT, "a.example", tenant=tenant)
            for _ in range(2):
                with pytest.raises(Forbidden):
                    await claims.verify(ROOT, "a.example", tenant=tenant, records=Zone())
            with pytest.raises(TooManyQuestions, match="2 proofs"):
                await claims.verify(ROOT, "a.example", tenant=tenant, records=Unasked())
        clock.ms += 60_000
        with pytest.raises(Forbidden):
            await claims.verify(ROOT, "a.example", tenant=blue, records=Zone())
        assert (await claims.verify(ROOT, "a.example", tenant=DEFAULT_TENANT)).verified_by == "operator"


class Unasked:
    """Nobody asks here."""

    async def texts(self, name: str) -> tuple[bytes, ...]:
        raise AssertionError(name)
