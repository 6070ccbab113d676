"""scram: keys beside passwords, and invented ones."""

from dataclasses import replace

import pytest
from tests.support.directories import CHEAP
from tests.support.sign_in_world import NAME, PASSWORD, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden
from pymailcore.directory import scram
from pymailcore.directory.digests import Keys
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.types import Principal
from pymailcore.sasl.scram_keys import derive
from pymailcore.sasl.steps import Credentials, NeedKeys, ScramKeys, ScramProof

NEED = NeedKeys("SCRAM-SHA-256", NAME)


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


async def keys_of(world: SignInWorld, name: str = NAME, mechanism: str = "SCRAM-SHA-256") -> ScramKeys:
    return await world.directory.scram_keys(NeedKeys(mechanism, name), peer=PEER, protocol="imap")


async def test_the_keys_of_a_password_are_those_of_the_standard(world: SignInWorld) -> None:
    """RFC 5802 section 3."""
    keys = await keys_of(world)
    (key,) = keys.keys
    assert (key.stored_key, key.server_key) == derive("SCRAM-SHA-256", PASSWORD, keys.salt, keys.iterations)
    assert (keys.iterations, keys.generation, key.secret) == (4, 0, 0)


async def test_a_name_that_nobody_has_gets_the_same_keys_each_time(world: SignInWorld) -> None:
    """A2, RFC 5802 section 5.1; also in another process."""
    first = await keys_of(world, "nobody@a.example")
    assert first == await keys_of(world, "NOBODY@A.example")
    other = await world.another().scram_keys(
        NeedKeys("SCRAM-SHA-256", "nobody@a.example"), peer=PEER, protocol="imap"
    )
    assert other == first
    assert first.salt != (await keys_of(world, "else@a.example")).salt
    known = await keys_of(world)
    assert (len(first.salt), first.iterations, len(first.keys)) == (
        len(known.salt), known.iterations, len(known.keys),
    )  # fmt: skip
    assert len((await keys_of(world, "", "SCRAM-SHA-1")).keys[0].stored_key) == 20


async def test_a_salt_does_not_tell_who_may_sign_in(world: SignInWorld) -> None:
    before = await keys_of(world)
    await world.run("UPDATE accounts SET state = 'suspended' WHERE id = ?1", world.ann.id)
    assert await keys_of(world) == before
    with pytest.raises(Forbidden):
        await proved(world, scram.PASSWORD)


async def proved(world: SignInWorld, secret: int) -> Principal:
    """Sign in by SCRAM with one of the account's secrets."""
    generation = (await keys_of(world)).generation
    proof = ScramProof("SCRAM-SHA-256", NAME, "", secret, generation)
    return await world.directory.authenticate(proof, peer=PEER, protocol="imap")


async def test_a_second_factor_takes_the_password_out_of_scram(world: SignInWorld) -> None:
    """It has its keys still, so that who shows it is known not to guess."""
    made, _ = await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    await proved(world, scram.PASSWORD)
    assert {key.secret for key in (await keys_of(world)).keys} == {0, made.id}
    await world.run(
        "INSERT INTO second_factors (id, account, kind, name, secret, confirmed, created_ms)"
        " VALUES (1, ?1, 'totp', 'x', ?2, 1, 0)",
        world.ann.id,
        b"",
    )
    world.directory.forget()
    assert {key.secret for key in (await keys_of(world)).keys} == {0, made.id}
    assert (await proved(world, made.id)).mechanism == "scram-app-password"
    with pytest.raises(Forbidden):
        await proved(world, scram.PASSWORD)


async def test_keys_are_made_when_a_password_is_used(world: SignInWorld) -> None:
    await world.run("DELETE FROM scram_keys")
    assert (await keys_of(world)).keys[0].secret == scram.NO_SECRET
    await world.sign_in()
    assert (await keys_of(world)).keys[0].secret == scram.PASSWORD


async def test_more_iterations_and_sha_1_come_at_the_next_sign_in(world: SignInWorld) -> None:
    wanted = world.another(replace(CHEAP, scram_iterations_count=8, scram_sha1=True))
    await wanted.authenticate(Credentials(NAME, "", PASSWORD), peer=PEER, protocol="imap")
    rows = await world.rows("SELECT mechanism, iterations FROM scram_keys ORDER BY mechanism")
    assert rows == [("SCRAM-SHA-1", 8), ("SCRAM-SHA-256", 8)]


async def test_app_passwords_keep_the_iterations_that_all_share(world: SignInWorld) -> None:
    await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    wanted = world.another(replace(CHEAP, scram_iterations_count=8))
    await wanted.credentials.set_password(ROOT, world.ann.id, "another horse")
    await wanted.credentials.app_passwords.add(ROOT, world.ann.id, "tablet")
    assert await world.rows("SELECT DISTINCT iterations FROM scram_keys") == [(4,)]
    assert len((await wanted.scram_keys(NEED, peer=PEER, protocol="imap")).keys) == 3


async def test_without_scram_no_keys_are_kept(opened: Opened) -> None:
    world = await make_sign_in_world(opened, replace(CHEAP, scram=False))
    await world.sign_in()
    await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    assert await world.rows("SELECT 1 FROM scram_keys") == []


async def test_keys_under_another_salt_are_not_kept(world: SignInWorld) -> None:
    kept = scram.make(0, PASSWORD, b"another salt", 4, ("SCRAM-SHA-256",))
    await world.opened.store.database.write(lambda tx: scram.keep(tx, world.ann.id, 0, b"another salt", kept))
    assert await world.rows("SELECT 1 FROM scram_keys") == []


async def test_limits_hold_for_the_asking_too(world: SignInWorld) -> None:
    """A1."""
    for _ in range(10):
        with pytest.raises(Forbidden):
            await world.sign_in("wrong horse")
    with pytest.raises(TooManyAttempts):
        await keys_of(world)


def test_what_saslprep_refuses_has_no_keys() -> None:
    assert scram.make(0, "\u0007bell", b"salt", 4, ("SCRAM-SHA-256",)) == ()
    assert scram.salt_of(Keys(b"k"), "Ann@A.example") == scram.salt_of(Keys(b"k"), "ann@a.example")
