"""Accounts: finding, listing, changing, renaming and removing them; `account_making` makes them.

Contract: an account's name is its first address. An account that is being removed is at once nobody's: it
gets no mail and nobody signs in; then its mail goes in slices, at last its row. What a crash left half-way is
in the state "closing"; removing it again goes on from there.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory import account_rows as rows
from pymailcore.directory import identities, limits, sending_holds
from pymailcore.directory.account_making import (
    AccountMaking,
    NewAccount,
    Outcome,
    Secrets,
    check_kind,
    check_text,
)
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.domains import domain_named
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import domain_name
from pymailcore.directory.permissions import View
from pymailcore.directory.routing import ACTIVE, CLOSING, SUSPENDED
from pymailcore.directory.sending_holds import Block
from pymailcore.directory.types import Account
from pymailcore.store.types import Transaction


class Changed(NamedTuple):
    """New values of an account; None leaves a thing as it is.

    Attributes:
        state: "active" or "suspended".
        reason: why it is suspended, for people.
        send_blocked: it may sign in and read, and send nothing.
    """

    full_name: str | None = None
    kind: str | None = None
    state: str | None = None
    reason: str | None = None
    send_blocked: bool | None = None


class Accounts:
    """The accounts of an installation.

    Args:
        secrets: prepares passwords.
    """

    def __init__(self, ground: Ground, secrets: Secrets) -> None:
        self._ground = ground
        self._making = AccountMaking(ground, secrets)

    # --- looking ---------------------------------------------------------------------------------

    async def get(self, address: Address) -> Account:
        """The account with a first address.

        Raises:
            NotFound: there is none.
        """
        return await self._ground.database.read(lambda tx: rows.account_named(tx, address.key))

    async def numbered(self, account: AccountId) -> Account:
        """The account with an id.

        Raises:
            NotFound: there is none.
        """
        found = await self._ground.database.read(lambda tx: rows.account_numbered(tx, account))
        if found is None:
            raise NotFound(f"account {account}")
        return found

    async def page(
        self,
        view: View,
        *,
        after: str = "",
        limit: int = 1_000,
        tenant: TenantId | None = None,
        domain: str | None = None,
        prefix: str = "",
    ) -> list[Account]:
        """Accounts by name, those behind the name `after`.

        Args:
            prefix: with which the names begin, in any case.

        Raises:
            InvalidValue, NotFound: that is no domain; it is not kept here.
        """
        name = None if domain is None else domain_name(domain)

        async def work(tx: Transaction) -> list[Account]:
            number = None if name is None else (await domain_named(tx, name)).id
            return await rows.page(
                tx, view, after=after, limit=limit, tenant=tenant, domain=number, prefix=prefix.casefold()
            )

        return await self._ground.database.read(work)

    async def block(self, account: AccountId) -> Block | None:
        """Why an account sends nothing: by whom it was blocked, and since when; None when it may send."""
        return await self._ground.database.read(lambda tx: sending_holds.block_of(tx, account))

    # --- making ----------------------------------------------------------------------------------

    async def add(
        self,
        actor: Actor,
        address: Address,
        password: str | None = None,
        *,
        full_name: str = "",
        kind: str = "personal",
    ) -> Account:
        """Make an account; see `AccountMaking.add`."""
        return await self._making.add(actor, address, password, full_name=full_name, kind=kind)

    async def add_many(
        self,
        actor: Actor,
        entries: Sequence[NewAccount],
        *,
        progress: Callable[[Sequence[Outcome]], None] = lambda _: None,
    ) -> list[Outcome]:
        """Make many accounts; see `AccountMaking.add_many`."""
        return await self._making.add_many(actor, entries, progress=progress)

    # --- changing --------------------------------------------------------------------------------

    async def set(self, actor: Actor, address: Address, changed: Changed) -> Account:
        """Change an account.

        Raises:
            NotFound: no such account.
            InvalidValue: a value cannot be.
        """
        wanted = {name: value for name, value in changed._asdict().items() if value is not None}
        _check_values(changed)
        now_ms = self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> Account:
            old = await rows.account_named(tx, address.key)
            if old.state == CLOSING:
                raise NotFound(f"account {address} is being removed")
            new = old._replace(**wanted)
            if new.state == ACTIVE and changed.reason is None:
                new = new._replace(reason="")
            await tx.run(
                "UPDATE accounts SET full_name = ?2, kind = ?3, state = ?4, reason = ?5, send_blocked = ?6"
                " WHERE id = ?1",
                old.id, new.full_name, new.kind, new.state, new.reason, int(new.send_blocked),
            )  # fmt: skip
            if old.send_blocked and not new.send_blocked:
                await sending_holds.lift(tx, old.id)
            elif new.send_blocked and not old.send_blocked:
                await sending_holds.keep(tx, old.id, Block(change.actor.name, now_ms))
            before, after = _difference(old, new)
            if after:
                rows.touch(change, old)
                change.record("account.set", old.display, tenant=old.tenant, old=before, new=after)
            return new

        return await self._ground.changes.run(actor, work)

    async def rename(
        self, actor: Actor, address: Address, new_address: Address, *, keep_alias: bool = False
    ) -> Account:
        """Give an account another first address, by which it signs in from then on; its mail stays.

        Args:
            keep_alias: mail to the old address goes on to come.

        Raises:
            NotFound: no such account; the new domain is not kept here, or is another tenant's.
            AlreadyExists: somebody else has the new address.
        """
        identity, now_ms = self._ground.ids.new(), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> Account:
            old = await rows.account_named(tx, address.key)
            place = await rows.place_of(tx, new_address.domain)
            if place.tenant != old.tenant:
                raise NotFound(f"no domain {new_address.domain}")
            if new_address.key != old.name:
                if not await rows.own_alias(tx, old.id, new_address):
                    await rows.require_free(tx, new_address)
                if place.domain != old.domain:
                    await limits.require(tx, "accounts", tenant=old.tenant, domain=place.domain)
            await rows.rename(tx, change, old, new_address, place)
            keeps = keep_alias and new_address.key != old.name
            if keeps:
                await rows.add_alias(tx, old, now_ms)
            await identities.move(tx, identity, old, str(new_address), keep=keeps)
            change.tell(old.id, await self._ground.store.bump(tx, old.id, "identity"))
            new = await rows.account_named(tx, new_address.key)
            rows.touch(change, old)
            rows.touch(change, new)
            for (group,) in await tx.rows("SELECT group_id FROM group_members WHERE account = ?1", old.id):
                change.touch("group", group)
            change.record(
                "account.rename", old.display, tenant=old.tenant,
                old={"address": old.display}, new={"address": new.display, "alias": keeps},
            )  # fmt: skip
            return new

        return await self._ground.changes.run(actor, work)

    # --- removing --------------------------------------------------------------------------------

    async def remove(self, actor: Actor, address: Address) -> None:
        """Remove an account: at once it cannot sign in or get mail; then its mail goes, in slices.

        What waits of it in the queue is the queue's (`Queue.drop_account`).

        Raises:
            NotFound: no such account. After a crash half-way the account is still there; remove it again.
        """
        await self.end(await self.close(actor, address))

    async def close(self, actor: Actor, address: Address) -> Account:
        """Begin to remove an account: nobody signs in to it, and it sends and gets no mail; then `end` it.

        Raises:
            NotFound: no such account.
        """

        async def work(tx: Transaction, change: Change) -> Account:
            account = await rows.account_named(tx, address.key)
            await rows.forget(tx, change, account)
            change.record("account.remove", account.display, tenant=account.tenant)
            return account

        return await self._ground.changes.run(actor, work)

    async def end(self, account: Account) -> None:
        """Remove the mail of an account that was closed, in slices, and at last its row."""
        await self._ground.store.remove_account(account.id)

        async def end(tx: Transaction, change: Change) -> None:
            await tx.run("DELETE FROM accounts WHERE id = ?1 AND state = ?2", account.id, CLOSING)
            rows.touch(change, account)

        await self._ground.changes.run(None, end)


def _check_values(changed: Changed) -> None:
    if changed.kind is not None:
        check_kind(changed.kind)
    if changed.state is not None and changed.state not in (ACTIVE, SUSPENDED):
        raise InvalidValue(f"an account is {ACTIVE} or {SUSPENDED}, not {changed.state!r}")
    for text in (changed.full_name, changed.reason):
        if text is not None:
            check_text(text)


def _difference(old: Account, new: Account) -> tuple[dict[str, object], dict[str, object]]:
    """What changed, before and after."""
    before, after = old._asdict(), new._asdict()
    names = [name for name in before if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}
