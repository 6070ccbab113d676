"""tokens: access tokens stand for an account, for some time and some protocols, on both engines."""

import pytest
from tests.support.directories import address
from tests.support.sign_in_world import NAME, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.directory.tokens import Tokens


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def tokens(world: SignInWorld) -> Tokens:
    return world.directory.credentials.tokens


async def test_a_token_says_whose_it_is_and_what_for(world: SignInWorld) -> None:
    text = await tokens(world).issue(world.ann.id, "app", ["smtp", "imap"], 60)
    found = await tokens(world).find(text)
    assert found is not None
    assert (found.account, found.name, found.client) == (world.ann.id, NAME, "app")
    assert found.scopes == ("imap", "smtp")
    assert found.expires_ms == world.clock.ms + 60_000


async def test_no_token_is_kept_in_clear(world: SignInWorld) -> None:
    text = await tokens(world).issue(world.ann.id, "app", ["imap"], 60)
    assert len(text) >= 43
    assert text not in str(await world.rows("SELECT * FROM oauth_tokens"))
    ((digest,),) = await world.rows("SELECT digest FROM oauth_tokens")
    assert isinstance(digest, bytes | memoryview)
    assert len(bytes(digest)) == 32


@pytest.mark.parametrize("wrong", ["", "x", "x" * 43, "\ud800"])
async def test_what_is_no_token_is_none(world: SignInWorld, wrong: str) -> None:
    text = await tokens(world).issue(world.ann.id, "app", ["imap"], 60)
    for other in (wrong, text + wrong if wrong else text[:-1], text.swapcase()):
        assert await tokens(world).find(other) is None


async def test_a_token_ends_and_its_row_goes_with_the_next_one(world: SignInWorld) -> None:
    text = await tokens(world).issue(world.ann.id, "app", ["imap"], 60)
    world.clock.ms += 59_999
    assert await tokens(world).find(text) is not None
    world.clock.ms += 1
    assert await tokens(world).find(text) is None
    assert await world.another().credentials.tokens.find(text) is None
    await tokens(world).issue(world.ann.id, "app", ["imap"], 60)
    assert await world.rows("SELECT count(*) FROM oauth_tokens") == [(1,)]


async def test_a_token_goes_with_its_account(world: SignInWorld) -> None:
    text = await tokens(world).issue(world.ann.id, "app", ["imap"], 60)
    assert await tokens(world).find(text) is not None
    await world.directory.accounts.remove(ROOT, address(NAME))
    assert await tokens(world).find(text) is None
