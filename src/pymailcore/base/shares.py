"""How places are shared fairly among tenants, and in a tenant among those who use it.

Theory: a free place goes to the tenant that has the fewest at the moment, of several to the one that had its
last place the longest ago; within the tenant to a flow (an account, say) by the same rule. So whoever comes
with one wish waits for one place to become free, however many wishes another has. No I/O, no clock.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeVar

K = TypeVar("K")

_MOST_REMEMBERED: Final = 10_000


class Shares:
    """Who has how many places, and who had the last one when.

    Attributes:
        tenants, flows: the places that each has now.
        served: when each had its last place, counted in places; of those that had one lately.
    """

    def __init__(self) -> None:
        self.tenants: Counter[int] = Counter()
        self.flows: Counter[int] = Counter()
        self.served: dict[tuple[str, int], int] = {}
        self.count = 0

    def copy(self) -> "Shares":
        """The same, for planning."""
        other = Shares()
        other.tenants += self.tenants
        other.flows += self.flows
        other.served, other.count = dict(self.served), self.count
        return other

    def begin(self, tenant: int, flow: int) -> None:
        """A place was given."""
        self.tenants[tenant] += 1
        self.flows[flow] += 1
        self.count += 1
        for named in (("tenant", tenant), ("flow", flow)):
            self.served.pop(named, None)
            self.served[named] = self.count
        while len(self.served) > _MOST_REMEMBERED:
            del self.served[next(iter(self.served))]

    def end(self, tenant: int, flow: int) -> None:
        """A place is free again."""
        give_back(self.tenants, tenant)
        give_back(self.flows, flow)

    def next_tenant(self, waiting: Iterable[int], most: int) -> int | None:
        """Which of some tenants is next; None when each has as many places as one may have."""
        usable = [one for one in waiting if self.tenants[one] < most]
        rank = self.served.get
        return min(usable, key=lambda one: (self.tenants[one], rank(("tenant", one), 0)), default=None)

    def next_flow(self, waiting: Iterable[int], most: int) -> int | None:
        """Which of some flows of one tenant is next; None when each has as many places as one may have."""
        usable = [one for one in waiting if self.flows[one] < most]
        rank = self.served.get
        return min(usable, key=lambda one: (self.flows[one], rank(("flow", one), 0)), default=None)


def give_back(counter: Counter[K], key: K) -> None:
    """Count one less, and forget who has none."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
