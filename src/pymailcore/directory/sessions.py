"""Web sessions: a random token for the browser, its digest in the tables.

Who reads the tables cannot sign in with what stands there. A session ends a time after its last use, a longer
time after sign-in, when its owner ends it, and when the password changes.
"""

import base64
from typing import Final, NamedTuple

from pymailcore.base.errors import Forbidden, InvalidValue
from pymailcore.base.ids import AccountId
from pymailcore.directory.changes import Change
from pymailcore.directory.digests import Keys
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import Session
from pymailcore.store.types import Transaction

TOKEN_OCTETS: Final = 32
_TEXT_LIMIT: Final = 200
_TOUCH_MS: Final = 300_000  # the time of last use is this coarse, so that reading does not write


def new_token(octets: bytes) -> str:
    """Give random octets the form of a token."""
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def digest_of(keys: Keys, token: str) -> bytes:
    """Give what the tables keep of a token."""
    return keys.digest("web session", token)


def digest_named(name: str) -> bytes:
    """Read what stands for a session where sessions are listed (`Session.digest`).

    Raises:
        InvalidValue: it stands for none.
    """
    try:
        return bytes.fromhex(name)
    except ValueError:
        raise InvalidValue("no such session") from None


async def require_generation(tx: Transaction, account: AccountId, generation: int) -> None:
    """Make sure that what somebody has signed in with was not taken away meanwhile.

    Raises:
        Forbidden: the account has a later generation, or is gone.
    """
    row = await tx.row("SELECT generation FROM accounts WHERE id = ?1", account)
    if row is None or row[0] != generation:
        raise Forbidden("begin again")


async def insert(
    tx: Transaction,
    digest: bytes,
    account: AccountId,
    *,
    peer: str,
    user_agent: str,
    mechanism: str,
    now_ms: int,
    settings: DirectorySettings,
) -> None:
    """Add a session, and remove those that have ended or are more than an account may have."""
    await tx.run("DELETE FROM sessions WHERE account = ?1 AND expires_ms <= ?2", account, now_ms)
    await tx.run(
        "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE account = ?1"
        " ORDER BY last_used_ms DESC LIMIT 1000000 OFFSET ?2)",
        account,
        max(0, settings.sessions_per_account_count - 1),
    )
    await tx.run(
        "INSERT INTO sessions (digest, account, created_ms, last_used_ms, expires_ms, peer, user_agent,"
        " mechanism, proved_ms) VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?3)",
        digest,
        account,
        now_ms,
        _expiry(now_ms, now_ms, settings),
        peer[:_TEXT_LIMIT],
        user_agent[:_TEXT_LIMIT],
        mechanism,
    )


class Found(NamedTuple):
    """A session as the tables have it; it may have ended."""

    account: AccountId
    created_ms: int
    last_used_ms: int
    expires_ms: int
    mechanism: str
    proved_ms: int


async def find(tx: Transaction, digest: bytes) -> Found | None:
    """Look a session up."""
    row = await tx.row(
        "SELECT account, created_ms, last_used_ms, expires_ms, mechanism, proved_ms FROM sessions"
        " WHERE digest = ?1",
        digest,
    )
    return None if row is None else Found(AccountId(row[0]), *row[1:])


def wants_touch(last_used_ms: int, now_ms: int) -> bool:
    """Whether the time of last use is old enough to be written anew."""
    return now_ms - last_used_ms >= _TOUCH_MS


async def touch(
    tx: Transaction, digest: bytes, created_ms: int, now_ms: int, settings: DirectorySettings
) -> None:
    """Note that a session was used; its end moves on."""
    await tx.run(
        "UPDATE sessions SET last_used_ms = ?2, expires_ms = ?3 WHERE digest = ?1",
        digest,
        now_ms,
        _expiry(created_ms, now_ms, settings),
    )


async def of_account(tx: Transaction, account: AccountId, now_ms: int) -> list[Session]:
    """The sessions of an account that have not ended, the last used first."""
    rows = await tx.rows(
        "SELECT digest, created_ms, last_used_ms, expires_ms, peer, user_agent, mechanism, proved_ms"
        " FROM sessions WHERE account = ?1 AND expires_ms > ?2 ORDER BY last_used_ms DESC, digest",
        account,
        now_ms,
    )
    return [Session(bytes(row[0]).hex(), *row[1:]) for row in rows]


async def prove(tx: Transaction, digest: bytes, now_ms: int) -> None:
    """Note that the owner of a session has just proved who he is."""
    await tx.run("UPDATE sessions SET proved_ms = ?2 WHERE digest = ?1", digest, now_ms)


async def delete(tx: Transaction, digest: bytes, account: AccountId | None = None) -> bool:
    """End one session; of that account only, when one is given. Gives whether there was one."""
    ended = await tx.run(
        "DELETE FROM sessions WHERE digest = ?1 AND (?2 = 1 OR account = ?3)",
        digest,
        int(account is None),
        account,
    )
    return ended > 0


async def delete_all(tx: Transaction, change: Change, account: AccountId, but: bytes = b"") -> int:
    """End all sessions of an account but one; gives how many."""
    change.touch("account", account)
    return await tx.run("DELETE FROM sessions WHERE account = ?1 AND digest <> ?2", account, but)


def _expiry(created_ms: int, now_ms: int, settings: DirectorySettings) -> int:
    idle = now_ms + int(settings.session_idle_seconds * 1000)
    return min(idle, created_ms + int(settings.session_max_seconds * 1000))
