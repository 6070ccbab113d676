"""Claims: domains that tenants say are theirs, and how they prove it.

Standards: RFC 8552 (names with an underscore) for the challenge.

Theory: a claim is a row that nothing else looks at, until its tenant shows that it can write into the
domain's zone; then it becomes a row of `domains`, by which mail goes. Any number of tenants may claim the
same name, and the first that proves it has it. Whoever claims a domain does not learn who else keeps it
before he has proved that it is his. How many claims a tenant may have is limited, and how often it may have
the DNS asked.
"""

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pymailcore.base.errors import AlreadyExists, Forbidden, NotFound
from pymailcore.base.ids import TenantId
from pymailcore.directory import limits
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.domains import insert_domain, require_tenant
from pymailcore.directory.errors import TooManyQuestions
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import domain_name
from pymailcore.directory.permissions import View
from pymailcore.directory.sql import seen
from pymailcore.directory.types import Claim, Domain
from pymailcore.store.types import Transaction

CHALLENGE_NAME: Final = "_pymailcore-challenge."
CHALLENGE_VALUE: Final = "pymailcore-domain-verification="
_CHALLENGE_OCTETS: Final = 20


class Records(Protocol):
    """What verification asks the DNS; `dns.resolver.Resolver` is one."""

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """The TXT records of a name; NotFound when there is no such name."""
        ...


class Claims:
    """The claims of all tenants.

    Args:
        new_challenge: gives a text that nobody can guess.
    """

    def __init__(
        self,
        ground: Ground,
        new_challenge: Callable[[], str] = lambda: secrets.token_hex(_CHALLENGE_OCTETS),
    ) -> None:
        self._ground = ground
        self._new_challenge = new_challenge
        self._minute = 0
        self._questions: Counter[TenantId] = Counter()

    async def page(self, view: View, *, after: tuple[str, str] = ("", ""), limit: int = 1_000) -> list[Claim]:
        """Claims by the names of domain and tenant, those behind `after`; a tenant sees its own."""

        async def work(tx: Transaction) -> list[Claim]:
            everything, tenants, _ = seen(view)
            rows = await tx.rows(
                "SELECT c.name, c.tenant, c.challenge, c.created_ms, t.name FROM domain_claims c"
                " JOIN tenants t ON t.id = c.tenant WHERE (c.name > ?1 OR c.name = ?1 AND t.name > ?2)"
                " AND (?3 = 1 OR c.tenant IN (SELECT value FROM json_each(?4)))"
                " ORDER BY c.name, t.name LIMIT ?5",
                *after, everything, tenants, limit,
            )  # fmt: skip
            return [Claim(*row) for row in rows]

        return await self._ground.database.read(work)

    async def make(self, actor: Actor, name: str, *, tenant: TenantId) -> Claim:
        """Say that a domain is a tenant's; a second time gives the same claim.

        Raises:
            AlreadyExists: the tenant has it already.
            InvalidValue, NotFound: that is no domain; there is no such tenant.
            OverLimit: the tenant has as many claims as it may.
        """
        most = self._ground.settings.claims_per_tenant_count
        domain, challenge, now_ms = domain_name(name), self._new_challenge(), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> Claim:
            await require_tenant(tx, tenant)
            if await tx.row("SELECT 1 FROM domains WHERE name = ?1 AND tenant = ?2", domain, tenant):
                raise AlreadyExists(f"domain {domain} is yours already")
            there = await _claim(tx, domain, tenant)
            if there is not None:
                return there
            await limits.require(tx, "claims", tenant=tenant, default=most)
            await tx.run(
                "INSERT INTO domain_claims (tenant, name, challenge, created_ms) VALUES (?1, ?2, ?3, ?4)",
                tenant, domain, challenge, now_ms,
            )  # fmt: skip
            change.record("domain.claim", domain, tenant=tenant)
            return Claim(domain, tenant, challenge, now_ms)

        return await self._ground.changes.run(actor, work)

    async def verify(
        self, actor: Actor, name: str, *, tenant: TenantId, records: Records | None = None
    ) -> Domain:
        """Turn a claim into a domain.

        Args:
            records: where the challenge must be found, in a TXT record of `_pymailcore-challenge.` and the
                domain; None: the actor's word is enough.

        Raises:
            NotFound: there is no such claim.
            Forbidden: the record is not there.
            AlreadyExists: somebody else has the domain.
            TooManyQuestions: the DNS was asked often enough for this tenant.
            TemporaryFailure: the DNS gives no answer now.
        """
        domain, number, now_ms = domain_name(name), self._ground.ids.new(), self._ground.now_ms()
        claim = await self._ground.database.read(lambda tx: _claim(tx, domain, tenant))
        if claim is None:
            raise NotFound(f"no claim of {domain}")
        if records is not None:
            self._count_question(tenant)
            await _require_record(records, claim)
        way = "operator" if records is None else "dns"

        async def work(tx: Transaction, change: Change) -> Domain:
            if await _claim(tx, domain, tenant) is None:
                raise NotFound(f"no claim of {domain}")
            made = await insert_domain(tx, change, Domain(domain, tenant, now_ms, number, verified_by=way))
            change.record("domain.verify", domain, tenant=tenant, new={"verified_by": way})
            return made

        return await self._ground.changes.run(actor, work)

    def _count_question(self, tenant: TenantId) -> None:
        """Count a question to the DNS, in this process.

        Raises:
            TooManyQuestions: there were as many in this minute as there may be.
        """
        minute, most = self._ground.now_ms() // 60_000, self._ground.settings.verifications_per_minute_count
        if minute != self._minute:
            self._minute = minute
            self._questions.clear()
        if self._questions[tenant] >= most:
            raise TooManyQuestions(f"a tenant may have {most} proofs looked for in a minute; try again later")
        self._questions[tenant] += 1

    async def withdraw(self, actor: Actor, name: str, *, tenant: TenantId) -> None:
        """Take a claim back.

        Raises:
            NotFound: there is no such claim.
        """
        domain = domain_name(name)

        async def work(tx: Transaction, change: Change) -> None:
            if not await tx.run("DELETE FROM domain_claims WHERE tenant = ?1 AND name = ?2", tenant, domain):
                raise NotFound(f"no claim of {domain}")
            change.record("domain.withdraw", domain, tenant=tenant)

        await self._ground.changes.run(actor, work)


async def _claim(tx: Transaction, domain: str, tenant: TenantId) -> Claim | None:
    row = await tx.row(
        "SELECT challenge, created_ms FROM domain_claims WHERE tenant = ?1 AND name = ?2", tenant, domain
    )
    return None if row is None else Claim(domain, tenant, *row)


async def _require_record(records: Records, claim: Claim) -> None:
    name, wanted = CHALLENGE_NAME + claim.name, CHALLENGE_VALUE + claim.challenge
    try:
        found: Awaitable[tuple[bytes, ...]] = records.texts(name)
        texts = await found
    except NotFound:
        texts = ()
    if not any(secrets.compare_digest(text.strip(), wanted.encode()) for text in texts):
        raise Forbidden(f"{name} has no TXT record {wanted}")
