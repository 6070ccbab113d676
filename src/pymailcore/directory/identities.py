"""Identities: the names and addresses that an account sends as.

Standards: RFC 8621 section 6.
"""

from collections.abc import Sequence

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory.types import Account, Identity
from pymailcore.store.types import Transaction


async def insert(tx: Transaction, identity: int, account: AccountId, email: str, name: str = "") -> None:
    """Add an identity."""
    await insert_all(tx, [(identity, account, name, email)])


async def insert_all(tx: Transaction, rows: Sequence[tuple[int, AccountId, str, str]]) -> None:
    """Add identities: id, account, name, address."""
    await tx.run_many("INSERT INTO identities (id, account, name, email) VALUES (?1, ?2, ?3, ?4)", rows)


async def of_account(tx: Transaction, account: AccountId) -> list[Identity]:
    """All identities of an account, the first made first."""
    rows = await tx.rows(
        "SELECT id, name, email, text_signature, html_signature FROM identities WHERE account = ?1"
        " ORDER BY id",
        account,
    )
    return [Identity(*row) for row in rows]


async def update(
    tx: Transaction,
    account: AccountId,
    identity: int,
    *,
    name: str | None,
    text_signature: str | None,
    html_signature: str | None,
) -> None:
    """Change an identity; None leaves a thing as it is.

    Raises:
        NotFound: the account has no such identity.
    """
    changed = await tx.run(
        "UPDATE identities SET name = COALESCE(?3, name), text_signature = COALESCE(?4, text_signature),"
        " html_signature = COALESCE(?5, html_signature) WHERE id = ?1 AND account = ?2",
        identity,
        account,
        name,
        text_signature,
        html_signature,
    )
    if not changed:
        raise NotFound(f"no identity {identity}")


async def delete_for_address(tx: Transaction, account: AccountId, email: str) -> None:
    """Remove the identities with an address that an account no longer has."""
    await tx.run("DELETE FROM identities WHERE account = ?1 AND lower(email) = lower(?2)", account, email)


async def move(tx: Transaction, identity: int, account: Account, email: str, *, keep: bool) -> None:
    """Let an account that has a new first address send as it.

    Args:
        identity: id of a new identity, made when the old address is kept.
        account: as it was before.
    """
    if keep:
        await insert(tx, identity, account.id, email, account.full_name)
        return
    await tx.run(
        "UPDATE identities SET email = ?3 WHERE account = ?1 AND lower(email) = lower(?2)",
        account.id,
        account.display,
        email,
    )
