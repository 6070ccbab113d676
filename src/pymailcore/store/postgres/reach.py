"""How PostgreSQL is told whose rows a transaction may touch (`base.reach`; the policies: `row_security.sql`).

Theory: a setting that lasts as long as a transaction costs nothing where it travels with BEGIN. A statement
alone has no BEGIN: it sets what it needs itself, in a condition that is looked at before anything else of it.
If a server ever looked later, the statement would find nothing, never too much.
"""

from functools import lru_cache
from typing import Final

from pymailcore.base.reach import EVERYTHING, current_reach
from pymailcore.store.dialect import MOST_KEPT
from pymailcore.store.postgres.connection import REACH

_ALL: Final = "*/*"


def reach_text() -> str:
    """The setting for this task: tenant and account, or that it may touch everything."""
    reach = current_reach()
    return _ALL if reach == EVERYTHING else f"{reach.tenant:d}/{reach.account:d}"


def set_reach() -> str:
    """The statement that bounds a transaction to what this task may touch; goes with its BEGIN."""
    return f"SET LOCAL {REACH} = '{reach_text()}'"


@lru_cache(maxsize=MOST_KEPT)
def bounded_by_itself(statement: str, place: int) -> str:
    """A SELECT that is sent without a transaction, with its bound as the argument `place`, `reach_text`."""
    return (
        f"SELECT bounded.* FROM ({statement}) AS bounded"  # noqa: S608 - our own
        f" WHERE (SELECT set_config('{REACH}', ${place}::text, true)) IS NOT NULL"
    )
