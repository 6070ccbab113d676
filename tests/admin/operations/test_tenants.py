"""tenants: who has domains and accounts here."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotFound


async def test_a_tenant_comes_changes_and_goes(it: Installation) -> None:
    added = await it.do("tenant.add", tenant="gamma", display="Gamma Ltd")
    assert (added["tenant"], added["display"], added["state"]) == ("gamma", "Gamma Ltd", "active")
    assert await it.do("tenant.show", tenant="gamma") == added
    changed = await it.do("tenant.set", tenant="gamma", state="suspended", reason="unpaid")
    assert (changed["state"], changed["reason"]) == ("suspended", "unpaid")
    assert await it.do("tenant.remove", tenant="gamma") == {}
    with pytest.raises(NotFound):
        await it.do("tenant.show", tenant="gamma")


async def test_lists_come_in_pages(it: Installation) -> None:
    first = await it.do("tenant.list", limit=2)
    assert [tenant["tenant"] for tenant in first["items"]] == ["alpha", "canary-tenant"]
    rest = await it.do("tenant.list", after=first["next"])
    assert ([tenant["tenant"] for tenant in rest["items"]], rest["next"]) == (["default"], None)


async def test_what_cannot_be_is_refused(it: Installation) -> None:
    with pytest.raises(AlreadyExists):
        await it.do("tenant.add", tenant="alpha")
    with pytest.raises(InvalidValue):
        await it.do("tenant.add", tenant="Not A Name")
    with pytest.raises(Forbidden):
        await it.do("tenant.remove", tenant="default")
