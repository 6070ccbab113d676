"""addresses: aliases, forwards, and who may write as whom."""

import contextlib

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import Forbidden, NotFound

ANN = "ann@a.example"


async def test_aliases(it: Installation) -> None:
    await it.do("alias.add", address="team2@a.example", target=ANN)
    await it.do("alias.add", address="team2@a.example", target="x@b.example")
    page = await it.do("alias.list", domain="a.example", prefix="team2", limit=1)
    rest = await it.do("alias.list", domain="a.example", prefix="team2", after=page["next"])
    assert page["items"] + rest["items"] == [
        {"address": "team2@a.example", "target": ANN, "local": True},
        {"address": "team2@a.example", "target": "x@b.example", "local": False},
    ]
    await it.do("alias.remove", address="team2@a.example", target="x@b.example")
    await it.do("alias.remove", address="team2@a.example")
    assert (await it.do("alias.list", prefix="team2"))["items"] == []


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("alias.add", {"target": "x@elsewhere.example"}),
        ("alias.remove", {}),
        ("send-right.grant", {"account": ANN}),
    ],
)
async def test_nobody_gets_the_mail_or_the_name_of_who_may_more(
    it: Installation, operation: str, arguments: dict[str, str]
) -> None:
    """T9: a copy of an administrator's mail would be a way to his rights."""
    boss = {"address": "tenant-admin-of-alpha@a.example", **arguments}
    with pytest.raises(Forbidden):
        await it.by("domain-admin", operation, **boss)
    with contextlib.suppress(NotFound):  # there is no such alias
        await it.by("tenant-admin", operation, **boss)


async def test_forwards_are_their_owners(it: Installation) -> None:
    user = it.actors["user"]
    await it.administration.call(
        user, "forward.set", {"account": ANN, "target": "x@b.example", "keep_copy": False}
    )
    listed = await it.by("user", "forward.list", account=ANN)
    assert {"target": "x@b.example", "keep_copy": False} in listed["items"]
    await it.administration.call(user, "forward.remove", {"account": ANN})
    assert (await it.do("forward.list", account=ANN))["items"] == []
    with pytest.raises(NotFound):
        await it.administration.call(user, "forward.list", {"account": "ann@a2.example"})


async def test_who_may_write_as_an_address_is_up_to_its_administrator(it: Installation) -> None:
    admin = it.actors["domain-admin"]
    await it.administration.call(
        admin, "send-right.grant", {"account": ANN, "address": "team@a.example", "kind": "on-behalf"}
    )
    listed = await it.do("send-right.list", account=ANN)
    assert {"address": "team@a.example", "kind": "on-behalf"} in listed["items"]
    with pytest.raises(NotFound):
        await it.administration.call(
            admin, "send-right.grant", {"account": ANN, "address": "team@a2.example"}
        )
    with pytest.raises(Forbidden):
        await it.administration.call(
            it.actors["user"], "send-right.grant", {"account": ANN, "address": "team@a.example"}
        )
    await it.do("send-right.revoke", account=ANN, address="team@a.example")
