"""groups: members, nesting, who may post."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.directories import CHEAP
from tests.support.directory_parts import ALL, DEFAULT_TENANT, ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound, OverQuota
from pymailcore.directory.types import Member


async def group(parts: Parts, text: str, *members: str, posting: str = "everyone") -> None:
    await parts.groups.add(ROOT, address(text), posting=posting)
    for member in members:
        await parts.groups.add_member(ROOT, address(text), address(member))


async def test_a_group_stands_for_its_members_and_theirs(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        for text in ("ann@a.example", "ben@a.example"):
            await parts.account(text)
        await parts.addresses.add(ROOT, address("alias@a.example"), address("ben@a.example"))
        await group(parts, "inner@a.example", "alias@a.example", "Far@b.example")
        await group(parts, "all@a.example", "ann@a.example", "inner@a.example")
        await parts.groups.add_member(ROOT, address("inner@a.example"), address("all@a.example"))
        assert await parts.reached("all@a.example") == (["ann@a.example", "ben@a.example"], ["Far@b.example"])
        assert await parts.groups.members(address("inner@a.example")) == [
            Member("alias@a.example", False),
            Member("all@a.example", False),
            Member("Far@b.example", False),
        ]
        await parts.groups.remove_member(ROOT, address("inner@a.example"), address("FAR@b.example"))
        assert (await parts.reached("all@a.example"))[1] == []
        assert [one.name for one in await parts.groups.page(ALL)] == ["all@a.example", "inner@a.example"]
        assert [one.name for one in await parts.groups.page(ALL, after="all@a.example", prefix="I")] == [
            "inner@a.example"
        ]
        await parts.groups.remove(ROOT, address("inner@a.example"))
        assert await parts.reached("all@a.example") == (["ann@a.example"], [])
        assert await parts.groups.page(ALL, domain="a.example", prefix="x") == []


async def test_groups_that_cannot_be(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings, directory=replace(CHEAP, alias_width_count=2)) as parts:
        await parts.account("ann@a.example")
        await group(parts, "all@a.example", "ann@a.example")
        all_ = address("all@a.example")
        for taken in ("ann@a.example", "All@a.example"):
            with pytest.raises(AlreadyExists):
                await parts.groups.add(ROOT, address(taken))
        with pytest.raises(NotFound):
            await parts.groups.add(ROOT, address("x@b.example"))
        for text, posting in (("x@a.example", "odd"), ("x*@a.example", "everyone")):
            with pytest.raises(InvalidValue):
                await parts.groups.add(ROOT, address(text), posting=posting)
        with pytest.raises(InvalidValue):
            await parts.groups.add_member(ROOT, all_, all_)
        with pytest.raises(AlreadyExists):
            await parts.groups.add_member(ROOT, all_, address("ANN@a.example"))
        with pytest.raises(NotFound):
            await parts.groups.add_member(ROOT, all_, address("nobody@a.example"))
        await parts.groups.add_member(ROOT, all_, address("far@b.example"))
        with pytest.raises(OverQuota):
            await parts.groups.add_member(ROOT, all_, address("farther@b.example"))
        for wrong in ("nobody@a.example", "far@c.example"):
            with pytest.raises(NotFound):
                await parts.groups.remove_member(ROOT, all_, address(wrong))
        for missing in (parts.groups.get, parts.groups.members):
            with pytest.raises(NotFound):
                await missing(address("x@a.example"))


async def may(parts: Parts, who: str) -> bool:
    """Whether an account (its address), or a reverse-path (behind `<`), may write to all@a.example."""
    route = await parts.route("all@a.example")
    if who.startswith("<"):
        return await parts.routes.may_post(route, reverse_path=address(who[1:]) if who[1:] else None)
    account = await parts.accounts.get(address(who))
    return await parts.routes.may_post(route, account=account.id, tenant=account.tenant)


EVERYBODY = ("ann@a.example", "ben@a.example", "cy@blue.example", "<far@b.example", "<x@b.example", "<")


@pytest.mark.parametrize(
    ("posting", "allowed"),
    [
        ("everyone", (*EVERYBODY, "<ann@a.example")),
        ("tenant", ("ann@a.example", "ben@a.example")),
        ("members", ("ann@a.example", "<far@b.example")),
    ],
)
async def test_who_may_post(
    tmp_path: Path, store_settings: EnginePlace, posting: str, allowed: tuple[str, ...]
) -> None:
    """A reverse-path that is kept here is not believed: who is here signs in."""
    async with opened_parts(tmp_path, store_settings) as parts:
        blue = (await parts.tenants.add(ROOT, "blue")).id
        assert blue != DEFAULT_TENANT
        await parts.domains.add(ROOT, "blue.example", tenant=blue)
        for text in ("ann@a.example", "ben@a.example", "cy@blue.example"):
            await parts.account(text)
        await group(parts, "inner@a.example", "ann@a.example", "Far@b.example", posting="members")
        await group(parts, "all@a.example", "inner@a.example")
        assert await may(parts, "cy@blue.example")
        await parts.groups.set(ROOT, address("all@a.example"), posting=posting)
        found = tuple([who for who in (*EVERYBODY, "<ann@a.example") if await may(parts, who)])
        assert sorted(found) == sorted(allowed)
        if posting == "members":
            await parts.groups.remove_member(ROOT, address("inner@a.example"), address("ann@a.example"))
            assert not await may(parts, "ann@a.example")
