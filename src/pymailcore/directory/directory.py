"""The directory: which domains, accounts and addresses there are, who logs in, who may send as whom.

Contract: look-ups are answered from memory when they can be and never wait for more than one short read. A
change is on disk when its method returns; it is seen at once by this process, by the others when the change
notice (channel DIRECTORY) reaches them, and after `cache_seconds` at the latest. No method logs a password or
a token.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, IdMint, TenantId
from pymailcore.directory import account_rows, identities, presences
from pymailcore.directory.accounts import Accounts
from pymailcore.directory.addresses import Addresses
from pymailcore.directory.audit_log import AuditLog
from pymailcore.directory.cache import Memory
from pymailcore.directory.changes import Changes
from pymailcore.directory.claims import Claims
from pymailcore.directory.credentials import Credentials
from pymailcore.directory.digests import Digests
from pymailcore.directory.domains import Domains
from pymailcore.directory.foreign_ids import ForeignIds
from pymailcore.directory.forwards import Forwards
from pymailcore.directory.ground import Ground
from pymailcore.directory.groups import Groups
from pymailcore.directory.limits import Limits
from pymailcore.directory.logins import Logins
from pymailcore.directory.permissions import Permission, Subject, View, allows
from pymailcore.directory.presence import Place, Presence
from pymailcore.directory.presences import Connected
from pymailcore.directory.roles import Roles
from pymailcore.directory.routes import Routes
from pymailcore.directory.send_rights import SendRights
from pymailcore.directory.sending_alarms import SendingAlarms
from pymailcore.directory.sending_holds import SendingHolds
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.sign_ins import SignIns
from pymailcore.directory.standing import Standings
from pymailcore.directory.tenants import Tenants
from pymailcore.directory.throttle import Throttle
from pymailcore.directory.types import Identity, Principal, Route
from pymailcore.directory.web_sessions import WebSessions
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.sasl.steps import Evidence, NeedKeys, ScramKeys
from pymailcore.store.store import Store
from pymailcore.store.types import Database, Transaction

T = TypeVar("T")


class Directory:
    """Domains, accounts, addresses, credentials and web sessions of one installation.

    Args:
        database: where the tables are; the store's own.
        store: makes and removes the mail of accounts.
        publish: `runtime.hub.ChangeHub.publish`.
        now_ms: milliseconds since 1970.
        random_bytes: gives that many octets that nobody can guess.
        presence: the connections of this process; None where it has none.
        counters: where the family counts failed sign-ins; None to count alone.

    Attributes:
        settings: by which it works.
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
        presence: Presence | None = None,
        counters: SharedCounters | None = None,
    ) -> None:
        self._memory = Memory()
        changes = Changes(database, self._memory, ids, publish, now_ms)
        self._ground = Ground(
            database=database,
            store=store,
            ids=ids,
            memory=self._memory,
            changes=changes,
            settings=settings,
            now_ms=now_ms,
            random_bytes=random_bytes,
        )
        self.settings = settings
        self._database = database
        self._store = store
        self._publish = publish
        self.standings = Standings(self._ground)
        self.limits = Limits(self._ground)
        self.sending_alarms = SendingAlarms(self._ground)
        self.sending_holds = SendingHolds(self._ground)
        self.presence = Presence(database) if presence is None else presence
        self.roles = Roles(self._ground)
        digests, throttle = Digests(self._ground), Throttle(settings, counters)
        self.credentials = Credentials(self._ground, digests, throttle, self.roles)
        self.sign_ins = SignIns(self._ground)
        self._foreign_ids = ForeignIds(self._ground)
        self.logins = Logins(self._ground, digests, self.credentials, throttle, self.sign_ins)
        self.web_sessions = WebSessions(self._ground, digests)
        self.audit = AuditLog(self._ground)
        self._principals = self._ground.lookup(account_rows.principal)
        self.routes = Routes(self._ground)
        self.domains = Domains(self._ground)
        self.claims = Claims(self._ground)
        self.accounts = Accounts(self._ground, self.credentials)
        self.tenants = Tenants(self._ground, self.accounts)
        self.addresses = Addresses(self._ground)
        self.groups = Groups(self._ground)
        self.forwards = Forwards(self._ground)
        self.send_rights = SendRights(self._ground)

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Read the tables on one snapshot, for who decides about whom something is."""
        return await self._database.read(work)

    # --- what changed ----------------------------------------------------------------------------

    def forget(self, tags: Iterable[int] | None = None) -> None:
        """Forget look-ups that depend on some tags, or all; for a notice of another process."""
        if tags is None:
            self._memory.forget()
        else:
            self._memory.touch(tags)

    # --- who signs in ----------------------------------------------------------------------------

    async def scram_keys(self, need: NeedKeys, *, peer: str, protocol: str) -> ScramKeys:
        """Give the keys of a name; of one that does not exist they are made up, the same each time.

        Raises:
            TooManyAttempts: a limit is reached.
        """
        return await self.logins.scram_keys(need, peer=peer, protocol=protocol)

    async def authenticate(
        self,
        evidence: Evidence,
        *,
        peer: str,
        protocol: str,
        certificate: bytes | None = None,
        mechanism: str = "PLAIN",  # noqa: ARG002 - what the client called it says nothing about who he is
    ) -> Principal:
        """Say who signs in.

        Cancellation: waits for a hash that has begun. An unknown name takes as long as a wrong password.

        Args:
            peer: address of the client, for the failure limits, which all protocols share.
            protocol: "smtp", "imap", "jmap", "pop3", "managesieve", "dav" or "web".
            certificate: DER form of the client's certificate, of which TLS has proved that he has the key.

        Raises:
            Forbidden: it is wrong, or he may not; the text is always the same.
            SecondFactorNeeded: the password is right, and the web pages ask for the second factor next.
            TooManyAttempts: too many failures, or too many wait.
        """
        return await self.logins.authenticate(evidence, peer=peer, protocol=protocol, certificate=certificate)

    def failure_pause_seconds(self, peer: str) -> float:
        """How long a client waits for the answer to an attempt that failed."""
        return self.logins.failure_pause_seconds(peer)

    def here(
        self, principal: Principal, end: Callable[[], None], *, protocol: str, peer: str, client: str = ""
    ) -> AbstractContextManager[Place]:
        """Hold a place for a connection while it is signed in; see `Presence.here`."""
        return self.presence.here(principal, end, protocol=protocol, peer=peer, client=client)

    async def connected(
        self, shown: View, account: AccountId | None = None, *, after: str = "", limit: int = 1_000
    ) -> list[Connected]:
        """Who is connected now, in all processes, some seconds late; see `presences.listing`."""
        now_ms = self._ground.now_ms()

        async def work(tx: Transaction) -> list[Connected]:
            return await presences.listing(tx, shown, account, after=after, limit=limit, now_ms=now_ms)

        return await self._database.read(work)

    async def principal(self, account: AccountId) -> Principal:
        """Give an account as one who has logged in.

        Raises:
            NotFound: no such account.
        """
        found = await self._principals.get(account)
        if found is None:
            raise NotFound(f"account {account}")
        return found

    async def administers(self, principal: Principal) -> bool:
        """Whether somebody administers the tenant that he belongs to."""
        held = await self.roles.grants_of(principal.account)
        return allows(held, Permission.DOMAIN_WRITE, Subject(tenant=principal.tenant))

    def note_ids(self, principal: Principal, method: str, given: Iterable[str], *, peer: str) -> None:
        """Somebody has asked with ids that led to nothing; see `ForeignIds.note`."""
        self._foreign_ids.note(principal, method, given, peer=peer)

    async def flush(self) -> None:
        """Write what this process has gathered: who signed in, and who asked with ids of others."""
        await self.sign_ins.flush()
        await self._foreign_ids.flush()

    # --- addresses -------------------------------------------------------------------------------

    async def is_local_domain(self, domain: str) -> bool:
        """Whether mail for a domain (in its one form, `base.address.normalise_domain`) is kept here."""
        return await self.routes.domain(domain) is not None

    async def tenant_of(self, domain: str) -> TenantId | None:
        """Whose a domain is; None of one that is not kept here."""
        facts = await self.routes.domain(domain)
        return None if facts is None else facts.tenant

    async def first_domain(self) -> str | None:
        """The first of the domains that are kept here, by name."""
        return await self.domains.first()

    async def route(self, address: Address) -> Route:
        """Say where mail for an address goes.

        Raises:
            NotFound: its domain is kept here and nobody has the address.
            Loop: aliases lead too deep.
            PermanentFailure: it stands for more recipients than are allowed.
        """
        return await self.routes.route(address)

    async def may_post(
        self,
        route: Route,
        *,
        account: AccountId | None = None,
        tenant: TenantId | None = None,
        reverse_path: Address | None = None,
    ) -> bool:
        """Whether somebody may write to all groups of a route; see `Routes.may_post`."""
        return await self.routes.may_post(route, account=account, tenant=tenant, reverse_path=reverse_path)

    async def members_of(self, principal: Principal, address: Address, *, most: int) -> list[str]:
        """Addresses of the members of a group, `most` of them, for who may write to it.

        Raises:
            NotFound: the principal's tenant has no such group, or the principal may not write to it.
        """
        route = await self.route(address)
        account, tenant = principal.account, principal.tenant
        if route.tenant != tenant or not await self.may_post(route, account=account, tenant=tenant):
            raise NotFound("no such group")
        return [member.address for member in await self.groups.members(address, limit=most)]

    async def addresses_of(self, account: AccountId) -> tuple[Address, ...]:
        """All addresses that stand for an account; the one it signs in with comes first."""
        return await self.send_rights.addresses_of(account)

    async def send_standing(self, account: AccountId, address: Address) -> str:
        """How an account may write as an address: "own", "send-as", "on-behalf", or "" when it may not."""
        return await self.send_rights.standing(account, address)

    # --- web sessions ----------------------------------------------------------------------------

    async def create_session(
        self,
        account: AccountId,
        *,
        user_agent: str,
        peer: str,
        mechanism: str = "password",
        generation: int | None = None,
    ) -> str:
        """Begin a web session and give its token; see `WebSessions.create`."""
        return await self.web_sessions.create(
            account, user_agent=user_agent, peer=peer, mechanism=mechanism, generation=generation
        )

    async def session(self, token: str) -> Principal | None:
        """Say whose session a token is; None when it has ended or never was one. Its end moves on."""
        found = await self.web_sessions.find(token)
        principal = None if found is None else await self._principals.get(found.account)
        if found is None or principal is None:
            return None
        try:
            standing = await self.standings.of(found.account)
        except NotFound:
            return None
        if not standing.may_sign_in:
            return None
        return replace(principal, mechanism=found.mechanism, generation=standing.generation)

    async def end_session(self, token: str) -> None:
        """End the session of a token, in all processes."""
        await self.web_sessions.end(token)

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
