"""web_sessions: listed, proved, ended one by one or all, on both engines."""

from dataclasses import replace

import pytest
from tests.support.directories import CHEAP, address
from tests.support.sign_in_world import NAME, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory.web_sessions import WebSessions

DAY = 86_400_000


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def sessions(world: SignInWorld) -> WebSessions:
    return world.directory.web_sessions


async def begun(world: SignInWorld, mechanism: str = "password") -> str:
    return await sessions(world).create(
        world.ann.id, user_agent="browser", peer="192.0.2.1", mechanism=mechanism
    )


async def test_a_session_says_how_it_was_begun(world: SignInWorld) -> None:
    token = await begun(world, "password+totp")
    principal = await world.directory.session(token)
    assert principal is not None
    assert (principal.account, principal.name, principal.mechanism, principal.generation) == (
        world.ann.id, NAME, "password+totp", 0,
    )  # fmt: skip
    (mine,) = await sessions(world).of(world.ann.id)
    assert (mine.user_agent, mine.peer, mine.mechanism) == ("browser", "192.0.2.1", "password+totp")
    assert mine.digest == await sessions(world).name(token)
    assert token not in str(await world.rows("SELECT * FROM sessions"))


@pytest.mark.parametrize("token", ["", "x", "\ud800", "x" * 100_000])
async def test_any_text_can_be_asked_for(world: SignInWorld, token: str) -> None:
    assert await world.directory.session(token) is None


async def test_a_digest_from_the_table_opens_nothing(world: SignInWorld) -> None:
    token = await begun(world)
    assert await world.directory.session(await sessions(world).name(token)) is None


async def test_one_session_is_ended_from_another_and_by_its_owner_only(world: SignInWorld) -> None:
    one, two = await begun(world), await begun(world)
    ben = await world.directory.accounts.add(ROOT, address("ben@a.example"), "correct horse")
    name = await sessions(world).name(one)
    for account, wrong in ((ben.id, name), (world.ann.id, "zz"), (world.ann.id, "00" * 32)):
        with pytest.raises(NotFound):
            await sessions(world).remove(ROOT, account, wrong)
    assert await world.directory.session(one) is not None
    await sessions(world).remove(ROOT, world.ann.id, name)
    assert await world.directory.session(one) is None
    assert await world.directory.session(two) is not None


async def test_all_sessions_are_ended_with_and_without_this_one(world: SignInWorld) -> None:
    tokens = [await begun(world) for _ in range(3)]
    assert await sessions(world).end_all(ROOT, world.ann.id, but=await sessions(world).name(tokens[1])) == 2
    assert [await world.directory.session(token) is not None for token in tokens] == [False, True, False]
    assert await world.generation() == 0
    assert await sessions(world).end_all(ROOT, world.ann.id) == 1
    assert await world.generation() == 1  # connections of mail programs end, too
    assert await world.directory.session(tokens[1]) is None
    with pytest.raises(NotFound):
        await sessions(world).end_all(ROOT, AccountId(987))


async def test_what_was_shown_before_a_password_changed_begins_no_session_after(world: SignInWorld) -> None:
    """A6: a password is changed while somebody who knows the old one is on his way in."""
    principal = await world.sign_in(protocol="web")
    await world.directory.credentials.set_password(ROOT, world.ann.id, "another horse")
    for account, generation in ((world.ann.id, principal.generation), (AccountId(987), 0)):
        with pytest.raises(Forbidden):
            await sessions(world).create(account, user_agent="", peer="", generation=generation)
    assert await world.rows("SELECT * FROM sessions") == []
    fresh = await world.sign_in("another horse", protocol="web")
    assert await sessions(world).create(world.ann.id, user_agent="", peer="", generation=fresh.generation)


async def test_signing_out_ends_a_session_and_nothing_else(world: SignInWorld) -> None:
    one, two = await begun(world), await begun(world)
    await world.directory.end_session(one)
    await world.directory.end_session("never was one")
    assert await world.directory.session(one) is None
    assert await world.directory.session(two) is not None


async def test_a_session_ends_a_time_after_its_last_use_and_after_its_beginning(world: SignInWorld) -> None:
    token = await begun(world)
    for _ in range(8):
        world.clock.ms += 13 * DAY - 1
        if (await world.directory.session(token)) is None:
            break
    assert (await world.rows("SELECT expires_ms - created_ms FROM sessions"))[0][0] == 90 * DAY
    idle = await begun(world)
    world.clock.ms += 14 * DAY
    assert await world.directory.session(idle) is None


async def test_who_he_is_is_proved_for_a_time(world: SignInWorld) -> None:
    token = await begun(world)
    assert await sessions(world).is_proved(token, 300)
    world.clock.ms += 300_001
    assert not await sessions(world).is_proved(token, 300)
    await sessions(world).prove(token)
    assert await sessions(world).is_proved(token, 300)
    assert not await sessions(world).is_proved("x", 300)


async def test_a_suspended_account_has_no_sessions(world: SignInWorld) -> None:
    """A6."""
    token = await begun(world)
    assert await world.directory.session(token) is not None
    await world.run("UPDATE domains SET state = 'suspended' WHERE name = 'a.example'")
    assert await world.directory.session(token) is None


async def test_an_account_has_only_so_many(opened: Opened) -> None:
    world = await make_sign_in_world(opened, replace(CHEAP, sessions_per_account_count=2))
    tokens = []
    for _ in range(3):
        world.clock.ms += 1
        tokens.append(await begun(world))
    assert [await world.directory.session(token) is not None for token in tokens] == [False, True, True]
