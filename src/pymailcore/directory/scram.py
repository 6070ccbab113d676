"""SCRAM keys: kept beside a password, and invented for names that nobody has.

Standards: RFC 5802 section 5.1 (unknown names), RFC 7677 section 4 (iterations).

All secrets of an account, its password and its app passwords, have keys under one salt and one number of
iterations, so that one exchange can be answered with any of them. A name without keys gets keys that are
always the same and that no password fits.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.errors import InvalidValue
from pymailcore.base.ids import AccountId
from pymailcore.directory.digests import Keys
from pymailcore.directory.settings import DirectorySettings
from pymailcore.sasl.scram_keys import SCRAM_SHA_1, SCRAM_SHA_256, derive
from pymailcore.sasl.steps import ScramKey, ScramKeys
from pymailcore.store.types import Transaction

SALT_OCTETS: Final = 16
PASSWORD: Final = 0
"""The number of the account's own password among its secrets."""

NO_SECRET: Final = -1
"""The number of a secret that nobody has."""


class Kept(NamedTuple):
    """The keys of one secret for one mechanism."""

    secret: int
    mechanism: str
    iterations: int
    stored_key: bytes
    server_key: bytes


def mechanisms(settings: DirectorySettings) -> tuple[str, ...]:
    """For which mechanisms keys are kept."""
    if not settings.scram:
        return ()
    return (SCRAM_SHA_256, SCRAM_SHA_1) if settings.scram_sha1 else (SCRAM_SHA_256,)


def make(
    secret: int, password: str, salt: bytes, iterations: int, wanted: tuple[str, ...]
) -> tuple[Kept, ...]:
    """Make the keys of a secret; slow, so it runs in a thread. What SASLprep refuses has none."""
    try:
        return tuple(
            [Kept(secret, name, iterations, *derive(name, password, salt, iterations)) for name in wanted]
        )
    except InvalidValue:
        return ()


async def keep(tx: Transaction, account: AccountId, secret: int, salt: bytes, keys: tuple[Kept, ...]) -> None:
    """Keep the keys of a secret in place of older ones.

    Nothing is kept when the account has got another salt meanwhile: then they would fit no exchange, and the
    next time that the secret is used in clear they are made anew.
    """
    await tx.run("DELETE FROM scram_keys WHERE account = ?1 AND secret = ?2", account, secret)
    await tx.run("UPDATE accounts SET scram_salt = ?2 WHERE id = ?1 AND scram_salt = ?3", account, salt, b"")
    row = await tx.row("SELECT scram_salt FROM accounts WHERE id = ?1", account)
    if row is None or bytes(row[0]) != salt:
        return
    await _insert(tx, [(account, keys)], secret)


async def keep_new(tx: Transaction, made: Sequence[tuple[AccountId, tuple[Kept, ...]]]) -> None:
    """Keep the keys of passwords of new accounts, which have got their salt."""
    await _insert(tx, made, PASSWORD)


async def _insert(tx: Transaction, made: Sequence[tuple[AccountId, tuple[Kept, ...]]], secret: int) -> None:
    await tx.run_many(
        "INSERT INTO scram_keys (account, secret, mechanism, iterations, stored_key, server_key)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        [
            (account, secret, key.mechanism, key.iterations, key.stored_key, key.server_key)
            for account, keys in made
            for key in keys
        ],
    )


async def of_account(tx: Transaction, account: AccountId) -> tuple[Kept, ...]:
    """All keys of an account."""
    rows = await tx.rows(
        "SELECT secret, mechanism, iterations, stored_key, server_key FROM scram_keys WHERE account = ?1"
        " ORDER BY secret, mechanism",
        account,
    )
    return tuple([Kept(row[0], row[1], row[2], bytes(row[3]), bytes(row[4])) for row in rows])


def salt_of(keys: Keys, name: str) -> bytes:
    """The salt that a name has before it has any keys, and while nobody has the name."""
    address = Address.parse(name)
    return keys.digest("scram salt", name if address is None else address.key)[:SALT_OCTETS]


def iterations_of(kept: tuple[Kept, ...], settings: DirectorySettings) -> int:
    """With how many iterations new keys of an account are made: as many as its app passwords have.

    Those cannot be made anew, since nobody here knows them; without any the setting counts.
    """
    return next((key.iterations for key in kept if key.secret != PASSWORD), settings.scram_iterations_count)


def invented(keys: Keys, mechanism: str, name: str, iterations: int, salt: bytes = b"") -> ScramKeys:
    """What a name gets that has no keys: the same each time (RFC 5802 section 5.1).

    Args:
        salt: the account's, when there is one that has no keys for this mechanism.
    """
    size = 20 if mechanism == SCRAM_SHA_1 else 32
    stored, server = (
        keys.digest(kind, mechanism, name)[:size] for kind in ("no stored key", "no server key")
    )
    return ScramKeys(salt or salt_of(keys, name), iterations, (ScramKey(NO_SECRET, stored, server),))


def offered(kept: list[Kept], salt: bytes, generation: int) -> ScramKeys | None:
    """Put the keys of an account for one mechanism together; None when it has none."""
    if not kept:
        return None
    iterations = kept[-1].iterations  # of the newest app password, which all others share
    fitting = tuple(
        [ScramKey(key.secret, key.stored_key, key.server_key) for key in kept if key.iterations == iterations]
    )
    return ScramKeys(salt, iterations, fitting, generation)
