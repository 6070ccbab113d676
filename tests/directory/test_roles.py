"""roles: own ones and built-in ones, who holds them, and that nobody hands on what he lacks himself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.grounds import account_of, ask, domain_of, fill, memory_ground, opened_ground, tell
from tests.support.stores import EnginePlace

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotEmpty, NotFound
from pymailcore.base.ids import TenantId
from pymailcore.directory.actors import SYSTEM, Actor
from pymailcore.directory.ground import Ground
from pymailcore.directory.permissions import (
    DOMAIN_ADMIN,
    INSTALLATION,
    OPERATOR,
    SUPPORT,
    TENANT_ADMIN,
    USER,
    Permission,
    Scope,
    View,
)
from pymailcore.directory.roles import Roles, guard
from pymailcore.directory.types import Principal

ALL = View(True, frozenset(), frozenset())
A, B = TenantId(1), TenantId(2)
READ = frozenset({Permission.ACCOUNT_READ})


@pytest.fixture
async def ground(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Ground]:
    async with opened_ground(tmp_path, store_settings) as opened:
        await people(opened)
        yield opened


@pytest.fixture
async def quick() -> Ground:
    """Tables in memory: for rules that hold before a table is asked."""
    ground = memory_ground()
    await people(ground)
    return ground


async def people(ground: Ground) -> None:
    await fill(ground, ["beta"], ["ann@a.example", "ada@a.example", "tim@a2.example"])
    await fill(ground, [], ["ben@b.example"], tenant=2)


@pytest.fixture
def roles(ground: Ground) -> Roles:
    return Roles(ground)


async def actor(ground: Ground, roles: Roles, name: str) -> Actor:
    (row,) = await ask(ground, "SELECT tenant FROM accounts WHERE name = ?1", name)
    account = await account_of(ground, name)
    principal = Principal(account=account, tenant=TenantId(row[0]), name=name)
    return await roles.actor(principal, peer="192.0.2.1")


async def grant(ground: Ground, roles: Roles, name: str, role: str, scope: Scope) -> Actor:
    await roles.grant(SYSTEM, await account_of(ground, name), role, scope)
    return await actor(ground, roles, name)


async def test_who_has_signed_in_manages_himself_only(quick: Ground) -> None:
    ground, roles = quick, Roles(quick)
    ann = await actor(ground, roles, "ann@a.example")
    own = Scope.account(await account_of(ground, "ann@a.example"))
    assert [(held.role, held.scope) for held in ann.grants] == [(USER, own)]
    assert (ann.name, ann.tenant, ann.peer) == ("ann@a.example", A, "192.0.2.1")


async def test_what_is_granted_is_held_until_it_is_revoked(ground: Ground, roles: Roles) -> None:
    domain = Scope.domain(await domain_of(ground, "a.example"))
    ann = await grant(ground, roles, "ann@a.example", DOMAIN_ADMIN, domain)
    assert ann.grants[1][::2] == (DOMAIN_ADMIN, domain)
    with pytest.raises(AlreadyExists):
        await roles.grant(SYSTEM, await account_of(ground, "ann@a.example"), DOMAIN_ADMIN, domain)
    assert [(held.account, held.role, held.on) for held in await roles.holders(ALL)] == [
        ("ann@a.example", DOMAIN_ADMIN, "a.example")
    ]
    await roles.revoke(SYSTEM, await account_of(ground, "ann@a.example"), DOMAIN_ADMIN, domain)
    assert len((await actor(ground, roles, "ann@a.example")).grants) == 1
    with pytest.raises(NotFound):
        await roles.revoke(SYSTEM, await account_of(ground, "ann@a.example"), DOMAIN_ADMIN, domain)
    actions = [row[0] for row in await ask(ground, "SELECT action FROM audit ORDER BY seq")]
    assert actions == ["role.grant", "role.revoke"]


async def test_a_role_reaches_those_who_hold_it_when_it_changes(ground: Ground, roles: Roles) -> None:
    await roles.set_role(SYSTEM, A, "desk", ["account.read"], add=True)
    await grant(ground, roles, "ann@a.example", "desk", Scope.tenant(A))
    assert (await actor(ground, roles, "ann@a.example")).grants[1].permissions == READ
    await roles.set_role(SYSTEM, A, "desk", ["account.read", "alias.read"], add=False)
    wider = (await actor(ground, roles, "ann@a.example")).grants[1].permissions
    assert wider == READ | {Permission.ALIAS_READ}
    with pytest.raises(NotEmpty):
        await roles.remove_role(SYSTEM, A, "desk")
    await roles.revoke(SYSTEM, await account_of(ground, "ann@a.example"), "desk", Scope.tenant(A))
    await roles.remove_role(SYSTEM, A, "desk")
    assert "desk" not in [role.name for role in await roles.listing(A)]


async def test_a_name_means_one_thing(ground: Ground, roles: Roles) -> None:
    """Two tenants may both have it; a tenant and the installation may not."""
    await roles.set_role(SYSTEM, A, "desk", ["account.read"], add=True)
    await roles.set_role(SYSTEM, B, "desk", ["alias.read"], add=True)
    for tenant in (A, None):
        with pytest.raises(AlreadyExists):
            await roles.set_role(SYSTEM, tenant, "desk", ["account.read"], add=True)
    await roles.set_role(SYSTEM, None, "auditor", ["audit.read"], add=True)
    with pytest.raises(AlreadyExists):
        await roles.set_role(SYSTEM, B, "auditor", ["audit.read"], add=True)
    assert {role.name for role in await roles.listing(B)} == {
        OPERATOR, TENANT_ADMIN, DOMAIN_ADMIN, SUPPORT, "auditor", "desk",
    }  # fmt: skip
    ben = await grant(ground, roles, "ben@b.example", "desk", Scope.tenant(B))
    assert ben.grants[1].permissions == {Permission.ALIAS_READ}


@pytest.mark.parametrize("name", ["", "Desk", "-desk", "a b", OPERATOR, USER, "x" * 64])
async def test_what_is_no_name_of_an_own_role_is_refused(quick: Ground, name: str) -> None:
    with pytest.raises(InvalidValue):
        await Roles(quick).set_role(SYSTEM, A, name, ["account.read"], add=True)


@pytest.mark.parametrize("permission", ["", "account", "own.password", "ACCOUNT.READ"])
async def test_what_no_role_can_have_is_refused(quick: Ground, permission: str) -> None:
    with pytest.raises(InvalidValue):
        await Roles(quick).set_role(SYSTEM, A, "desk", [permission], add=True)


Attempt = Callable[[Roles, Actor, Ground], Awaitable[object]]


async def to_operator(roles: Roles, who: Actor, ground: Ground) -> None:
    await roles.grant(who, await account_of(ground, "ann@a.example"), OPERATOR, INSTALLATION)


async def to_operator_of_tenant(roles: Roles, who: Actor, ground: Ground) -> None:
    await roles.grant(who, await account_of(ground, "ann@a.example"), OPERATOR, Scope.tenant(A))


async def to_other_tenant(roles: Roles, who: Actor, ground: Ground) -> None:
    await roles.grant(who, await account_of(ground, "ann@a.example"), SUPPORT, Scope.tenant(B))


async def to_wide_role(roles: Roles, who: Actor, _ground: Ground) -> None:
    await roles.set_role(who, A, "desk", ["account.read", "queue.write"], add=True)


async def to_widen_role(roles: Roles, who: Actor, _ground: Ground) -> None:
    await roles.set_role(SYSTEM, A, "desk", ["account.read"], add=True)
    await roles.set_role(who, A, "desk", ["account.read", "store.write"], add=False)


async def to_narrow_a_wider_role(roles: Roles, who: Actor, _ground: Ground) -> None:
    await roles.set_role(SYSTEM, A, "desk", ["account.read", "store.write"], add=True)
    await roles.set_role(who, A, "desk", ["account.read"], add=False)


async def to_role_of_installation(roles: Roles, who: Actor, _ground: Ground) -> None:
    await roles.set_role(who, None, "desk", ["account.read"], add=True)


async def to_disarm_operator(roles: Roles, who: Actor, ground: Ground) -> None:
    await roles.grant(SYSTEM, await account_of(ground, "ada@a.example"), OPERATOR, INSTALLATION)
    await roles.revoke(who, await account_of(ground, "ada@a.example"), OPERATOR, INSTALLATION)


@pytest.mark.parametrize(
    "attempt",
    [
        to_operator,
        to_operator_of_tenant,
        to_other_tenant,
        to_wide_role,
        to_widen_role,
        to_narrow_a_wider_role,
        to_role_of_installation,
        to_disarm_operator,
    ],
)
async def test_a_tenant_administrator_cannot_climb(quick: Ground, attempt: Attempt) -> None:
    """T9: not for himself, not for others, not by a role that he makes or widens."""
    ground, roles = quick, Roles(quick)
    ann = await grant(ground, roles, "ann@a.example", TENANT_ADMIN, Scope.tenant(A))
    with pytest.raises(Forbidden):
        await attempt(roles, ann, ground)
    held = await ask(ground, "SELECT role FROM role_grants WHERE account = ?1", ann.account)
    assert held == [(TENANT_ADMIN,)]


async def test_a_domain_administrator_hands_on_his_domain_only(quick: Ground) -> None:
    ground, roles = quick, Roles(quick)
    own, other = await domain_of(ground, "a.example"), await domain_of(ground, "a2.example")
    ann = await grant(ground, roles, "ann@a.example", DOMAIN_ADMIN, Scope.domain(own))
    ada = await account_of(ground, "ada@a.example")
    for role, scope in (
        (DOMAIN_ADMIN, Scope.domain(other)),
        (DOMAIN_ADMIN, Scope.tenant(A)),
        (TENANT_ADMIN, Scope.domain(own)),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            await roles.grant(ann, ada, role, scope)
    await roles.grant(ann, ada, DOMAIN_ADMIN, Scope.domain(own))


async def test_a_role_of_a_tenant_stays_in_it(quick: Ground) -> None:
    ground, roles = quick, Roles(quick)
    await roles.set_role(SYSTEM, A, "desk", ["account.read"], add=True)
    ann, ben = await account_of(ground, "ann@a.example"), await account_of(ground, "ben@b.example")
    for scope in (INSTALLATION, Scope.tenant(B)):
        with pytest.raises(InvalidValue):
            await roles.grant(SYSTEM, ann, "desk", scope)
    with pytest.raises(NotFound):
        await roles.grant(SYSTEM, ben, "desk", Scope.tenant(B))


@pytest.mark.parametrize("scope", [Scope("tenant", 99), Scope("domain", 99), Scope("tenant", 0)])
async def test_what_does_not_exist_cannot_be_reached(quick: Ground, scope: Scope) -> None:
    ground, roles = quick, Roles(quick)
    with pytest.raises(NotFound):
        await roles.grant(SYSTEM, await account_of(ground, "ann@a.example"), SUPPORT, scope)


async def test_lists_show_what_is_in_view_and_reaches_within_it(ground: Ground, roles: Roles) -> None:
    await grant(ground, roles, "ann@a.example", SUPPORT, Scope.tenant(B))
    await grant(ground, roles, "ann@a.example", SUPPORT, Scope.tenant(A))
    await grant(ground, roles, "ada@a.example", OPERATOR, INSTALLATION)
    await grant(ground, roles, "ben@b.example", SUPPORT, Scope.domain(await domain_of(ground, "b.example")))
    of_a = await roles.holders(View(False, frozenset({1}), frozenset()))
    assert [(held.account, held.on) for held in of_a] == [("ann@a.example", "default")]
    of_b = await roles.holders(View(False, frozenset(), frozenset({await domain_of(ground, "b.example")})))
    assert [(held.account, held.on) for held in of_b] == [("ben@b.example", "b.example")]
    assert len(await roles.holders(ALL)) == 4


async def test_who_holds_more_cannot_be_taken_over(ground: Ground, roles: Roles) -> None:
    domain = Scope.domain(await domain_of(ground, "a.example"))
    ann = await grant(ground, roles, "ann@a.example", DOMAIN_ADMIN, domain)
    ada = await grant(ground, roles, "ada@a.example", TENANT_ADMIN, Scope.tenant(A))
    ann_too, ada_too = [await account_of(ground, f"{name}@a.example") for name in ("ann", "ada")]
    await ground.database.read(partial(guard, actor=ada, account=ann_too))
    with pytest.raises(Forbidden):
        await ground.database.read(partial(guard, actor=ann, account=ada_too))


async def test_permissions_of_a_newer_version_are_passed_over(quick: Ground) -> None:
    ground, roles = quick, Roles(quick)
    await roles.set_role(SYSTEM, A, "desk", ["account.read"], add=True)
    await tell(ground, """UPDATE roles SET permissions = '["account.read", "moon.read"]'""")
    assert [role.permissions for role in await roles.listing(A) if role.name == "desk"] == [READ]
