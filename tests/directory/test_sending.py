"""sending: what was sent is counted for all processes, exactly up to the limit."""

from collections.abc import Sequence

import pytest
import trio
from tests.support.stores import Opened

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory import sending
from pymailcore.directory.errors import RateExceeded
from pymailcore.directory.sending import DAY_MS, HOUR_MS, Meter
from pymailcore.directory.standing import Standing
from pymailcore.store.types import Transaction

START_MS = 500 * DAY_MS

NONE: dict[str, dict[str, int]] = {}


def hourly(messages: int | None = None, recipients: int | None = None) -> Meter:
    return Meter("account", 7, "hour", HOUR_MS, messages, recipients)


async def spend(
    opened: Opened, meters: list[Meter], recipients: int, now_ms: int, outside: Sequence[int] = ()
) -> None:
    async def work(tx: Transaction) -> None:
        await sending.spend(tx, meters, AccountId(7), recipients, outside, now_ms)

    await opened.store.database.write(work)


async def counted(opened: Opened, now_ms: int) -> tuple[int, int]:
    async def work(tx: Transaction) -> list[tuple[int, int]]:
        found = await sending.sent(tx, "account", 7, now_ms)
        return [(one.messages, one.recipients) for one in found if one.per == "hour"]

    (answer,) = await opened.store.database.read(work)
    return answer


async def test_as_many_messages_as_the_limit_and_no_more(opened: Opened) -> None:
    for _ in range(3):
        await spend(opened, [hourly(messages=3)], 1, START_MS)
    with pytest.raises(RateExceeded, match="the account may send no more messages in this hour"):
        await spend(opened, [hourly(messages=3)], 1, START_MS + HOUR_MS - 1)
    assert await counted(opened, START_MS) == (3, 3)


async def test_as_many_recipients_as_the_limit_and_no_more(opened: Opened) -> None:
    await spend(opened, [hourly(recipients=10)], 9, START_MS)
    with pytest.raises(RateExceeded, match="recipients"):
        await spend(opened, [hourly(recipients=10)], 2, START_MS)
    await spend(opened, [hourly(recipients=10)], 1, START_MS)


async def test_as_many_new_recipients_as_the_limit_and_who_is_known_is_free(opened: Opened) -> None:
    meters = [Meter("account", 7, "day", DAY_MS, None, None, 3)]
    await spend(opened, meters, 9, START_MS, [1, 2, 3])
    with pytest.raises(RateExceeded, match="new to it in this day"):
        await spend(opened, meters, 2, START_MS, [3, 4])
    await spend(opened, meters, 9, START_MS, [1, 2, 3])
    await spend(opened, meters, 1, START_MS + 2 * DAY_MS, [4])
    await spend(opened, [hourly(messages=9)], 1, START_MS, [5])  # nobody asks: nobody is noted
    await spend(opened, meters, 1, START_MS + 2 * DAY_MS, [5, 6])
    with pytest.raises(RateExceeded):
        await spend(opened, meters, 1, START_MS + 2 * DAY_MS, [7])


async def test_what_is_refused_is_not_counted_by_any_meter(opened: Opened) -> None:
    meters = [hourly(messages=9), Meter("tenant", 1, "day", DAY_MS, 1, None)]
    await spend(opened, meters, 1, START_MS)
    with pytest.raises(RateExceeded, match=r"the tenant .* day"):
        await spend(opened, meters, 1, START_MS)
    assert await counted(opened, START_MS) == (1, 1)


async def test_the_hour_before_fades_and_is_forgotten(opened: Opened) -> None:
    for _ in range(8):
        await spend(opened, [hourly(messages=8)], 2, START_MS)
    assert await counted(opened, START_MS + HOUR_MS) == (8, 16)
    assert await counted(opened, START_MS + HOUR_MS + HOUR_MS // 2) == (4, 8)
    with pytest.raises(RateExceeded):
        await spend(opened, [hourly(messages=8)], 1, START_MS + HOUR_MS)
    for _ in range(4):
        await spend(opened, [hourly(messages=8)], 1, START_MS + HOUR_MS + HOUR_MS // 2)
    with pytest.raises(RateExceeded):
        await spend(opened, [hourly(messages=8)], 1, START_MS + HOUR_MS + HOUR_MS // 2)
    await spend(opened, [hourly(messages=8)], 1, START_MS + 3 * HOUR_MS)

    async def rows(tx: Transaction) -> int:
        return len(await tx.rows("SELECT begun_ms FROM sent"))

    assert await opened.store.database.read(rows) == 1


async def test_many_at_once_are_no_more_than_the_limit(opened: Opened) -> None:
    refused = []

    async def one() -> None:
        try:
            await spend(opened, [hourly(messages=10)], 1, START_MS)
        except RateExceeded:
            refused.append(1)

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(one)
    assert len(refused) == 30
    assert await counted(opened, START_MS) == (10, 10)


def test_an_accounts_own_limit_goes_before_the_default_and_shared_ones_stand_beside_it() -> None:
    limits = {"account": {"messages_per_hour": 5}, "tenant": {"recipients_per_day": 99}}
    standing = Standing(AccountId(7), TenantId(1), 3, "personal", 0, "active", "", False, limits)
    meters = sending.meters(standing, {"messages_per_hour": 100, "messages_per_day": 200})
    assert meters == (
        Meter("account", 7, "hour", HOUR_MS, 5, None),
        Meter("account", 7, "day", DAY_MS, 200, None),
        Meter("tenant", 1, "day", DAY_MS, None, 99),
    )
    assert sending.meters(standing._replace(limits=NONE), {"messages_per_hour": 0}) == ()
