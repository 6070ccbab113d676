"""Single permissions, the built-in roles made of them, and what a grant of a role allows.

Theory. A permission says what may be done, a scope to whom. A grant joins a set of permissions with one
scope, and whoever acts holds some grants. Something is allowed when one grant has the permission and its
scope covers the subject; grants never forbid anything. So "at most what I may do myself" is a comparison of
sets (`lacking`), and nobody reaches more by handing rights on, however often.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId, TenantId


class Permission(StrEnum):
    """One thing that somebody may do."""

    TENANT_READ = "tenant.read"
    TENANT_WRITE = "tenant.write"
    DOMAIN_READ = "domain.read"
    DOMAIN_CREATE = "domain.create"
    DOMAIN_VOUCH = "domain.vouch"  # take a domain without proof that it is the tenant's
    DOMAIN_WRITE = "domain.write"
    DOMAIN_SUSPEND = "domain.suspend"
    DOMAIN_REMOVE = "domain.remove"
    ACCOUNT_READ = "account.read"
    ACCOUNT_CREATE = "account.create"
    ACCOUNT_WRITE = "account.write"
    ACCOUNT_REMOVE = "account.remove"
    ACCOUNT_PASSWORD = "account.password"  # noqa: S105 - the name of a permission
    ACCOUNT_FACTORS = "account.factors"
    ACCOUNT_EXPORT = "account.export"
    ACCOUNT_ERASE = "account.erase"
    ALIAS_READ = "alias.read"
    ALIAS_WRITE = "alias.write"
    GROUP_READ = "group.read"
    GROUP_WRITE = "group.write"
    FORWARD_READ = "forward.read"
    FORWARD_WRITE = "forward.write"
    ROLE_READ = "role.read"
    ROLE_WRITE = "role.write"
    ROLE_GRANT = "role.grant"
    LIMIT_READ = "limit.read"
    LIMIT_WRITE = "limit.write"
    SESSION_READ = "session.read"
    SESSION_END = "session.end"
    APP_PASSWORD_READ = "app-password.read"  # noqa: S105 - the name of a permission
    APP_PASSWORD_WRITE = "app-password.write"  # noqa: S105 - the name of a permission
    API_KEY_READ = "apikey.read"
    API_KEY_WRITE = "apikey.write"
    AUDIT_READ = "audit.read"
    QUEUE_READ = "queue.read"
    QUEUE_WRITE = "queue.write"
    STORE_READ = "store.read"
    STORE_WRITE = "store.write"
    OWN_READ = "own.read"
    OWN_PASSWORD = "own.password"  # noqa: S105 - the name of a permission
    OWN_CREDENTIALS = "own.credentials"
    OWN_SESSIONS = "own.sessions"
    OWN_FORWARD = "own.forward"
    OWN_EXPORT = "own.export"


class Scope(NamedTuple):
    """To whom a grant reaches.

    Attributes:
        kind: "installation" (everything), "tenant", "domain" or "account".
        id: of the tenant, domain or account; 0 of the installation.
    """

    kind: str
    id: int

    @classmethod
    def tenant(cls, tenant: TenantId) -> "Scope":
        """All of one tenant."""
        return cls("tenant", tenant)

    @classmethod
    def domain(cls, domain: int) -> "Scope":
        """One domain with its accounts, addresses and groups."""
        return cls("domain", domain)

    @classmethod
    def account(cls, account: AccountId) -> "Scope":
        """One account."""
        return cls("account", account)


INSTALLATION: Final = Scope("installation", 0)
"""The scope that covers everything."""


class Subject(NamedTuple):
    """What is acted on; None where it has no such thing. With none at all it is the installation itself."""

    tenant: TenantId | None = None
    domain: int | None = None
    account: AccountId | None = None


class View(NamedTuple):
    """What a list may show to somebody: everything, or what is of some tenants and domains."""

    everything: bool
    tenants: frozenset[int]
    domains: frozenset[int]


class Grant(NamedTuple):
    """A role as somebody holds it."""

    role: str
    permissions: frozenset[Permission]
    scope: Scope


def covers(scope: Scope, subject: Subject) -> bool:
    """Whether a scope reaches a subject. The id 0 names nothing but the installation."""
    if scope.kind == "installation":
        return True
    if scope.id == 0:
        return False
    if scope.kind == "tenant":
        return subject.tenant == scope.id
    if scope.kind == "domain":
        return subject.domain == scope.id
    return scope.kind == "account" and subject.account == scope.id


def allows(grants: Iterable[Grant], permission: Permission, subject: Subject) -> bool:
    """Whether one of the grants has the permission and reaches the subject."""
    return any(permission in grant.permissions and covers(grant.scope, subject) for grant in grants)


def sees(grants: Iterable[Grant], subject: Subject) -> bool:
    """Whether any grant reaches the subject; to all others it is as if it did not exist."""
    return any(covers(grant.scope, subject) for grant in grants)


def view(grants: Iterable[Grant], permission: Permission) -> View:
    """All that a permission is held for."""
    scopes = {grant.scope for grant in grants if permission in grant.permissions}
    return View(
        INSTALLATION in scopes,
        frozenset(scope.id for scope in scopes if scope.kind == "tenant" and scope.id),
        frozenset(scope.id for scope in scopes if scope.kind == "domain" and scope.id),
    )


def lacking(
    grants: Iterable[Grant], permissions: frozenset[Permission], subject: Subject
) -> Permission | None:
    """What the holder of `grants` lacks himself of some permissions on a subject; None: he may hand them on.

    Gives the first that is lacking, by name. Whether he has `role.grant` is looked at by the caller.
    """
    held = tuple(grants)
    return next((one for one in sorted(permissions) if not allows(held, one, subject)), None)


_OWN: Final = frozenset(one for one in Permission if one.startswith("own."))
_OF_INSTALLATION: Final = frozenset(
    {
        Permission.TENANT_WRITE,
        Permission.DOMAIN_VOUCH,
        Permission.QUEUE_READ,
        Permission.QUEUE_WRITE,
        Permission.STORE_READ,
        Permission.STORE_WRITE,
    }
)
_OF_TENANT: Final = frozenset(
    {
        Permission.TENANT_READ,
        Permission.DOMAIN_CREATE,
        Permission.DOMAIN_SUSPEND,
        Permission.DOMAIN_REMOVE,
        Permission.ROLE_WRITE,
        Permission.API_KEY_READ,
        Permission.API_KEY_WRITE,
        Permission.ACCOUNT_ERASE,
        Permission.ACCOUNT_EXPORT,
    }
)

OPERATOR: Final = "operator"
TENANT_ADMIN: Final = "tenant-admin"
DOMAIN_ADMIN: Final = "domain-admin"
SUPPORT: Final = "support"
USER: Final = "user"

BUILT_IN: Final[Mapping[str, frozenset[Permission]]] = MappingProxyType(
    {
        OPERATOR: frozenset(Permission) - _OWN,
        TENANT_ADMIN: frozenset(Permission) - _OWN - _OF_INSTALLATION,
        DOMAIN_ADMIN: frozenset(Permission) - _OWN - _OF_INSTALLATION - _OF_TENANT,
        SUPPORT: frozenset(
            {
                Permission.TENANT_READ,
                Permission.DOMAIN_READ,
                Permission.ACCOUNT_READ,
                Permission.ALIAS_READ,
                Permission.GROUP_READ,
                Permission.FORWARD_READ,
                Permission.LIMIT_READ,
                Permission.SESSION_READ,
                Permission.SESSION_END,
                Permission.APP_PASSWORD_READ,
            }
        ),
        USER: _OWN,
    }
)
"""Roles that every installation has; `user` is what each account holds on itself, without a row."""

ADMINISTRATORS: Final = (OPERATOR, TENANT_ADMIN)
"""Built-in roles whose holders get the mail to postmaster and abuse."""
