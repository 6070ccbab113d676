"""domains: which there are, and how a tenant proves that one is its own."""

from pathlib import Path

import pytest
from tests.support.directory_parts import ALL, ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import (
    AlreadyExists,
    InvalidValue,
    NotEmpty,
    NotFound,
)
from pymailcore.directory.permissions import View
from pymailcore.directory.types import Alias


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
