"""How places are shared fairly among tenants, and in a tenant among those who use it.

Theory: a free place goes to the tenant that has the fewest at the moment, of several to the one that had its
last place the longest ago; within the tenant to a flow (an account, say) by the same rule. So whoever comes
with one wish waits for one place to become free, however many wishes another has. No I/O, no clock.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from pymailcore.base.parties import SERVER

K = TypeVar("K")

_MOST_REMEMBERED: Final = 10_000

LATELY: Final = 1_000
"""Who was served within so many places may soon come again."""


class Shares:
    """Who has how many places, and who had the last one when.

    Attributes:
        tenants, flows: the places that each has now.
        served_tenants, served_flows: when each had its last place, counted in places; those that had one
            lately, the last one last.
    """

    def __init__(self) -> None:
        self.tenants: dict[int, int] = {}
        self.flows: dict[int, int] = {}
        self.served_tenants: dict[int, int] = {}
        self.served_flows: dict[int, int] = {}
        self.count = 0

    def copy(self) -> "Shares":
        """The same, for planning."""
        other = Shares()
        other.tenants, other.flows = dict(self.tenants), dict(self.flows)
        other.served_tenants, other.served_flows = dict(self.served_tenants), dict(self.served_flows)
        other.count = self.count
        return other

    def begin(self, tenant: int, flow: int) -> None:
        """A place was given."""
        self.tenants[tenant] = self.tenants.get(tenant, 0) + 1
        self.flows[flow] = self.flows.get(flow, 0) + 1
        self.count += 1
        _note(self.served_tenants, tenant, self.count)
        _note(self.served_flows, flow, self.count)

    def end(self, tenant: int, flow: int) -> None:
        """A place is free again."""
        give_back(self.tenants, tenant)
        give_back(self.flows, flow)

    def tenant_rank(self, tenant: int) -> tuple[int, int]:
        """How far behind a tenant stands: the least is next."""
        return self.tenants.get(tenant, 0), self.served_tenants.get(tenant, 0)

    def flow_rank(self, flow: int) -> tuple[int, int]:
        """How far behind a flow stands among those of its tenant."""
        return self.flows.get(flow, 0), self.served_flows.get(flow, 0)

    def next_tenant(self, waiting: Iterable[int], most: int) -> int | None:
        """Which of some tenants is next; None when each has as many places as one may have."""
        usable = (one for one in waiting if self.tenants.get(one, 0) < most)
        return min(usable, key=self.tenant_rank, default=None)

    def next_flow(self, waiting: Iterable[int], most: int) -> int | None:
        """Which of some flows of one tenant is next; None when each has as many places as one may have."""
        usable = (one for one in waiting if self.flows.get(one, 0) < most)
        return min(usable, key=self.flow_rank, default=None)

    def several_now(self) -> bool:
        """Whether more than one tenant has places; the server itself is none (`parties.SERVER`)."""
        return len(self.tenants) - (SERVER.tenant in self.tenants) > 1

    def several_lately(self) -> bool:
        """Whether more than one tenant has had places lately; the server itself is none."""
        seen = 0
        for tenant, at in reversed(self.served_tenants.items()):
            if at <= self.count - LATELY:
                return False
            seen += tenant != SERVER.tenant
            if seen > 1:
                return True
        return False


def _note(served: dict[int, int], one: int, count: int) -> None:
    served.pop(one, None)
    served[one] = count
    if len(served) > _MOST_REMEMBERED:
        del served[next(iter(served))]


def give_back(counts: dict[K, int], key: K) -> None:
    """Count one less, and forget who has none."""
    left = counts.pop(key) - 1
    if left > 0:
        counts[key] = left
