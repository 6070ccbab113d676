"""I4: searches of one account hold up neither others nor what is read by key."""

import threading

import trio
import trio.testing
from tests.support.stores import Opened, add_account

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.places import BlobReader
from pymailcore.store.search_lane import SearchLane
from pymailcore.store.types import Reading, Transaction

ANNA, BEN, CARO = AccountId(11), AccountId(12), AccountId(13)


async def tenant_of(account: AccountId) -> TenantId:
    """Accounts of a thousand and more are of other tenants."""
    return TenantId(1 + account // 1_000)


async def test_an_account_has_one_statement_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    """One thread is left to others; what waits has its turn in the order in which it came."""
    lane = SearchLane(3, tenant_of)
    begun: list[tuple[float, AccountId]] = []

    async def work(account: AccountId) -> None:
        async with lane.place(account):
            begun.append((trio.current_time(), account))
            await trio.sleep(10)  # how long the work takes, on a clock that jumps: no real time goes by

    async with trio.open_nursery() as nursery:
        for account in (ANNA, ANNA, BEN, CARO):
            nursery.start_soon(work, account)
            await trio.testing.wait_all_tasks_blocked()
    assert sorted(begun) == [(0.0, ANNA), (0.0, BEN), (10.0, ANNA), (10.0, CARO)]


async def test_one_thread_is_enough_for_searches(autojump_clock: trio.testing.MockClock) -> None:
    async with SearchLane(1, tenant_of).place(ANNA):
        assert trio.current_time() == 0.0


async def test_a_tenant_with_many_accounts_does_not_stand_before_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """T6 of the security notes."""
    lane, begun = SearchLane(3, tenant_of), list[tuple[float, int]]()

    async def work(account: int) -> None:
        async with lane.place(AccountId(account)):
            begun.append((trio.current_time(), account))
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        for account in (*range(1, 50), 1_001):
            nursery.start_soon(work, account)
            await trio.testing.wait_all_tasks_blocked()
    assert begun.index((10.0, 1_001)) in (2, 3)


async def test_mail_is_read_while_searches_hold_what_they_may(opened: Opened) -> None:
    """More searches than there are threads, none of which ends."""
    filed = await opened.deliver()
    go, begun, most = threading.Event(), [], opened.store.engine.settings.readers

    async def nothing(tx: Transaction) -> None:
        await tx.row("SELECT 1")

    def held(_: BlobReader) -> Reading[None]:
        yield nothing
        begun.append(1)
        assert go.wait(20)

    for number in range(most):
        await add_account(opened.store, AccountId(20 + number), f"u{number}@a.example")
    async with trio.open_nursery() as nursery:
        for number in range(3 * most):
            nursery.start_soon(opened.store.engine.searching, AccountId(20 + number % most), held)
        with trio.fail_after(10):
            for _ in range(3):
                assert await opened.store.headers(opened.account, [filed.email])
        go.set()
    assert len(begun) == 3 * most
