"""How an account stands at this moment: may it sign in, may it send, and how much.

Theory. Whether somebody may sign in hangs on his account, its domain and its tenant; the first of them that
is not active says why not. All of it is one look-up, which is forgotten when any of the three is touched.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.cache import tag
from pymailcore.directory.ground import Ground
from pymailcore.store.types import Transaction

ACTIVE: Final = "active"
SHARED: Final = "shared"
RESOURCE: Final = "resource"

_NO_LIMITS: Final[Mapping[str, int]] = MappingProxyType({})


class Standing(NamedTuple):
    """How one account stands.

    Attributes:
        generation: rises when what lets it sign in changes; a sign-in of an older one has ended.
        state: "active", or "suspended" or "closing" when it, its domain or its tenant is.
        reason: which of the three that is, and what was given as the reason; for logs and operators.
        kind: "personal", "shared" or "resource".
        send_blocked: it may read, and not send.
        limits: by scope ("account", "domain", "tenant") and name; what is not there has no limit of its own.
    """

    account: AccountId
    tenant: TenantId
    domain: int
    kind: str
    generation: int
    state: str
    reason: str
    send_blocked: bool
    limits: Mapping[str, Mapping[str, int]]

    @property
    def may_sign_in(self) -> bool:
        """Whether it may; shared accounts and resources are reached through those who have rights on them."""
        return self.state == ACTIVE and self.kind not in (SHARED, RESOURCE)

    @property
    def may_send(self) -> bool:
        """Whether mail may go out in its name."""
        return self.state == ACTIVE and not self.send_blocked

    def limit(self, scope: str, name: str) -> int | None:
        """One limit of the account, its domain or its tenant; None when it has none of its own."""
        return self.limits.get(scope, _NO_LIMITS).get(name)

    def message_octets(self) -> int | None:
        """The longest message that it may send: the smallest of the limits that there are."""
        return min(
            (of["message_octets"] for of in self.limits.values() if "message_octets" in of), default=None
        )


def worst(*states: tuple[str, str, str]) -> tuple[str, str]:
    """The state that counts of several (what, state, reason), the nearest one first, and what it hangs on."""
    for what, state, reason in states:
        if state != ACTIVE:
            return state, f"{what} is {state}" + (f": {reason}" if reason else "")
    return ACTIVE, ""


async def read(tx: Transaction, account: AccountId, tags: set[int]) -> Standing | None:
    """Read how an account stands; None when there is no such account."""
    tags.add(tag("account", account))
    row = await tx.row(
        "SELECT a.tenant, a.domain, a.kind, a.generation, a.state, a.reason, a.send_blocked, d.name, d.state,"
        " t.state, t.reason FROM accounts a LEFT JOIN domains d ON d.id = a.domain"
        " LEFT JOIN tenants t ON t.id = a.tenant WHERE a.id = ?1",
        account,
    )
    if row is None:
        return None
    tenant, domain, kind, generation, state, reason, send_blocked, name, of_domain, of_tenant, why = row
    tags.update((tag("domain", name), tag("tenant", tenant)))
    limits: dict[str, dict[str, int]] = {}
    for scope, limit, value in await tx.rows(
        "SELECT scope, name, value FROM limits WHERE scope = 'account' AND scope_id = ?1"
        " OR scope = 'domain' AND scope_id = ?2 OR scope = 'tenant' AND scope_id = ?3",
        account,
        domain,
        tenant,
    ):
        limits.setdefault(scope, {})[limit] = value
    state, reason = worst(
        ("the account", state, reason),
        ("the domain", of_domain or ACTIVE, ""),
        ("the tenant", of_tenant or ACTIVE, why or ""),
    )
    return Standing(
        account, TenantId(tenant), domain, kind, generation, state, reason, bool(send_blocked), limits
    )


class Standings:
    """How accounts stand, as one process sees it."""

    def __init__(self, ground: Ground) -> None:
        self._found = ground.lookup(read)

    async def of(self, account: AccountId) -> Standing:
        """Give how an account stands: from memory when it was asked a moment ago.

        Raises:
            NotFound: no such account.
        """
        found = await self._found.get(account)
        if found is None:
            raise NotFound(f"account {account}")
        return found
