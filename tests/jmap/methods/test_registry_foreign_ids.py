"""What is asked with ids of others is in the audit log (security notes, T1); ids that nobody has are not."""

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from itertools import product
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
LOOKS_NOTHING_UP: Final = "Core/echo"


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
    """Each id of each row by itself, with ids that nobody has beside it; gone ones and such leave nothing.

    The rows are those of the test of the registry, which fails when an argument for ids is in none of them.
    """
    nobody, count, faults = it.ids["nobody"], 0, list[str]()
    for method in METHODS:
        for number, row in enumerate(ROWS[method]):
            for whose in ("destroyed", "nobody"):
                await asked(it, method, it.ids[whose], row, it.own)
            if len(await records(it)) != count:
                faults.append(f"{method} {number} of nobody")
            for name, whose in product(mentioned(row) & nobody.foreign().keys(), ("kin", "stranger")):
                id_ = it.ids[whose].foreign()[name]
                await asked(it, method, replace(nobody, **{name: id_}), row, it.own)
                found = await records(it)
                expected = [] if method == LOOKS_NOTHING_UP else [f"{USER} {method} {id_}"]
                if found[count:] != expected:
                    faults.append(f"{method} {number} {name} of {whose}: {found[count:]}")
                count = len(found)
    assert faults == []
    assert count > 100


async def test_ids_that_a_reference_brings_are_recorded(it: Tenancy) -> None:
    """RFC 8620 section 3.7: what an earlier call has told stands in no argument."""
    for method, argument in (("Email/get", "ids"), ("SearchSnippet/get", "emailIds")):
        before, of = await records(it), it.ids["stranger"]
        referring = {
            "accountId": it.own,
            f"#{argument}": {"resultOf": "e", "name": "Core/echo", "path": "/x"},
            **({"filter": None} if method == "SearchSnippet/get" else {}),
        }
        await it.world.api(["Core/echo", {"x": [of.email]}, "e"], [method, referring, "g"], user=USER)
        assert (await records(it))[len(before) :] == [f"{USER} {method} {of.email}"]


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


async def test_an_event_source_takes_no_id(it: Tenancy) -> None:
    """RFC 8620 section 7.3: it is one's own; an accountId beside it is not read and leaves no record."""
    path = f"/jmap/eventsource?types=*&closeafter=state&ping=0&accountId={it.ids['stranger'].account}"
    headers = basic(USER) | {"last-event-id": "0.0.0.0.0"}
    assert (await call_app(it.world.app, "GET", path, headers=headers)).status == 200
    assert await records(it) == []
