"""For whom a task works: a tenant, and in it an account or what the tenant has beside its accounts.

Theory: what many use at once (threads, connections, the writer) gives its turns by parties. A party is noted
once, where it becomes known (a sign-in, the recipients of a message), and holds for all that the task does
from then on, and for tasks that it starts; so what stands between need not hand it on. Whoever has none works
for the server itself, which is a party like another. No I/O.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId, TenantId


class Party(NamedTuple):
    """Who waits for turns: `flow` is an account, or minus the tenant for what no account of it does."""

    tenant: int
    flow: int


SERVER: Final = Party(0, 0)
"""The server itself: housekeeping, and whoever has not signed in."""

_current: Final = ContextVar("party", default=SERVER)


def party_of(tenant: TenantId, account: AccountId | None = None) -> Party:
    """The party of an account, or of a tenant as a whole."""
    return Party(tenant, -tenant if account is None else account)


def current_party() -> Party:
    """For whom this task works."""
    return _current.get()


def work_for(party: Party) -> None:
    """Let this task work for a party from now on."""
    _current.set(party)


@contextmanager
def working_for(party: Party) -> Iterator[None]:
    """Let this task work for a party for a while."""
    token = _current.set(party)
    try:
        yield
    finally:
        _current.reset(token)
