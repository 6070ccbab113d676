"""limits: of tenants, domains and accounts, at the limit and beside it."""

import pytest
from tests.support.directories import CHEAP, Clock, mint
from tests.support.stores import Opened

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory import limits
from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory
from pymailcore.directory.errors import OverLimit
from pymailcore.store.types import Quota, Transaction

ANN = AccountId(41)
ME = Actor.operator("root")


@pytest.fixture
async def directory(opened: Opened) -> Directory:
    """The default tenant with the domain a.example (9), in which is ann@a.example (41)."""

    async def work(tx: Transaction) -> None:
        await tx.run("INSERT INTO domains (id, tenant, name, created_ms) VALUES (9, 1, 'a.example', 0)")
        await tx.run(
            "INSERT INTO accounts (id, tenant, name, domain, created_ms)"
            " VALUES (41, 1, 'ann@a.example', 9, 0)"
        )

    await opened.store.database.write(work)
    return Directory(opened.store.database, opened.store, mint(Clock()), lambda *_: None, CHEAP)


async def values(directory: Directory, scope: str, name: str) -> dict[str, tuple[int | None, int | None]]:
    return {one.name: (one.value, one.used) for one in await directory.limits.show(scope, name)}


async def require(opened: Opened, what: str, more: int = 1) -> None:
    async def work(tx: Transaction) -> None:
        await limits.require(tx, what, tenant=DEFAULT_TENANT, domain=9, more=more)

    await opened.store.database.write(work)


@pytest.mark.parametrize("scope", ["tenant", "domain"])
@pytest.mark.parametrize("what", ["accounts", "aliases", "groups"])
async def test_as_many_as_the_limit_and_no_more(
    what: str, scope: str, opened: Opened, directory: Directory
) -> None:
    name = "default" if scope == "tenant" else "a.example"
    (now,) = [one for one in await directory.limits.show(scope, name) if one.name == what]
    there = now.used or 0
    await directory.limits.set(ME, scope, name, {what: there + 2})
    await require(opened, what, 1)
    await require(opened, what, 2)
    with pytest.raises(OverLimit, match=f"the {scope} may have {there + 2} {what}"):
        await require(opened, what, 3)
    await directory.limits.set(ME, scope, name, {what: None})
    await require(opened, what, 1_000_000)


async def test_domains_are_counted_in_the_tenant(opened: Opened, directory: Directory) -> None:
    await directory.limits.set(ME, "tenant", "default", {"domains": 1})
    with pytest.raises(OverLimit):
        await require(opened, "domains")


async def test_all_limits_are_shown_with_what_is_used(opened: Opened, directory: Directory) -> None:
    await directory.limits.set(ME, "account", "ann@a.example", {"octets": 5, "messages_per_day": 7})
    await directory.limits.set(ME, "domain", "a.example", {"emails": 6})
    shown = {
        one.name: (one.value, one.used) for one in await directory.limits.show("account", "ann@a.example")
    }
    assert shown["octets"] == (5, 0)
    assert shown["messages_per_day"] == (7, 0)
    assert shown["message_octets"] == (None, None)
    assert "accounts" not in shown
    held, _ = await opened.store.quotas.of_account(ANN)
    assert held == Quota(octets=5)
    shown = await values(directory, "domain", "a.example")
    assert (shown["emails"], shown["accounts"]) == ((6, 0), (None, 1))


async def test_a_change_is_seen_at_once_and_said_once(opened: Opened, directory: Directory) -> None:
    assert (await directory.standings.of(ANN)).message_octets() is None
    changes = {"message_octets": 1000}
    assert await directory.limits.set(ME, "domain", "a.example", changes) == changes
    assert await directory.limits.set(ME, "domain", "a.example", changes) == {}
    await directory.limits.set(ME, "account", "ann@a.example", {"message_octets": 2000})
    assert (await directory.standings.of(ANN)).message_octets() == 1000

    async def records(tx: Transaction) -> list[tuple[object, ...]]:
        return await tx.rows("SELECT action, subject FROM audit ORDER BY seq")

    assert [tuple(row) for row in await opened.store.database.read(records)] == [
        ("limit.set", "domain a.example"),
        ("limit.set", "account ann@a.example"),
    ]


@pytest.mark.parametrize(
    ("scope", "name", "changes"),
    [
        ("planet", "earth", {"octets": 1}),
        ("account", "ann@a.example", {"accounts": 1}),
        ("account", "ann@a.example", {"octets": -1}),
        ("account", "ann@a.example", {"octets": 2**53}),
        ("tenant", "default", {"hats": 1}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    scope: str, name: str, changes: dict[str, int | None], directory: Directory
) -> None:
    with pytest.raises(InvalidValue):
        await directory.limits.set(ME, scope, name, changes)


async def test_who_is_unknown_is_not_found(directory: Directory) -> None:
    for scope in ("account", "domain", "tenant"):
        with pytest.raises(NotFound):
            await directory.limits.set(ME, scope, "nobody", {"octets": 1})
        with pytest.raises(NotFound):
            await directory.limits.show(scope, "nobody")


async def test_what_is_removed_leaves_nothing(opened: Opened, directory: Directory) -> None:
    await directory.limits.set(ME, "domain", "a.example", {"octets": 5, "accounts": 7})

    async def work(tx: Transaction) -> None:
        await limits.forget(tx, "domain", 9)

    await opened.store.database.write(work)
    assert all(one.value is None for one in await directory.limits.show("domain", "a.example"))
