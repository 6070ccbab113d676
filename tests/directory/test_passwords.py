"""passwords: verifiers and the short memory of right ones."""

import secrets
from dataclasses import replace

import argon2
import pytest
import trio
import trio.testing
from tests.support.directories import CHEAP

from pymailcore.base.errors import InvalidValue
from pymailcore.base.parties import SERVER, Party, working_for
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.passwords import Passwords


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP, secrets.token_bytes)


async def test_a_verifier_is_argon2id_and_knows_its_password(passwords: Passwords) -> None:
    """RFC 9106 section 4."""
    verifier = await passwords.verifier("correct horse")
    assert verifier.startswith("$argon2id$")
    assert await passwords.check("correct horse", verifier)
    assert not await passwords.check("correct horsf", verifier)


async def test_without_a_verifier_every_password_is_wrong_after_the_same_work(passwords: Passwords) -> None:
    assert not await passwords.check("correct horse", None)
    parameters = argon2.extract_parameters(passwords._nobody)
    assert parameters == argon2.extract_parameters(await passwords.verifier("correct horse"))


async def test_composed_and_decomposed_letters_are_one_password(passwords: Passwords) -> None:
    """RFC 8265 section 4.2.1."""
    assert await passwords.check("cafe\u0301 cafe\u0301", await passwords.verifier("caf\u00e9 caf\u00e9"))


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("x" * 7, False),
        ("x" * 8, True),
        ("x" * 1_024, True),
        ("x" * 1_025, False),
        ("x" * 8 + "\0", False),
        ("\ud800" * 8, False),
    ],
)
async def test_length_of_a_new_password(passwords: Passwords, password: str, good: bool) -> None:
    if good:
        assert await passwords.check(password, await passwords.verifier(passwords.fit(password)))
    else:
        with pytest.raises(InvalidValue):
            passwords.fit(password)


@pytest.mark.parametrize("password", ["", "x" * 5_000, "\ud800", "a\u0301" * 100_000])
async def test_any_text_can_be_checked(passwords: Passwords, password: str) -> None:
    assert not await passwords.check(password, await passwords.verifier("correct horse"))


async def test_a_broken_verifier_matches_nothing(passwords: Passwords) -> None:
    assert not await passwords.check("x", "not a verifier")


async def test_verifiers_of_other_parameters_are_outdated(passwords: Passwords) -> None:
    stronger = Passwords(replace(CHEAP, argon2_time_cost=2), secrets.token_bytes)
    verifier = await passwords.verifier("correct horse")
    assert stronger.is_outdated(verifier)
    assert not passwords.is_outdated(verifier)
    assert stronger.is_outdated("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e")
    assert await stronger.check("correct horse", verifier)


def test_a_right_password_is_remembered_for_its_time_and_surroundings_only(passwords: Passwords) -> None:
    """A5: whose, how, of which generation and verifier."""
    digest = passwords.digest("password", 1, 7, 0, "v1", "pw")
    passwords.remember(digest, 0)
    assert passwords.is_remembered(digest, 59_999)
    assert not passwords.is_remembered(digest, 60_000)
    others = {
        passwords.digest("password", 2, 7, 0, "v1", "pw"),
        passwords.digest("password", 1, 8, 0, "v1", "pw"),
        passwords.digest("password", 1, 7, 1, "v1", "pw"),
        passwords.digest("password", 1, 7, 0, "v2", "pw"),
        passwords.digest("password", 1, 7, 0, "v1", "pX"),
        passwords.digest("password", 1, 70, "", "v1", "pw"),
        Passwords(CHEAP, secrets.token_bytes).digest("password", 1, 7, 0, "v1", "pw"),
    }
    assert len(others) == 7
    assert not any(passwords.is_remembered(other, 1) for other in others)


def test_memory_of_right_passwords_is_bounded_and_can_be_off() -> None:
    small = Passwords(replace(CHEAP, remember_count=3), secrets.token_bytes)
    for number in range(4):
        small.remember(bytes([number]), 0)
    assert [small.is_remembered(bytes([n]), 1) for n in range(4)] == [False, True, True, True]
    off = Passwords(replace(CHEAP, remember_seconds=0), secrets.token_bytes)
    off.remember(b"x", 0)
    assert not off.is_remembered(b"x", 0)


async def test_only_so_many_logins_wait_for_a_thread() -> None:
    passwords = Passwords(
        replace(CHEAP, hashing_threads_count=1, hashing_waiting_count=2), secrets.token_bytes
    )
    refused = 0

    async def attempt() -> None:
        nonlocal refused
        try:
            await passwords.check("x", None)
        except TooManyAttempts:
            refused += 1

    async with passwords._places.place(), trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(attempt)
        await trio.testing.wait_all_tasks_blocked()
        assert refused == 3
        nursery.cancel_scope.cancel()


async def test_who_fills_the_queue_fills_it_for_himself() -> None:
    """T6: a sign-in of another tenant waits for one thread, and turns away one of those who are many."""
    passwords = Passwords(
        replace(CHEAP, hashing_threads_count=1, hashing_waiting_count=8), secrets.token_bytes
    )
    verifier = await passwords.verifier("correct horse")
    ended: list[str] = []

    async def attempt(party: Party, password: str) -> None:
        with working_for(party):
            try:
                ended.append("right" if await passwords.check(password, verifier) else "wrong")
            except TooManyAttempts:
                ended.append("put off")

    async with trio.open_nursery() as nursery, passwords._places.place(SERVER):
        for number in range(20):
            nursery.start_soon(attempt, Party(1, number), "guess")
        await trio.testing.wait_all_tasks_blocked()
        assert ended == ["put off"] * 12
        nursery.start_soon(attempt, Party(2, 20), "correct horse")
        await trio.testing.wait_all_tasks_blocked()
        assert ended == ["put off"] * 13
    assert ended[13:] == ["wrong", "right", *["wrong"] * 6]
