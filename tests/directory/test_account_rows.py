"""account_rows: finding, forgetting and renaming accounts inside a transaction."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.directory_parts import ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory import account_rows as rows
from pymailcore.directory.cache import tag
from pymailcore.directory.changes import Change
from pymailcore.directory.permissions import View
from pymailcore.directory.types import Account
from pymailcore.store.types import Transaction

T = TypeVar("T")


async def read(parts: Parts, work: Callable[[Transaction], Awaitable[T]]) -> T:
    return await parts.store.database.read(work)


async def test_who_is_found_and_where_one_may_be_made(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        ann = await parts.account("Ann@a.example")
        await parts.domains.add(ROOT, "also.example")
        await parts.domains.set(ROOT, "also.example", alias_of="a.example")
        assert await read(parts, lambda tx: rows.account_named(tx, "ann@a.example")) == ann
        assert (await read(parts, lambda tx: rows.account_numbered(tx, ann.id))) == ann
        assert await read(parts, lambda tx: rows.id_of(tx, "ben@a.example")) is None
        assert (await read(parts, lambda tx: rows.place_of(tx, "a.example"))).tenant == DEFAULT_TENANT
        for domain, refusal in (("b.example", NotFound), ("also.example", InvalidValue)):
            with pytest.raises(refusal):
                await read(parts, partial(rows.place_of, domain=domain))
        for text in ("ANN@a.example", "ann@a.example"):
            with pytest.raises(AlreadyExists):
                await read(parts, partial(rows.require_free, address=address(text)))
        assert await read(parts, lambda tx: rows.taken(tx, ["ann@a.example", "x@a.example"])) == {ann.name}


async def test_whom_a_target_names(tmp_path: Path, store_settings: EnginePlace) -> None:
    """An account by its own address; by others it is an address that somebody of the tenant has."""
    async with opened_parts(tmp_path, store_settings) as parts:
        ann = await parts.account("ann@a.example")
        settings = parts.ground.settings

        async def named(text: str, tenant: TenantId = DEFAULT_TENANT) -> int | None:
            return await read(parts, lambda tx: rows.of_tenant(tx, tenant, address(text), settings))

        assert await named("ANN@a.example") == ann.id
        assert await named("ann+x@a.example") is None
        assert await named("x@elsewhere.example") is None
        assert await named("nobody@a.example", TenantId(77)) is None  # to another tenant it is elsewhere
        with pytest.raises(NotFound):
            await named("nobody@a.example")


async def test_pages_of_each_view(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        made = [await parts.account(f"{name}@{name[0]}.example") for name in ("ann", "ada", "ben", "bob")]
        names = sorted(account.name for account in made)
        domain = made[0].domain

        async def page(view: View, after: str = "", limit: int = 10, **filters: object) -> list[str]:
            wanted = {"tenant": None, "domain": None, "prefix": "", **filters}
            found = await read(parts, lambda tx: rows.page(tx, view, after=after, limit=limit, **wanted))  # type: ignore[arg-type]
            return [account.name for account in found if account in made]  # a store may begin with one

        everything = View(True, frozenset(), frozenset())
        assert await page(everything) == names
        assert await page(everything, after=names[0], limit=2) == names[1:3]
        assert await page(everything, domain=domain) == names[:2]
        assert await page(everything, prefix="b") == names[2:]
        assert await page(View(False, frozenset({DEFAULT_TENANT}), frozenset())) == names
        assert await page(View(False, frozenset(), frozenset({domain}))) == names[:2]
        assert await page(View(False, frozenset(), frozenset({domain})), prefix="b") == []
        assert await page(View(False, frozenset(), frozenset())) == []


async def test_what_is_forgotten_with_an_account(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        ann, group = await parts.account("ann@a.example"), address("all@a.example")
        ben = await parts.account("ben@a.example")
        await parts.groups.add(ROOT, group)
        await parts.groups.add_member(ROOT, group, address(ann.name))
        await parts.addresses.add(ROOT, address("sales@a.example"), address(ann.name))
        await parts.send_rights.grant(ROOT, address(ben.name), address(ann.name))
        change = await parts.store.database.write(lambda tx: forgotten(tx, ann))
        assert {
            tag("account", ann.id),
            tag("account", ben.id),
            tag("address", "sales@a.example"),
        } <= change.tags
        for table in ("group_members", "send_rights", "identities"):
            left = await parts.rows(f"SELECT account FROM {table}")  # noqa: S608 - constants
            assert ann.id not in {row[0] for row in left}
        kept = await parts.accounts.numbered(ann.id)
        assert kept.state == "closing"


async def forgotten(tx: Transaction, account: Account) -> Change:
    change = Change(ROOT)
    await rows.forget(tx, change, account)
    return change


async def test_an_alias_of_its_own_makes_room_for_a_new_name(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        ann, ben = await parts.account("ann@a.example"), await parts.account("ben@a.example")
        both, own = address("both@a.example"), address("own@a.example")
        for alias, target in ((both, ann), (both, ben), (own, ann)):
            await parts.addresses.add(ROOT, alias, address(target.name))
        write = parts.store.database.write
        assert not await write(lambda tx: rows.own_alias(tx, ann.id, both))
        assert not await write(lambda tx: rows.own_alias(tx, ben.id, own))
        assert await write(lambda tx: rows.own_alias(tx, ann.id, own))
        place = await read(parts, lambda tx: rows.place_of(tx, "a.example"))
        await write(lambda tx: rows.rename(tx, Change(ROOT), ann, own, place))
        assert (await parts.accounts.numbered(ann.id)).name == "own@a.example"
        await write(lambda tx: rows.add_alias(tx, ann, 0))
        assert await parts.reached("ann@a.example") == (["own@a.example"], [])
