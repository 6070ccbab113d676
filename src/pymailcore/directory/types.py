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
    """

    account: AccountId
    tenant: TenantId
    name: str
    admin: bool


class LocalRecipient(NamedTuple):
    """An account that gets what is sent to `address`.

    `address` is the forward-path as it was asked for; `detail` what stood behind the separator of a
    sub-address (RFC 5233 section 1), or None.
    """

    address: Address
    account: AccountId
    tenant: TenantId
    detail: str | None


class Route(NamedTuple):
    """Where mail for one address goes: accounts here (each once) and addresses elsewhere (each once)."""

    local: tuple[LocalRecipient, ...]
    remote: tuple[Address, ...]


class Domain(NamedTuple):
    """A domain whose mail is kept here."""

    name: str
    tenant: TenantId
    created_ms: int


class Account(NamedTuple):
    """One account; `name` is the key form of its first address, `display` the form it was given in."""

    id: AccountId
    tenant: TenantId
    name: str
    display: str
    admin: bool
    created_ms: int


class Alias(NamedTuple):
    """Mail for `address` also goes to `target`: an account's address here, or any other address."""

    address: str
    target: str
    local: bool


class Identity(NamedTuple):
    """A name and address that an account may send as (RFC 8621 section 6)."""

    id: int
    name: str
    email: str
    text_signature: str = ""
    html_signature: str = ""


class Session(NamedTuple):
    """A web session, for its owner to look at; `digest` names it, in hexadecimal."""

    digest: str
    created_ms: int
    last_used_ms: int
    expires_ms: int
    peer: str
    user_agent: str
