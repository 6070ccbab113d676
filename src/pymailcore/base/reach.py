"""Whose rows a task may touch: those of one tenant, once a peer of it has signed in, else all.

Theory: rights are decided where something is asked for, and each statement says whose rows it means. This is
the line behind both: a statement that forgets it gets nothing of another tenant, where the database can see
to that (on PostgreSQL: `store/postgres/row_security.sql`). A task is bounded where its peer signs in, when
its party becomes known, too (`base.parties`); tasks that it starts are bounded like it. What is done for all
tenants on the way, such as an answer of the directory that all will share, is within `unbounded`. No I/O.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.base.parties import party_of, work_for, working_for


class Reach(NamedTuple):
    """A tenant, and of its accounts the one whose rows are meant most of the time; 0 for none."""

    tenant: int
    account: int


EVERYTHING: Final = Reach(0, 0)
"""The rows of all tenants: for the server itself, and for operators."""

_current: Final = ContextVar("reach", default=EVERYTHING)


def current_reach() -> Reach:
    """Whose rows this task may touch."""
    return _current.get()


def act_for(tenant: TenantId, account: AccountId) -> None:
    """Let this task work for an account from now on, and touch the rows of its tenant only."""
    work_for(party_of(tenant, account))
    _current.set(Reach(tenant, account))


@contextmanager
def acting_for(tenant: TenantId, account: AccountId) -> Iterator[None]:
    """The same for a while."""
    with working_for(party_of(tenant, account)):
        token = _current.set(Reach(tenant, account))
        try:
            yield
        finally:
            _current.reset(token)


@contextmanager
def unbounded() -> Iterator[None]:
    """Let this task touch the rows of all tenants for a while; whose turn it has stays as it is."""
    token = _current.set(EVERYTHING)
    try:
        yield
    finally:
        _current.reset(token)
