"""data_rights: everything of an account, and nothing of it any more."""

import json

import pytest
from tests.support.administration import CANARY, Installation

from pymailcore.base.errors import Forbidden, NotFound


async def test_an_export_has_everything_but_secrets(it: Installation) -> None:
    own = it.places["own"]
    made = await it.do("app-password.add", account=own.account, name="phone")
    await it.do("forward.set", account=own.account, target="x@elsewhere.example")
    found = await it.do("account.export", account=own.account)
    assert found["account"]["address"] == own.account
    assert "x@elsewhere.example" in {one["target"] for one in found["forwards"]}
    assert "phone" in {one["name"] for one in found["app_passwords"]}
    assert "app-password.add" in {one["action"] for one in found["audit"]}
    text = json.dumps(found)
    assert made["password"] not in text
    assert "argon2" not in text
    assert CANARY not in text


async def test_who_exports_is_in_the_audit_log_and_everybody_may_have_his_own(it: Installation) -> None:
    own = it.places["own"]
    await it.by("user", "account.export", account=own.account)
    with pytest.raises(Forbidden):
        await it.by("user", "account.erase", account=own.account)
    with pytest.raises((Forbidden, NotFound)):
        await it.by("user", "account.export", account=it.places["sibling"].account)
    newest = (await it.do("audit.list", action="account.export"))["items"][0]
    assert newest["subject"] == own.account


async def test_after_an_erasure_nothing_is_left(it: Installation) -> None:
    own = it.places["own"]
    await it.do("forward.set", account=own.account, target="x@elsewhere.example")
    report = await it.by("tenant-admin", "account.erase", account=own.account)
    removed = {one["table"]: one["removed"] for one in report["tables"]}
    assert removed["forwards"] == 2
    assert [one for one in report["tables"] if one["left"]] == []
    assert report["audit_records"] > 0
    with pytest.raises(NotFound):
        await it.do("account.show", account=own.account)
