"""groups: addresses that stand for their members."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import NotFound


async def test_a_group_comes_changes_and_goes(it: Installation) -> None:
    added = await it.do("group.add", group="Staff@a.example", posting="tenant")
    assert (added["group"], added["name"], added["posting"]) == (
        "Staff@a.example",
        "staff@a.example",
        "tenant",
    )
    for member in ("ann@a.example", "x@b.example"):
        await it.do("group.member.add", group="staff@a.example", member=member)
    page = await it.do("group.members", group="staff@a.example", limit=1)
    rest = await it.do("group.members", group="staff@a.example", after=page["next"])
    assert page["items"] + rest["items"] == [
        {"address": "ann@a.example", "local": True},
        {"address": "x@b.example", "local": False},
    ]
    await it.do("group.member.remove", group="staff@a.example", member="x@b.example")
    assert (await it.do("group.set", group="staff@a.example", posting="members"))["posting"] == "members"
    assert (await it.do("group.show", group="staff@a.example"))["posting"] == "members"
    names = [one["name"] for one in (await it.do("group.list", domain="a.example"))["items"]]
    assert names == ["staff@a.example", "team@a.example"]
    await it.do("group.remove", group="staff@a.example")
    with pytest.raises(NotFound):
        await it.do("group.show", group="staff@a.example")
