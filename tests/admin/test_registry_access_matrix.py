"""registry: every operation × who × whose. What must not be is refused, and told as if it did not exist.

Who may do what is written a second time, apart from the code, in `tests/support/access.py`. An operation
without a line there fails.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.access import CASES, Case, told
from tests.support.administration import CANARY, OPERATOR, Installation, opened_installation
from tests.support.logs import captured
from tests.support.stores import EnginePlace

from pymailcore.admin import registry
from pymailcore.admin.operation import Call, Operation, Record
from pymailcore.base.errors import Forbidden, MailError
from pymailcore.store.types import Row, Transaction

REACH: Final = {
    # what an operation is about -> who sees that of his own; the rest is told that there is no such thing
    "installation": (),
    "tenant": ("tenant-admin", "support", "key"),
    "domain": ("tenant-admin", "support", "key", "domain-admin"),
    "account": ("tenant-admin", "support", "key", "domain-admin", "user"),
}


def expected(case: Case, who: str, whose: str) -> str:
    """What somebody is told; "mixed" supports a tenant and administers one of its domains."""
    if who == "mixed":
        rights = (expected(case, one, whose) for one in ("domain-admin", "support"))
        return min(rights, key=("done", "forbidden", "not found").index)
    if case.about in {"list", "installation"}:
        alike = "tenant-admin" if who == "stranger" else who
        return "done" if alike in case.who else "forbidden"
    if whose == "unknown":
        return "not found"
    if who == "operator":
        return "done"
    if who == "stranger":
        sees, who = whose == "foreign", "tenant-admin"
    elif who == "user":
        sees = whose == "own" and case.about == "account"
    else:
        reach = ("own",) if who == "domain-admin" else ("own", "sibling")
        sees = whose in reach and who in REACH[case.about]
    if not sees:
        return "not found"
    return "done" if who in case.who else "forbidden"


@pytest.fixture
async def it(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Installation]:
    async with opened_installation(tmp_path, store_settings) as opened:
        yield opened


@pytest.fixture
def deciding_only(it: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Where operations do nothing once they are allowed, so that the whole matrix meets one state."""

    async def nothing(_call: Call, _given: object) -> Record:
        return {}

    still: dict[str, Operation[Any]] = {
        name: dataclasses.replace(one, run=nothing) for name, one in registry.OPERATIONS.items()
    }
    monkeypatch.setattr(registry, "OPERATIONS", still)
    return it


def test_every_operation_has_a_line() -> None:
    assert {case.name for case in CASES} == set(registry.OPERATIONS)


async def rows_of(it: Installation) -> list[Row]:
    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows("SELECT subject, tenant FROM audit WHERE action = 'refused' ORDER BY seq")

    return await it.directory.read(work)


async def test_who_may_do_what_to_whom(deciding_only: Installation) -> None:
    """T1, GS7: all that must not be is refused; what is foreign in the words for what is not there."""
    it = deciding_only
    faults = []
    for case, (who, actor) in itertools.product(CASES, it.actors.items()):
        answers = {whose: await told(it, actor, case, place) for whose, place in it.places.items()}
        for whose, answer in answers.items():
            if answer.outcome != expected(case, who, whose):
                faults.append(f"{who} {case.name} {dict(case.arguments)} {whose}: {answer}")
        away = ("own", "sibling") if who == "stranger" else ("foreign",)
        if who != "operator" and case.about not in {"list", "installation"}:
            faults += [
                f"{who} {case.name}: {answers[one]}" for one in away if answers[one] != answers["unknown"]
            ]
    assert faults == []


async def test_a_suspended_tenant_administers_nothing(deciding_only: Installation) -> None:
    """A6: neither its people nor its keys, not even themselves; the operator goes on."""
    it = deciding_only
    await it.directory.tenants.set(OPERATOR, it.places["own"].tenant, state="suspended")
    own = it.places["own"]
    for case, (who, actor) in itertools.product(CASES, it.actors.items()):
        answer = await told(it, actor, case, own)
        if who == "stranger":
            assert answer.outcome == expected(case, who, "own"), case
        else:
            assert answer.outcome == ("done" if who == "operator" else "forbidden"), (who, case)


async def test_who_holds_more_is_out_of_reach(deciding_only: Installation) -> None:
    """T9: otherwise a new password for the operator makes an operator."""
    it = deciding_only
    admin, own, user = it.actors["domain-admin"], it.places["own"], it.actors["user"].account
    assert user is not None
    await it.directory.roles.grant(OPERATOR, user, "tenant-admin", it.actors["tenant-admin"].grants[1].scope)
    for case in CASES:
        if registry.OPERATIONS[case.name].guarded and case.about == "account":
            assert (await told(it, admin, case, own)).outcome == "forbidden", case
            assert (await told(it, it.actors["tenant-admin"], case, own)).outcome == "done", case
            if "user" in case.who:
                assert (await told(it, it.actors["user"], case, own)).outcome == "done", case


async def test_what_was_refused_is_recorded_and_changes_nothing(it: Installation) -> None:
    support, foreign = it.actors["support"], it.places["foreign"]
    for name, arguments in (
        ("account.remove", {"account": it.places["own"].account}),
        ("tenant.show", {"tenant": foreign.tenant}),
    ):
        with pytest.raises(MailError):
            await it.administration.call(support, name, arguments)
    assert await rows_of(it) == [("account.remove", support.tenant), ("tenant.show", support.tenant)]
    assert (await it.directory.audit.verify()).broken is None


async def test_very_many_refusals_do_not_fill_the_log(it: Installation) -> None:
    for _ in range(70):
        with pytest.raises(Forbidden):
            await it.administration.call(it.actors["support"], "queue.list", {})
    assert len(await rows_of(it)) == 60


@pytest.mark.parametrize("who", ["tenant-admin", "domain-admin", "mixed", "user", "key"])
async def test_nothing_of_another_tenant_comes_out(it: Installation, who: str) -> None:
    """T7: neither in answers, nor in the text of errors, nor in log lines; every operation is really run."""
    actor, leaks = it.actors[who], []
    with captured() as lines:
        for case, whose in itertools.product(CASES, ("own", "sibling", "unknown")):
            arguments = case.aimed(it.places[whose])
            try:
                said: object = await it.administration.call(actor, case.name, arguments)
            except MailError as fault:
                said = str(fault)
            if CANARY in str(said):
                leaks.append(f"{case.name} {arguments}: {said}")
        for case in CASES:
            with contextlib.suppress(MailError):
                await it.administration.call(actor, case.name, case.aimed(it.places["foreign"]))
    assert leaks == []
    assert [line for line in lines if CANARY in str(line)] == []
