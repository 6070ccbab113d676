"""attempts: one attempt after the other within the limits, with one line each, on both engines."""

import pytest
import trio
from tests.support.logs import captured
from tests.support.sign_in_world import NAME, PEER, SignInWorld, make_sign_in_world
from tests.support.stores import Opened
from trio.testing import wait_all_tasks_blocked

from pymailcore.base.errors import Forbidden
from pymailcore.directory import sign_in_rows
from pymailcore.directory.attempts import WRONG, Attempts, barred, key_of
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.sign_in_rows import Known


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


@pytest.fixture
def attempts(world: SignInWorld) -> Attempts:
    return world.directory.logins._attempts


async def known(world: SignInWorld) -> Known:
    found = await world.directory.read(lambda tx: sign_in_rows.load(tx, NAME, set()))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("Ann@A.Example", "ann@a.example"),
        ("ann", ""),
        ("", ""),
        ("x" * 600 + "@a.example", ""),
        ("ann@a.example\0", ""),
        ("\ud800@a.example", ""),
    ],
)
def test_a_name_has_one_key(typed: str, key: str) -> None:
    assert key_of(typed) == key


async def test_ten_failures_are_looked_at_and_then_none(world: SignInWorld, attempts: Attempts) -> None:
    with captured() as lines:
        for _ in range(10):
            await attempts.count_failure(PEER, "token x", "imap")
        attempts.require_room("203.0.113.1", NAME, "imap", frozenset())
        with pytest.raises(TooManyAttempts):
            await attempts.count_failure(PEER, "token x", "imap")
        with pytest.raises(TooManyAttempts):
            attempts.require_room(PEER, NAME, "smtp", frozenset())
    assert [(line["protocol"], line["reason"]) for line in lines] == [
        ("imap", "too many failures"),
        ("smtp", "too many failures"),
    ]
    world.clock.ms += 60_000
    attempts.require_room(PEER, NAME, "smtp", frozenset())


async def test_what_is_looked_at_makes_others_wait_and_its_end_lets_them_go_on(
    attempts: Attempts, nursery: trio.Nursery
) -> None:
    begun = [await attempts.begin(PEER, f"u{number}@a.example", "imap", frozenset()) for number in range(10)]
    went_on = trio.Event()

    async def another() -> None:
        attempts.end(await attempts.begin(PEER, NAME, "imap", frozenset()), True)
        went_on.set()

    nursery.start_soon(another)
    await wait_all_tasks_blocked()
    assert not went_on.is_set()
    attempts.end(begun[0], None)  # nothing was looked at: that counts for nothing
    with trio.fail_after(5):
        await went_on.wait()
    for one in begun[1:]:
        attempts.end(one, False)
    attempts.require_room(PEER, NAME, "imap", frozenset())
    assert attempts.pause_seconds(PEER) == 7.0


async def test_who_is_let_in_is_noted_and_who_is_barred_is_not(
    world: SignInWorld, attempts: Attempts
) -> None:
    ann = await known(world)
    with captured() as lines:
        assert attempts.admit(ann, PEER, "imap", "password").name == NAME
        with pytest.raises(Forbidden, match=f"^{WRONG}$"):
            attempts.admit(ann._replace(refusal="the account is suspended"), PEER, "imap", "password")
        raise_this = attempts.refused("x" * 1_000, PEER, "imap", "wrong")
    assert str(raise_this) == WRONG
    assert [(line["event"], line.get("reason", ""), len(line["user"])) for line in lines] == [
        ("login", "", len(NAME)),
        ("login failed", "the account is suspended", len(NAME)),
        ("login failed", "wrong", 128),
    ]


async def test_who_is_barred(world: SignInWorld) -> None:
    ann = await known(world)
    assert barred(ann) == barred(ann, "ANN@a.example") == ""
    assert barred(ann, "root@a.example") == "he wants to act as somebody else"
    assert barred(ann, "nonsense") == "he wants to act as somebody else"
    assert barred(ann._replace(refusal="it is closing")) == "it is closing"
