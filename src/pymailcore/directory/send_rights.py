"""Who may write as which address: its own, and those for which it was given a right.

Standards: RFC 5322 section 3.6.2 (who writes on behalf of somebody is named in Sender), RFC 6409 section 6.1.

Contract: an account may always write as its own addresses, with any detail. "send-as" lets it write as
another account's or a group's address as if that were its own; "on-behalf" lets it stand in From while Sender
names itself.
"""

from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory import account_rows, groups
from pymailcore.directory.actors import Actor
from pymailcore.directory.cache import Lookup, tag
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.types import SendRight
from pymailcore.store.types import Transaction

OWN: Final = "own"
SEND_AS: Final = "send-as"
ON_BEHALF: Final = "on-behalf"
NONE: Final = ""
KINDS: Final = (SEND_AS, ON_BEHALF)


class SendRights:
    """The send rights of an installation."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._own: Lookup[AccountId, tuple[Address, ...]] = ground.lookup(_load_own)
        self._rights: Lookup[AccountId, dict[str, str]] = ground.lookup(_load_rights)

    # --- asking ----------------------------------------------------------------------------------

    async def addresses_of(self, account: AccountId) -> tuple[Address, ...]:
        """All addresses that stand for an account; the one that it signs in with comes first."""
        return await self._own.get(account)

    async def standing(self, account: AccountId, address: Address) -> str:
        """How an account may write as an address: "own", "send-as", "on-behalf", or "" when it may not."""
        own = {mine.key for mine in await self._own.get(account)}
        plain = self._plain(address)
        if address.key in own or plain in own:
            return OWN
        rights = await self._rights.get(account)
        return rights.get(address.key) or rights.get(plain) or NONE

    async def holds_any(self, account: AccountId) -> bool:
        """Whether an account has a right to write as anybody else."""
        return bool(await self._rights.get(account))

    def _plain(self, address: Address) -> str:
        """The key of an address without its detail (RFC 5233 section 1)."""
        separator = self._ground.settings.sub_address_separator
        base, found, _ = address.localpart[1:].partition(separator) if separator else ("", "", "")
        return Address(address.localpart[0] + base, address.domain).key if found else address.key

    # --- giving and taking -----------------------------------------------------------------------

    async def of(self, address: Address) -> list[SendRight]:
        """Who may write as an address, by name."""

        async def work(tx: Transaction) -> list[SendRight]:
            rows = await tx.rows(
                "SELECT a.name, r.address, r.kind FROM send_rights r JOIN accounts a ON a.id = r.account"
                " WHERE r.address = ?1 ORDER BY a.name",
                address.key,
            )
            return [SendRight(*row) for row in rows]

        return await self._ground.database.read(work)

    async def held_by(self, address: Address) -> list[SendRight]:
        """What an account may write as, beside its own addresses.

        Raises:
            NotFound: no such account.
        """

        async def work(tx: Transaction) -> list[SendRight]:
            account = await account_rows.account_named(tx, address.key)
            rows = await tx.rows(
                "SELECT address, kind FROM send_rights WHERE account = ?1 ORDER BY address", account.id
            )
            return [SendRight(account.name, *row) for row in rows]

        return await self._ground.database.read(work)

    async def grant(self, actor: Actor, holder: Address, address: Address, kind: str = SEND_AS) -> None:
        """Let an account write as the first address of another account, or as a group, of the same tenant.

        Raises:
            NotFound: there is no such account, or no such account or group to write as.
            InvalidValue: there is no such right; or the address is the account's own.
        """
        if kind not in KINDS:
            raise InvalidValue(f"a right to send is one of {', '.join(KINDS)}, not {kind!r}")
        now_ms = self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> None:
            account = await account_rows.account_named(tx, holder.key)
            if account.name == address.key:
                raise InvalidValue(f"{address} is the account's own")
            owner = await account_rows.id_of(tx, address.key)
            if owner is None:
                tenant = await _tenant_of_group(tx, address)
            else:
                tenant = (await account_rows.account_named(tx, address.key)).tenant
            if tenant != account.tenant:
                raise NotFound(f"nobody has {address}")
            await tx.run(
                "INSERT INTO send_rights (account, address, kind, created_ms) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (account, address) DO UPDATE SET kind = excluded.kind",
                account.id, address.key, kind, now_ms,
            )  # fmt: skip
            change.touch("account", account.id)
            change.record(
                "send-right.grant", address, tenant=tenant, new={"account": account.name, "kind": kind}
            )

        await self._ground.changes.run(actor, work)

    async def revoke(self, actor: Actor, holder: Address, address: Address) -> None:
        """Take a right away.

        Raises:
            NotFound: there is no such account, or it has no such right.
        """

        async def work(tx: Transaction, change: Change) -> None:
            account = await account_rows.account_named(tx, holder.key)
            gone = await tx.rows(
                "DELETE FROM send_rights WHERE account = ?1 AND address = ?2 RETURNING kind",
                account.id,
                address.key,
            )
            if not gone:
                raise NotFound(f"{holder} may not write as {address}")
            change.touch("account", account.id)
            change.record(
                "send-right.revoke", address, tenant=account.tenant,
                old={"account": account.name, "kind": gone[0][0]},
            )  # fmt: skip

        await self._ground.changes.run(actor, work)


async def _tenant_of_group(tx: Transaction, address: Address) -> TenantId:
    try:
        return (await groups.group_named(tx, address.key)).tenant
    except NotFound:
        raise NotFound(f"nobody has {address}") from None


async def _load_own(tx: Transaction, account: AccountId, tags: set[int]) -> tuple[Address, ...]:
    """All addresses of an account, its first one first; a wildcard is none to write as."""
    tags.add(tag("account", account))
    rows = await tx.rows(
        "SELECT display FROM addresses WHERE target_account = ?1 AND kind <> 'wildcard'"
        " ORDER BY CASE WHEN kind = 'primary' THEN 0 ELSE 1 END, address",
        account,
    )
    parsed = (Address.parse(row[0]) for row in rows)
    return tuple(address for address in parsed if address is not None)


async def _load_rights(tx: Transaction, account: AccountId, tags: set[int]) -> dict[str, str]:
    tags.add(tag("account", account))
    rows = await tx.rows("SELECT address, kind FROM send_rights WHERE account = ?1", account)
    return {row[0]: row[1] for row in rows}
