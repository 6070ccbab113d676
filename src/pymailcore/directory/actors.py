"""Who acts: for the audit log, and for what he may do."""

from dataclasses import dataclass
from typing import Final, Self

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.permissions import BUILT_IN, INSTALLATION, OPERATOR, USER, Grant, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who does something to the directory, and what he may do.

    Attributes:
        name: how the audit log calls him: "anna@example.org", "apikey:backup", "operator:root@cli".
        account: his account, if he has one.
        tenant: to which he belongs; None when he belongs to the installation.
        peer: address from which he came; empty on the machine itself.
        grants: what he holds at this moment.
    """

    name: str
    account: AccountId | None = None
    tenant: TenantId | None = None
    peer: str = ""
    grants: tuple[Grant, ...] = ()

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


_EVERYTHING: Final = Grant(OPERATOR, BUILT_IN[OPERATOR] | BUILT_IN[USER], INSTALLATION)

SYSTEM: Final = Actor(name="system", grants=(_EVERYTHING,))
"""The server itself: setting up, housekeeping."""
