"""second_factors: whoever changes factors or takes a code locks the account first."""

from base64 import b32decode
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from tests.support.authenticator import Authenticator
from tests.support.sign_in_world import NAME, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.directory import totp
from pymailcore.directory.passkeys import RelyingParty
from pymailcore.store.types import Transaction

T = TypeVar("T")
PARTY = RelyingParty("mail.example")


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


class Watched:
    """A transaction that tells in which order it touches the account and its factors."""

    def __init__(self, tx: Transaction, order: list[str]) -> None:
        self._tx = tx
        self._order = order

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        real = getattr(self._tx, name)

        def called(*given: Any) -> Awaitable[Any]:  # noqa: ANN401 - whatever the method takes
            text = str(given[0])
            if name == "lock" and text == "accounts":
                self._order.append("account")
            elif name != "lock" and "second_factors" in text and not text.startswith("SELECT"):
                self._order.append("factors")
            return real(*given)  # type: ignore[no-any-return]

        return called


async def test_the_account_is_locked_before_its_factors(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One order for all, so that no two wait for each other."""
    database, orders = world.opened.store.database, list[list[str]]()
    real = database.write

    async def watched(work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def inside(tx: Transaction) -> T:
            orders.append([])
            return await work(Watched(tx, orders[-1]))  # type: ignore[arg-type]

        return await real(inside)

    monkeypatch.setattr(database, "write", watched)
    factors, ann, device = world.directory.credentials.second_factors, world.ann.id, Authenticator()
    app = await factors.begin_totp(ROOT, ann, "phone", issuer="mail.example")
    secret = b32decode(app.secret)
    codes = await factors.confirm_totp(ROOT, ann, app.id, totp.code_at(secret, totp.step_of(world.clock.ms)))
    world.clock.ms += 30_000
    options, ticket = await factors.begin_passkey(ann, NAME, PARTY)
    await factors.finish_passkey(ROOT, ann, "key", PARTY, ticket=ticket, answer=device.create(options))
    assert await factors.take_code(ann, totp.code_at(secret, totp.step_of(world.clock.ms))) == "totp"
    assert await factors.take_code(ann, codes[0]) == "recovery"
    await factors.new_recovery_codes(ROOT, ann)
    await factors.remove(ROOT, ann, app.id)
    await factors.remove_all(ROOT, ann)
    changed = [order for order in orders if "factors" in order]
    assert len(changed) == 8
    assert [order for order in changed if order[0] != "account"] == []
