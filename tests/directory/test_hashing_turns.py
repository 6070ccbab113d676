"""hashing_turns: guesses at one tenant keep no other waiting, and say nothing of which names are known."""

from dataclasses import replace

import pytest
import trio
import trio.testing
from tests.support.directories import CHEAP
from tests.support.sign_in_world import NAME, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden
from pymailcore.base.parties import SERVER, Party
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.hashing_turns import STRANGERS, HashingTurns

FEW = replace(CHEAP, hashing_threads_count=1, hashing_waiting_count=30, failures_per_minute=1_000)


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    world = await make_sign_in_world(opened, FEW)
    await world.directory.tenants.add(ROOT, "beta")
    beta = (await world.directory.tenants.get("beta")).id
    await world.directory.domains.add(ROOT, "b.example", tenant=beta)
    await world.add("bob@b.example")
    return world


async def ends_of(
    world: SignInWorld, guesses: list[str], then: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Let names be guessed at, and others sign in after that; gives how each ended, in that order."""
    ended: list[tuple[str, str]] = []

    async def attempt(number: int, name: str, password: str) -> None:
        try:
            await world.sign_in(password, name=name, peer=f"10.{number}.0.1")
            ended.append((name, "in"))
        except (Forbidden, TooManyAttempts) as error:
            ended.append((name, str(error)))

    places = world.directory.credentials.passwords._places
    asked = [*((name, f"guess {number}") for number, name in enumerate(guesses)), *then]
    async with trio.open_nursery() as nursery, places.place(SERVER):
        for number, (name, password) in enumerate(asked, 1):
            nursery.start_soon(attempt, number, name, password)
            while number >= len(guesses) and len(ended) + places.waiting < number:
                await trio.testing.wait_all_tasks_blocked(0.001)
    return ended


@pytest.mark.parametrize(
    "guess",
    ["ann@a.example", "nobody{}@a.example", "x@nowhere{}.example"],
    ids=["known", "unknown", "foreign"],
)
async def test_who_signs_in_to_another_tenant_waits_for_one_hash(world: SignInWorld, guess: str) -> None:
    """T6: however many guesses wait, known names or not; and the flood is put off, not he."""
    guesses = [guess.format(number) for number in range(100)]
    ended = await ends_of(world, guesses, [("bob@b.example", "correct horse")])
    hashed = [(name, how) for name, how in ended if how != "too many logins at once"]
    assert ("bob@b.example", "in") in hashed[:3]
    assert len(hashed) == 30
    assert {how for name, how in hashed if name != "bob@b.example"} == {"name or password is wrong"}


async def test_known_and_unknown_names_wait_alike(world: SignInWorld) -> None:
    """A2: beside a flood of a third name; where a name stands in the queue says nothing of who has it."""
    await world.sign_in()  # nor of whether he was here a moment ago
    for first, second in ((NAME, "none@a.example"), ("none@a.example", NAME)):
        tried = [(first, f"guess of {first}"), (second, f"guess of {second}")]
        ended = [name for name, _ in await ends_of(world, ["else@a.example"] * 12, tried)]
        assert ended.index(first) < ended.index(second)


async def test_a_party_is_of_the_domain_and_the_net_not_of_the_name(world: SignInWorld) -> None:
    turns = HashingTurns(world.directory._ground)
    ann, nobody = [await turns.party(name, "192.0.2.1") for name in (NAME, "nobody@a.example")]
    assert ann == nobody
    assert ann.tenant == world.ann.tenant != (await turns.party("bob@b.example", "192.0.2.1")).tenant
    assert ann.flow != (await turns.party(NAME, "192.0.2.2")).flow
    strangers = [await turns.party(name, "192.0.2.1") for name in ("x@far.example", "", "y@off.example")]
    assert set(strangers) == {Party(STRANGERS, ann.flow)}


async def test_a_domain_that_is_added_has_turns_at_once(world: SignInWorld) -> None:
    turns = HashingTurns(world.directory._ground)
    assert (await turns.party("x@c.example", "192.0.2.1")).tenant == STRANGERS
    await world.directory.domains.add(ROOT, "c.example")
    assert (await turns.party("x@c.example", "192.0.2.1")).tenant == world.ann.tenant
