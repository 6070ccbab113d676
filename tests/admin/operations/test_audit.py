"""audit: listed by tenants, checked and exported by operators."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import InvalidValue
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
