"""api_keys: each acts with one role on one scope, on both engines."""

import pytest
from tests.support.sign_in_world import PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.actors import Actor
from pymailcore.directory.api_keys import ApiKeys
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.permissions import BUILT_IN, INSTALLATION, Grant, Permission, Scope, Subject, allows

TENANT = Scope.tenant(DEFAULT_TENANT)


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def keys(world: SignInWorld) -> ApiKeys:
    return world.directory.credentials.api_keys


async def test_a_key_acts_with_its_role_on_its_scope(world: SignInWorld) -> None:
    made, text = await keys(world).add(ROOT, "backup", "support", TENANT)
    assert text.startswith("pmc_")
    actor = await world.directory.logins.api_actor(text, peer=PEER)
    assert (actor.name, actor.tenant, actor.peer, actor.account) == (
        "apikey:backup",
        DEFAULT_TENANT,
        PEER,
        None,
    )
    assert actor.grants == (Grant("support", BUILT_IN["support"], TENANT),)
    assert allows(actor.grants, Permission.ACCOUNT_READ, Subject(DEFAULT_TENANT))
    assert not allows(actor.grants, Permission.ACCOUNT_WRITE, Subject(DEFAULT_TENANT))
    await world.directory.sign_ins.flush()
    kept = await keys(world).key(made.id)
    assert kept.last_peer == PEER
    assert await keys(world).listing(DEFAULT_TENANT) == [kept]
    assert await keys(world).listing(None) == [kept]
    for table in ("api_keys", "audit"):
        assert text not in str(await world.rows(f"SELECT * FROM {table}"))  # noqa: S608 - names of tables


async def test_nobody_makes_a_key_that_can_do_more_than_he(world: SignInWorld) -> None:
    """T9."""
    admin = Actor(name="admin", grants=(Grant("tenant-admin", BUILT_IN["tenant-admin"], TENANT),))
    await keys(world).add(admin, "mine", "domain-admin", TENANT)
    for role, scope in (("operator", TENANT), ("support", INSTALLATION)):
        with pytest.raises(Forbidden):
            await keys(world).add(admin, "more", role, scope)
    assert [key.name for key in await keys(world).listing(None)] == ["mine"]


async def test_what_ends_a_key(world: SignInWorld) -> None:
    logins = world.directory.logins
    made, removed = await keys(world).add(ROOT, "a", "support", TENANT)
    _, ending = await keys(world).add(ROOT, "b", "support", TENANT, expires_ms=world.clock.ms + 1_000)
    _, near = await keys(world).add(ROOT, "c", "support", TENANT, networks=["192.0.2.0/24"])
    _, whole = await keys(world).add(ROOT, "d", "operator", INSTALLATION)
    for text in (removed, ending, near, whole):
        await logins.api_actor(text, peer=PEER)
    await keys(world).remove(ROOT, made.id)
    with pytest.raises(NotFound):
        await keys(world).remove(ROOT, made.id)
    with pytest.raises(NotFound):
        await keys(world).key(made.id)
    world.clock.ms += 1_000
    for number, (text, peer) in enumerate(((removed, PEER), (ending, PEER), (near, "198.51.100.1"))):
        with pytest.raises(Forbidden, match=r"^name or password is wrong$"):
            await logins.api_actor(text, peer=peer)
        assert number < 3
    await world.run("UPDATE tenants SET state = 'suspended' WHERE id = ?1", DEFAULT_TENANT)
    with pytest.raises(Forbidden):
        await logins.api_actor(near, peer=PEER)
    assert (await logins.api_actor(whole, peer=PEER)).tenant is None


async def test_wrong_keys_are_limited_and_right_ones_are_not(world: SignInWorld) -> None:
    _, text = await keys(world).add(ROOT, "a", "support", TENANT)
    for wrong in ("", "pmc_", "pmc_x", "x" * 100_000, text[:-1], text + "x", "\ud800", "a", "b", "c"):
        with pytest.raises(Forbidden):
            await world.directory.logins.api_actor(wrong, peer=PEER)
    with pytest.raises(TooManyAttempts):
        await world.directory.logins.api_actor("pmc_guess", peer=PEER)
    await world.directory.logins.api_actor(text, peer=PEER)


async def test_what_cannot_be_is_refused(world: SignInWorld) -> None:
    with pytest.raises(NotFound):
        await keys(world).add(ROOT, "a", "no such role", TENANT)
    with pytest.raises(NotFound):
        await keys(world).add(ROOT, "a", "support", Scope("tenant", 987))
    with pytest.raises(InvalidValue):
        await keys(world).add(ROOT, "a", "support", TENANT, expires_ms=1)
    with pytest.raises(InvalidValue):
        await keys(world).add(ROOT, "a", "support", TENANT, networks=["x"])


async def test_a_key_on_a_domain_rests_and_goes_with_it(world: SignInWorld) -> None:
    """At once in every process: what is remembered of a key depends on its domain."""
    domains, logins = world.directory.domains, world.directory.logins
    await domains.add(ROOT, "b.example")
    scope = Scope.domain((await domains.get("b.example")).id)
    _, text = await keys(world).add(ROOT, "desk", "domain-admin", scope)
    assert (await logins.api_actor(text, peer=PEER)).api_key
    await domains.set(ROOT, "b.example", state="suspended")
    with pytest.raises(Forbidden):
        await logins.api_actor(text, peer=PEER)
    await domains.set(ROOT, "b.example", state="active")
    await logins.api_actor(text, peer=PEER)
    await domains.remove(ROOT, "b.example")
    with pytest.raises(Forbidden):
        await logins.api_actor(text, peer=PEER)
    assert await keys(world).listing(None) == []
