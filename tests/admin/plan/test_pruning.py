"""pruning, differences: done once all is as the plan says, and a second time there is nothing to do."""

from hypothesis import given, settings
from tests.support.plans import World, plans

from pymailcore.admin.plan.plan import AccountPlan, DomainPlan, GroupPlan, Plan, TenantPlan
from pymailcore.admin.plan.pruning import differences


@given(have=plans(), want=plans())
@settings(max_examples=60, deadline=None)
def test_with_pruning_what_there_is_becomes_the_plan(have: Plan, want: Plan) -> None:
    world = World(have)
    world.do(differences(world.plan, want, prune=True))
    assert world.content() == World(want).content()
    assert differences(world.plan, want, prune=True) == []


@given(have=plans(), want=plans())
@settings(max_examples=40, deadline=None)
def test_without_pruning_nothing_goes_and_a_second_time_changes_nothing(have: Plan, want: Plan) -> None:
    taken = {*(have.aliases or ()), *(have.groups or ()), *(have.accounts or ())}
    for kind in ("aliases", "groups", "accounts"):  # an address that is something else needs pruning
        mine = getattr(have, kind)
        setattr(
            want,
            kind,
            {one: new for one, new in getattr(want, kind).items() if one in mine or one not in taken},
        )
    kept = {*(want.accounts or ()), *(have.accounts or ()), "x@net.test", "y@net.test"}
    want.aliases = {name: [one for one in to if one in kept] for name, to in (want.aliases or {}).items()}
    for group in (want.groups or {}).values():
        group.members = [one for one in group.members or [] if one in kept]
    others = {*kept, *(want.groups or ()), *(have.groups or ())}
    for account in (want.accounts or {}).values():
        account.forwards = {one: copy for one, copy in (account.forwards or {}).items() if one in kept}
        account.send_as = [one for one in account.send_as or [] if one in others]
        account.on_behalf = [one for one in account.on_behalf or [] if one in others]
    for name, domain in (want.domains or {}).items():
        domain.alias_of = (have.domains or {}).get(name, DomainPlan(alias_of="")).alias_of
    world = World(have)
    steps = differences(world.plan, want)
    world.do(steps)
    assert "-" not in {step.sign for step in steps}
    assert differences(world.plan, want) == []
    for kind in ("tenants", "domains", "accounts", "aliases", "groups", "roles"):
        assert set(getattr(world.plan, kind)) >= set(getattr(have, kind))


@given(plan=plans())
def test_what_is_there_differs_in_nothing_from_itself(plan: Plan) -> None:
    assert differences(plan, plan, prune=True) == []


def test_a_plan_that_says_nothing_of_a_kind_removes_nothing_of_it() -> None:
    have = Plan(
        tenants={"default": TenantPlan()},
        domains={"a.test": DomainPlan(alias_of="")},
        accounts={"ann@a.test": AccountPlan(full_name="Ann", limits={"octets": 5}, roles=["operator"])},
        aliases={"info@a.test": ["ann@a.test"]},
        groups={"team@a.test": GroupPlan(posting="members", members=["ann@a.test"])},
        roles={"desk": []},
    )
    assert differences(have, Plan(domains={"a.test": DomainPlan()}), prune=True) == []
    assert differences(have, Plan(accounts={"ann@a.test": AccountPlan()}), prune=True) == []
    gone = differences(have, Plan(domains={"a.test": DomainPlan()}, accounts={}), prune=True)
    assert [(step.sign, step.text) for step in gone] == [
        ("-", "alias info@a.test to ann@a.test"),
        ("-", "member ann@a.test of group team@a.test"),
        ("-", "account ann@a.test"),
    ]


def test_what_goes_is_only_what_is_the_plans_business() -> None:
    have = Plan(
        tenants={"default": TenantPlan(), "acme": TenantPlan()},
        domains={"a.test": DomainPlan(alias_of=""), "b.test": DomainPlan(tenant="acme", alias_of="")},
        accounts={"ann@a.test": AccountPlan(), "ben@b.test": AccountPlan()},
    )
    want = Plan(domains={"a.test": DomainPlan()}, accounts={})
    assert [step.text for step in differences(have, want, prune=True)] == ["account ann@a.test"]
    everything = Plan(tenants={}, domains={}, accounts={})
    assert [step.text for step in differences(have, everything, prune=True)] == ["tenant acme"]


def test_forwards_and_rights_are_as_the_plan_has_them() -> None:
    have = Plan(
        domains={"a.test": DomainPlan(alias_of="")},
        accounts={
            "ann@a.test": AccountPlan(
                forwards={"Ben@net.test": "copy", "x@net.test": "no-copy"},
                send_as=["boss@a.test", "cat@a.test", "dan@a.test"],
                on_behalf=["eve@a.test"],
            )
        },
    )
    ann = AccountPlan(forwards={"ben@net.test": "copy"}, send_as=["boss@a.test"], on_behalf=["cat@a.test"])
    steps = differences(have, Plan(accounts={"ann@a.test": ann}), prune=True)
    assert [f"{step.sign} {step.text}" for step in steps] == [
        "- forward of ann@a.test to x@net.test",
        "- right of ann@a.test to write as dan@a.test",
        "- right of ann@a.test to write on behalf of eve@a.test",
        "~ right of ann@a.test to write on behalf of cat@a.test",
    ]
    silent = Plan(accounts={"ann@a.test": AccountPlan()})
    assert differences(have, silent, prune=True) == []
