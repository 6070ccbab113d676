"""The directory: which domains, accounts and addresses there are, who logs in, who may send as whom.

Contract: look-ups are answered from memory when they can be and never wait for more than one short read. A
change is on disk when its method returns; it is seen at once by this process, by the others when the change
notice (channel DIRECTORY) reaches them, and after `cache_seconds` at the latest. No method logs a password or
a token.
"""

import secrets
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint, TenantId
from pymailcore.directory import credentials, identities, sessions, tables
from pymailcore.directory.cache import Lookup
from pymailcore.directory.logins import Logins
from pymailcore.directory.passwords import Passwords
from pymailcore.directory.routing import resolve
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import Account, Alias, Domain, Identity, Principal, Route, Session
from pymailcore.directory.web_sessions import WebSessions
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.hub import DIRECTORY, ChangeHub
from pymailcore.store.store import Store
from pymailcore.store.types import Database, Transaction

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Directory:
    """Domains, accounts, addresses, credentials and web sessions of one installation.

    Args:
        database: where the tables are; the store's own.
        store: makes and removes the mail of accounts.
        publish: `ChangeHub.publish`.
        now_ms: milliseconds since 1970.
        random_bytes: gives that many octets that nobody can guess.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        ids: IdMint,
        publish: Callable[[int, int], None],
        settings: DirectorySettings,
        *,
        now_ms: Callable[[], int] = wall_clock_ms,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._store = store
        self._ids = ids
        self._publish = publish
        self._settings = settings
        self._now_ms = now_ms
        self._passwords = Passwords(settings, random_bytes)
        self._logins = Logins(database, settings, self._passwords, now_ms)
        self._web_sessions = WebSessions(
            database, self._change, settings, now_ms=now_ms, random_bytes=random_bytes
        )
        self._routes = self._lookup(self._load_route)
        self._tenants = self._lookup(tables.tenant_of)
        self._principals = self._lookup(tables.principal)
        self._addresses = self._lookup(tables.addresses_of)

    def _lookup(self, load: Callable[[Transaction, K], Awaitable[V]]) -> Lookup[K, V]:
        return Lookup(
            self._database,
            load,
            entries_count=self._settings.cache_entries_count,
            age_ms=int(self._settings.cache_seconds * 1000),
            now_ms=self._now_ms,
        )

    async def _load_route(self, tx: Transaction, address: Address) -> Route | None:
        return await resolve(address, tables.TableLookups(tx), self._settings)

    # --- what changed ----------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Forget all look-ups; for a notice that another process changed the directory."""
        self._routes.invalidate()
        self._tenants.invalidate()
        self._principals.invalidate()
        self._addresses.invalidate()
        self._logins.invalidate()
        self._web_sessions.invalidate()

    async def follow(self, hub: ChangeHub) -> None:
        """Forget look-ups whenever the hub says that the directory changed; runs until it is cancelled."""
        with hub.watch(DIRECTORY) as watch:
            while True:
                await watch.changed()
                self.invalidate()

    async def _change(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Write, one change at a time; then forget what was read before, here and elsewhere."""

        async def alone(tx: Transaction) -> T:
            await tx.lock("directory")
            return await work(tx)

        result = await self._database.write(alone)
        self.invalidate()
        self._publish(DIRECTORY, self._ids.new())
        return result

    # --- who logs in -----------------------------------------------------------------------------

    async def authenticate(
        self, authentication_id: str, password: str, *, peer: str, protocol: str
    ) -> Principal:
        """Check a name and a password.

        Cancellation: waits for a hash that has begun. An unknown name takes as long as a wrong password.

        Args:
            authentication_id: the full address of an account.
            peer: address of the client, for the failure limits, which all protocols share.

        Raises:
            Forbidden: name or password is wrong; the text is always the same.
            TooManyAttempts: too many failures, or too many logins wait.
        """
        return await self._logins.authenticate(authentication_id, password, peer=peer, protocol=protocol)

    async def principal(self, account: AccountId) -> Principal:
        """Give an account as one who has logged in.

        Raises:
            NotFound: no such account.
        """
        found = await self._principals.get(account)
        if found is None:
            raise NotFound(f"account {account}")
        return found

    # --- addresses -------------------------------------------------------------------------------

    async def is_local_domain(self, domain: str) -> bool:
        """Whether mail for a domain (in its one form, `base.address.normalise_domain`) is kept here."""
        return await self._tenants.get(domain) is not None

    async def route(self, address: Address) -> Route:
        """Say where mail for an address goes.

        Raises:
            NotFound: its domain is kept here and nobody has the address.
            Loop: aliases lead too deep.
            PermanentFailure: it stands for more recipients than are allowed.
        """
        route = await self._routes.get(address)
        if route is None:
            raise NotFound(f"nobody has {address}")
        return route

    async def addresses_of(self, account: AccountId) -> list[Address]:
        """All addresses that stand for an account; the one it logs in with comes first."""
        return list(await self._addresses.get(account))

    async def may_send_as(self, account: AccountId, address: Address) -> bool:
        """Whether an account may write an address into From and reverse-path: its own, with any detail."""
        own = {mine.key for mine in await self._addresses.get(account)}
        if address.key in own:
            return True
        separator = self._settings.sub_address_separator
        base, found, _ = address.localpart[1:].partition(separator) if separator else ("", "", "")
        return bool(found) and Address(address.localpart[0] + base, address.domain).key in own

    # --- domains ---------------------------------------------------------------------------------

    async def add_domain(self, name: str, *, tenant: TenantId = DEFAULT_TENANT) -> Domain:
        """Keep mail for a domain.

        Raises:
            AlreadyExists: it is kept already.
            InvalidValue: that is no domain.
        """
        domain = Domain(_domain(name), tenant, self._now_ms())
        number = self._ids.new()

        async def work(tx: Transaction) -> None:
            await tables.insert_domain(tx, number, tenant, domain.name, domain.created_ms)

        await self._change(work)
        return domain

    async def remove_domain(self, name: str) -> None:
        """Stop keeping mail for a domain; its aliases go with it.

        Raises:
            NotFound: it is not kept here.
            NotEmpty: it has accounts.
        """
        domain = _domain(name)

        async def work(tx: Transaction) -> None:
            await tables.delete_domain(tx, domain)

        await self._change(work)

    async def list_domains(self) -> list[Domain]:
        """All domains by name."""
        return await self._database.read(tables.select_domains)

    # --- accounts --------------------------------------------------------------------------------

    async def add_account(self, address: Address, password: str | None, *, admin: bool = False) -> Account:
        """Make an account with its Mailboxes, its first address, an identity and a password.

        Args:
            password: None for an account that nobody can log in to yet.

        Raises:
            NotFound: the domain is not kept here.
            AlreadyExists: an account or an alias has the address.
            InvalidValue: the password is too short or too long.
        """
        verifier = None if password is None else await self._passwords.verifier(password)
        account, identity, now_ms = AccountId(self._ids.new()), self._ids.new(), self._now_ms()
        given = self._store.new_account()

        async def work(tx: Transaction) -> TenantId:
            tenant = await tables.insert_account(tx, account, address, admin=admin, now_ms=now_ms)
            await self._store.create_account(tx, account, tenant, given)
            if verifier is not None:
                await credentials.set_verifier(tx, account, verifier, now_ms)
            await identities.insert(tx, identity, account, str(address))
            return tenant

        tenant = await self._change(work)
        return Account(account, tenant, address.key, str(address), admin, now_ms)

    async def remove_account(self, address: Address) -> None:
        """Remove an account: at once it cannot log in or get mail; then its mail goes, in slices.

        Raises:
            NotFound: no such account. After a crash half-way the account is still there; remove it again.
        """

        async def work(tx: Transaction) -> AccountId:
            account = await _account(tx, address)
            await tables.forget_account(tx, account)
            return account

        account = await self._change(work)
        await self._store.remove_account(account)

        async def end(tx: Transaction) -> None:
            await tables.delete_account(tx, account)

        await self._change(end)

    async def list_accounts(self) -> list[Account]:
        """All accounts by name."""
        return await self._database.read(tables.select_accounts)

    async def set_password(self, address: Address, password: str) -> None:
        """Set an account's password and end its web sessions.

        Raises:
            NotFound: no such account.
            InvalidValue: the password is too short or too long.
        """
        verifier, now_ms = await self._passwords.verifier(password), self._now_ms()

        async def work(tx: Transaction) -> None:
            account = await _account(tx, address)
            await credentials.set_verifier(tx, account, verifier, now_ms)
            await sessions.delete_all(tx, account)

        await self._change(work)

    async def set_admin(self, address: Address, admin: bool) -> None:
        """Make an account an administrator, or no longer one.

        Raises:
            NotFound: no such account.
        """

        async def work(tx: Transaction) -> None:
            account = await _account(tx, address)
            await tx.run("UPDATE accounts SET admin = ?2 WHERE id = ?1", account, int(admin))

        await self._change(work)

    # --- aliases ---------------------------------------------------------------------------------

    async def add_alias(self, address: Address, target: Address) -> None:
        """Let mail for an address also go to a target: an account, another alias, or an address elsewhere.

        An account that is the target may send as the address and gets an identity for it. An address that
        has an account may have aliases too: then both get the mail.

        Raises:
            NotFound: the domain is not kept here, or nobody here has the target.
            AlreadyExists: the alias is there.
            InvalidValue: the address would stand for itself.
        """
        if address.key == target.key:
            raise InvalidValue(f"{address} cannot stand for itself")
        identity, now_ms = self._ids.new(), self._now_ms()

        async def work(tx: Transaction) -> tuple[AccountId, int] | None:
            account = await tables.insert_alias(tx, address, target, now_ms)
            if account is None:
                return None
            await identities.insert(tx, identity, account, str(address))
            return account, await self._store.bump(tx, account, "identity")

        self._tell(await self._change(work))

    async def remove_alias(self, address: Address, target: Address | None = None) -> None:
        """Remove an alias; with no target, all aliases of the address.

        Raises:
            NotFound: there is no such alias.
        """

        async def work(tx: Transaction) -> list[tuple[AccountId, int]]:
            changed = []
            for account in await tables.delete_alias(tx, address, target):
                await identities.delete_for_address(tx, account, str(address))
                changed.append((account, await self._store.bump(tx, account, "identity")))
            return changed

        for change in await self._change(work):
            self._tell(change)

    async def list_aliases(self) -> list[Alias]:
        """All aliases by address."""
        return await self._database.read(tables.select_aliases)

    def _tell(self, change: tuple[AccountId, int] | None) -> None:
        if change is not None:
            self._publish(*change)

    # --- web sessions ----------------------------------------------------------------------------

    async def create_session(self, account: AccountId, *, user_agent: str, peer: str) -> str:
        """Begin a web session and give its token: 256 random bits, of which only a digest is kept."""
        return await self._web_sessions.create(account, user_agent=user_agent, peer=peer)

    async def session(self, token: str) -> Principal | None:
        """Say whose session a token is; None when it has ended or never was one. Its end moves on."""
        account = await self._web_sessions.account(token)
        return None if account is None else await self._principals.get(account)

    async def end_session(self, token: str) -> None:
        """End the session of a token, in all processes."""
        await self._web_sessions.end(token)

    async def sessions_of(self, account: AccountId) -> list[Session]:
        """The web sessions of an account, the last used first."""
        return await self._web_sessions.of_account(account)

    async def end_sessions(self, account: AccountId, *, but: str | None = None) -> None:
        """End all sessions of an account, but the one of a token."""
        await self._web_sessions.end_all(account, but=but)

    # --- identities ------------------------------------------------------------------------------

    async def identities(self, account: AccountId) -> list[Identity]:
        """The identities of an account, the first made first."""

        async def work(tx: Transaction) -> list[Identity]:
            return await identities.of_account(tx, account)

        return await self._database.read(work)

    async def set_identity_name(self, account: AccountId, identity: int, name: str) -> None:
        """Change the name of an identity.

        Raises:
            NotFound: the account has no such identity.
        """
        await self.update_identity(account, identity, name=name)

    async def update_identity(
        self,
        account: AccountId,
        identity: int,
        *,
        name: str | None = None,
        text_signature: str | None = None,
        html_signature: str | None = None,
    ) -> int:
        """Change an identity; None leaves a thing as it is. Gives the account's new modseq.

        Raises:
            NotFound: the account has no such identity.
        """

        async def work(tx: Transaction) -> int:
            await identities.update(
                tx,
                account,
                identity,
                name=name,
                text_signature=text_signature,
                html_signature=html_signature,
            )
            return await self._store.bump(tx, account, "identity")

        modseq = await self._database.write(work)
        self._publish(account, modseq)
        return modseq


def _domain(text: str) -> str:
    domain = normalise_domain(text)
    if domain is None or domain.startswith("["):
        raise InvalidValue(f"{text!r} is no domain")
    return domain


async def _account(tx: Transaction, address: Address) -> AccountId:
    account = await tables.account_named(tx, address.key)
    if account is None:
        raise NotFound(f"no account {address}")
    return account
