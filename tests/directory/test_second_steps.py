"""second_steps: what follows a password on the web pages, and a passkey alone, on both engines."""

import pytest
from tests.support.authenticator import Authenticator
from tests.support.logs import captured
from tests.support.second_factor import put_factor
from tests.support.sign_in_world import NAME, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden
from pymailcore.directory import totp
from pymailcore.directory.errors import SecondFactorNeeded, TooManyAttempts
from pymailcore.directory.passkeys import RelyingParty
from pymailcore.directory.second_steps import SecondSteps

PARTY = RelyingParty("mail.example")


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def steps(world: SignInWorld) -> SecondSteps:
    return world.directory.logins.second_steps


async def with_app(world: SignInWorld) -> bytes:
    """The secret of an app in force; the clock is at the next step."""
    secret = await put_factor(world.directory, world.ann.id, world.clock.ms)
    world.clock.ms += 30_000
    return secret


def code(world: SignInWorld, secret: bytes) -> str:
    return totp.code_at(secret, totp.step_of(world.clock.ms))


async def ticket_of(world: SignInWorld) -> str:
    with pytest.raises(SecondFactorNeeded) as caught:
        await world.sign_in(protocol="web")
    return caught.value.ticket


async def suspend(world: SignInWorld) -> None:
    await world.run("UPDATE accounts SET state = 'suspended' WHERE id = ?1", world.ann.id)


async def test_a_totp_code_is_good_once_whatever_the_ticket(world: SignInWorld) -> None:
    """A4, RFC 6238 section 5.2."""
    secret = await with_app(world)
    typed = code(world, secret)
    assert (await steps(world).code(await ticket_of(world), typed, peer=PEER)).mechanism == "password+totp"
    with pytest.raises(Forbidden):
        await steps(world).code(await ticket_of(world), typed, peer=PEER)


async def test_a_recovery_code_is_good_once_whatever_the_ticket(world: SignInWorld) -> None:
    """A4."""
    await with_app(world)
    codes = await world.directory.credentials.second_factors.new_recovery_codes(ROOT, world.ann.id)
    principal = await steps(world).code(await ticket_of(world), codes[0], peer=PEER)
    assert principal.mechanism == "password+recovery"
    with pytest.raises(Forbidden):
        await steps(world).code(await ticket_of(world), codes[0], peer=PEER)


async def test_a_ticket_is_good_for_one_sign_in(world: SignInWorld) -> None:
    """A4."""
    secret = await with_app(world)
    ticket = await ticket_of(world)
    await steps(world).code(ticket, code(world, secret), peer=PEER)
    world.clock.ms += 30_000
    with pytest.raises(Forbidden, match="begin again"):
        await steps(world).code(ticket, code(world, secret), peer=PEER)


async def test_a_ticket_of_an_older_generation_is_worth_nothing(world: SignInWorld) -> None:
    """A6: the password was changed between the two steps."""
    secret = await with_app(world)
    ticket = await ticket_of(world)
    assert await steps(world).kinds(ticket) == {"totp", "recovery"}
    await world.directory.credentials.set_password(ROOT, world.ann.id, "another horse")
    with pytest.raises(Forbidden, match="begin again"):
        await steps(world).code(ticket, code(world, secret), peer=PEER)


async def test_wrong_codes_are_limited_also_where_the_owner_is_known(world: SignInWorld) -> None:
    """A1: six digits are few; the right one comes too late then."""
    await world.sign_in()
    secret = await with_app(world)
    ticket = await ticket_of(world)
    for number in range(10):
        with pytest.raises(Forbidden):
            await steps(world).code(ticket, f"{number:06}x", peer=f"10.{number}.0.1")
    with pytest.raises(TooManyAttempts):
        await steps(world).code(ticket, code(world, secret), peer=PEER)


async def test_a_right_code_of_who_may_not_counts_like_a_wrong_one(world: SignInWorld) -> None:
    secret = await with_app(world)
    ticket = await ticket_of(world)
    await suspend(world)
    with captured() as lines, pytest.raises(Forbidden, match=r"^name or password is wrong$"):
        await steps(world).code(ticket, code(world, secret), peer="203.0.113.1")
    assert [line["reason"] for line in lines] == ["the account is suspended"]
    assert world.directory.failure_pause_seconds("203.0.113.1") == 1.0


async def test_a_passkey_of_who_may_not_counts_like_a_wrong_one(world: SignInWorld) -> None:
    device = Authenticator()
    factors = world.directory.credentials.second_factors
    options, ticket = await factors.begin_passkey(world.ann.id, NAME, PARTY)
    await factors.finish_passkey(
        ROOT, world.ann.id, "key", PARTY, ticket=ticket, answer=device.create(options)
    )
    options, asked = await factors.begin_assertion(PARTY)
    assert (await steps(world).passkey(PARTY, asked, device.get(options), peer=PEER)).mechanism == "passkey"
    options, asked = await factors.begin_assertion(PARTY)
    await suspend(world)
    with pytest.raises(Forbidden, match=r"^name or password is wrong$"):
        await steps(world).passkey(PARTY, asked, device.get(options), peer="203.0.113.1")
    assert world.directory.failure_pause_seconds("203.0.113.1") == 1.0
