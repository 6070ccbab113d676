"""Who acts: for the audit log, and for what he may do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Self

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.permissions import BUILT_IN, INSTALLATION, OPERATOR, USER, Grant, Scope
from pymailcore.store.types import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who does something to the directory, and what he may do.

    Attributes:
        name: how the audit log calls him: "anna@example.org", "apikey:backup", "operator:root@cli".
        account: his account, if he has one.
        tenant: to which he belongs; None when he belongs to the installation.
        peer: address from which he came; empty on the machine itself.
        grants: what he held when he came.
        api_key: number of the key with which a program acts; 0 for none.
        confirm: asked in the transaction of each change that he makes, before anything is changed: gives him
            with what he holds there, or raises what refuses him. None: he may do what he does.
    """

    name: str
    account: AccountId | None = None
    tenant: TenantId | None = None
    peer: str = ""
    grants: tuple[Grant, ...] = ()
    api_key: int = 0
    confirm: Callable[[Transaction, int], Awaitable["Actor"]] | None = field(
        default=None, compare=False, repr=False
    )

    @classmethod
    def operator(cls, user: str, way: str = "cli") -> Self:
        """A person who may run commands on the machine itself, and so may do everything."""
        return cls(name=f"operator:{user}@{way}", grants=(_EVERYTHING,))

    @classmethod
    def owner(
        cls,
        name: str,
        account: AccountId,
        tenant: TenantId,
        *,
        peer: str,
        grants: tuple[Grant, ...] = (),
    ) -> Self:
        """Somebody who has signed in: he may manage his own account, and what his roles let him."""
        own = Grant(USER, BUILT_IN[USER], Scope.account(account))
        return cls(name=name, account=account, tenant=tenant, peer=peer, grants=(own, *grants))

    def settled(self) -> "Actor":
        """The same for the rest of what he was let begin, which is ended whatever becomes of him."""
        return replace(self, confirm=None)


_EVERYTHING: Final = Grant(OPERATOR, BUILT_IN[OPERATOR] | BUILT_IN[USER], INSTALLATION)

SYSTEM: Final = Actor(name="system", grants=(_EVERYTHING,))
"""The server itself: setting up, housekeeping."""
