"""decision: what only its owner does to an account is decided again in the transaction of the change, too."""

from base64 import b32decode
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.support.access import CASES, Case, Told, told
from tests.support.administration import PASSWORD, Installation, opened_installation
from tests.support.authenticator import Authenticator
from tests.support.directories import START_MS
from tests.support.late_changes import caught, late, records_of
from tests.support.stores import EnginePlace

from pymailcore.admin import registry
from pymailcore.base.address import Address
from pymailcore.directory import totp
from pymailcore.directory.passkeys import RelyingParty

ANN: Final = "ann@a.example"
HOST: Final = "mail.example"


@pytest.fixture
async def it(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Installation]:
    async with opened_installation(tmp_path, store_settings) as opened:
        yield opened


async def ready(it: Installation) -> list[Case]:
    """All operations of owners with what lets them succeed, in an order in which they do."""
    factors = it.directory.credentials.second_factors
    account = (await it.directory.accounts.get(Address(*ANN.split("@")))).id
    begun = await it.by("user", "own.app.begin", account=ANN, name="phone", issuer=HOST)
    options, ticket = await factors.begin_passkey(account, ANN, RelyingParty(HOST))
    code = totp.code_at(b32decode(str(begun["secret"])), totp.step_of(START_MS))
    given: Mapping[str, Mapping[str, object]] = {
        "own.app.confirm": {"id": begun["id"], "code": code},
        "own.passkey.add": {"ticket": ticket, "answer": Authenticator().create(options), "host": HOST},
        "own.codes": {},
        "own.app.begin": {},
        "own.password": {"password": "another horse"},
    }
    by_name = {case.name: case for case in CASES}
    assert set(given) == {name for name in registry.OPERATIONS if name.startswith("own.")}
    return [
        by_name[name]._replace(arguments={**by_name[name].arguments, **some}) for name, some in given.items()
    ]


NOTHING: Final = Told("forbidden", "you may do nothing now")
SUSPENDED: Final = (
    ("account.set", {"account": ANN}),
    ("domain.state", {"domain": "a.example"}),
    ("tenant.set", {"tenant": "alpha"}),
)


async def test_an_owner_who_may_do_nothing_now_changes_nothing_of_his_own(
    it: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A6: his account, its domain or its tenant is suspended while he is at it."""
    owner, own = it.actors["user"], it.places["own"]
    for operation, whose in SUSPENDED:
        cases = await ready(it)
        tried = await late(
            monkeypatch,
            [partial(caught, it, owner, case) for case in cases],
            partial(it.do, operation, **whose, state="suspended"),
        )
        assert [(case.name, one) for case, one in zip(cases, tried, strict=True) if one != NOTHING] == []
        await it.do(operation, **whose, state="active")
    assert set(await records_of(it, owner)) == {"refused"}
    done = [(case.name, await told(it, owner, case, own)) for case in await ready(it)]
    assert [one for one in done if one[1].outcome != "done"] == []


async def test_what_was_his_own_and_has_moved_is_not_changed(
    it: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His account gets another name, and somebody else's account gets his."""

    async def move() -> None:
        await it.do("account.rename", account=ANN, to="ann-who-was@a2.example")
        await it.do("account.add", account=ANN, password=PASSWORD)

    owner, cases = it.actors["user"], await ready(it)
    tried = await late(monkeypatch, [partial(caught, it, owner, case) for case in cases], move)
    assert {one.outcome for one in tried} == {"not found"}
    assert set(await records_of(it, owner)) == {"refused"}
