"""addresses: aliases, forwards, and who may write as whom."""

import contextlib
import dataclasses

import pytest
from tests.support.administration import Installation

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotFound

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


BOSS = "tenant-admin-of-alpha@a.example"
TAKING = {
    "alias.add": lambda address: {"address": address, "target": "x@elsewhere.example"},
    "alias.remove": lambda address: {"address": address},
    "send-right.grant": lambda address: {"account": ANN, "address": address},
    "account.add": lambda address: {"account": address},
    "account.rename": lambda address: {"account": ANN, "to": address},
    "account.import": lambda address: {
        "domain": address.partition("@")[2],
        "accounts": [{"account": address}],
    },
    "group.add": lambda address: {"group": address},
}


async def taken(it: Installation, who: str, operation: str, address: str) -> str:
    """What somebody is told who takes an address; what is wrong with it but for that is not looked at."""
    try:
        await it.by(who, operation, **TAKING[operation](address))
    except Forbidden:
        return "forbidden"
    except (NotFound, AlreadyExists, InvalidValue):
        pass
    return "done"


@pytest.mark.parametrize("operation", TAKING)
async def test_nobody_gets_the_mail_or_the_name_of_who_may_more(it: Installation, operation: str) -> None:
    """T9: an administrator's mail would be a way to his rights, under whatever address it comes to him."""
    await it.do("domain.add", domain="also.example", tenant="alpha")
    await it.do("domain.set", domain="also.example", alias_of="a.example")
    await it.do(
        "role.grant", account="domain-admin-of-alpha@a.example", role="domain-admin", domain="also.example"
    )
    await it.do("alias.add", address="chief@a.example", target=BOSS)
    await it.do("alias.add", address="head@a.example", target="chief+head@a.example")
    await it.do("alias.add", address="boss-*@a.example", target=BOSS)
    account = it.actors["domain-admin"].account
    assert account is not None
    admin = await it.directory.roles.actor(await it.directory.principal(account), peer="")
    it = dataclasses.replace(it, actors={**it.actors, "domain-admin": admin})
    for address in (
        BOSS,
        "Tenant-Admin-of-Alpha+x@a.example",
        "tenant-admin-of-alpha@also.example",
        "tenant-admin-of-alpha+x@also.example",
        "chief@a.example",
        "chief+x@a.example",
        "head@a.example",
        "postmaster@a.example",
        "ABUSE+x@also.example",
        "boss-mail@a.example",
        "boss-*@a.example",
        "boss-mail*@a.example",
        "boss-*l@a.example",
        "boss-*l@also.example",
    ):
        assert await taken(it, "domain-admin", operation, address) == "forbidden", address
    await it.do("account.set", account=BOSS, state="suspended")
    assert await taken(it, "domain-admin", operation, f"{BOSS.partition('@')[0]}+x@a.example") == "forbidden"
    await it.do("account.set", account=BOSS, state="active")
    assert await taken(it, "tenant-admin", operation, "chief@a.example") == "done"


@pytest.mark.parametrize("operation", TAKING)
async def test_what_is_nobodys_may_be_taken(it: Installation, operation: str) -> None:
    """A catch-all has no claim to an address, nor a group, nor a forward."""
    await it.do("alias.add", address="*@a.example", target=BOSS)
    await it.do("group.member.add", group="team@a.example", member=BOSS)
    await it.do("forward.set", account=ANN, target=BOSS)
    assert await taken(it, "domain-admin", operation, "*@a.example") == "forbidden"
    for address in ("free@a.example", "boss*@a.example", "team@a.example", "ann+x@a.example"):
        assert await taken(it, "domain-admin", operation, address) == "done", address
        with contextlib.suppress(NotFound, AlreadyExists):  # after "account.rename"
            await it.do("account.rename", account=address, to=ANN)


async def test_where_the_tenant_has_no_administrator_the_operators_lose_nothing(it: Installation) -> None:
    await it.do("role.revoke", account=BOSS, role="tenant-admin", tenant="alpha")
    await it.by("domain-admin", "alias.add", address="postmaster@a.example", target=ANN)


async def test_targets_by_a_detail_a_wildcard_or_an_alias_domain(it: Installation) -> None:
    """Whatever address mail would go by is somebody's; one that nobody has is a slip of the pen."""
    await it.do("domain.add", domain="also.example", tenant="alpha")
    await it.do("domain.set", domain="also.example", alias_of="a.example")
    await it.do("alias.add", address="any-*@a.example", target=ANN)
    targets = ("ann+x@a.example", "any-thing@a.example", "ann@also.example", "postmaster@a.example")
    for target in targets:
        await it.do("alias.add", address="many@a.example", target=target)
        await it.do("group.member.add", group="team@a.example", member=target)
        await it.do("forward.set", account="ann@a2.example", target=target)
    for target in ("nobody@a.example", "nobody+x@a.example", "nobody@also.example"):
        for name, arguments in (
            ("alias.add", {"address": "many@a.example", "target": target}),
            ("group.member.add", {"group": "team@a.example", "member": target}),
            ("forward.set", {"account": ANN, "target": target}),
        ):
            with pytest.raises(NotFound):
                await it.do(name, **arguments)
    route = await it.directory.route(Address("many", "a.example"))
    assert {recipient.detail for recipient in route.local} >= {"x"}


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
