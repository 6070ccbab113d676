"""addresses: aliases and wildcards."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.directories import CHEAP
from tests.support.directory_parts import ALL, ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound, OverQuota
from pymailcore.directory import identities
from pymailcore.directory.permissions import View
from pymailcore.directory.types import Alias


async def alias(parts: Parts, text: str, target: str) -> None:
    await parts.addresses.add(ROOT, address(text), address(target))


async def test_an_alias_has_many_targets_here_and_elsewhere(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 5321 section 3.9.1."""
    async with opened_parts(tmp_path, store_settings) as parts:
        ann = await parts.account("ann@a.example")
        with pytest.raises(NotFound):
            await parts.route("team@a.example")
        before = (await parts.store.states(ann.id)).identity
        await alias(parts, "Team@a.example", "ann@a.example")
        assert (await parts.store.states(ann.id)).identity > before
        assert await parts.reached("team@a.example") == (["ann@a.example"], [])
        await alias(parts, "team@a.example", "Far@b.example")
        await alias(parts, "all@a.example", "team@a.example")
        assert await parts.reached("all@a.example") == (["ann@a.example"], ["Far@b.example"])
        assert await parts.addresses.page(ALL) == [
            Alias("all@a.example", "team@a.example", False),
            Alias("team@a.example", "Far@b.example", False),
            Alias("Team@a.example", "ann@a.example", True),
        ]
        found = await parts.store.database.read(lambda tx: identities.of_account(tx, ann.id))
        assert [identity.email for identity in found] == ["ann@a.example", "Team@a.example"]
        await parts.addresses.remove(ROOT, address("TEAM@a.example"), address("far@b.example".title()))
        assert await parts.reached("all@a.example") == (["ann@a.example"], [])
        await parts.addresses.remove(ROOT, address("team@a.example"))
        with pytest.raises(NotFound):
            await parts.route("all@a.example")
        with pytest.raises(NotFound):
            await parts.addresses.remove(ROOT, address("team@a.example"))
        found = await parts.store.database.read(lambda tx: identities.of_account(tx, ann.id))
        assert [identity.email for identity in found] == ["ann@a.example"]


async def test_aliases_that_cannot_be(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        await parts.groups.add(ROOT, address("all@a.example"))
        await alias(parts, "team@a.example", "ann@a.example")
        await alias(parts, "team@a.example", "far@b.example")
        for taken in (("TEAM@a.example", "ANN@a.example"), ("team@a.example", "far@b.example")):
            with pytest.raises(AlreadyExists):
                await alias(parts, *taken)
        with pytest.raises(AlreadyExists):
            await alias(parts, "all@a.example", "ann@a.example")
        with pytest.raises(NotFound, match="no domain"):
            await alias(parts, "x@b.example", "ann@a.example")
        with pytest.raises(NotFound, match="nobody"):
            await alias(parts, "x@a.example", "nobody@a.example")
        for text in ("ann@a.example", "Ann@A.example"):
            with pytest.raises(InvalidValue):
                await alias(parts, text, "ann@a.example")
        with pytest.raises(InvalidValue):
            await alias(parts, "a*b*@a.example", "ann@a.example")


async def test_wildcards_and_the_catch_all_take_what_nobody_has(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(
        tmp_path, store_settings, directory=replace(CHEAP, wildcards_per_domain_count=2)
    ) as parts:
        for text in ("ann@a.example", "ben@a.example", "sales-1@a.example"):
            await parts.account(text)
        with pytest.raises(NotFound):
            await parts.route("sales-7@a.example")
        await alias(parts, "*@a.example", "ann@a.example")
        await alias(parts, "Sales-*@a.example", "ben@a.example")
        await alias(parts, "sales-*@a.example", "far@b.example")
        assert await parts.reached("SALES-7@a.example") == (["ben@a.example"], ["far@b.example"])
        assert await parts.reached("sales-1@a.example") == (["sales-1@a.example"], [])
        assert await parts.reached("whoever@a.example") == (["ann@a.example"], [])
        with pytest.raises(OverQuota):
            await alias(parts, "more-*@a.example", "ann@a.example")
        ben = (await parts.accounts.get(address("ben@a.example"))).id
        assert await parts.send_rights.standing(ben, address("sales-7@a.example")) == ""
        await parts.addresses.remove(ROOT, address("SALES-*@a.example"))
        assert await parts.reached("sales-7@a.example") == (["ann@a.example"], [])
        await parts.addresses.remove(ROOT, address("*@a.example"))
        with pytest.raises(NotFound):
            await parts.route("whoever@a.example")


async def test_nobody_learns_who_is_in_another_tenant(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        blue = (await parts.tenants.add(ROOT, "blue")).id
        await parts.domains.add(ROOT, "blue.example", tenant=blue)
        await parts.account("there@blue.example")
        await alias(parts, "x@a.example", "there@blue.example")
        await alias(parts, "y@a.example", "nobody@blue.example")
        assert await parts.reached("x@a.example") == ([], ["there@blue.example"])
        assert await parts.reached("y@a.example") == ([], ["nobody@blue.example"])
        mine = View(everything=False, tenants=frozenset({blue}), domains=frozenset())
        assert await parts.addresses.page(mine) == []
        assert len(await parts.addresses.page(ALL)) == 2


async def test_lists_come_in_pages_and_are_narrowed(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        await parts.account("ben@b.example")
        for text in ("x@a.example", "y@a.example"):
            for target in ("one@c.example", "two@c.example"):
                await alias(parts, text, target)
        await alias(parts, "xx@b.example", "ben@b.example")
        everything = await parts.addresses.page(ALL)
        paged, after = list[Alias](), ("", "")
        while page := await parts.addresses.page(ALL, after=after, limit=2):
            after = (address(page[-1].address).key, page[-1].target)
            paged += page
        assert paged == everything
        assert len(paged) == 5
        assert [one.address for one in await parts.addresses.page(ALL, domain="b.example")] == [
            "xx@b.example"
        ]
        assert len(await parts.addresses.page(ALL, prefix="X")) == 3
        with pytest.raises(NotFound):
            await parts.addresses.page(ALL, domain="d.example")
