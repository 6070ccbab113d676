"""plan: what is read, and what cannot be."""

import pytest

from pymailcore.admin.plan.plan import read_plan
from pymailcore.base.errors import InvalidValue


def test_names_are_brought_into_their_one_form() -> None:
    plan = read_plan(
        '[domains."Bücher.TEST"]\n[accounts."Ann@A.test"]\n'
        'roles=["x on B.test", "y on acme", "z on domain:local"]\n'
        '[aliases]\n"Info@a.test" = ["ANN@a.test", "ann@a.test"]\n'
    )
    assert list(plan.domains or ()) == ["xn--bcher-kva.test"]
    assert (plan.accounts or {})["ann@a.test"].roles == ["x on b.test", "y on acme", "z on domain:local"]
    assert plan.aliases == {"info@a.test": ["ann@a.test"]}
    assert plan.shown["info@a.test"] == "Info@a.test"
    assert plan.groups is None


def test_limits_are_numbers_sizes_or_none() -> None:
    plan = read_plan('[tenants.acme]\nlimits = { octets = "2T", accounts = 5, emails = "none" }\n')
    assert (plan.tenants or {})["acme"].limits == {"octets": 2 << 40, "accounts": 5, "emails": None}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x", "cannot be understood"),
        ("[tenant.x]", "unknown field `tenant`"),
        ("[shown]", "unknown field `shown`"),
        ('[accounts."a@b.test"]\npassword = "x"', "unknown field `password`"),
        ('[accounts."a@b.test"]\npassword_file = "x"\npassword_hash = "y"', "not both"),
        ('[accounts."nobody"]', "'nobody' is no mail address"),
        ('[accounts."a@b.test"]\n[accounts."A@b.test"]', "A@b.test stands there twice"),
        ('[domains."a b"]', "is no domain"),
        ('[aliases]\n"a@b.test" = ["x"]', "'x' is no mail address"),
        ('[tenants.acme]\nlimits = { accounts = "5G" }', "limit accounts of acme: '5G' is neither a number"),
        ('[tenants.acme]\nlimits = { accounts = 1.5 }', "Expected `int | null`"),
    ],
)  # fmt: skip
def test_what_cannot_be(text: str, fault: str) -> None:
    with pytest.raises(InvalidValue, match="(?s).*" + fault.replace("|", r"\|")):
        read_plan(text)
