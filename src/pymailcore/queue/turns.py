"""Whose turn it is where mail is relayed: places are shared fairly among tenants, and among their senders.

Theory: a *flow* is all that one account sends, or what a tenant has beside that (forwarded mail, mail between
tenants); `base.shares` says who is next, and within a flow it is what is due the longest. A tenant and a flow
have at most four fifths of all places: mail to hosts that keep us waiting for minutes leaves some for others.
No I/O, no clock.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pymailcore.base.shares import Shares, give_back

LEAST_FLOW: Final = -(2**62)
"""Less than every flow."""


class Group(NamedTuple):
    """Recipients of one message in one domain, and whose message it is.

    Attributes:
        flow: the id of the account that sent it; minus the tenant where nobody signed in to do so.
    """

    message: int
    domain: str
    flow: int
    tenant: int


Waiting = dict[int, dict[int, deque[Group]]]


def most_of_one(places: int) -> int:
    """How many of all places a tenant, or a flow, may have."""
    return places - places // 5


class Turns:
    """Who has how many places of one runner, and who had the last one when.

    Attributes:
        domains: the places that each has now.
        shares: those of tenants and flows.
        looked_to: up to which flow `due.due_groups` has looked.
    """

    def __init__(self) -> None:
        self.domains: Counter[str] = Counter()
        self.shares = Shares()
        self.looked_to = LEAST_FLOW

    def total(self) -> int:
        """How many places are taken."""
        return self.domains.total()

    def copy(self) -> "Turns":
        """The same, for planning."""
        other = Turns()
        other.domains += self.domains
        other.shares = self.shares.copy()
        return other

    def begin(self, group: Group) -> None:
        """A place was given."""
        self.domains[group.domain] += 1
        self.shares.begin(group.tenant, group.flow)

    def end(self, group: Group) -> None:
        """A place is free again."""
        give_back(self.domains, group.domain)
        self.shares.end(group.tenant, group.flow)

    def full_domains(self, per_domain: int) -> list[str]:
        """Domains that have all the places they may have."""
        return [domain for domain, count in self.domains.items() if count >= per_domain]

    def full_flows(self, places: int) -> list[int]:
        """Flows that have all the places they may have."""
        return [flow for flow, count in self.shares.flows.items() if count >= most_of_one(places)]

    def choose(
        self, candidates: Iterable[Group], *, free: int, places: int, per_domain: int
    ) -> Sequence[Group]:
        """Choose who gets the free places, in this order.

        Args:
            candidates: what is due; of a flow the longest due first.
            places: how many there are in all.
        """
        planned = self.copy()
        waiting: Waiting = {}
        for group in candidates:
            waiting.setdefault(group.tenant, {}).setdefault(group.flow, deque()).append(group)
        chosen: list[Group] = []
        while len(chosen) < free:
            following = _next(planned, waiting, most_of_one(places), per_domain)
            if following is None:
                break
            planned.begin(following)
            chosen.append(following)
        return chosen


def _next(turns: Turns, waiting: Waiting, most: int, per_domain: int) -> Group | None:
    """Take who is next from those who wait, and those who can have nothing now."""
    while (tenant := turns.shares.next_tenant(waiting, most)) is not None:
        flows = waiting[tenant]
        while (flow := turns.shares.next_flow(flows, most)) is not None:
            groups = flows[flow]
            while groups:
                group = groups.popleft()
                if turns.domains[group.domain] < per_domain:
                    return group
            del flows[flow]
        del waiting[tenant]
    return None
