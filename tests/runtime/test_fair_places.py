"""fair_places: who gets a place, exactly, beside a plain model; and nobody who was cancelled holds one.

With it the order of `base.fair_queue` is checked, from outside.
"""

from collections import Counter

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from pymailcore.base.parties import Party, working_for
from pymailcore.base.shares import LATELY
from pymailcore.runtime.fair_places import Crowded, FairPlaces

Wish = tuple[int, int]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wish"), st.sampled_from([(1, 10), (1, 11), (2, 20), (3, 30)])),
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
    ),
    max_size=60,
)


class Model:
    """The rule in plain lists: each entry is the number of a wish."""

    def __init__(self, count: int) -> None:
        self.count, self.most = count, count - max(1, count // 3) if count > 1 else 1
        self.wishes: list[Wish] = []
        self.waiting: list[int] = []
        self.placed: list[int] = []
        self.history: list[int] = []

    def rank(self, number: int) -> tuple[int, ...]:
        ranks: list[int] = []
        for part in (0, 1):
            mine = self.wishes[number][part]
            ranks.append(sum(self.wishes[one][part] == mine for one in self.placed))
            ranks.append(
                max(
                    (at for at, one in enumerate(self.history, 1) if self.wishes[one][part] == mine),
                    default=0,
                )
            )
            ranks.append(min(at for at, one in enumerate(self.waiting) if self.wishes[one][part] == mine))
        return (*ranks, number)

    def give(self) -> None:
        while len(self.placed) < self.count:
            tenants = Counter(self.wishes[one][0] for one in self.placed)
            several = len({self.wishes[one][0] for one in self.history[-LATELY:]}) > 1
            most = self.most if several else self.count
            usable = [one for one in self.waiting if tenants[self.wishes[one][0]] < most]
            if not usable:
                return
            chosen = min(usable, key=self.rank)
            self.waiting.remove(chosen)
            self.placed.append(chosen)
            self.history.append(chosen)


class Trial:
    """Does with the real places what the model does in its lists."""

    def __init__(self, count: int, nursery: trio.Nursery) -> None:
        self.places, self.model, self.nursery = FairPlaces(count), Model(count), nursery
        self.begun: list[int] = []
        self.scopes: list[trio.CancelScope] = []
        self.ends: list[trio.Event] = []

    async def step(self, what: str, value: Wish | int) -> None:
        model = self.model
        if isinstance(value, tuple):
            model.wishes.append(value)
            model.waiting.append(len(model.wishes) - 1)
            self.scopes.append(trio.CancelScope())
            self.ends.append(trio.Event())
            self.nursery.start_soon(self.work, len(model.wishes) - 1, value)
        elif what == "end" and model.placed:
            number = model.placed.pop(value % len(model.placed))
            self.ends[number].set()
        elif what == "cancel" and model.placed + model.waiting:
            some = model.placed + model.waiting
            number = some[value % len(some)]
            (model.placed if number in model.placed else model.waiting).remove(number)
            self.scopes[number].cancel()
        model.give()
        await trio.testing.wait_all_tasks_blocked()
        assert self.begun == model.history
        assert (self.places.taken, self.places.waiting) == (len(model.placed), len(model.waiting))

    async def work(self, number: int, wish: Wish) -> None:
        with self.scopes[number]:
            async with self.places.place(Party(*wish)):
                self.begun.append(number)
                await self.ends[number].wait()


@settings(max_examples=150, deadline=None)
@given(count=st.integers(1, 6), steps=STEPS)
def test_places_are_given_as_the_rule_says(count: int, steps: list[tuple[str, Wish | int]]) -> None:
    async def run() -> None:
        async with trio.open_nursery() as nursery:
            trial = Trial(count, nursery)
            for what, value in steps:
                await trial.step(what, value)
            for end in trial.ends:
                end.set()
        assert (trial.places.taken, trial.places.waiting) == (0, 0)

    trio.run(run)


async def test_one_wish_waits_for_one_place_behind_a_thousand() -> None:
    places, order = FairPlaces(2), list[int]()

    async def work(tenant: int, account: int) -> None:
        async with places.place(Party(tenant, account)):
            order.append(tenant)
            await trio.testing.wait_all_tasks_blocked()

    async with trio.open_nursery() as nursery:
        for account in range(300):
            nursery.start_soon(work, 1, account)
        while places.taken < 2:
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(work, 2, 1_000)
    assert len(order) == 301
    assert order.index(2) < 8


async def test_who_is_cancelled_before_he_asks_has_no_place() -> None:
    places = FairPlaces(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        async with places.place(Party(1, 1)):
            pytest.fail("it went on")
    assert (places.taken, places.waiting) == (0, 0)


async def test_a_tenant_alone_has_all_places_and_beside_others_leaves_one() -> None:
    places, ends = FairPlaces(2), [trio.Event() for _ in range(4)]

    async def work(tenant: int, end: trio.Event) -> None:
        with working_for(Party(tenant, tenant)):
            async with places.place():
                await end.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, 1, ends[0])
        nursery.start_soon(work, 1, ends[1])
        await trio.testing.wait_all_tasks_blocked()
        assert places.taken == 2
        nursery.start_soon(work, 2, ends[2])
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(work, 1, ends[3])
        await trio.testing.wait_all_tasks_blocked()
        for end in ends[:1] + ends[2:3]:
            end.set()
            await trio.testing.wait_all_tasks_blocked()
        assert (places.taken, places.waiting) == (1, 1)  # the other tenant may soon come again
        ends[1].set()
        ends[3].set()


async def test_the_last_of_who_waits_most_is_turned_away() -> None:
    places, ended = FairPlaces(1, 2), list[tuple[int, int, bool]]()

    async def work(tenant: int, number: int) -> None:
        try:
            async with places.place(Party(tenant, tenant)):
                ended.append((tenant, number, True))
        except Crowded:
            ended.append((tenant, number, False))

    async with trio.open_nursery() as nursery, places.place(Party(9, 9)):
        for tenant, number in ((1, 1), (1, 2), (1, 3), (2, 4)):
            nursery.start_soon(work, tenant, number)
            await trio.testing.wait_all_tasks_blocked()
        assert ended == [(1, 3, False), (1, 2, False)]
        assert (places.taken, places.waiting) == (1, 2)
    assert ended[2:] == [(1, 1, True), (2, 4, True)]
    assert (places.taken, places.waiting) == (0, 0)
