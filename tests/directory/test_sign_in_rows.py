"""sign_in_rows: all that signing in to one account has to know, by which tags; on both engines."""

import pytest
from tests.support.second_factor import put_factor
from tests.support.sign_in_world import NAME, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory import sign_in_rows
from pymailcore.directory.cache import tag
from pymailcore.directory.sign_in_rows import Known


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


async def load(world: SignInWorld, name: str = NAME) -> tuple[Known | None, set[int]]:
    tags: set[int] = set()
    return await world.directory.read(lambda tx: sign_in_rows.load(tx, name, tags)), tags


async def known(world: SignInWorld) -> Known:
    found, _ = await load(world)
    assert found is not None
    return found


async def test_an_account_is_read_with_all_that_opens_it(world: SignInWorld) -> None:
    _, app = await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    await world.sign_in(app)
    await world.directory.sign_ins.flush()
    found, tags = await load(world)
    assert found is not None
    assert (found.account, found.tenant, found.name) == (world.ann.id, DEFAULT_TENANT, NAME)
    assert (found.generation, found.refusal, found.factors) == (0, "", frozenset())
    assert (found.verifier or "").startswith("$argon2id$")
    assert [one.name for one in found.app_passwords] == ["phone"]
    assert {key.secret for key in found.scram_keys} == {0, found.app_passwords[0].id}
    assert found.nets == {f"{PEER}/32"}
    assert len(found.salt) >= 16
    assert tags == {
        tag("address", NAME),
        tag("account", world.ann.id),
        tag("tenant", DEFAULT_TENANT),
        tag("domain", "a.example"),
    }


async def test_of_a_name_that_nobody_has_only_the_name_is_remembered(world: SignInWorld) -> None:
    for name in ("nobody@a.example", "ann@nowhere.example", "", "\ud800"[:0]):
        assert await load(world, name) == (None, {tag("address", name)})


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        (
            "UPDATE accounts SET state = 'suspended', reason = 'bill' WHERE id = ?1",
            "the account is suspended: bill",
        ),
        ("UPDATE accounts SET state = 'closing' WHERE id = ?1", "the account is closing"),
        ("UPDATE accounts SET kind = 'resource' WHERE id = ?1", "the account is resource"),
        ("UPDATE domains SET state = 'suspended' WHERE id <> ?1", "the domain is suspended"),
        ("UPDATE tenants SET state = 'closing' WHERE id <> ?1", "the tenant is closing"),
        ("UPDATE accounts SET send_blocked = 1 WHERE id = ?1", ""),
    ],
)
async def test_who_may_not_sign_in_and_why(world: SignInWorld, sql: str, refusal: str) -> None:
    await world.run(sql, world.ann.id)
    assert (await known(world)).refusal == refusal


async def test_recovery_codes_alone_are_no_second_factor(world: SignInWorld) -> None:
    """As after the last factor went while codes were left by an older version."""
    await put_factor(world.directory, world.ann.id, world.clock.ms)
    assert (await known(world)).factors == {"totp", "recovery"}
    await world.run("DELETE FROM second_factors WHERE kind = 'totp'")
    assert (await known(world)).factors == frozenset()


async def test_a_factor_that_was_begun_and_not_confirmed_is_none(world: SignInWorld) -> None:
    factors = world.directory.credentials.second_factors
    await factors.begin_totp(ROOT, world.ann.id, "phone", issuer="x")
    assert (await known(world)).factors == frozenset()
