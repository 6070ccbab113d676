"""Values that the directory gives."""

from dataclasses import dataclass
from typing import NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.ids import AccountId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who has logged in.

    Attributes:
        name: the full address that the account logs in with, in its key form.
        mechanism: what proved it: "password", "app-password", "scram-password", "scram-app-password",
            "token", "certificate", or what a web session was begun with ("password+totp", "passkey").
        read_only: whether it may only look.
        generation: of the account when it logged in; when the account has a later one, this counts no more.
        secret: number of the app password that was used; 0 for anything else.
        protocols: what the secret may be used for; empty for everything.
    """

    account: AccountId
    tenant: TenantId
    name: str
    mechanism: str = ""
    read_only: bool = False
    generation: int = 0
    secret: int = 0
    protocols: frozenset[str] = frozenset()


class LocalRecipient(NamedTuple):
    """An account that gets what is sent to `address`.

    `address` is the forward-path as it was asked for; `detail` what stood behind the separator of a
    sub-address (RFC 5233 section 1), or None.
    """

    address: Address
    account: AccountId
    tenant: TenantId
    detail: str | None


class Posting(NamedTuple):
    """Who may write to a group: "everyone", "tenant" (its accounts) or "members"."""

    group: int
    tenant: TenantId
    who: str


class Route(NamedTuple):
    """Where mail for one address goes: accounts here (each once) and addresses elsewhere (each once).

    Attributes:
        state: of whom the address belongs to, when nobody gets the mail because of it: "suspended" (it is to
        be
            put off) or "closing" (it is refused); else "active".
        postings: groups on the way to which not everyone may write.
        tenant: whose domain the address is in; None of one elsewhere.
    """

    local: tuple[LocalRecipient, ...]
    remote: tuple[Address, ...]
    state: str = "active"
    postings: tuple[Posting, ...] = ()
    tenant: TenantId | None = None


class Tenant(NamedTuple):
    """A customer, to whom domains and accounts belong."""

    id: TenantId
    name: str
    display: str
    state: str
    reason: str
    created_ms: int


class Domain(NamedTuple):
    """A domain whose mail is kept here; `alias_of` is the domain whose addresses it has, too."""

    name: str
    tenant: TenantId
    created_ms: int
    id: int = 0
    state: str = "active"
    alias_of: str | None = None
    verified_by: str = "operator"


class Claim(NamedTuple):
    """A domain that a tenant says is his and has not yet proved to be; no mail goes by it.

    Attributes:
        claimant: the tenant's name, in lists.
    """

    name: str
    tenant: TenantId
    challenge: str
    created_ms: int
    claimant: str = ""


class Account(NamedTuple):
    """One account; `name` is the key form of its first address, `display` the form it was given in.

    Attributes:
        domain: id of the domain of its first address. kind: "personal"; "shared", Mailboxes of a role, to
        which nobody signs in; "resource", a room or a car. state: "active", "suspended" or "closing";
        `reason` says why.
    """

    id: AccountId
    tenant: TenantId
    name: str
    display: str
    created_ms: int
    domain: int = 0
    kind: str = "personal"
    state: str = "active"
    reason: str = ""
    send_blocked: bool = False
    full_name: str = ""


class Alias(NamedTuple):
    """Mail for `address` also goes to `target`: an account's address here, or any other address.

    `address` has a `*` in its local part when it is a wildcard.
    """

    address: str
    target: str
    local: bool


class Group(NamedTuple):
    """An address that stands for its members."""

    id: int
    tenant: TenantId
    domain: int
    name: str
    display: str
    posting: str
    created_ms: int


class Member(NamedTuple):
    """One member of a group: an account here, or an address."""

    address: str
    local: bool


class Forward(NamedTuple):
    """Where an account's mail also goes; without `keep_copy` it goes only there."""

    target: str
    keep_copy: bool


class SendRight(NamedTuple):
    """An account may write as an address of others: "send-as", or "on-behalf" (with itself as Sender)."""

    account: str
    address: str
    kind: str


class Identity(NamedTuple):
    """A name and address that an account may send as (RFC 8621 section 6)."""

    id: int
    name: str
    email: str
    text_signature: str = ""
    html_signature: str = ""


class Session(NamedTuple):
    """A web session, for its owner to look at; `digest` names it, in hexadecimal.

    Attributes:
        mechanism: how it was begun: "password", "password+totp", "passkey" …
        proved_ms: when its owner last proved who he is.
    """

    digest: str
    created_ms: int
    last_used_ms: int
    expires_ms: int
    peer: str
    user_agent: str
    mechanism: str = "password"
    proved_ms: int = 0
