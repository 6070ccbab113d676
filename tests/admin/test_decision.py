"""decision: what is decided before an operation runs is decided again in the transaction of its change."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.access import CASES, Case, Told, told
from tests.support.administration import OPERATOR, PASSWORD, Installation, opened_installation
from tests.support.certificates import client_pair
from tests.support.deliveries import MESSAGE, envelope, make_post
from tests.support.directories import START_MS, address
from tests.support.stores import EnginePlace

from pymailcore.admin import registry
from pymailcore.admin.operation import Call, Operation, Record
from pymailcore.admin.registry import Administration
from pymailcore.base.errors import Forbidden, MailError, NotFound
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.actors import Actor
from pymailcore.directory.claims import CHALLENGE_NAME, CHALLENGE_VALUE, Claims
from pymailcore.directory.permissions import INSTALLATION, Scope, View
from pymailcore.store.types import Row, Transaction

Inject = Callable[[], Awaitable[object]]

BOSS: Final = address("boss@a.example")
ANN: Final = address("ann@a.example")
EVERYTHING: Final = View(everything=True, tenants=frozenset(), domains=frozenset())
OF_THE_QUEUE: Final = frozenset({"queue.retry", "queue.drop", "queue.release"})
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
        if changes_something(case) and not case.name.startswith("own.")  # which no role gives
    ]


def between(monkeypatch: pytest.MonkeyPatch, inject: Inject) -> None:
    """Let something happen between the decision and what each operation does."""
    inside = False

    def late(one: Operation[Any]) -> Operation[Any]:
        async def run(call: Call, given: object) -> Record:
            nonlocal inside
            if not inside:
                inside = True
                await inject()
                inside = False
            done: Record = await one.run(call, given)
            return done

        return dataclasses.replace(one, run=run)

    late_ones = {name: late(one) for name, one in registry.OPERATIONS.items()}
    monkeypatch.setattr(registry, "OPERATIONS", late_ones)


async def records_of(it: Installation, actor: Actor) -> list[str]:
    """What somebody has done, by the audit log."""

    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows("SELECT action FROM audit WHERE actor = ?1 ORDER BY seq", actor.name)

    return [row[0] for row in await it.directory.read(work)]


async def caught(it: Installation, actor: Actor, case: Case) -> Told:
    try:
        return await told(it, actor, case, it.places["own"])
    except MailError as fault:
        return Told(type(fault).__name__, str(fault))


@pytest.mark.parametrize("lost", ["role", "standing"])
async def test_what_is_lost_between_decision_and_change_refuses_every_change(
    it: Installation, changing: list[Case], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """T9, A6: he was let in as an operator, and is none any more when the change is made."""
    directory, losing = it.directory, True
    boss = await directory.accounts.add(OPERATOR, BOSS, PASSWORD)
    await directory.roles.grant(OPERATOR, boss.id, "operator", INSTALLATION)
    actor = await directory.roles.actor(await directory.principal(boss.id), peer="192.0.2.9")

    async def turn(*, back: bool) -> None:
        if lost == "standing":
            await it.do("account.set", account=str(BOSS), state="active" if back else "suspended")
        else:
            change = directory.roles.grant if back else directory.roles.revoke
            await change(OPERATOR, boss.id, "operator", INSTALLATION)

    async def lose() -> None:
        if losing:
            await turn(back=False)

    own, faults = it.places["own"], []
    for case in changing:
        losing = True
        with monkeypatch.context() as patched:
            between(patched, lose)
            late = await caught(it, actor, case)
        losing = False
        if late.outcome == "done" or late != await told(it, actor, case, own):
            faults.append(f"{case.name}: {late}")
        await turn(back=True)
    assert faults == []
    assert set(await records_of(it, actor)) == {"refused"}
    assert (await told(it, actor, changing[0], own)).outcome == "done"


async def test_who_is_given_more_between_decision_and_change_is_out_of_reach(
    it: Installation, changing: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """T9: an administrator of a domain sets the password of somebody who becomes administrator of all."""
    alpha = Scope.tenant((await it.directory.tenants.get("alpha")).id)
    ann = await it.directory.accounts.get(ANN)
    guarded = [
        case
        for case in changing
        if registry.OPERATIONS[case.name].guarded and case.about == "account" and "domain-admin" in case.who
    ]
    for case in guarded:
        with monkeypatch.context() as patched:
            between(patched, lambda: it.directory.roles.grant(OPERATOR, ann.id, "tenant-admin", alpha))
            late = await caught(it, it.actors["domain-admin"], case)
        assert late.outcome == "forbidden", case
        await it.directory.roles.revoke(OPERATOR, ann.id, "tenant-admin", alpha)
    assert len(guarded) > 5
    assert set(await records_of(it, it.actors["domain-admin"])) == {"refused"}


async def test_what_has_moved_is_not_changed_by_its_old_name(
    it: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account goes to a domain that is not the administrator's, and another one gets its name."""

    async def move() -> None:
        await it.do("account.rename", account=str(ANN), to="ann-who-was@a2.example")
        await it.do("account.add", account=str(ANN), password=PASSWORD)

    before = await it.do("account.show", account=str(ANN))
    between(monkeypatch, move)
    moved = Case(
        "account.password", "account", frozenset(), {"account": str(ANN), "password": "another horse"}
    )
    assert (await caught(it, it.actors["domain-admin"], moved)).outcome == "not found"
    monkeypatch.undo()
    assert (await it.do("account.show", account=str(ANN)))["id"] != before["id"]
    assert await records_of(it, it.actors["domain-admin"]) == ["refused"]


async def test_a_key_that_is_removed_between_decision_and_change_changes_nothing(
    it: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = it.actors["key"]
    between(monkeypatch, lambda: it.directory.credentials.api_keys.remove(OPERATOR, key.api_key))
    with pytest.raises(Forbidden, match="you may do nothing now"):
        await it.administration.call(key, "account.remove", {"account": str(ANN)})
    monkeypatch.undo()
    assert (await it.do("account.show", account=str(ANN)))["address"] == str(ANN)


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
    handing = {"account": str(ANN), "role": "clerk", "tenant": "alpha"}
    between(
        monkeypatch,
        lambda: it.directory.roles.set_role(
            OPERATOR, alpha.id, "chief", ["role.grant", "account.read"], add=False
        ),
    )
    with pytest.raises(Forbidden, match=r"account\.write"):
        await it.administration.call(actor, "role.grant", handing)
    monkeypatch.undo()
    await it.do("role.set", tenant="alpha", role="chief", permissions=wide)
    await it.administration.call(actor, "role.grant", handing)


@pytest.mark.parametrize("name", sorted(OF_THE_QUEUE))
async def test_the_queue_is_asked_for_in_its_own_transaction(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    post = await make_post()
    await post.delivery.accept(envelope("x@b.example"), MESSAGE, tenant=DEFAULT_TENANT, received_ms=START_MS)
    roles, administration = post.directory.roles, Administration(post.directory, post.queue)
    ann = await post.directory.accounts.get(ANN)
    await roles.grant(OPERATOR, ann.id, "operator", INSTALLATION)
    actor = await roles.actor(await post.directory.principal(ann.id), peer="192.0.2.9")
    between(monkeypatch, lambda: roles.revoke(OPERATOR, ann.id, "operator", INSTALLATION))
    with pytest.raises((Forbidden, NotFound), match="permission"):
        await administration.call(actor, name, {})
    assert [one.recipient for one in await post.queue.entries()] == ["x@b.example"]
