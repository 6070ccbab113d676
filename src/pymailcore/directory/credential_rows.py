"""What all kinds of credentials do to the rows of an account, inside a transaction."""

from typing import Final, NamedTuple

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.changes import Change
from pymailcore.directory.standing import RESOURCE, SHARED
from pymailcore.store.types import Transaction

PASSWORD: Final = "password"  # noqa: S105 - the name of a kind


class Owner(NamedTuple):
    """Whose credentials are changed."""

    name: str
    tenant: TenantId
    kind: str

    def require_person(self) -> None:
        """Make sure that somebody may sign in to the account.

        Raises:
            InvalidValue: it is shared, or a resource.
        """
        if self.kind in (SHARED, RESOURCE):
            raise InvalidValue(f"{self.name} is no personal account: nobody signs in to it")


async def owner_of(tx: Transaction, account: AccountId) -> Owner:
    """Find an account whose credentials are to be changed, and keep others from changing them meanwhile.

    Its row is locked first of all, then rows of credentials: in this order everywhere, so that none waits for
    another that waits for it.

    Raises:
        NotFound: there is none.
    """
    await tx.lock("accounts", (account,))
    row = await tx.row("SELECT name, tenant, kind FROM accounts WHERE id = ?1", account)
    if row is None:
        raise NotFound(f"account {account}")
    return Owner(row[0], TenantId(row[1]), row[2])


async def raise_generation(tx: Transaction, change: Change, account: AccountId) -> None:
    """Make all that was signed in with the account's credentials until now count for nothing.

    For whatever takes something away; what is only added leaves those alone who are signed in.
    """
    await tx.run("UPDATE accounts SET generation = generation + 1 WHERE id = ?1", account)
    change.touch("account", account)


async def set_verifier(tx: Transaction, account: AccountId, verifier: str, now_ms: int) -> None:
    """Set the verifier of an account's password."""
    await tx.run(
        "INSERT INTO credentials (account, kind, verifier, created_ms) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (account, kind) DO UPDATE SET verifier = excluded.verifier,"
        " created_ms = excluded.created_ms",
        account,
        PASSWORD,
        verifier,
        now_ms,
    )
