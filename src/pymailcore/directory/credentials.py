"""Verifiers of passwords in the tables.

Kinds are kept apart so that others than the password (application passwords, keys) can stand beside it.
"""

from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId
from pymailcore.directory.types import Principal
from pymailcore.store.types import Transaction

PASSWORD: Final = "password"  # noqa: S105 - the name of a kind


class Credential(NamedTuple):
    """An account and the verifier of its password; None when it has none."""

    principal: Principal
    verifier: str | None


async def credential(tx: Transaction, name: str) -> Credential | None:
    """Find the account that logs in with an address (key form)."""
    row = await tx.row(
        "SELECT a.id, a.tenant, a.name, a.admin, c.verifier FROM accounts a"
        " LEFT JOIN credentials c ON c.account = a.id AND c.kind = ?2 WHERE a.name = ?1",
        name,
        PASSWORD,
    )
    if row is None:
        return None
    return Credential(
        Principal(account=AccountId(row[0]), tenant=row[1], name=row[2], admin=bool(row[3])), row[4]
    )


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


async def replace_verifier(tx: Transaction, account: AccountId, old: str, new: str) -> None:
    """Store the same password under new parameters, unless it was changed meanwhile."""
    await tx.run(
        "UPDATE credentials SET verifier = ?4 WHERE account = ?1 AND kind = ?2 AND verifier = ?3",
        account,
        PASSWORD,
        old,
        new,
    )
