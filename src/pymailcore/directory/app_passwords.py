"""Passwords for single programs: made here, shown once, with a scope of their own, revoked alone.

An app password has 128 random bits, so a keyed hash keeps it (`digests`), and it is found by comparing that
hash with those of the account: no work is needed to check it, and guessing it needs no limit.
"""

import base64
import hmac
import json
import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory import scram
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.credential_rows import Owner, owner_of, raise_generation
from pymailcore.directory.digests import Digests, Keys
from pymailcore.directory.errors import OverLimit
from pymailcore.directory.ground import Ground
from pymailcore.directory.passwords import Passwords
from pymailcore.store.types import Row, Transaction

PROTOCOLS: Final = ("imap", "smtp", "jmap", "pop3", "managesieve", "dav")
"""What the use of an app password may be limited to. None of them opens the web pages."""

_OCTETS: Final = 16
_TEXT: Final = re.compile(r"[a-z2-7]{26}\Z")
_NAME_CHARACTERS: Final = 100
_MOST_NETWORKS: Final = 20
_COLUMNS: Final = (
    "id, name, protocols, networks, read_only, created_ms, expires_ms, last_used_ms, last_peer, digest"
)


class AppPassword(NamedTuple):
    """What is known of one app password; nobody can use it.

    Attributes:
        protocols: for which it may be used; empty for all of them.
        networks: from where ("192.0.2.0/24"); empty for everywhere.
        last_used_ms: to the hour; None when it never was.
    """

    id: int
    name: str
    protocols: tuple[str, ...]
    networks: tuple[str, ...]
    read_only: bool
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    last_peer: str
    digest: bytes

    def refusal(self, protocol: str, peer: str, now_ms: int) -> str:
        """Why it may not be used now for this; empty when it may."""
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return "the app password has expired"
        if protocol not in (self.protocols or PROTOCOLS):
            return "the app password is not for this protocol"
        if self.networks and not is_within(peer, self.networks):
            return "the app password is not for this network"
        return ""


def new_text(octets: bytes) -> str:
    """Give random octets the form of an app password: letters and digits in four groups."""
    text = base64.b32encode(octets).decode().rstrip("=").lower()
    return "-".join((text[:6], text[6:13], text[13:20], text[20:]))


def bare(typed: str) -> str | None:
    """What was typed without hyphens, blanks and capitals; None when it cannot be an app password."""
    if len(typed) > 64:
        return None
    text = typed.replace("-", "").replace(" ", "").lower()
    return text if _TEXT.match(text) else None


def digest_of(keys: Keys, text: str) -> bytes:
    """What the tables keep of an app password, given as `bare` gives it."""
    return keys.digest("app password", text)


def matching(candidates: Iterable[AppPassword], digest: bytes) -> AppPassword | None:
    """The app password that has a digest; all are compared."""
    found = None
    for candidate in candidates:
        if hmac.compare_digest(candidate.digest, digest):
            found = candidate
    return found


def read_networks(networks: Iterable[str]) -> tuple[str, ...]:
    """Give address ranges in their one form.

    Raises:
        InvalidValue: one is no address range, or there are too many.
    """
    try:
        read = tuple([str(ip_network(text.strip(), strict=False)) for text in networks])
    except ValueError as fault:
        raise InvalidValue(f"{fault}") from None
    if len(read) > _MOST_NETWORKS:
        raise InvalidValue(f"at most {_MOST_NETWORKS} networks")
    return read


def is_within(peer: str, networks: Iterable[str]) -> bool:
    """Whether an address is in one of some ranges."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = address if mapped is None else mapped
    return any(address in ip_network(network) for network in networks)


def read_name(name: str) -> str:
    """Give the name of something that somebody made, in one line.

    Raises:
        InvalidValue: it is empty, too long or has control characters.
    """
    text = name.strip()
    if not text or len(text) > _NAME_CHARACTERS or not text.isprintable():
        raise InvalidValue(f"a name has 1 to {_NAME_CHARACTERS} printable characters")
    return text


async def of_account(tx: Transaction, account: AccountId) -> tuple[AppPassword, ...]:
    """The app passwords of an account, the newest first."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM app_passwords WHERE account = ?1 ORDER BY created_ms DESC, id DESC",  # noqa: S608 - constants
        account,
    )
    return tuple([_read(row) for row in rows])


class AppPasswords:
    """App passwords of all accounts."""

    def __init__(self, ground: Ground, digests: Digests, passwords: Passwords) -> None:
        self._ground = ground
        self._digests = digests
        self._passwords = passwords

    async def add(
        self,
        actor: Actor,
        account: AccountId,
        name: str,
        *,
        protocols: Iterable[str] = (),
        networks: Iterable[str] = (),
        read_only: bool = False,
        expires_ms: int | None = None,
    ) -> tuple[AppPassword, str]:
        """Make an app password; gives it and its text, which nobody can have again.

        Args:
            expires_ms: milliseconds since 1970; None for never.

        Raises:
            NotFound: no such account.
            InvalidValue: the name, a protocol or a network is none, or it would have expired already.
            OverLimit: the account has as many as it may.
        """
        ground, settings = self._ground, self._ground.settings
        now_ms, number, keys = ground.now_ms(), ground.ids.new(), await self._digests.keys()
        text = new_text(ground.random_bytes(_OCTETS))
        made = AppPassword(
            number, read_name(name), read_protocols(protocols), read_networks(networks), read_only, now_ms,
            expires_ms, None, "", digest_of(keys, text.replace("-", "")),
        )  # fmt: skip
        if expires_ms is not None and expires_ms <= now_ms:
            raise InvalidValue("it would have expired already")

        async def look(tx: Transaction) -> tuple[Owner, bytes, tuple[scram.Kept, ...]]:
            return await owner_of(tx, account), await _salt(tx, account), await scram.of_account(tx, account)

        owner, salt, kept = await ground.database.read(look)
        salt = salt or scram.salt_of(keys, owner.name)
        made_keys = await self._passwords.in_pool(
            scram.make, number, text, salt, scram.iterations_of(kept, settings), scram.mechanisms(settings)
        )

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            owner.require_person()
            row = await tx.row("SELECT count(*) FROM app_passwords WHERE account = ?1", account)
            if row is not None and row[0] >= settings.app_passwords_count:
                raise OverLimit(f"{owner.name} has {row[0]} app passwords already")
            await tx.run(
                "INSERT INTO app_passwords (id, account, name, digest, protocols, networks, read_only,"
                " created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                number, account, made.name, made.digest, json.dumps(made.protocols),
                json.dumps(made.networks), int(read_only), now_ms, expires_ms,
            )  # fmt: skip
            await scram.keep(tx, account, number, salt, made_keys)
            change.touch("account", account)
            change.record(
                "app-password.add",
                f"{owner.name} / {made.name}",
                tenant=owner.tenant,
                new={
                    "protocols": list(made.protocols),
                    "networks": list(made.networks),
                    "read_only": read_only,
                    "expires_ms": expires_ms,
                },
            )

        await ground.changes.run(actor, work)
        return made, text

    async def of(self, account: AccountId) -> tuple[AppPassword, ...]:
        """The app passwords of an account, the newest first."""
        return await self._ground.database.read(lambda tx: of_account(tx, account))

    async def remove(self, actor: Actor, account: AccountId, number: int) -> None:
        """Take an app password out of force; connections of the account end.

        Raises:
            NotFound: the account has no such app password.
        """

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            rows = await tx.rows(
                "DELETE FROM app_passwords WHERE account = ?1 AND id = ?2 RETURNING name", account, number
            )
            if not rows:
                raise NotFound("no such app password")
            await tx.run("DELETE FROM scram_keys WHERE account = ?1 AND secret = ?2", account, number)
            await raise_generation(tx, change, account)
            change.record("app-password.remove", f"{owner.name} / {rows[0][0]}", tenant=owner.tenant)

        await self._ground.changes.run(actor, work)


def read_protocols(protocols: Iterable[str]) -> tuple[str, ...]:
    """Give protocols in their order.

    Raises:
        InvalidValue: one is none.
    """
    wanted = set(protocols)
    strange = sorted(wanted - set(PROTOCOLS))
    if strange:
        raise InvalidValue(f"{strange[0]!r} is no protocol; there are {', '.join(PROTOCOLS)}")
    return tuple([name for name in PROTOCOLS if name in wanted])


async def _salt(tx: Transaction, account: AccountId) -> bytes:
    row = await tx.row("SELECT scram_salt FROM accounts WHERE id = ?1", account)
    return b"" if row is None else bytes(row[0])


def _read(row: Row) -> AppPassword:
    number, name, protocols, networks, read_only, created_ms, expires_ms, used_ms, peer, digest = row
    return AppPassword(
        number, name, tuple(json.loads(protocols)), tuple(json.loads(networks)), bool(read_only), created_ms,
        expires_ms, used_ms, peer, bytes(digest),
    )  # fmt: skip
