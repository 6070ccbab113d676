"""registry: every operation × who × whose. What must not be is refused, and told as if it did not exist.

Who may do what is written here a second time, apart from the code. An operation without a line here fails.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest
from tests.support.administration import CANARY, OPERATOR, Installation, Place, opened_installation
from tests.support.logs import captured
from tests.support.stores import EnginePlace

from pymailcore.admin import registry
from pymailcore.admin.operation import Call, Operation, Record
from pymailcore.base.errors import Forbidden, MailError, NotFound
from pymailcore.directory.actors import Actor
from pymailcore.store.types import Row, Transaction

REACH: Final = {
    # what an operation is about -> who sees that of his own; the rest is told that there is no such thing
    "installation": (),
    "tenant": ("tenant-admin", "support", "key"),
    "domain": ("tenant-admin", "support", "key", "domain-admin"),
    "account": ("tenant-admin", "support", "key", "domain-admin", "user"),
}

OP: Final = frozenset({"operator"})
T: Final = OP | {"tenant-admin", "key"}
D: Final = T | {"domain-admin"}
S: Final = D | {"support"}
TS: Final = T | {"support"}


class Case(NamedTuple):
    """One way to call an operation.

    Attributes:
        about: "installation", "tenant", "domain", "account", or "list" of what one may see.
        who: those who may do it to what they see.
        arguments: `{tenant}`, `{domain}` … stand for names of the place that it is aimed at.
    """

    name: str
    about: str
    who: frozenset[str]
    arguments: Mapping[str, object] = MappingProxyType({})

    def aimed(self, place: Place) -> dict[str, object]:
        names = dataclasses.asdict(place)
        return {
            key: value.format(**names) if isinstance(value, str) else value
            for key, value in self.arguments.items()
        }


TENANT = {"tenant": "{tenant}"}
DOMAIN = {"domain": "{domain}"}
ACCOUNT = {"account": "{account}"}
CLAIM = TENANT | {"domain": "claimed.{domain}"}
ALIAS = {"address": "{alias}", "target": "{account}"}
MEMBER = {"group": "{group}", "member": "x@elsewhere.example"}
ROLE = TENANT | {"role": "{tenant}-desk", "permissions": ["account.read"]}
GRANT = ACCOUNT | DOMAIN | {"role": "support"}
CERTIFICATE = ACCOUNT | {"name": "laptop", "certificate": "none"}
U = frozenset({"user"})

CASES: Final = (
    Case("tenant.list", "list", TS),
    Case("tenant.show", "tenant", TS, TENANT),
    Case("tenant.add", "installation", OP, {"tenant": "gamma"}),
    Case("tenant.set", "tenant", OP, TENANT | {"display": "x"}),
    Case("tenant.remove", "tenant", OP, TENANT),
    Case("domain.list", "list", S),
    Case("domain.list", "tenant", TS, TENANT),
    Case("domain.claims", "list", T),
    Case("domain.show", "domain", S, DOMAIN),
    Case("domain.add", "tenant", OP, TENANT | {"domain": "new.example"}),
    Case("domain.claim", "tenant", T, CLAIM),
    Case("domain.verify", "tenant", T, CLAIM),
    Case("domain.vouch", "tenant", OP, CLAIM),
    Case("domain.withdraw", "tenant", T, CLAIM),
    Case("domain.set", "domain", D, DOMAIN | {"alias_of": ""}),
    Case("domain.set", "domain", D, DOMAIN | {"alias_of": "{domain}"}),
    Case("domain.state", "domain", T, DOMAIN | {"state": "active"}),
    Case("domain.remove", "domain", T, DOMAIN),
    Case("account.list", "list", S),
    Case("account.list", "tenant", TS, TENANT),
    Case("account.list", "domain", S, DOMAIN),
    Case("account.show", "account", S | U, ACCOUNT),
    Case("account.add", "domain", D, {"account": "{fresh}", "password": "correct horse"}),
    Case("account.set", "account", D, ACCOUNT | {"full_name": "Ann"}),
    Case("account.rename", "account", D, ACCOUNT | {"to": "{fresh}"}),
    Case("account.password", "account", D, ACCOUNT | {"password": "correct horse"}),
    Case("account.remove", "account", D, ACCOUNT),
    Case("account.export", "account", T | U, ACCOUNT),
    Case("account.erase", "account", T, ACCOUNT),
    Case("account.known", "domain", S, DOMAIN | {"addresses": []}),
    Case("account.import", "domain", D, DOMAIN | {"accounts": []}),
    Case("alias.list", "list", S),
    Case("alias.list", "domain", S, DOMAIN),
    Case("alias.show", "domain", S, {"address": "{alias}"}),
    Case("alias.add", "domain", D, ALIAS),
    Case("alias.remove", "domain", D, ALIAS),
    Case("forward.list", "account", S | U, ACCOUNT),
    Case("forward.set", "account", D | U, ACCOUNT | {"target": "x@elsewhere.example"}),
    Case("forward.remove", "account", D | U, ACCOUNT),
    Case("send-right.list", "account", S | U, ACCOUNT),
    Case("send-right.grant", "account", D, ACCOUNT | {"address": "{group}"}),
    Case("send-right.revoke", "account", D, ACCOUNT | {"address": "{group}"}),
    Case("group.list", "list", S),
    Case("group.list", "domain", S, DOMAIN),
    Case("group.show", "domain", S, {"group": "{group}"}),
    Case("group.members", "domain", S, {"group": "{group}"}),
    Case("group.add", "domain", D, {"group": "{fresh}"}),
    Case("group.set", "domain", D, {"group": "{group}", "posting": "members"}),
    Case("group.remove", "domain", D, {"group": "{group}"}),
    Case("group.member.add", "domain", D, MEMBER),
    Case("group.member.remove", "domain", D, MEMBER),
    Case("role.list", "tenant", T, TENANT),
    Case("role.list", "installation", OP),
    Case("role.add", "tenant", T, ROLE),
    Case("role.set", "tenant", T, ROLE),
    Case("role.remove", "tenant", T, TENANT | {"role": "{tenant}-desk"}),
    Case("role.add", "installation", OP, {"role": "desk", "permissions": []}),
    Case("role.holders", "list", D),
    Case("role.holders", "account", D, ACCOUNT),
    Case("role.grant", "account", D, GRANT),
    Case("role.revoke", "account", D, GRANT),
    Case("limit.show", "tenant", TS, TENANT),
    Case("limit.show", "domain", S, DOMAIN),
    Case("limit.show", "account", S | U, ACCOUNT),
    Case("limit.set", "tenant", OP, TENANT | {"limits": {"accounts": 5}}),
    Case("limit.set", "domain", T, DOMAIN | {"limits": {"accounts": 5}}),
    Case("limit.set", "account", D, ACCOUNT | {"limits": {"messages_per_hour": 5}}),
    Case("session.list", "account", S | U, ACCOUNT),
    Case("session.end", "account", S | U, ACCOUNT),
    Case("sign-in.list", "account", S | U, ACCOUNT),
    Case("app-password.list", "account", S | U, ACCOUNT),
    Case("app-password.add", "account", D | U, ACCOUNT | {"name": "phone"}),
    Case("app-password.remove", "account", D | U, ACCOUNT | {"id": "p1"}),
    Case("factor.list", "account", S | U, ACCOUNT),
    Case("factor.remove", "account", D, ACCOUNT | {"id": "f1"}),
    Case("factor.reset", "account", D, ACCOUNT),
    Case("certificate.list", "account", S | U, ACCOUNT),
    Case("certificate.add", "account", D | U, CERTIFICATE),
    Case("certificate.remove", "account", D | U, ACCOUNT | {"id": "00"}),
    Case("apikey.list", "list", T),
    Case("apikey.list", "tenant", T, TENANT),
    Case("apikey.add", "domain", T, DOMAIN | {"name": "backup", "role": "support"}),
    Case("apikey.add", "installation", OP, {"name": "backup", "role": "support"}),
    Case("apikey.remove", "tenant", T, {"id": "{key}"}),
    Case("audit.list", "list", T),
    Case("audit.list", "tenant", T, TENANT),
    Case("audit.head", "installation", OP),
    Case("audit.verify", "installation", OP),
    Case("audit.export", "installation", OP),
    Case("audit.export", "tenant", T, TENANT),
    Case("queue.list", "installation", OP),
    Case("queue.retry", "installation", OP),
    Case("queue.drop", "installation", OP),
)


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


class Told(NamedTuple):
    """An outcome and its text."""

    outcome: str
    text: str


async def told(it: Installation, actor: Actor, case: Case, place: Place) -> Told:
    try:
        await it.administration.call(actor, case.name, case.aimed(place))
    except NotFound as fault:
        return Told("not found", place.within(str(fault)))
    except Forbidden as fault:
        return Told("forbidden", place.within(str(fault)))
    return Told("done", "")


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
