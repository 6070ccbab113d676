"""Making accounts, one or many: rows, Mailboxes, identity and password in one transaction.

Standards: RFC 8621 section 2 and RFC 6154 (the Mailboxes that each has from its first day).

Contract: many are made in slices, each a transaction; one that cannot be made hinders no other.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, InvalidValue, MailError
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory import account_rows as rows
from pymailcore.directory import identities, limits
from pymailcore.directory.account_rows import KINDS, NewRow, Place
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.credentials import Secret, keep_new
from pymailcore.directory.errors import OverLimit
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import shown_text
from pymailcore.directory.types import Account
from pymailcore.store.ops.accounts import Foundation
from pymailcore.store.types import Transaction

SLICE_ACCOUNTS: Final = 100
"""Accounts that one transaction makes."""


class Secrets(Protocol):
    """Prepares passwords; `Credentials` does."""

    async def prepare(self, password: str) -> Secret:
        """Hash a password; InvalidValue when it cannot be one."""
        ...


class NewAccount(NamedTuple):
    """An account that is to be made.

    Attributes:
        secret: its password, prepared; None for an account that nobody can sign in to yet.
    """

    address: Address
    secret: Secret | None = None
    full_name: str = ""
    kind: str = "personal"


class Outcome(NamedTuple):
    """What became of one of many: the account, or why there is none."""

    new: NewAccount
    account: Account | None
    fault: MailError | None


class _Made(NamedTuple):
    """What a new account is made with, minted outside of its transaction."""

    row: NewRow
    given: Foundation
    identity: int


class _Furnished(NamedTuple):
    """A new account whose row is there."""

    new: NewAccount
    minted: _Made
    account: Account


class AccountMaking:
    """Makes the accounts of an installation.

    Args:
        secrets: prepares passwords.
    """

    def __init__(self, ground: Ground, secrets: Secrets) -> None:
        self._ground = ground
        self._secrets = secrets

    async def add(
        self,
        actor: Actor,
        address: Address,
        password: str | None = None,
        *,
        full_name: str = "",
        kind: str = "personal",
    ) -> Account:
        """Make an account with its Mailboxes, its first address, an identity and a password.

        Args:
            password: None for an account that nobody can sign in to (yet).
            kind: "personal", "shared" or "resource"; the last two have no password.

        Raises:
            NotFound: the domain is not kept here.
            AlreadyExists: somebody has the address.
            InvalidValue: the password is too short or too long; or the name or kind is none.
            OverLimit: tenant or domain has as many as it may.
        """
        secret = None if password is None else await self._secrets.prepare(password)
        new = _checked(NewAccount(address, secret, full_name, kind))
        minted, now_ms = self._mint(new), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> Account:
            place = await rows.place_of(tx, address.domain)
            await rows.require_free(tx, address)
            await limits.require(tx, "accounts", tenant=place.tenant, domain=place.domain)
            await rows.insert_all(tx, [(minted.row, place)], now_ms)
            account = rows.made(minted.row, place, now_ms)
            await self._furnish(tx, change, [_Furnished(new, minted, account)])
            return account

        return await self._ground.changes.run(actor, work)

    async def add_many(
        self,
        actor: Actor,
        entries: Sequence[NewAccount],
        *,
        progress: Callable[[Sequence[Outcome]], None] = lambda _: None,
    ) -> list[Outcome]:
        """Make many accounts, some hundred in a transaction; one that cannot be made hinders no other.

        Args:
            progress: told what became of each slice once it is on disk.
        """
        outcomes: list[Outcome] = []
        for first in range(0, len(entries), SLICE_ACCOUNTS):
            done = await self._add_slice(actor, entries[first : first + SLICE_ACCOUNTS])
            progress(done)
            outcomes += done
        return outcomes

    async def _add_slice(self, actor: Actor, entries: Sequence[NewAccount]) -> list[Outcome]:
        minted = [self._mint(new) for new in entries]
        now_ms = self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> list[Outcome]:
            taken = await rows.taken(tx, [new.address.key for new in entries])
            room = _Room(entries)
            made: list[_Furnished] = []
            placed: list[tuple[NewRow, Place]] = []
            outcomes: list[Outcome] = []
            for new, own in zip(entries, minted, strict=True):
                try:
                    place = await room.place(tx, _checked(new).address.domain)
                    if new.address.key in taken:
                        raise AlreadyExists(f"{new.address} is taken")
                    await room.require(tx, place)
                except MailError as fault:
                    outcomes.append(Outcome(new, None, fault))
                    continue
                taken.add(new.address.key)
                account = rows.made(own.row, place, now_ms)
                placed.append((own.row, place))
                made.append(_Furnished(new, own, account))
                outcomes.append(Outcome(new, account, None))
            await rows.insert_all(tx, placed, now_ms)
            await self._furnish(tx, change, made)
            return outcomes

        return await self._ground.changes.run(actor, work)

    def _mint(self, new: NewAccount) -> _Made:
        ids, store = self._ground.ids, self._ground.store
        row = NewRow(AccountId(ids.new()), new.address, new.kind, new.full_name)
        return _Made(row, store.new_account(), ids.new())

    async def _furnish(self, tx: Transaction, change: Change, made: Sequence[_Furnished]) -> None:
        """Give accounts, whose rows are there, all the rest."""
        await self._ground.store.create_accounts(
            tx, [(one.account.id, one.account.tenant, one.minted.given) for one in made]
        )
        secrets = [(one.account.id, one.new.secret) for one in made if one.new.secret is not None]
        await keep_new(tx, secrets, made[0].account.created_ms if made else 0)
        await identities.insert_all(
            tx,
            [
                (one.minted.identity, one.account.id, one.account.full_name, one.account.display)
                for one in made
            ],
        )
        for one in made:
            account = one.account
            rows.touch(change, account)
            change.record(
                "account.add", account.display, tenant=account.tenant,
                new={
                    "kind": account.kind, "full_name": account.full_name,
                    "password": one.new.secret is not None,
                },
            )  # fmt: skip


class _Room:
    """Where the accounts of a slice may be made, and how many; limits far away are asked for once."""

    def __init__(self, entries: Sequence[NewAccount]) -> None:
        self._most = len(entries)
        self._places: dict[str, Place | MailError] = {}
        self._made: list[Place] = []
        self._free: dict[Place, bool] = {}

    async def place(self, tx: Transaction, domain: str) -> Place:
        """The domain of a new account.

        Raises:
            NotFound, InvalidValue: see `account_rows.place_of`.
        """
        if domain not in self._places:
            try:
                self._places[domain] = await rows.place_of(tx, domain)
            except MailError as fault:
                self._places[domain] = fault
        found = self._places[domain]
        if isinstance(found, MailError):
            raise found
        return found

    async def require(self, tx: Transaction, place: Place) -> None:
        """Check the limits for one more account, behind others that have no rows yet.

        Raises:
            OverLimit: it may not be made.
        """
        if place not in self._free:
            try:
                await limits.require(
                    tx, "accounts", tenant=place.tenant, domain=place.domain, more=self._most
                )
                self._free[place] = True
            except OverLimit:
                self._free[place] = False
        if not self._free[place]:
            of_tenant = sum(known.tenant == place.tenant for known in self._made)
            await limits.require(tx, "accounts", tenant=place.tenant, more=1 + of_tenant)
            of_domain = self._made.count(place)
            await limits.require(tx, "accounts", tenant=TenantId(0), domain=place.domain, more=1 + of_domain)
        self._made.append(place)


def check_kind(kind: str) -> None:
    """Check a kind of account.

    Raises:
        InvalidValue: there is no such kind.
    """
    if kind not in KINDS:
        raise InvalidValue(f"an account is one of {', '.join(KINDS)}, not {kind!r}")


def check_text(text: str) -> None:
    """Check a name or a reason of an account.

    Raises:
        InvalidValue: it cannot be one.
    """
    if shown_text(text) != text:
        raise InvalidValue("a name or reason has no blanks around it")


def _checked(new: NewAccount) -> NewAccount:
    """Check what a new account is to have.

    Raises:
        InvalidValue: it cannot have that.
    """
    check_kind(new.kind)
    check_text(new.full_name)
    if new.secret is not None and new.kind != "personal":
        raise InvalidValue(f"nobody signs in to a {new.kind} account, so it has no password")
    if "*" in new.address.localpart:
        raise InvalidValue("an account's address has no *")
    return new
