import trio
import trio.testing

from pymailcore.base.ids import AccountId
from pymailcore.runtime.account_places import AccountPlaces

ANNA, BEN = AccountId(1), AccountId(2)


async def test_an_account_has_so_many_places_and_holds_up_nobody_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two at a time; one more waits, that of somebody else does not."""
    places = AccountPlaces(2)
    begun: list[tuple[float, AccountId]] = []

    async def work(account: AccountId) -> None:
        async with places.place(account):
            begun.append((trio.current_time(), account))
            await trio.sleep(10)  # how long the work takes, on a clock that jumps: no real time goes by

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(work, ANNA)
        nursery.start_soon(work, BEN)
    assert sorted(begun) == [(0.0, ANNA), (0.0, ANNA), (0.0, BEN), (10.0, ANNA)]
    assert len(places) == 0


async def test_who_gives_up_waiting_leaves_nothing_behind(autojump_clock: trio.testing.MockClock) -> None:
    """I4: a client that vanishes while its search waits."""
    places = AccountPlaces(1)
    with trio.move_on_after(1):
        async with places.place(ANNA):
            with trio.move_on_after(0.5) as waiting:
                async with places.place(ANNA):
                    raise AssertionError("one place was held twice")
            assert waiting.cancelled_caught
            await trio.sleep_forever()
    assert len(places) == 0
