"""audit: listed by tenants, checked and exported by operators."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.directory.audit_log import verify_export


async def test_records_are_listed_newest_first(it: Installation) -> None:
    page = await it.do("audit.list", tenant="alpha", action="account", limit=1)
    more = await it.do("audit.list", tenant="alpha", action="account", before=page["next"], limit=1)
    assert "canary" not in str(await it.do("audit.list", tenant="alpha", limit=1_000))
    newest, older = page["items"][0], more["items"][0]
    assert newest["seq"] > older["seq"]
    assert newest["action"] == "account.add"
    assert newest["actor"] == "operator:root@cli"
    assert (await it.do("audit.list", since="2099-01-01"))["items"] == []


async def test_a_tenant_sees_its_own(it: Installation) -> None:
    own = await it.by("tenant-admin", "audit.list", limit=1_000)
    everything = await it.do("audit.list", limit=1_000)
    assert 0 < len(own["items"]) < len(everything["items"])
    assert "canary" not in str(own)


async def test_the_chain_is_checked_also_against_a_known_head(it: Installation) -> None:
    head = await it.do("audit.head")
    await it.do("tenant.set", tenant="alpha", display="Alpha")
    verified = await it.do("audit.verify", **head)
    assert (verified["broken"], verified["seq"]) == (None, int(str(head["seq"])) + 1)
    wrong = await it.do("audit.verify", seq=head["seq"], digest="00" * 32)
    assert wrong["broken"] == head["seq"]
    for known in ({"seq": 1}, {"digest": "00"}, {"seq": 1, "digest": "xx"}):
        with pytest.raises(InvalidValue):
            await it.do("audit.verify", **known)


async def test_an_export_comes_in_pages_and_holds(it: Installation) -> None:
    for arguments in ({}, {"tenant": "alpha"}):
        lines: list[str] = []
        page = await it.do("audit.export", **arguments)
        while True:
            lines += [str(line) for line in page["lines"]]
            if page["next"] is None:
                break
            page = await it.do("audit.export", **arguments, after=page["next"])
        verified = verify_export(lines)
        assert (verified.records, verified.broken) == (len(lines) - 1, None)


async def test_a_domain_has_a_log_of_its_own(it: Installation) -> None:
    """Records about the domain, its accounts, aliases and groups, and what these have; of nothing else."""
    await it.do("domain.add", domain="xa.example", tenant="alpha")
    await it.do("account.add", account="ann@xa.example")
    for account in ("ann@a.example", "ann@a2.example"):
        for name in ("x@a.example", "x@a.example / y", "x / z@a2.example"):
            await it.do("app-password.add", account=account, name=name)
        await it.do("limit.set", account=account, limits={"messages_per_hour": 5})
    await it.do("domain.add", domain="localhost", tenant="alpha")
    await it.do("role.add", role="localhost", tenant="alpha", permissions=[])
    await it.do("apikey.add", role="support", tenant="alpha", name="a.example")
    await it.do("apikey.add", role="support", tenant="alpha", name="x@a.example")
    everything = (await it.do("audit.list", limit=1_000))["items"]
    for who, arguments in (("domain-admin", {}), ("tenant-admin", {"domain": "a.example"})):
        own = (await it.by(who, "audit.list", limit=1_000, **arguments))["items"]
        subjects = {one["subject"] for one in own}
        assert {"a.example", "ann@a.example", "sales@a.example", "team@a.example"} <= subjects
        assert {"account ann@a.example", "domain-admin-of-alpha@a.example"} <= subjects
        assert [
            one for one in subjects if "a2.example" in one.partition(" / ")[0] or "xa.example" in one
        ] == []
        assert {one["action"].partition(".")[0] for one in own}.isdisjoint({"apikey", "tenant"})
        assert "app-password.add" in {one["action"] for one in own}
        assert "ann@a.example / x@a.example / y" in subjects
        missed = [one for one in everything if one not in own and one["action"] != "apikey.add"]
        assert [one for one in missed if "@a.example" in one["subject"].partition(" / ")[0]] == []
    found = await it.do("audit.list", domain="localhost", limit=1_000)
    assert [one["action"] for one in found["items"]] == ["domain.add"]
    with pytest.raises(NotFound):
        await it.by("domain-admin", "audit.list", domain="a2.example")
    with pytest.raises(NotFound):
        await it.by("domain-admin", "audit.list", tenant="canary-tenant")


async def test_who_gets_a_domain_later_does_not_see_what_was_before(it: Installation) -> None:
    """T1: another tenant had it, and its records are that tenant's."""
    await it.do("domain.add", domain="sold.example", tenant="canary-tenant")
    await it.do("account.add", account="canary@sold.example")
    await it.do("account.remove", account="canary@sold.example")
    await it.do("domain.remove", domain="sold.example")
    await it.do("domain.add", domain="sold.example", tenant="alpha")
    found = await it.by("tenant-admin", "audit.list", domain="sold.example", limit=1_000)
    assert [one["action"] for one in found["items"]] == ["domain.add"]
