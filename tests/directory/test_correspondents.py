"""correspondents: who is new to an account is counted once, exactly, on both engines."""

import pytest
import trio
from tests.support.directories import address
from tests.support.stores import Opened

from pymailcore.base.ids import AccountId
from pymailcore.directory import correspondents
from pymailcore.store.types import Transaction

ANN, BEN = AccountId(7), AccountId(8)
NOW_MS = 1_780_000_000_001  # no time at which the rest is removed
PRUNED_MS = NOW_MS - NOW_MS % 256


async def mailed(
    opened: Opened, digests: list[int], now_ms: int = NOW_MS, account: AccountId = ANN, kept: int = 5
) -> int:
    async def work(tx: Transaction) -> int:
        return await correspondents.mailed(tx, account, digests, now_ms, kept=kept)

    return await opened.store.database.write(work)


async def heard_of(opened: Opened, sender: int, *accounts: AccountId, now_ms: int = NOW_MS) -> None:
    async def work(tx: Transaction) -> None:
        await correspondents.heard_of(tx, accounts, sender, now_ms, kept=5)

    await opened.store.database.write(work)


async def known(opened: Opened, account: AccountId = ANN) -> list[tuple[int, int]]:
    async def work(tx: Transaction) -> list[tuple[int, int]]:
        rows = await tx.rows(
            "SELECT digest, mailed FROM correspondents WHERE account = ?1 ORDER BY digest", account
        )
        return [(row[0], row[1]) for row in rows]

    return await opened.store.database.read(work)


def test_an_address_is_known_in_any_case_and_as_one_number() -> None:
    assert correspondents.digest(address("Ann@B.example")) == correspondents.digest(address("ann@b.example"))
    assert correspondents.digest(address("ann@b.example")) != correspondents.digest(address("ann@c.example"))
    found = [correspondents.digest(address(f"{number}@b.example")) for number in range(200)]
    assert min(found) < 0 < max(found)
    assert all(-(2**63) <= one < 2**63 for one in found)


async def test_who_was_written_to_is_new_once_and_for_each_account(opened: Opened) -> None:
    least, most = -(2**63), 2**63 - 1
    assert await mailed(opened, [most, least, 1, 1]) == 3
    assert await mailed(opened, [1, least, 2]) == 1
    assert await mailed(opened, [1, 2], account=BEN) == 2
    assert await known(opened) == [(least, 1), (1, 1), (2, 1), (most, 1)]


async def test_who_has_written_is_not_new(opened: Opened) -> None:
    await heard_of(opened, 5, BEN, ANN)
    await heard_of(opened, 5, ANN)
    assert await mailed(opened, [5, 6]) == 1
    assert (await known(opened), await known(opened, BEN)) == ([(5, 1), (6, 1)], [(5, 0)])


async def test_of_many_at_once_each_is_new_to_one(opened: Opened) -> None:
    new = []

    async def one() -> None:
        new.append(await mailed(opened, [1, 2, 3]))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(one)
    assert sum(new) == 3


@pytest.mark.parametrize("kind", ["mailed", "heard of"])
async def test_the_newest_of_each_kind_are_kept(opened: Opened, kind: str) -> None:
    begun_ms = PRUNED_MS - 256 * 20
    if kind == "mailed":
        await heard_of(opened, 99, ANN, now_ms=begun_ms)
        for number in range(9):
            await mailed(opened, [number], begun_ms + 256 * number)
        assert await known(opened) == [(4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (99, 0)]
    else:
        await mailed(opened, [99], begun_ms)
        for number in range(9):
            await heard_of(opened, number, ANN, now_ms=begun_ms + 256 * number)
        assert await known(opened) == [(4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (99, 1)]


async def test_whom_one_goes_on_writing_to_stays(opened: Opened) -> None:
    month_ms = 30 * 86_400_000
    begun_ms = PRUNED_MS - 3 * month_ms
    begun_ms -= begun_ms % 256
    for number in range(5):
        await mailed(opened, [number], begun_ms + number)
    await mailed(opened, [0], begun_ms + month_ms + 1)
    await mailed(opened, [10], begun_ms + month_ms + 256)
    assert [digest for digest, _ in await known(opened)] == [0, 2, 3, 4, 10]
