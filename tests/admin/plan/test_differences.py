"""differences: the lines, the order, and that no secret is in them."""

import pytest

from pymailcore.admin.plan.differences import additions
from pymailcore.admin.plan.plan import AccountPlan, DomainPlan, GroupPlan, Plan, TenantPlan
from pymailcore.admin.plan.reading import read_plan
from pymailcore.base.errors import InvalidValue

EVERYTHING = """
[roles]
desk = ["account.read"]
[tenants.acme]
display = "Acme"
limits = { accounts = 5 }
[domains."b.test"]
tenant = "acme"
alias_of = "a.test"
[domains."a.test"]
tenant = "acme"
[accounts."Ann@a.test"]
full_name = "Ann"
password_hash = "$secret$"
send_blocked = true
limits = { octets = "5G" }
forwards = { "Ben@net.test" = "copy", "info@a.test" = "no-copy" }
send_as = ["Team@a.test"]
on_behalf = ["boss@a.test"]
roles = ["domain-admin on a.test", "desk"]
[aliases]
"all@a.test" = ["info@a.test"]
"info@a.test" = ["ann@a.test", "Team@a.test"]
[groups."team@a.test"]
posting = "members"
members = ["ann@a.test", "x@net.test"]
"""


def test_everything_comes_in_the_order_in_which_one_needs_the_other() -> None:
    steps = list(additions(Plan(), read_plan(EVERYTHING)))
    assert [f"{step.sign} {step.text}" for step in steps] == [
        "+ tenant acme",
        "~ limits of tenant acme: accounts none -> 5",
        "+ role desk: account.read",
        "+ domain b.test of tenant acme",
        "+ domain a.test of tenant acme",
        "~ domain b.test: alias_of none -> a.test",
        "+ group Team@a.test",
        "+ account Ann@a.test",
        "~ account Ann@a.test: send_blocked no -> yes",
        "~ limits of account Ann@a.test: octets none -> 5368709120",
        "+ alias info@a.test to Ann@a.test",
        "+ alias info@a.test to Team@a.test",
        "+ alias all@a.test to info@a.test",
        "+ member Ann@a.test of group Team@a.test",
        "+ member x@net.test of group Team@a.test",
        "+ forward of Ann@a.test to Ben@net.test",
        "+ forward of Ann@a.test to info@a.test, without a copy",
        "+ right of Ann@a.test to write as Team@a.test",
        "+ right of Ann@a.test to write on behalf of boss@a.test",
        "+ role desk to Ann@a.test",
        "+ role domain-admin on a.test to Ann@a.test",
    ]
    assert "secret" not in " ".join(step.text for step in steps)
    named = read_plan(EVERYTHING).lines
    assert all(step.about[1] in named[step.about[0]] for step in steps)


def test_only_what_a_plan_names_changes() -> None:
    have = Plan(
        tenants={"default": TenantPlan(display="D", state="active", limits={"accounts": 3, "domains": 2})},
        accounts={
            "ann@a.test": AccountPlan(
                full_name="Ann",
                state="suspended",
                send_blocked=False,
                forwards={"Ben@net.test": "copy", "x@net.test": "copy"},
                send_as=["team@a.test"],
                on_behalf=["boss@a.test"],
            )
        },
        groups={"team@a.test": GroupPlan(posting="members", members=["x@net.test"])},
    )
    want = Plan(
        tenants={"default": TenantPlan(limits={"accounts": 4})},
        accounts={
            "ann@a.test": AccountPlan(
                full_name="Anna",
                password_hash="$x$",
                forwards={"ben@net.test": "no-copy"},
                on_behalf=["team@a.test"],
            )
        },
        groups={"team@a.test": GroupPlan(members=["y@net.test"])},
    )
    assert [step.text for step in additions(have, want)] == [
        "limits of tenant default: accounts 3 -> 4",
        "account ann@a.test: full_name 'Ann' -> 'Anna'",
        "member y@net.test of group team@a.test",
        "forward of ann@a.test to Ben@net.test, without a copy",
        "right of ann@a.test to write on behalf of team@a.test",
    ]


def test_a_domain_does_not_move() -> None:
    have = Plan(domains={"a.test": DomainPlan(tenant="acme")})
    with pytest.raises(InvalidValue, match=r"a\.test is of tenant acme; it cannot move to default"):
        list(additions(have, Plan(domains={"a.test": DomainPlan()})))
