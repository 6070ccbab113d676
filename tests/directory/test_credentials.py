"""credentials: passwords that are set, imported, removed and renewed."""

import pytest
from tests.support.directories import address
from tests.support.sign_in_world import NAME, PASSWORD, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory.credentials import Credentials
from pymailcore.sasl.steps import NeedKeys


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def credentials(world: SignInWorld) -> Credentials:
    return world.directory.credentials


async def test_a_new_password_ends_web_sessions_but_one_and_raises_the_generation(world: SignInWorld) -> None:
    """A6."""
    keep, other = [await world.directory.create_session(world.ann.id, user_agent="", peer="") for _ in "ab"]
    stays = await world.directory.web_sessions.name(keep)
    await credentials(world).set_password(ROOT, world.ann.id, "another horse", but=stays)
    assert await world.directory.session(keep) is not None
    assert await world.directory.session(other) is None
    assert await world.generation() == 1
    assert (await world.sign_in("another horse")).name == NAME
    assert await world.rows("SELECT action, subject, old, new FROM audit ORDER BY seq DESC LIMIT 1") == [
        ("account.password", NAME, "", '{"password":true}')
    ]


@pytest.mark.parametrize("password", ["short", "x" * 2_000, "nul\0nul\0nul", "\ud800" * 9])
async def test_a_password_that_cannot_be_is_refused(world: SignInWorld, password: str) -> None:
    with pytest.raises(InvalidValue):
        await credentials(world).set_password(ROOT, world.ann.id, password)
    with pytest.raises(InvalidValue):
        await credentials(world).prepare(password)
    await world.sign_in()


async def test_nobody_and_no_person_have_no_password(world: SignInWorld) -> None:
    with pytest.raises(NotFound):
        await credentials(world).set_password(ROOT, AccountId(987), PASSWORD)
    room = await world.directory.accounts.add(ROOT, address("room@a.example"), None, kind="resource")
    with pytest.raises(InvalidValue, match="no personal account"):
        await credentials(world).set_password(ROOT, room.id, PASSWORD)


async def test_a_removed_password_leaves_app_passwords(world: SignInWorld) -> None:
    _, text = await credentials(world).app_passwords.add(ROOT, world.ann.id, "phone")
    await credentials(world).remove_password(ROOT, world.ann.id)
    with pytest.raises(Forbidden):
        await world.sign_in()
    assert (await world.sign_in(text)).generation == 1
    keys = await world.directory.scram_keys(NeedKeys("SCRAM-SHA-256", NAME), peer=PEER, protocol="imap")
    assert 0 not in {key.secret for key in keys.keys}


@pytest.mark.parametrize("verifier", ["", "correct horse", "$2b$31$" + "a" * 53, "{MD5}x"])
async def test_a_hash_that_is_none_or_costs_too_much_is_not_imported(
    world: SignInWorld, verifier: str
) -> None:
    with pytest.raises(InvalidValue):
        credentials(world).imported(verifier)
    with pytest.raises(InvalidValue):
        await credentials(world).set_imported(ROOT, world.ann.id, verifier)
    await world.sign_in()


async def test_a_renewed_verifier_does_not_undo_a_change_of_the_password(world: SignInWorld) -> None:
    ((old,),) = await world.rows("SELECT verifier FROM credentials")
    await credentials(world).set_password(ROOT, world.ann.id, "another horse")
    ((changed,),) = await world.rows("SELECT verifier FROM credentials")
    await world.run("DELETE FROM scram_keys")
    await credentials(world).renew(world.ann.id, PASSWORD, str(old))
    assert await world.rows("SELECT verifier FROM credentials") == [(changed,)]
    assert await world.rows("SELECT 1 FROM scram_keys") == []


async def test_no_secret_is_in_the_log_of_changes(world: SignInWorld) -> None:
    await credentials(world).set_password(ROOT, world.ann.id, "another horse")
    for row in await world.rows("SELECT old, new FROM audit"):
        assert "horse" not in str(row)
        assert "$argon2" not in str(row)
