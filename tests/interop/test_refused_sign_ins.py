"""A right password that does not do here is a wrong one on the wire of all protocols (security notes, A2).

Of a suspended account, and of one with a second factor, whose password alone opens the web pages only.
"""

import time
from collections import Counter
from typing import NamedTuple

import pytest
import trio
from tests.support.family import PASSWORD, Family
from tests.support.guessing import PROTOCOLS, Log, connected, sign_in
from tests.support.second_factor import put_factor

from pymailcore.base.address import Address
from pymailcore.cli.installation import open_installation

pytestmark = pytest.mark.slow

KINDS = {"put": "the account is suspended", "both": "the account has a second factor"}


@pytest.fixture(scope="module")
def barred(family: Family) -> Family:
    """The family with an account that is suspended and one that has a second factor."""

    async def work() -> None:
        async with open_installation(family.config) as core:
            account = await core.directory.accounts.get(Address("both", family.domain))
            await put_factor(core.directory, account.id, int(time.time() * 1000))

    for name in KINDS:
        family.add_account(name)
    family.run("account", "suspend", family.address("put"))
    trio.run(work)
    return family


class Heard(NamedTuple):
    """What the wire said to a guess, and after how long."""

    answer: tuple[bytes, ...]
    seconds: float


async def guess(family: Family, protocol: str, source: str, name: str, password: str) -> Heard:
    """Guess once; all that is said, up to the end of a header where it is HTTP."""
    async with connected(family, protocol, source) as connection:
        began = trio.current_time()
        assert not await sign_in(connection, protocol, name, password)
        while protocol == "jmap" and connection.heard[-1]:
            await connection.line()
        lines = [line for line in connection.heard if not line.lower().startswith(b"date:")]
        return Heard(tuple(lines), trio.current_time() - began)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_wire_does_not_tell_that_the_password_was_right(barred: Family, kind: str) -> None:
    log, name, heard = Log(barred), barred.address(kind), dict[tuple[str, str], Heard]()

    async def once(number: int, protocol: str, password: str) -> None:
        source = f"127.{61 if kind == 'put' else 62}.{number * 8}.1"
        heard[protocol, password] = await guess(barred, protocol, source, name, password)

    async with trio.open_nursery() as nursery:
        for number, protocol in enumerate(PROTOCOLS):
            nursery.start_soon(once, number, protocol, PASSWORD)
            nursery.start_soon(once, number + 10, protocol, "wrong horse battery")
    for protocol in PROTOCOLS:
        right, wrong = heard[protocol, PASSWORD], heard[protocol, "wrong horse battery"]
        assert right.answer == wrong.answer
        assert min(right.seconds, wrong.seconds) >= 1.0
    lines = await log.until(6, lambda line: line.user == name)
    assert Counter(line.reason for line in lines) == {KINDS[kind]: 3, "wrong": 3}


@pytest.mark.parametrize("kind", KINDS)
async def test_right_passwords_that_do_not_do_reach_the_limits(barred: Family, kind: str) -> None:
    """Eleven from one address, over all protocols: the last is one too many."""
    log, source = Log(barred), f"127.{63 if kind == 'put' else 64}.0.1"
    async with trio.open_nursery() as nursery:
        for number in range(11):
            protocol = PROTOCOLS[number % 3]
            nursery.start_soon(guess, barred, protocol, source, barred.address(kind), PASSWORD)
        lines = await log.until(11, lambda line: line.peer == source)
        nursery.cancel_scope.cancel()  # the answers take seconds
    counts = Counter(line.reason for line in lines)
    assert counts["too many failures"] >= 1
    assert counts[KINDS[kind]] <= 10
    assert set(counts) == {KINDS[kind], "too many failures"}
