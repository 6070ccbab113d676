"""second_factors: apps, passkeys and recovery codes of an account, on both engines."""

from base64 import b32decode
from dataclasses import replace

import pytest
import trio
from tests.support.authenticator import Authenticator
from tests.support.directories import CHEAP, address
from tests.support.sign_in_world import NAME, PASSWORD, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory import totp
from pymailcore.directory.errors import OverLimit, SecondFactorNeeded, TooManyAttempts
from pymailcore.directory.passkeys import RelyingParty
from pymailcore.directory.second_factors import NewApp, SecondFactors
from pymailcore.directory.types import Principal

PARTY = RelyingParty("mail.example")


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def factors(world: SignInWorld) -> SecondFactors:
    return world.directory.credentials.second_factors


def code_of(world: SignInWorld, app: NewApp, later: int = 0) -> str:
    return totp.code_at(b32decode(app.secret), totp.step_of(world.clock.ms) + later)


async def with_app(world: SignInWorld, name: str = "phone") -> tuple[NewApp, list[str]]:
    """An authenticator app in force, and the recovery codes; the clock is at the next step."""
    app = await factors(world).begin_totp(ROOT, world.ann.id, name, issuer="mail.example")
    codes = await factors(world).confirm_totp(ROOT, world.ann.id, app.id, code_of(world, app))
    world.clock.ms += 30_000
    return app, codes


async def with_passkey(world: SignInWorld, device: Authenticator) -> list[str]:
    options, ticket = await factors(world).begin_passkey(world.ann.id, NAME, PARTY)
    return await factors(world).finish_passkey(
        ROOT, world.ann.id, "key", PARTY, ticket=ticket, answer=device.create(options)
    )


async def ticket_of(world: SignInWorld) -> str:
    with pytest.raises(SecondFactorNeeded) as caught:
        await world.sign_in(protocol="web")
    return caught.value.ticket


async def step(world: SignInWorld, ticket: str, code: str, peer: str = PEER) -> Principal:
    return await world.directory.logins.second_steps.code(ticket, code, peer=peer)


async def test_an_app_counts_after_its_first_code(world: SignInWorld) -> None:
    app = await factors(world).begin_totp(ROOT, world.ann.id, "phone", issuer="mail.example")
    assert app.uri.startswith("otpauth://totp/mail.example:ann@a.example?secret=" + app.secret)
    assert (await world.sign_in()).generation == 0
    assert (await factors(world).of(world.ann.id)).factors == ()
    with pytest.raises(Forbidden):
        await factors(world).confirm_totp(ROOT, world.ann.id, app.id, "000000")
    codes = await factors(world).confirm_totp(ROOT, world.ann.id, app.id, code_of(world, app))
    assert len(codes) == 10
    kept = await factors(world).of(world.ann.id)
    assert ([one.name for one in kept.factors], kept.recovery_codes) == (["phone"], 10)
    with pytest.raises(NotFound):
        await factors(world).confirm_totp(ROOT, world.ann.id, app.id, code_of(world, app))


async def test_with_a_factor_the_password_opens_the_web_only_and_then_the_factor(world: SignInWorld) -> None:
    _, text = await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    app, _ = await with_app(world)
    assert await world.generation() == 1
    for protocol in ("imap", "smtp", "jmap"):
        with pytest.raises(Forbidden, match=r"^name or password is wrong$"):
            await world.sign_in(protocol=protocol)
    assert (await world.sign_in(text)).mechanism == "app-password"
    with pytest.raises(SecondFactorNeeded) as caught:
        await world.sign_in(protocol="web")
    assert caught.value.kinds == {"totp", "recovery"}
    principal = await step(world, caught.value.ticket, code_of(world, app))
    assert (principal.name, principal.mechanism) == (NAME, "password+totp")


async def test_a_code_and_a_ticket_are_good_once(world: SignInWorld) -> None:
    """A4, RFC 6238 section 5.2."""
    app, _ = await with_app(world)
    ticket, code = await ticket_of(world), code_of(world, app)
    await step(world, ticket, code)
    with pytest.raises(Forbidden):
        await step(world, await ticket_of(world), code)
    with pytest.raises(Forbidden, match="begin again"):
        await step(world, ticket, code_of(world, app, 1))


async def test_a_code_typed_twice_at_once_is_good_once(world: SignInWorld) -> None:
    app, _ = await with_app(world)
    code, good = code_of(world, app), list[str | None]()

    async def take() -> None:
        good.append(await factors(world).take_code(world.ann.id, code))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(take)
    assert sorted(map(str, good)) == ["None"] * 4 + ["totp"]


async def test_recovery_codes_are_good_once_each_and_new_ones_replace_them(world: SignInWorld) -> None:
    _, codes = await with_app(world)
    principal = await step(world, await ticket_of(world), codes[3].upper())
    assert principal.mechanism == "password+recovery"
    with pytest.raises(Forbidden):
        await step(world, await ticket_of(world), codes[3])
    assert (await factors(world).of(world.ann.id)).recovery_codes == 9
    fresh = await factors(world).new_recovery_codes(ROOT, world.ann.id)
    with pytest.raises(Forbidden):
        await step(world, await ticket_of(world), codes[4])
    assert await factors(world).take_code(world.ann.id, fresh[0]) == "recovery"
    assert (await factors(world).of(world.ann.id)).recovery_codes == 9


async def test_wrong_codes_are_limited(world: SignInWorld) -> None:
    """A1: also from a net from which the account was signed in before."""
    app, _ = await with_app(world)
    ticket = await ticket_of(world)
    for number in range(10):
        with pytest.raises(Forbidden):
            await step(world, ticket, "000000", peer=f"10.1.{number * 8}.1")
    with pytest.raises(TooManyAttempts):
        await step(world, ticket, code_of(world, app), peer="10.1.200.1")


async def test_after_a_right_code_wrong_ones_are_limited_from_there_too(world: SignInWorld) -> None:
    """A1: six digits are few, so no net is an exception."""
    app, _ = await with_app(world)
    await step(world, await ticket_of(world), code_of(world, app))
    ticket = await ticket_of(world)
    for number in range(10):
        with pytest.raises(Forbidden):
            await step(world, ticket, "000000", peer=f"10.1.{number * 8}.1")
    with pytest.raises(TooManyAttempts):
        await step(world, ticket, code_of(world, app, 1))


async def test_what_a_passkey_signed_is_good_once_however_the_ticket_is_written(world: SignInWorld) -> None:
    """A4; of a device that does not count only the ticket tells."""
    device = Authenticator(counts=False)
    await with_passkey(world, device)
    steps = world.directory.logins.second_steps
    options, asked = await factors(world).begin_assertion(PARTY)
    while "-" not in asked or "_" not in asked:
        options, asked = await factors(world).begin_assertion(PARTY)
    answer = device.get(options, user=device.user)
    await steps.passkey(PARTY, asked, answer, peer=PEER)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = asked[:-1] + last[last.index(asked[-1]) ^ 1]
    padded = asked + "=" * (-len(asked) % 4)
    for again in (asked.replace("-", "+"), asked.replace("_", "/"), other, padded):
        with pytest.raises(Forbidden):
            await steps.passkey(PARTY, again, answer, peer=PEER)


async def test_a_ticket_ends(world: SignInWorld) -> None:
    app, _ = await with_app(world)
    ticket = await ticket_of(world)
    for wrong in ("", "x", ticket[:-4] + "AAAA", "é" * 10, "A" * 5_000):
        with pytest.raises(Forbidden):
            await step(world, wrong, code_of(world, app))
    await world.directory.credentials.set_password(ROOT, world.ann.id, PASSWORD + "!")
    with pytest.raises(Forbidden, match="begin again"):
        await step(world, ticket, code_of(world, app))
    await world.directory.credentials.set_password(ROOT, world.ann.id, PASSWORD)
    ticket = await ticket_of(world)
    world.clock.ms += 600_000
    with pytest.raises(Forbidden, match="begin again"):
        await step(world, ticket, code_of(world, app))


async def test_a_passkey_is_a_second_factor(world: SignInWorld) -> None:
    device = Authenticator()
    assert len(await with_passkey(world, device)) == 10
    assert (await with_app(world))[1] == []  # the codes came with the first factor
    ticket = await ticket_of(world)
    options, asked = await factors(world).begin_assertion(PARTY, world.ann.id)
    answer = device.get(options)
    steps = world.directory.logins.second_steps
    principal = await steps.passkey_after_password(ticket, PARTY, asked, answer, peer=PEER)
    assert principal.mechanism == "password+passkey"
    with pytest.raises(Forbidden):  # what was signed is good once
        await steps.passkey_after_password(await ticket_of(world), PARTY, asked, answer, peer=PEER)


async def test_a_passkey_alone_says_who_signs_in(world: SignInWorld) -> None:
    device = Authenticator()
    await with_passkey(world, device)
    steps = world.directory.logins.second_steps
    options, asked = await factors(world).begin_assertion(PARTY)
    answer = device.get(options, user=device.user)
    principal = await steps.passkey(PARTY, asked, answer, peer=PEER)
    assert (principal.name, principal.mechanism) == (NAME, "passkey")
    for again in (answer, device.get(options, user=device.user)):
        with pytest.raises(Forbidden):
            await steps.passkey(PARTY, asked, again, peer=PEER)
    options, asked = await factors(world).begin_assertion(PARTY)
    with pytest.raises(Forbidden):
        await steps.passkey(PARTY, asked, device.get(options, user=b"somebody else"), peer=PEER)


async def test_a_passkey_of_somebody_else_is_no_second_factor(world: SignInWorld) -> None:
    mine, other = Authenticator(), Authenticator(handle=b"handle-2")
    await with_passkey(world, mine)
    ben = await world.directory.accounts.add(ROOT, address("ben@a.example"), PASSWORD)
    options, made = await factors(world).begin_passkey(ben.id, ben.name, PARTY)
    answer = other.create(options)
    with pytest.raises(Forbidden):
        await factors(world).finish_passkey(ROOT, world.ann.id, "x", PARTY, ticket=made, answer=answer)
    await factors(world).finish_passkey(ROOT, ben.id, "key", PARTY, ticket=made, answer=answer)
    with pytest.raises(Forbidden):
        await factors(world).finish_passkey(ROOT, ben.id, "key", PARTY, ticket=made, answer=answer)
    ticket = await ticket_of(world)
    options, asked = await factors(world).begin_assertion(PARTY)
    with pytest.raises(Forbidden):
        await world.directory.logins.second_steps.passkey_after_password(
            ticket, PARTY, asked, other.get(options), peer=PEER
        )


async def test_a_passkey_of_a_suspended_account_opens_nothing(world: SignInWorld) -> None:
    device = Authenticator()
    await with_passkey(world, device)
    await world.run("UPDATE accounts SET state = 'suspended' WHERE id = ?1", world.ann.id)
    options, asked = await factors(world).begin_assertion(PARTY)
    with pytest.raises(Forbidden):
        await world.directory.logins.second_steps.passkey(
            PARTY, asked, device.get(options, user=device.user), peer=PEER
        )


async def test_with_the_last_factor_the_codes_go_and_the_password_is_enough(world: SignInWorld) -> None:
    app, _ = await with_app(world)
    with pytest.raises(NotFound):
        await factors(world).remove(ROOT, AccountId(987), app.id)
    await factors(world).remove(ROOT, world.ann.id, app.id)
    assert await world.rows("SELECT 1 FROM second_factors") == []
    assert (await world.sign_in()).generation == 2
    with pytest.raises(InvalidValue):
        await factors(world).new_recovery_codes(ROOT, world.ann.id)
    await with_app(world)
    await factors(world).remove_all(ROOT, world.ann.id)
    assert (await world.sign_in()).generation == 4


async def test_secrets_are_sealed_and_codes_are_digests(world: SignInWorld) -> None:
    app, codes = await with_app(world)
    rows = str(await world.rows("SELECT secret FROM second_factors")).encode()
    assert b32decode(app.secret) not in rows
    assert not any(code.replace("-", "").encode() in rows for code in codes)


async def test_there_are_only_so_many(opened: Opened) -> None:
    world = await make_sign_in_world(opened, replace(CHEAP, second_factors_count=1))
    await with_app(world)
    with pytest.raises(OverLimit):
        await factors(world).begin_totp(ROOT, world.ann.id, "tablet", issuer="x")
    with pytest.raises(OverLimit):
        await with_passkey(world, Authenticator())
