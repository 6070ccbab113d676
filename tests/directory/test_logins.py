"""logins: one bit for whoever asks."""

from collections import Counter
from dataclasses import replace

import pytest
import trio
from tests.support.directories import CHEAP, World, address, make_world

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.directory.directory import Directory
from pymailcore.directory.errors import TooManyAttempts

PASSWORD = "correct horse"


@pytest.fixture
async def world() -> World:
    world = make_world()
    await world.directory.add_domain("a.example")
    await world.directory.add_account(address("ann@a.example"), PASSWORD)
    return world


async def login(world: World, name: str, password: str, peer: str = "192.0.2.1") -> str:
    return (await world.directory.authenticate(name, password, peer=peer, protocol="imap")).name


async def test_the_right_password_logs_in_whatever_the_case_of_the_name(world: World) -> None:
    assert await login(world, "Ann@A.example", PASSWORD) == "ann@a.example"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann@a.example", "wrong horse"),
        ("nobody@a.example", PASSWORD),
        ("ann@b.example", PASSWORD),
        ("ann", PASSWORD),
        ("", ""),
        ("x" * 100_000, PASSWORD),
        ("ann@a.example", ""),
    ],
)
async def test_whatever_is_wrong_the_text_is_the_same(world: World, name: str, password: str) -> None:
    with pytest.raises(Forbidden) as caught:
        await login(world, name, password)
    assert str(caught.value) == "name or password is wrong"


async def test_a_right_password_is_enough_while_nothing_can_be_written(world: World) -> None:
    """Its verifier, which is of old parameters, is made anew another time; a store that moves can be read."""
    stronger = replace(CHEAP, argon2_time_cost=2)
    memory = world.store.memory

    def verifiers() -> list[object]:
        return memory.connection.execute("SELECT verifier FROM credentials").fetchall()

    before = verifiers()
    for failure in (TemporaryFailure("the store is being moved"), None):
        memory.fail_next = failure
        directory = Directory(
            world.store.database, world.store, world.ids, lambda *_: None, stronger, now_ms=world.clock
        )
        found = await directory.authenticate("ann@a.example", PASSWORD, peer="192.0.2.1", protocol="imap")
        assert found.name == "ann@a.example"
        assert (verifiers() == before) == (failure is not None)


async def test_an_account_without_a_password_cannot_log_in(world: World) -> None:
    await world.directory.add_account(address("ben@a.example"), None)
    with pytest.raises(Forbidden):
        await login(world, "ben@a.example", "")


async def test_an_alias_is_no_login_name(world: World) -> None:
    await world.directory.add_alias(address("team@a.example"), address("ann@a.example"))
    with pytest.raises(Forbidden):
        await login(world, "team@a.example", PASSWORD)


async def test_unknown_and_known_names_are_limited_alike(world: World) -> None:
    for name, net in (("ann@a.example", 1), ("nobody@a.example", 2)):
        for number in range(10):
            with pytest.raises(Forbidden):
                await login(world, name, "wrong horse", f"10.{net}.{number * 8}.1")
        with pytest.raises(TooManyAttempts):
            await login(world, name, "wrong horse", f"10.{net}.200.1")


async def test_right_logins_are_never_limited_and_hash_once_a_minute(world: World) -> None:
    for _ in range(60):
        await login(world, "ann@a.example", PASSWORD)


async def test_many_programs_that_start_at_once_all_get_in_and_one_hash_is_enough(world: World) -> None:
    for number in range(30):
        await world.directory.add_account(address(f"u{number}@a.example"), PASSWORD)
    names: list[str] = []

    async def start(name: str) -> None:
        names.append(await login(world, name, PASSWORD))

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(start, f"u{number}@a.example")
            nursery.start_soon(start, "ann@a.example")
    assert len(names) == 60


async def test_guesses_at_once_are_no_more_than_the_limit(world: World) -> None:
    """A1: whatever runs at the same time, only so many guesses are looked at."""
    outcomes: Counter[str] = Counter()

    async def guess(number: int) -> None:
        try:
            await login(world, "ann@a.example", f"wrong horse {number}")
        except (Forbidden, TooManyAttempts) as outcome:
            outcomes[type(outcome).__name__] += 1

    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(guess, number)
    assert outcomes == {"Forbidden": 10, "TooManyAttempts": 30}


async def test_equal_wrong_passwords_at_once_are_all_wrong(world: World) -> None:
    wrong = 0

    async def guess() -> None:
        nonlocal wrong
        with pytest.raises(Forbidden):
            await login(world, "ann@a.example", "wrong horse")
        wrong += 1

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(guess)
    assert wrong == 5


async def test_no_more_than_so_many_wait_for_the_limit() -> None:
    world = make_world(replace(CHEAP, hashing_waiting_count=3))
    await world.directory.add_domain("a.example")
    outcomes: Counter[str] = Counter()

    async def guess(number: int) -> None:
        try:
            await login(world, f"u{number}@a.example", "x")
        except (Forbidden, TooManyAttempts) as outcome:
            outcomes[type(outcome).__name__] += 1

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(guess, number)
    assert outcomes["Forbidden"] <= 10
    assert outcomes.total() == 30


async def test_a_remembered_password_ends_with_a_new_one(world: World) -> None:
    await login(world, "ann@a.example", PASSWORD)
    await world.directory.set_password(address("ann@a.example"), "another horse")
    with pytest.raises(Forbidden):
        await login(world, "ann@a.example", PASSWORD)
    await login(world, "ann@a.example", "another horse")


async def test_a_removed_account_is_not_remembered(world: World) -> None:
    await login(world, "ann@a.example", PASSWORD)
    await world.directory.remove_account(address("ann@a.example"))
    with pytest.raises(Forbidden):
        await login(world, "ann@a.example", PASSWORD)


async def test_a_right_password_is_hashed_anew_when_parameters_changed(world: World) -> None:
    """RFC 9106 section 4: parameters are meant to grow."""
    stronger = Directory(
        world.store.database,
        world.store,
        world.ids,
        lambda _channel, _value: None,
        replace(CHEAP, argon2_time_cost=2),
        now_ms=world.clock,
    )
    await stronger.authenticate("ann@a.example", PASSWORD, peer="192.0.2.1", protocol="smtp")
    (verifier,) = world.store.memory.connection.execute("SELECT verifier FROM credentials").fetchone()
    assert ",t=2," in verifier
    await stronger.authenticate("ann@a.example", PASSWORD, peer="192.0.2.1", protocol="smtp")
