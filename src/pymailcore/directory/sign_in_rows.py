"""All that signing in to one account has to know, read at once."""

from typing import NamedTuple

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory import app_passwords, scram
from pymailcore.directory.app_passwords import AppPassword
from pymailcore.directory.cache import tag
from pymailcore.directory.credential_rows import PASSWORD
from pymailcore.directory.factor_rows import RECOVERY
from pymailcore.directory.sign_ins import nets_of
from pymailcore.directory.standing import ACTIVE, RESOURCE, SHARED, worst
from pymailcore.store.types import Transaction


class Known(NamedTuple):
    """An account as somebody wants to sign in to it.

    Attributes:
        refusal: why nobody may, for the log; empty when somebody may.
        verifier: of its password; None when it has none.
        factors: kinds of its second factors; empty when it has none.
        nets: narrow nets from which it was signed in to before.
    """

    account: AccountId
    tenant: TenantId
    name: str
    generation: int
    refusal: str
    verifier: str | None
    salt: bytes
    scram_keys: tuple[scram.Kept, ...]
    app_passwords: tuple[AppPassword, ...]
    factors: frozenset[str]
    nets: frozenset[str]


async def load(tx: Transaction, name: str, tags: set[int]) -> Known | None:
    """Find the account that signs in with an address (key form); None when there is none."""
    tags.add(tag("address", name))
    row = await tx.row(
        "SELECT a.id, a.tenant, a.generation, a.kind, a.state, a.reason, a.scram_salt, d.name, d.state,"
        " t.state, t.reason, c.verifier FROM accounts a LEFT JOIN domains d ON d.id = a.domain"
        " LEFT JOIN tenants t ON t.id = a.tenant"
        " LEFT JOIN credentials c ON c.account = a.id AND c.kind = ?2 WHERE a.name = ?1",
        name,
        PASSWORD,
    )
    if row is None:
        return None
    number, tenant, generation, kind, state, reason, salt, domain, of_domain, of_tenant, why, verifier = row
    account = AccountId(number)
    tags.update((tag("account", account), tag("tenant", tenant), tag("domain", domain)))
    factors = await tx.rows(
        "SELECT DISTINCT kind FROM second_factors WHERE account = ?1 AND confirmed = 1", account
    )
    kinds = frozenset(row[0] for row in factors)
    return Known(
        account,
        TenantId(tenant),
        name,
        generation,
        _refusal(kind, (state, reason), of_domain, (of_tenant, why)),
        verifier,
        bytes(salt),
        await scram.of_account(tx, account),
        await app_passwords.of_account(tx, account),
        kinds if kinds - {RECOVERY} else frozenset(),
        await nets_of(tx, account),
    )


def _refusal(
    kind: str, account: tuple[str, str], domain: str | None, tenant: tuple[str | None, str | None]
) -> str:
    if kind in (SHARED, RESOURCE):
        return f"the account is {kind}"
    return worst(
        ("the account", *account),
        ("the domain", domain or ACTIVE, ""),
        ("the tenant", tenant[0] or ACTIVE, tenant[1] or ""),
    )[1]
