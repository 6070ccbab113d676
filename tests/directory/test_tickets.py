"""tickets: what a browser carries between two steps is good once, for its step and time (A4)."""

import base64

import pytest
from tests.support.sign_in_world import SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden
from pymailcore.directory.tickets import Tickets
from pymailcore.runtime.shared_counters import SharedCounters


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def tickets(world: SignInWorld) -> Tickets:
    return world.directory.credentials.second_factors.tickets


async def test_a_ticket_says_what_was_known(world: SignInWorld) -> None:
    text = await tickets(world).issue("step", world.ann.id, generation=3, state={"challenge": "x"})
    for _ in range(2):  # to look does not take
        found = await tickets(world).read("step", text)
        assert (found.account, found.generation, found.state) == (world.ann.id, 3, {"challenge": "x"})


async def test_a_ticket_is_good_once_in_all_processes(world: SignInWorld) -> None:
    counters = SharedCounters.create(1_000)
    one, two = (
        directory.credentials.second_factors.tickets
        for directory in (world.another(counters=counters), world.another(counters=counters))
    )
    text = await one.issue("step", world.ann.id)
    assert (await two.read("step", text)).account == world.ann.id
    two.take(text)
    for again in (one, two):
        with pytest.raises(Forbidden, match="begin again"):
            again.take(text)


async def test_a_ticket_is_good_for_its_step_only(world: SignInWorld) -> None:
    text = await tickets(world).issue("step", world.ann.id)
    with pytest.raises(Forbidden):
        await tickets(world).read("register", text)


async def test_a_ticket_ends(world: SignInWorld) -> None:
    text = await tickets(world).issue("step", world.ann.id)
    seconds = world.directory._ground.settings.second_step_seconds
    world.clock.ms += int(seconds * 1000) - 1
    await tickets(world).read("step", text)
    world.clock.ms += 1
    with pytest.raises(Forbidden):
        await tickets(world).read("step", text)


async def test_no_other_text_is_a_ticket(world: SignInWorld) -> None:
    """Each of its characters counts, and it has one spelling: else `take` would not know it again."""
    text = await tickets(world).issue("step", world.ann.id)
    assert len(text) % 4
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    forged = [
        text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :] for place in range(len(text))
    ]
    spelled = [text + "=", text + "\n", " " + text, text.replace("_", "/").replace("-", "+") + "====", ""]
    cut = [base64.urlsafe_b64encode(octets[:size]).decode() for size in range(0, len(octets), 7)]
    for other in [*forged, *spelled, *cut, "x" * 100_000, "ä", "\ud800"]:
        if other != text:
            with pytest.raises(Forbidden, match=r"^begin again$"):
                await tickets(world).read("step", other)


async def test_a_ticket_of_another_installation_is_none(world: SignInWorld) -> None:
    text = await tickets(world).issue("step", world.ann.id)
    await world.run("UPDATE secrets SET value = ?1 WHERE name = 'directory'", b"o" * 32)
    with pytest.raises(Forbidden):
        await world.another().credentials.second_factors.tickets.read("step", text)
