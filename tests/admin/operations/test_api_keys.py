"""api_keys: each acts with one role on one scope."""

from typing import Any

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import Forbidden, NotFound


async def test_a_key_is_shown_once_acts_and_is_removed(it: Installation) -> None:
    made = await it.do("apikey.add", name="backup", role="support", tenant="alpha")
    text = str(made.pop("key"))
    actor, _ = await it.directory.credentials.api_keys.actor(text, "192.0.2.1")
    seen: dict[str, Any] = await it.administration.call(actor, "account.list", {})
    assert {str(one["name"]).partition("@")[2] for one in seen["items"]} == {"a.example", "a2.example"}
    with pytest.raises(Forbidden):
        await it.administration.call(actor, "account.remove", {"account": "ann@a.example"})
    listed = await it.do("apikey.list", tenant="alpha")
    assert made["id"] in [one["id"] for one in listed["items"]]
    assert text not in str(listed) + str(await it.do("audit.list", limit=1_000))
    await it.do("apikey.remove", id=made["id"])
    with pytest.raises(NotFound):
        await it.do("apikey.remove", id=made["id"])


async def test_a_key_may_no_more_than_who_made_it(it: Installation) -> None:
    """T9."""
    for arguments in ({"role": "operator", "tenant": "alpha"}, {"role": "support"}):
        with pytest.raises(Forbidden):
            await it.administration.call(it.actors["tenant-admin"], "apikey.add", {"name": "x", **arguments})


async def test_lists_are_of_what_one_may_see(it: Installation) -> None:
    everything = await it.do("apikey.list")
    assert len(everything["items"]) == 4
    own = await it.by("tenant-admin", "apikey.list")
    assert [one["name"] for one in own["items"]] == ["backup", "key of alpha", "key of alpha"]
