"""fair_queue: the order in which things are taken, beside `base.shares`, which says it for all that wait."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.parties import Party
from pymailcore.base.shares import Shares

PARTIES = [Party(1, 10), Party(1, 11), Party(2, 20), Party(3, 30)]


@given(steps=st.lists(st.one_of(st.sampled_from(PARTIES), st.sampled_from(["take", "done"])), max_size=300))
def test_who_is_next_is_who_the_shares_say(steps: list[Party | str]) -> None:
    """However long it goes on, so that what is out of date in the queue was swept out."""
    queue, shares = FairQueue[int](), Shares()
    lines: dict[int, dict[int, deque[int]]] = {}
    placed: list[Party] = []
    for number, step in enumerate(steps * 3):
        if isinstance(step, Party):
            queue.put(step, number)
            lines.setdefault(step.tenant, {}).setdefault(step.flow, deque()).append(number)
        elif step == "done":
            if placed:
                queue.done(placed[0])
                shares.end(*placed.pop(0))
        else:
            tenant = shares.next_tenant(lines, 2**62)
            if tenant is None:
                assert queue.take() is None
                continue
            flow = shares.next_flow(lines[tenant], 2**62)
            assert flow is not None
            party = Party(tenant, flow)
            assert queue.take() == (party, lines[tenant][flow].popleft())
            placed.append(party)
            shares.begin(*party)
            if not lines[tenant][flow]:
                del lines[tenant][flow]
            if not lines[tenant]:
                del lines[tenant]
        assert queue.taken == len(placed)
        assert len(queue) == sum(len(line) for flows in lines.values() for line in flows.values())


def test_one_of_many_has_an_equal_part_beside_others() -> None:
    queue = FairQueue[str]()
    for number in range(100):
        queue.put(Party(1, 10 + number % 3), "many")
    queue.put(Party(2, 20), "one")
    queue.put(Party(2, 20), "two")
    assert [taken[1] for _ in range(5) if (taken := queue.take())] == ["many", "one", "many", "two", "many"]


def test_a_bound_counts_only_beside_other_tenants() -> None:
    """The server itself is no tenant that anything is left for."""
    queue = FairQueue[int]()
    for number in range(10):
        queue.put(Party(1, 10), number)
    queue.put(Party(0, 0), 99)
    assert sum(queue.take(2) is not None for _ in range(20)) == 11
    for number in range(10):
        queue.put(Party(1, 10), number)
    queue.put(Party(2, 20), 7)
    assert queue.take(2) == (Party(2, 20), 7)
    assert queue.take(2) is None
    assert len(queue) == 10


def test_what_is_taken_out_is_never_given() -> None:
    queue = FairQueue[int](1)
    for number in range(3):
        queue.put(Party(1, 10), number)
    queue.remove(Party(1, 10), 0)
    assert queue.take() == (Party(1, 10), 1)
    assert queue.take() is None  # one place
    assert queue.clear() == [2]
    queue.done(Party(1, 10))
    assert (len(queue), queue.taken, queue.take()) == (0, 0, None)


def test_what_is_out_of_date_is_bounded() -> None:
    """Memory is for those who wait, however long they do."""
    queue = FairQueue[int]()
    queue.put(Party(9, 90), 0)
    for number in range(5_000):
        queue.put(Party(1, 10), number)
        queue.put(Party(1, 10), number)
        for _ in range(2):
            taken = queue.take()
            assert taken is not None
            queue.done(taken[0])
    assert len(queue._tenants._heap) < 200


def test_who_has_the_most_gives_way_with_his_last() -> None:
    """Of tenants, and in it of flows; of several who have as many he who comes, or else the last."""
    queue = FairQueue[int]()
    with pytest.raises(LookupError):
        queue.thin(Party(1, 10))
    for number, party in enumerate((Party(1, 10), Party(1, 11), Party(1, 11), Party(2, 20), Party(2, 20))):
        queue.put(party, number)
    assert queue.thin(Party(2, 20)) == (Party(1, 11), 2)
    assert queue.thin(Party(1, 10)) == (Party(1, 10), 0)
    assert queue.thin(Party(3, 30)) == (Party(2, 20), 4)
    assert queue.thin(Party(3, 30)) == (Party(2, 20), 3)
    assert queue.take() == (Party(1, 11), 1)
    assert (len(queue), queue.take()) == (0, None)
