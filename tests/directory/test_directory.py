"""directory: domains, accounts, addresses, aliases, web sessions, identities."""

import contextlib
import timeit

import pytest
from tests.support.directories import World, address, make_world

from pymailcore.base.errors import InvalidValue, NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.cache import tag
from pymailcore.directory.types import Account

DAY = 86_400_000


@pytest.fixture
def world() -> World:
    return make_world()


async def with_ann(world: World) -> Account:
    await world.directory.domains.add(SYSTEM, "a.example")
    return await world.directory.accounts.add(SYSTEM, address("Ann@a.example"), "correct horse")


@pytest.mark.parametrize("text", ["", "a..b", "[192.0.2.1]", "a b", "x" * 64 + ".example"])
async def test_what_is_no_domain_is_refused(world: World, text: str) -> None:
    with pytest.raises(InvalidValue):
        await world.directory.domains.add(SYSTEM, text)


async def test_a_failed_commit_makes_no_account(world: World) -> None:
    await world.directory.domains.add(SYSTEM, "a.example")
    world.store.memory.fail_next = RuntimeError("power")
    with pytest.raises(RuntimeError):
        await world.directory.accounts.add(SYSTEM, address("ann@a.example"), "correct horse")
    assert world.store.count("accounts") == world.store.count("addresses") == 0


async def test_mail_for_an_account_can_also_be_forwarded(world: World) -> None:
    ann = await with_ann(world)
    await world.directory.addresses.add(SYSTEM, address("ann@a.example"), address("ann@b.example"))
    route = await world.directory.route(address("ann@a.example"))
    assert [recipient.account for recipient in route.local] == [ann.id]
    assert route.remote == (address("ann@b.example"),)


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("ann@a.example", "own"),
        ("ANN@a.example", "own"),
        ("ann+x@a.example", "own"),
        ("ann+@a.example", "own"),
        ("ben@a.example", ""),
        ("annx@a.example", ""),
        ("+ann@a.example", ""),
        ("ann@b.example", ""),
    ],
)
async def test_who_may_be_written_into_from(world: World, text: str, standing: str) -> None:
    ann = await with_ann(world)
    assert await world.directory.send_standing(ann.id, address(text)) == standing


async def test_look_ups_are_remembered_until_a_notice_or_their_age(world: World) -> None:
    await with_ann(world)
    ann = address("ann@a.example")
    await world.directory.route(ann)
    world.store.memory.connection.execute("DELETE FROM addresses")  # another process
    await world.directory.route(ann)
    world.clock.ms += 4_999
    await world.directory.route(ann)
    world.clock.ms += 1
    with pytest.raises(NotFound):
        await world.directory.route(ann)


@pytest.mark.parametrize(
    ("tags", "forgotten"), [(None, True), ([tag("address", "ann@a.example")], True), ([], False)]
)
async def test_a_notice_forgets_look_ups(world: World, tags: list[int] | None, forgotten: bool) -> None:
    """`Core.follow` hands on what the hub says."""
    await with_ann(world)
    await world.directory.route(address("ann@a.example"))
    world.store.memory.connection.execute("DELETE FROM addresses")
    world.directory.forget(tags)
    with pytest.raises(NotFound) if forgotten else contextlib.nullcontext():
        await world.directory.route(address("ann@a.example"))


async def test_a_remembered_route_takes_microseconds(world: World) -> None:
    """A recipient costs about 10 microseconds once it is known; 100 leaves room for a busy machine."""
    await with_ann(world)
    ann = address("ann@a.example")
    await world.directory.route(ann)
    reads = world.store.memory.reads

    def once() -> None:
        with pytest.raises(StopIteration):
            world.directory.route(ann).send(None)

    def plain() -> None:
        try:
            world.directory.route(ann).send(None)
        except StopIteration:
            return

    once()
    assert min(timeit.repeat(plain, number=1_000, repeat=5)) / 1_000 < 100e-6
    assert world.store.memory.reads == reads


async def test_a_session_is_good_while_nothing_can_be_written(world: World) -> None:
    ann = await with_ann(world)
    token = await world.directory.create_session(ann.id, user_agent="", peer="")
    world.clock.ms += DAY
    world.store.memory.fail_next = TemporaryFailure("the store is being moved")
    assert await world.directory.session(token) is not None
    assert world.store.memory.fail_next is None


async def test_an_identity_changes_and_tells_its_account(world: World) -> None:
    """RFC 8621 section 6."""
    ann = await with_ann(world)
    (identity,) = await world.directory.identities(ann.id)
    world.notices.clear()
    await world.directory.set_identity_name(ann.id, identity.id, "Ann Müller")
    modseq = await world.directory.update_identity(ann.id, identity.id, text_signature="-- \nA")
    assert world.notices == [(ann.id, modseq - 1), (ann.id, modseq)]
    (changed,) = await world.directory.identities(ann.id)
    assert (changed.name, changed.text_signature, changed.html_signature) == ("Ann Müller", "-- \nA", "")
    with pytest.raises(NotFound):
        await world.directory.set_identity_name(AccountId(ann.id + 1), identity.id, "Eve")
