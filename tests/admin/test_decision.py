"""decision: what is decided before an operation runs is decided again in the transaction of its change."""

import dataclasses
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.support.access import CASES, Case, told
from tests.support.administration import OPERATOR, PASSWORD, Installation, opened_installation
from tests.support.certificates import client_pair
from tests.support.directories import START_MS, Clock, address
from tests.support.late_changes import caught, late, records_of
from tests.support.stored_post import make_process
from tests.support.stores import EnginePlace, Opened

from pymailcore.admin import registry
from pymailcore.admin.registry import Administration
from pymailcore.base.errors import Forbidden
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.claims import CHALLENGE_NAME, CHALLENGE_VALUE, Claims
from pymailcore.directory.permissions import INSTALLATION, Scope, View

BOSS: Final = address("boss@a.example")
ANN: Final = address("ann@a.example")
EVERYTHING: Final = View(everything=True, tenants=frozenset(), domains=frozenset())
OF_THE_QUEUE: Final = frozenset({"queue.retry", "queue.drop", "queue.release"})
"""See test_decision_queue.py."""

READING: Final = frozenset({"domain.claims"})


def changes_something(case: Case) -> bool:
    """Whether an operation changes the directory; what only reads is decided once."""
    permission = registry.OPERATIONS[case.name].permission
    return not permission.endswith(".read") and case.name not in READING | OF_THE_QUEUE


class Zone:
    """Has the records of all claims."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    async def texts(self, name: str) -> tuple[bytes, ...]:
        claims = await self._claims.page(EVERYTHING)
        texts = {CHALLENGE_NAME + one.name: CHALLENGE_VALUE + one.challenge for one in claims}
        return (texts.get(name, "").encode(),)


@pytest.fixture
async def it(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Installation]:
    async with opened_installation(tmp_path, store_settings) as opened:
        administration = Administration(
            opened.directory, opened.queue, records=Zone(opened.directory.claims), now_ms=lambda: START_MS
        )
        yield dataclasses.replace(opened, administration=administration)


@pytest.fixture
def changing(tmp_path: Path) -> list[Case]:
    """Everything that changes something, with arguments that come as far as the change."""
    certificate, _ = client_pair(tmp_path)
    real: dict[str, dict[str, object]] = {
        "account.import": {"accounts": [{"account": "new@a.example"}]},
        "certificate.add": {"certificate": certificate.read_text()},
    }
    return [
        case._replace(arguments={**case.arguments, **real.get(case.name, {})})
        for case in CASES
        if changes_something(case) and not case.name.startswith("own.")  # see test_decision_own.py
    ]


@pytest.mark.parametrize("lost", ["role", "standing"])
async def test_what_is_lost_between_decision_and_change_refuses_every_change(
    it: Installation, changing: list[Case], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """T9, A6: he was let in as an operator, and is none any more when the changes are made."""
    directory, own = it.directory, it.places["own"]
    boss = await directory.accounts.add(OPERATOR, BOSS, PASSWORD)
    await directory.roles.grant(OPERATOR, boss.id, "operator", INSTALLATION)
    actor = await directory.roles.actor(await directory.principal(boss.id), peer="192.0.2.9")

    async def lose() -> None:
        if lost == "standing":
            await it.do("account.set", account=str(BOSS), state="suspended")
        else:
            await directory.roles.revoke(OPERATOR, boss.id, "operator", INSTALLATION)

    tried = await late(monkeypatch, [partial(caught, it, actor, case) for case in changing], lose)
    plain = [await told(it, actor, case, own) for case in changing]
    faults = [
        f"{case.name}: {one}"
        for case, one, other in zip(changing, tried, plain, strict=True)
        if one.outcome == "done" or one != other
    ]
    assert faults == []
    assert set(await records_of(it, actor)) == {"refused"}
    if lost == "standing":
        await it.do("account.set", account=str(BOSS), state="active")
    else:
        await directory.roles.grant(OPERATOR, boss.id, "operator", INSTALLATION)
    assert (await told(it, actor, changing[0], own)).outcome == "done"


async def test_who_is_given_more_between_decision_and_change_is_out_of_reach(
    it: Installation, changing: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """T9: an administrator of a domain sets the password of somebody who becomes administrator of all."""
    alpha = Scope.tenant((await it.directory.tenants.get("alpha")).id)
    ann, admin = await it.directory.accounts.get(ANN), it.actors["domain-admin"]
    guarded = [
        case
        for case in changing
        if registry.OPERATIONS[case.name].guarded and case.about == "account" and "domain-admin" in case.who
    ]
    tried = await late(
        monkeypatch,
        [partial(caught, it, admin, case) for case in guarded],
        lambda: it.directory.roles.grant(OPERATOR, ann.id, "tenant-admin", alpha),
    )
    done = [case.name for case, one in zip(guarded, tried, strict=True) if one.outcome != "forbidden"]
    assert done == []
    assert len(guarded) > 5
    assert set(await records_of(it, admin)) == {"refused"}


async def test_what_has_moved_is_not_changed_by_its_old_name(
    it: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account goes to a domain that is not the administrator's, and another one gets its name."""

    async def move() -> None:
        await it.do("account.rename", account=str(ANN), to="ann-who-was@a2.example")
        await it.do("account.add", account=str(ANN), password=PASSWORD)

    before, admin = await it.do("account.show", account=str(ANN)), it.actors["domain-admin"]
    moved = Case(
        "account.password", "account", frozenset(), {"account": str(ANN), "password": "another horse"}
    )
    (tried,) = await late(monkeypatch, [partial(caught, it, admin, moved)], move)
    assert tried.outcome == "not found"
    assert (await it.do("account.show", account=str(ANN)))["id"] != before["id"]
    assert await records_of(it, admin) == ["refused"]


@pytest.mark.parametrize("how", ["removed", "expired"])
async def test_a_key_that_ends_between_decision_and_change_changes_nothing(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    it = make_process(opened, Clock())
    await it.add(str(ANN), DEFAULT_TENANT)
    keys = it.directory.credentials.api_keys
    _, text = await keys.add(
        OPERATOR, "short", "tenant-admin", Scope.tenant(DEFAULT_TENANT), expires_ms=START_MS + 1_000
    )
    key = await it.directory.logins.api_actor(text, peer="192.0.2.1")
    administration = Administration(it.directory, it.queue, now_ms=it.clock)

    async def end() -> None:
        if how == "removed":
            await keys.remove(OPERATOR, key.api_key)
        else:
            it.clock.ms += 1_000

    async def remove() -> str:
        try:
            await administration.call(key, "account.remove", {"account": str(ANN)})
        except Forbidden as fault:
            return str(fault)
        return "done"

    assert await late(monkeypatch, [remove], end) == ["you may do nothing now"]
    assert await remove() == "you may do nothing now"
    assert (await it.directory.accounts.get(ANN)).state == "active"


async def test_what_a_role_no_longer_has_is_not_handed_on(
    it: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T9: the comparison with what is handed on is made with what the role means at that moment."""
    alpha = await it.directory.tenants.get("alpha")
    wide = ["role.grant", "account.read", "account.write"]
    await it.do("role.add", tenant="alpha", role="chief", permissions=wide)
    boss = await it.directory.accounts.add(OPERATOR, BOSS, PASSWORD)
    await it.directory.roles.grant(OPERATOR, boss.id, "chief", Scope.tenant(alpha.id))
    actor = await it.directory.roles.actor(await it.directory.principal(boss.id), peer="192.0.2.9")
    await it.do("role.add", tenant="alpha", role="clerk", permissions=["account.write"])
    handing = Case(
        "role.grant", "account", frozenset(), {"account": str(ANN), "role": "clerk", "tenant": "alpha"}
    )
    (tried,) = await late(
        monkeypatch,
        [partial(caught, it, actor, handing)],
        lambda: it.directory.roles.set_role(
            OPERATOR, alpha.id, "chief", ["role.grant", "account.read"], add=False
        ),
    )
    assert tried.outcome == "forbidden"
    assert "account.write" in tried.text
    await it.do("role.set", tenant="alpha", role="chief", permissions=wide)
    assert (await caught(it, actor, handing)).outcome == "done"
