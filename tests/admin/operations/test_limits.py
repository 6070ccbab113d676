"""limits: shown to who has them, set by who stands above."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import InvalidValue


async def test_limits_are_set_shown_and_taken_away(it: Installation) -> None:
    for whose in ({"tenant": "alpha"}, {"domain": "a.example"}):
        assert await it.do("limit.set", **whose, limits={"accounts": 9}) == {"changed": {"accounts": 9}}
        shown = {one["limit"]: one for one in (await it.do("limit.show", **whose))["items"]}
        assert shown["accounts"]["value"] == 9
        assert shown["accounts"]["used"] >= 4
        assert await it.do("limit.set", **whose, limits={"accounts": None}) == {"changed": {"accounts": None}}
    await it.do("limit.set", account="ann@a.example", limits={"octets": 1_000})
    own = await it.by("user", "limit.show", account="ann@a.example")
    assert {one["limit"]: one["value"] for one in own["items"] if one["value"] is not None} == {
        "octets": 1_000
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"tenant": "alpha", "domain": "a.example"},
        {"account": "ann@a.example", "limits": {"accounts": 1}},
        {"tenant": "alpha", "limits": {"nonsense": 1}},
        {"tenant": "alpha", "limits": {"accounts": -1}},
    ],
)
async def test_what_cannot_be_is_refused(it: Installation, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        await it.do("limit.set", **{"limits": {}, **arguments})
