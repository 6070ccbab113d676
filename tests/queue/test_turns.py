"""turns: places are shared fairly, exactly: beside the rule written out as a plain search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.queue.turns import Group, Turns, most_of_one

GROUPS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from([(1, 10), (1, 11), (1, 12), (2, 20), (3, -3)])),
    max_size=40,
).map(
    lambda some: [Group(number, domain, flow, tenant) for number, (domain, (tenant, flow)) in enumerate(some)]
)


class Model:
    """Who has places, in plain lists; each choice looks through everything that waits."""

    def __init__(self) -> None:
        self.placed: list[Group] = []
        self.history: list[Group] = []

    def rank(self, group: Group) -> tuple[int, int, int, int]:
        """What a group is chosen by; `position` decides between equals."""
        tenants = [one.tenant for one in self.history]
        flows = [one.flow for one in self.history]
        return (
            sum(one.tenant == group.tenant for one in self.placed),
            max((at for at, tenant in enumerate(tenants, 1) if tenant == group.tenant), default=0),
            sum(one.flow == group.flow for one in self.placed),
            max((at for at, flow in enumerate(flows, 1) if flow == group.flow), default=0),
        )

    def may(self, group: Group, places: int, per_domain: int) -> bool:
        most = most_of_one(places)
        return (
            sum(one.domain == group.domain for one in self.placed) < per_domain
            and sum(one.tenant == group.tenant for one in self.placed) < most
            and sum(one.flow == group.flow for one in self.placed) < most
        )

    def take(self, waiting: list[Group], places: int, per_domain: int) -> Group | None:
        usable = [one for one in waiting if self.may(one, places, per_domain)]
        if not usable:
            return None
        chosen = min(usable, key=lambda one: (self.rank(one), first_of(waiting, one), waiting.index(one)))
        self.placed.append(chosen)
        self.history.append(chosen)
        return chosen


def first_of(waiting: list[Group], group: Group) -> tuple[int, int]:
    """Between tenants and flows that never had a place: who is due the longest."""
    tenant = next(at for at, one in enumerate(waiting) if one.tenant == group.tenant)
    return tenant, next(at for at, one in enumerate(waiting) if one.flow == group.flow)


@given(
    waiting=GROUPS,
    places=st.integers(1, 12),
    per_domain=st.integers(1, 5),
    ends=st.lists(st.integers(0, 11), max_size=30),
)
def test_each_place_goes_to_whom_the_rule_says(
    waiting: list[Group], places: int, per_domain: int, ends: list[int]
) -> None:
    turns, model = Turns(), Model()
    for end in [0, *ends]:
        if end and model.placed:
            gone = model.placed.pop(end % len(model.placed))
            turns.end(gone)
        free = places - turns.total()
        expected: list[Group] = []
        while len(expected) < free:
            one = model.take([group for group in waiting if group not in expected], places, per_domain)
            if one is None:
                break
            expected.append(one)
        chosen = turns.choose(waiting, free=free, places=places, per_domain=per_domain)
        assert list(chosen) == expected
        for group in chosen:
            turns.begin(group)
            waiting.remove(group)
        assert turns.total() == len(model.placed)


def group(number: int, tenant: int, flow: int | None = None, domain: str = "") -> Group:
    return Group(number, domain or f"{number}.example", flow or tenant * 10, tenant)


def test_one_mail_of_a_tenant_has_the_next_free_place() -> None:
    flood = [group(number, 1) for number in range(1_000)]
    turns = Turns()
    for one in turns.choose(flood, free=10, places=10, per_domain=5):
        turns.begin(one)
    assert turns.total() == 8  # two are left for others
    late = group(5_000, 2)
    assert list(turns.choose([*flood[8:], late], free=2, places=10, per_domain=5)) == [late]


def test_with_one_place_they_take_turns() -> None:
    waiting = [group(number, 1) for number in range(6)] + [group(10, 2), group(11, 2), group(12, 3)]
    turns, served = Turns(), []
    while chosen := turns.choose(waiting, free=1, places=1, per_domain=5):
        turns.begin(chosen[0])
        turns.end(chosen[0])
        waiting.remove(chosen[0])
        served.append(chosen[0].tenant)
    assert served == [1, 2, 3, 1, 2, 1, 1, 1, 1]


def test_in_a_tenant_its_senders_take_turns() -> None:
    waiting = [group(number, 1, 10) for number in range(4)] + [group(8, 1, 11), group(9, 2)]
    turns = Turns()
    order = [one.flow for one in turns.choose(waiting, free=5, places=20, per_domain=5)]
    assert order == [10, 20, 11, 10, 10]


@pytest.mark.parametrize(("places", "most"), [(1, 1), (4, 4), (5, 4), (50, 40)])
def test_some_places_are_left_for_others(places: int, most: int) -> None:
    assert most_of_one(places) == most
    waiting = [group(number, 1) for number in range(100)]
    assert len(Turns().choose(waiting, free=places, places=places, per_domain=100)) == most
