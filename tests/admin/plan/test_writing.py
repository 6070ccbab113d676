"""writing: what is written reads as what it was."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.plans import plans

from pymailcore.admin.plan.plan import Plan, TenantPlan, normal
from pymailcore.admin.plan.reading import read_plan
from pymailcore.admin.plan.writing import write_plan


def content(plan: Plan) -> Plan:
    """A plan without where its things stood in the file."""
    return msgspec.structs.replace(plan, lines={})


@given(plan=plans())
@settings(max_examples=40, deadline=None)
def test_a_plan_comes_back(plan: Plan) -> None:
    assert content(read_plan(write_plan(plan))) == normal(plan)


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text: str) -> None:
    plan = Plan(tenants={"acme": TenantPlan(display=text, limits={"octets": None})}, aliases={}, groups={})
    assert content(read_plan(write_plan(plan))) == normal(plan)
