"""Forwarding rules of accounts: where their mail also goes.

Standards: RFC 5321 section 3.9 (aliases and lists are not the only ones who pass mail on); the reverse-path
stays.

Contract: an account keeps a copy unless one of its rules says that it does not. When none of its rules leads
to anybody it keeps one all the same (`routing`).
"""

from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.errors import InvalidValue, NotFound, OverQuota
from pymailcore.directory import account_rows
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.types import Forward
from pymailcore.store.types import Transaction

_MINE: Final = "SELECT target, keep_copy FROM forwards WHERE account = ?1 ORDER BY created_ms, target"


class Forwards:
    """The forwarding rules of an installation."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def of(self, address: Address) -> list[Forward]:
        """The rules of an account, the first made first.

        Raises:
            NotFound: no such account.
        """

        async def work(tx: Transaction) -> list[Forward]:
            account = await account_rows.account_named(tx, address.key)
            return [Forward(row[0], bool(row[1])) for row in await tx.rows(_MINE, account.id)]

        return await self._ground.database.read(work)

    async def set(self, actor: Actor, address: Address, target: Address, *, keep_copy: bool = True) -> None:
        """Let an account's mail also go to a target, or change whether it keeps a copy then.

        Raises:
            NotFound: no such account; or nobody in the tenant's domains has the target.
            InvalidValue: the account would forward to itself.
            OverQuota: it has as many rules as it may.
        """
        now_ms, most = self._ground.now_ms(), self._ground.settings.forwards_per_account_count

        async def work(tx: Transaction, change: Change) -> None:
            account = await account_rows.account_named(tx, address.key)
            own = await account_rows.of_tenant(tx, account.tenant, target, self._ground.settings)
            if own == account.id:
                raise InvalidValue(f"{address} cannot forward to itself")
            row = await tx.row(
                "SELECT count(*) FROM forwards WHERE account = ?1 AND target <> ?2", account.id, str(target)
            )
            if row is not None and row[0] >= most:
                raise OverQuota(f"an account may forward to {most} addresses")
            await tx.run(
                "INSERT INTO forwards (account, target, keep_copy, created_ms) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (account, target) DO UPDATE SET keep_copy = excluded.keep_copy",
                account.id, str(target), int(keep_copy), now_ms,
            )  # fmt: skip
            account_rows.touch(change, account)
            change.record(
                "forward.set", account.display, tenant=account.tenant,
                new={"target": str(target), "keep_copy": keep_copy},
            )  # fmt: skip

        await self._ground.changes.run(actor, work)

    async def remove(self, actor: Actor, address: Address, target: Address | None = None) -> None:
        """Remove a rule; with no target all of the account.

        Raises:
            NotFound: no such account or rule.
        """
        wanted = None if target is None else str(target)

        async def work(tx: Transaction, change: Change) -> None:
            account = await account_rows.account_named(tx, address.key)
            gone = await tx.rows(
                "DELETE FROM forwards WHERE account = ?1 AND (?2 = 1 OR target = ?3)"
                " RETURNING target, keep_copy",
                account.id,
                int(wanted is None),
                wanted,
            )
            if not gone:
                raise NotFound(f"{address} does not forward" + ("" if wanted is None else f" to {wanted}"))
            account_rows.touch(change, account)
            for old, kept in gone:
                change.record(
                    "forward.remove", account.display, tenant=account.tenant,
                    old={"target": old, "keep_copy": bool(kept)},
                )  # fmt: skip

        await self._ground.changes.run(actor, work)
