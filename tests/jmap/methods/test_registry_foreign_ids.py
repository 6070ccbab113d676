"""What is asked with ids of others is in the audit log (security notes, T1); ids that nobody has are not."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import pytest
from tests.jmap.methods.test_registry import ADDRESSES, METHODS, ROWS, asked, mentioned, needs_account
from tests.support.jmap_world import basic, call_app
from tests.support.stores import EnginePlace
from tests.support.tenancy import USER, Ids, Tenancy, tenancy

from pymailcore.directory.audit_log import Filter
from pymailcore.directory.foreign_ids import FOREIGN
from pymailcore.directory.permissions import View

EVERYTHING: Final = View(everything=True, tenants=frozenset(), domains=frozenset())
UNTOLD: Final = frozenset({"Core/echo 0", "Email/query 3"})
"""Rows that look nothing up, or are answered with what is one's own."""


@pytest.fixture
async def it(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Tenancy]:
    async with tenancy(tmp_path, store_settings) as opened:
        yield opened


async def records(it: Tenancy) -> list[str]:
    """Who has asked with what, by the audit log; the oldest first."""
    await it.world.directory.flush()
    found = await it.world.directory.audit.listing(EVERYTHING, Filter(action=FOREIGN), limit=1_000)
    return [f"{one.actor} {one.subject}" for one in reversed(found)]


async def test_ids_of_others_are_recorded(it: Tenancy) -> None:
    """Once for each time that is looked, however many there were."""
    untold, count = set[str](), 0
    for method in METHODS:
        for number, row in enumerate(ROWS[method]):
            for whose in ("destroyed", "nobody"):
                await asked(it, method, it.ids[whose], row, it.own)
            assert len(await records(it)) == count, f"{method} {number}"
            for whose in ("kin", "stranger"):
                await asked(it, method, it.ids[whose], row, it.own)
            found = await records(it)
            assert len(found) <= count + 1
            if len(found) > count:
                who, name, text = found[-1].split()
                foreign = {*it.ids["kin"].foreign().values(), *it.ids["stranger"].foreign().values()}
                assert (who, name, text in foreign) == (USER, method, True)
            elif mentioned(row) & it.ids["kin"].foreign().keys():
                untold.add(f"{method} {number}")
            count = len(found)
    assert sorted(untold) == sorted(UNTOLD)
    assert count > 30


async def test_accounts_of_others_are_recorded(it: Tenancy) -> None:
    count = 0
    for whose, of in it.ids.items():
        for method in filter(needs_account, METHODS):
            await asked(it, method, of, lambda _: {}, of.account)
        found = await records(it)
        assert (len(found) - count, whose) in {(1, "kin"), (1, "stranger"), (0, "destroyed"), (0, "nobody")}
        count = len(found)


async def test_addresses_with_ids_of_others_are_recorded(it: Tenancy) -> None:
    for method, path in ADDRESSES:
        for whose, of in it.ids.items():
            before = len(await records(it))
            names = asdict(of) | {"own": it.own}
            await call_app(it.world.app, method, path.format(**names), headers=basic(USER), body=b"x")
            new = len(await records(it)) - before
            assert new == (whose in {"kin", "stranger"}), (method, path, whose)


async def test_ids_brought_along_are_recorded(it: Tenancy) -> None:
    of: Ids = it.ids["stranger"]
    update = {"accountId": it.own, "update": {"#f": {"keywords/$seen": True}}}
    await it.world.api(["Email/set", update, "0"], user=USER, createdIds={"f": of.email})
    assert await records(it) == [f"{USER} Email/set {of.email}"]
    for _ in range(3):
        await it.world.api(["Email/set", update, "0"], user=USER, createdIds={"f": of.email})
    assert len(await records(it)) == 2
