"""Who acts, as he stands in the tables now: inside a transaction, so that nothing can change beside it."""

from collections.abc import Iterable
from dataclasses import replace

from pymailcore.base.errors import Forbidden
from pymailcore.directory import api_keys, roles, standing
from pymailcore.directory.actors import Actor
from pymailcore.directory.permissions import BUILT_IN, USER, Grant, Scope
from pymailcore.store.types import Transaction


async def as_of_now(tx: Transaction, actor: Actor, now_ms: int) -> Actor:
    """Give who acts with what he came with and still holds.

    Whoever is at the machine itself has neither an account nor a key: of him nothing is in the tables.

    Args:
        now_ms: the present moment, at which a key may have expired.

    Raises:
        Forbidden: he may do nothing now: his account, its domain or its tenant is not active, or his key is
            no longer in force.
    """
    if actor.account is not None:
        stands = await standing.read(tx, actor.account, set())
        if stands is None or not stands.may_sign_in:
            raise Forbidden("you may do nothing now")
        own = Grant(USER, BUILT_IN[USER], Scope.account(actor.account))
        return _holding(actor, (own, *await roles.grants_in(tx, actor.account, set())))
    if actor.api_key:
        held = await api_keys.grants_in(tx, actor.api_key, now_ms)
        if not held:
            raise Forbidden("you may do nothing now")
        return _holding(actor, held)
    return actor


def _holding(actor: Actor, held: Iterable[Grant]) -> Actor:
    """Keep of what somebody came with what is in `held`, too."""
    now = {(grant.role, grant.scope): grant.permissions for grant in held}
    both = [
        grant._replace(permissions=grant.permissions & now[grant.role, grant.scope])
        for grant in actor.grants
        if (grant.role, grant.scope) in now
    ]
    return replace(actor, grants=tuple(both))
