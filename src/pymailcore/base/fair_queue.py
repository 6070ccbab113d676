"""What waits for its turn: one line for each flow of each tenant; `base.shares` says whose head is next.

Contract: of one flow first come, first served. A tenant may have all places while it is alone. Once several
had some lately it leaves one place in three, and at least one where there are two, to others: who comes with
one wish finds it free. Putting and taking cost a few microseconds, however many wait. No I/O, no clock, no
lock.
"""

import heapq
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from pymailcore.base.parties import Party
from pymailcore.base.shares import Shares

T = TypeVar("T")
L = TypeVar("L")

_NO_BOUND: Final = 2**62
_MOST_STALE: Final = 64


class _Lines(Generic[L]):
    """Those who wait, by number, and which of them is next.

    Theory: a heap of ranks, from two who wait on. Whose rank has changed stands in it again, and what it says
    of a rank that is no more is passed over, or swept out once there is much of it.
    """

    __slots__ = ("_heap", "_make", "_pushed", "_rank", "waiting")

    def __init__(self, rank: Callable[[int], tuple[int, int]], make: Callable[[], L]) -> None:
        self._rank = rank
        self._make = make
        self._heap: list[tuple[tuple[int, int], int, int]] = []
        self._pushed = 0  # of equal ranks the one that came first is next
        self.waiting: dict[int, L] = {}

    def open(self, one: int) -> L:
        """The line of one, who waits from now on."""
        line = self.waiting.get(one)
        if line is None:
            line = self.waiting[one] = self._make()
            if len(self.waiting) == 2:
                self._rank_all()
            else:
                self.moved(one)
        return line

    def moved(self, one: int) -> None:
        """Note that the rank of one has changed."""
        if len(self.waiting) > 1 and one in self.waiting:
            self._pushed += 1
            heapq.heappush(self._heap, (self._rank(one), self._pushed, one))
            if len(self._heap) > 2 * len(self.waiting) + _MOST_STALE:
                self._rank_all()

    def first(self) -> int | None:
        """Who is next."""
        if len(self.waiting) == 1:
            return next(iter(self.waiting))
        heap = self._heap
        while heap:
            rank, _, one = heap[0]
            if one in self.waiting and rank == self._rank(one):
                return one
            heapq.heappop(heap)
        return None

    def _rank_all(self) -> None:
        self._heap = [(self._rank(each), at, each) for at, each in enumerate(self.waiting)]
        heapq.heapify(self._heap)
        self._pushed = len(self._heap)


class FairQueue(Generic[T]):
    """A queue with a line for each party.

    Args:
        places: how many may be taken and not done at a time; None: any number, only their order is fair.
        most_beside_others: how many a tenant may have once several had some lately, in place of the rule
            above.
    """

    def __init__(self, places: int | None = None, most_beside_others: int | None = None) -> None:
        self._places = _NO_BOUND if places is None else places
        left = self._places - max(1, self._places // 3) if self._places > 1 else 1
        self._most_beside_others = left if most_beside_others is None else most_beside_others
        self._shares = Shares()
        self._taken = 0
        self._count = 0
        self._tenants: _Lines[_Lines[deque[T]]] = _Lines(self._shares.tenant_rank, self._new_tenant)

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    @property
    def taken(self) -> int:
        """How many were taken and are not done."""
        return self._taken

    @property
    def is_shared(self) -> bool:
        """Whether several tenants had places lately; the server itself is none."""
        return self._shares.several_lately()

    def put(self, party: Party, item: T) -> None:
        """Let something wait behind all of its party."""
        self._tenants.open(party.tenant).open(party.flow).append(item)
        self._count += 1

    def take(self, most_beside_others: int | None = None) -> tuple[Party, T] | None:
        """Take what is next, which has a place until `done`; None when nothing may have one now.

        Args:
            most_beside_others: how many places a tenant may have while others have some, in place of the rule
                above.
        """
        tenant = self._tenants.first()
        if tenant is None or self._taken >= self._places:
            return None
        if self._shares.tenants.get(tenant, 0) >= self._most(most_beside_others):
            return None
        flows = self._tenants.waiting[tenant]
        flow = flows.first()
        if flow is None:  # nobody waits without a line
            return None
        party = Party(tenant, flow)
        item = flows.waiting[flow].popleft()
        self._tidy(party)
        self._shares.begin(tenant, flow)
        self._taken += 1
        self._moved(party)
        return party, item

    def done(self, party: Party) -> None:
        """Give back the place of something that was taken."""
        self._shares.end(party.tenant, party.flow)
        self._taken -= 1
        self._moved(party)

    def remove(self, party: Party, item: T) -> None:
        """Take out what waits and is wanted no more."""
        self._tenants.waiting[party.tenant].waiting[party.flow].remove(item)
        self._tidy(party)

    def thin(self, party: Party) -> tuple[Party, T]:
        """Take out the last of those who have the most waiting: of tenants, and in the tenant of its flows.

        Args:
            party: who goes first where others have as many.

        Raises:
            LookupError: nobody waits.
        """
        tenants = self._tenants.waiting
        counts = {one: sum(map(len, flows.waiting.values())) for one, flows in tenants.items()}
        if not counts:
            raise LookupError("nobody waits")
        tenant = _longest(counts, party.tenant)
        flow = _longest({one: len(line) for one, line in tenants[tenant].waiting.items()}, party.flow)
        item = tenants[tenant].waiting[flow].pop()
        self._tidy(Party(tenant, flow))
        return Party(tenant, flow), item

    def clear(self) -> list[T]:
        """Take out all that waits."""
        lines = (line for flows in self._tenants.waiting.values() for line in flows.waiting.values())
        items = [item for line in lines for item in line]
        self._tenants.waiting.clear()
        self._count = 0
        return items

    def _most(self, beside_others: int | None) -> int:
        """How many places a tenant may have now."""
        if beside_others is not None:
            return beside_others if self._shares.several_now() else self._places
        return self._most_beside_others if self._shares.several_lately() else self._places

    def _moved(self, party: Party) -> None:
        self._tenants.moved(party.tenant)
        flows = self._tenants.waiting.get(party.tenant)
        if flows is not None:
            flows.moved(party.flow)

    def _new_tenant(self) -> _Lines[deque[T]]:
        return _Lines(self._shares.flow_rank, deque)

    def _tidy(self, party: Party) -> None:
        """Note that one waits no more."""
        self._count -= 1
        flows = self._tenants.waiting[party.tenant]
        if not flows.waiting[party.flow]:
            del flows.waiting[party.flow]
            if not flows.waiting:
                del self._tenants.waiting[party.tenant]


def _longest(counts: dict[int, int], first: int) -> int:
    """Whose count is the largest; of several `first`, else the one that came last."""
    most = max(counts.values())
    if counts.get(first) == most:
        return first
    return next(one for one in reversed(counts) if counts[one] == most)
