"""plan: names have one form, and what contradicts itself cannot be."""

import pytest

from pymailcore.admin.plan.plan import AccountPlan, DomainPlan, Plan, TenantPlan, held, normal, place
from pymailcore.base.errors import InvalidValue


def test_names_are_brought_into_their_one_form() -> None:
    plan = normal(
        Plan(
            domains={"Bücher.TEST": DomainPlan(alias_of="A.test")},
            accounts={
                "Ann@A.test": AccountPlan(
                    roles=["x on B.test", "y on acme", "z on domain:local"],
                    forwards={"Ben@NET.test": "copy"},
                    send_as=["Team@a.test", "team@A.test"],
                )
            },
            aliases={"Info@a.test": ["ANN@a.test", "ann@a.test"]},
        )
    )
    assert plan.domains == {"xn--bcher-kva.test": DomainPlan(alias_of="a.test")}
    account = (plan.accounts or {})["ann@a.test"]
    assert account.roles == ["x on b.test", "y on acme", "z on domain:local"]
    assert account.forwards == {"Ben@net.test": "copy"}
    assert account.send_as == ["team@a.test"]
    assert plan.aliases == {"info@a.test": ["ann@a.test"]}
    assert plan.shown["info@a.test"] == "Info@a.test"
    assert plan.groups is None


def test_what_a_role_is_held_on_comes_back() -> None:
    for kind, name in (("tenant", "acme"), ("domain", "a.test"), ("domain", "localhost")):
        role, _, where = held("desk", kind, name).partition(" on ")
        assert (role, place(where)) == ("desk", (kind, name))
    assert held("desk", "installation", "") == "desk"


@pytest.mark.parametrize(
    ("plan", "fault"),
    [
        (Plan(tenants={"a": TenantPlan(reason="x")}), 'give state = "suspended"'),
        (Plan(accounts={"a@b.test": AccountPlan(reason="x", state="active")}), 'give state = "suspended"'),
        (Plan(accounts={"a@b.test": AccountPlan(send_as=["c@b.test"], on_behalf=["C@b.test"])}),
         "c@b.test stands in"),
        (Plan(accounts={"a@b.test": AccountPlan(forwards={"x": "copy"})}), "'x' is no mail address"),
        (Plan(accounts={"a@b.test": AccountPlan(password_file="x", password_hash="y")}), "not both"),
        (Plan(accounts={"a@b.test": AccountPlan(), "A@b.test": AccountPlan()}),
         "A@b.test stands there twice"),
    ],
)  # fmt: skip
def test_what_contradicts_itself(plan: Plan, fault: str) -> None:
    with pytest.raises(InvalidValue, match=fault):
        normal(plan)
