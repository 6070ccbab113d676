"""roles: whatever people hand on to each other, together they reach nothing that none of them had (T9)."""

from itertools import product
from typing import Final, NamedTuple

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.grounds import account_of, domain_of, fill, memory_ground

from pymailcore.base.errors import MailError
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.actors import SYSTEM, Actor
from pymailcore.directory.ground import Ground
from pymailcore.directory.permissions import BUILT_IN, INSTALLATION, USER, Permission, Scope, Subject, allows
from pymailcore.directory.roles import Roles

PEOPLE: Final = ("ann@a.example", "ada@a.example", "bob@b.example", "sam@x.example")
TENANTS: Final = (TenantId(1), TenantId(2))
NAMES: Final = ("desk", "crew", "night")
GIVEN: Final = [
    Permission.ROLE_GRANT, Permission.ROLE_WRITE, Permission.ACCOUNT_READ, Permission.ACCOUNT_WRITE,
    Permission.AUDIT_READ,
]  # fmt: skip


class Step(NamedTuple):
    """Something that somebody tries; numbers are places in lists."""

    what: str
    by: int
    to: int
    role: str
    tenant: TenantId | None
    permissions: frozenset[Permission]
    scope: int


SETS: Final = st.frozensets(st.sampled_from(GIVEN), max_size=4)
STEPS: Final = st.builds(
    Step,
    what=st.sampled_from(["make", "change", "remove", "grant", "revoke"]),
    by=st.integers(0, len(PEOPLE) - 1),
    to=st.integers(0, len(PEOPLE) - 1),
    role=st.sampled_from([*NAMES, *sorted(BUILT_IN.keys() - {USER})]),
    tenant=st.sampled_from([None, *TENANTS]),
    permissions=SETS,
    scope=st.integers(0, 6),
)


class World:
    """Two tenants with two domains each, and somebody in most of them."""

    def __init__(self, ground: Ground, scopes: list[Scope], people: list[AccountId]) -> None:
        self.roles = Roles(ground)
        self.scopes = scopes
        self.people = people

    async def actor(self, number: int) -> Actor:
        grants = await self.roles.grants_of(self.people[number])
        return Actor(name=PEOPLE[number], account=self.people[number], grants=grants)

    async def do(self, actor: Actor, step: Step) -> bool:
        """Try a step; gives whether it was done."""
        roles, to, scope = self.roles, self.people[step.to], self.scopes[step.scope]
        permissions = [str(one) for one in step.permissions]
        try:
            match step.what:
                case "make" | "change":
                    add = step.what == "make"
                    await roles.set_role(actor, step.tenant, step.role, permissions, add=add)
                case "remove":
                    await roles.remove_role(actor, step.tenant, step.role)
                case "grant":
                    await roles.grant(actor, to, step.role, scope)
                case "revoke":
                    await roles.revoke(actor, to, step.role, scope)
        except MailError:
            return False
        return True

    async def reached(self) -> set[tuple[Permission, Subject]]:
        """What all of them together may do, and to whom."""
        tenants = {scope.id: TenantId(scope.id) for scope in self.scopes if scope.kind == "tenant"}
        subjects = [Subject(), *(Subject(tenant) for tenant in tenants.values())]
        domains = [scope.id for scope in self.scopes if scope.kind == "domain"]
        subjects += [
            Subject(tenant, one) for tenant, one in zip(sorted(tenants.values()) * 2, domains, strict=True)
        ]
        held = [grant for one in self.people for grant in await self.roles.grants_of(one)]
        return {
            (one, subject) for one, subject in product(Permission, subjects) if allows(held, one, subject)
        }


async def make_world() -> World:
    ground = memory_ground()
    await fill(ground, ["other"], ["ann@a.example", "ada@a.example", "x@a2.example"], tenant=1)
    await fill(ground, [], ["bob@b.example", "sam@x.example"], tenant=2)
    domains = [await domain_of(ground, f"{name}.example") for name in ("a", "b", "a2", "x")]
    scopes = [INSTALLATION, *map(Scope.tenant, TENANTS), *map(Scope.domain, domains)]
    return World(ground, scopes, [await account_of(ground, name) for name in PEOPLE])


async def carried_out(first: list[Step], then: list[Step]) -> int:
    world = await make_world()
    for step in first:
        await world.do(SYSTEM, step)
    before, done = await world.reached(), 0
    for step in then:
        actor = await world.actor(step.by)
        done += await world.do(actor, step)
        assert await world.reached() <= before, step
    return done


@given(first=st.lists(STEPS, min_size=2, max_size=8), then=st.lists(STEPS, min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_together_they_reach_nothing_new(first: list[Step], then: list[Step]) -> None:
    """An operator sets things up; then they make, widen, give and take roles as they can."""
    trio.run(carried_out, first, then)


def test_that_something_is_handed_on() -> None:
    """The property is about something: an administrator does give roles to others."""
    make = Step("make", 0, 0, "desk", TENANTS[0], frozenset({Permission.ROLE_GRANT}), 0)
    boss = Step("grant", 0, 0, "tenant-admin", None, frozenset(), 1)
    hand_on = [
        Step("grant", 0, 1, "desk", None, frozenset(), 1),
        Step("grant", 1, 2, "desk", None, frozenset(), 3),
    ]
    assert trio.run(carried_out, [make, boss], hand_on) == 1
    own = [Step("grant", 0, 1, "support", None, frozenset(), place) for place in (1, 3, 5, 0, 2, 4)]
    assert trio.run(carried_out, [make, boss], own) == 3
