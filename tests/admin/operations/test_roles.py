"""roles: made, given and taken by name."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import Forbidden, InvalidValue, NotFound

ANN = "ann@a.example"


async def test_an_own_role_comes_changes_and_goes(it: Installation) -> None:
    await it.do("role.add", role="desk", tenant="alpha", permissions=["account.read"])
    await it.do("role.set", role="desk", tenant="alpha", permissions=["alias.read"])
    await it.do("role.grant", account=ANN, role="desk", tenant="alpha")
    listed = await it.do("role.list", tenant="alpha")
    (desk,) = [one for one in listed["items"] if one["role"] == "desk"]
    assert desk == {"role": "desk", "built_in": False, "of_tenant": True, "permissions": ["alias.read"]}
    assert [one["role"] for one in listed["items"] if one["built_in"]] == [
        "operator", "tenant-admin", "domain-admin", "support",
    ]  # fmt: skip
    held = await it.do("role.holders", account=ANN)
    assert [(one["role"], one["scope"], one["on"]) for one in held["items"]] == [("desk", "tenant", "alpha")]
    await it.do("role.revoke", account=ANN, role="desk", tenant="alpha")
    await it.do("role.remove", role="desk", tenant="alpha")


async def test_holders_are_shown_to_who_administers_them(it: Installation) -> None:
    of_domain = await it.by("domain-admin", "role.holders")
    assert [one["account"] for one in of_domain["items"]] == [
        "domain-admin-of-alpha@a.example", "mixed-of-alpha@a.example",
    ]  # fmt: skip
    of_all = await it.do("role.holders")
    assert len(of_all["items"]) == 6


async def test_a_role_is_held_on_one_thing(it: Installation) -> None:
    with pytest.raises(InvalidValue):
        await it.do("role.grant", account=ANN, role="support", tenant="alpha", domain="a.example")


@pytest.mark.parametrize(
    ("who", "arguments", "outcome"),
    [
        ("tenant-admin", {"role": "operator"}, Forbidden),
        ("tenant-admin", {"role": "operator", "tenant": "alpha"}, Forbidden),
        ("tenant-admin", {"role": "support", "tenant": "canary-tenant"}, NotFound),
        ("tenant-admin", {"role": "support", "tenant": "nothing"}, NotFound),
        ("domain-admin", {"role": "tenant-admin", "domain": "a.example"}, Forbidden),
        ("domain-admin", {"role": "support", "domain": "a2.example"}, NotFound),
        ("domain-admin", {"role": "support", "tenant": "alpha"}, NotFound),
        ("key", {"role": "operator"}, Forbidden),
        ("user", {"role": "support", "domain": "a.example"}, Forbidden),
    ],
)
async def test_nobody_hands_on_what_he_lacks(
    it: Installation, who: str, arguments: dict[str, str], outcome: type[Exception]
) -> None:
    """T9."""
    with pytest.raises(outcome):
        await it.administration.call(it.actors[who], "role.grant", {"account": ANN, **arguments})
    assert (await it.do("role.holders", account=ANN))["items"] == []
