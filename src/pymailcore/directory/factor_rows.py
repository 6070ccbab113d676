"""Rows of second factors, inside a transaction."""

from typing import Final

from pymailcore.base.ids import AccountId
from pymailcore.directory import recovery, totp
from pymailcore.directory.digests import Keys
from pymailcore.directory.errors import OverLimit
from pymailcore.directory.passkeys import Passkey
from pymailcore.store.types import Transaction

TOTP: Final = "totp"
PASSKEY: Final = "passkey"
RECOVERY: Final = "recovery"


async def is_first(tx: Transaction, account: AccountId) -> bool:
    """Whether the account has no confirmed app or passkey."""
    row = await tx.row(
        "SELECT 1 FROM second_factors WHERE account = ?1 AND kind <> ?2 AND confirmed = 1 LIMIT 1",
        account,
        RECOVERY,
    )
    return row is None


async def passkeys(tx: Transaction, account: AccountId) -> list[Passkey]:
    """The passkeys of an account, the first made first."""
    rows = await tx.rows(
        "SELECT handle, secret, counter FROM second_factors"
        " WHERE account = ?1 AND kind = ?2 AND confirmed = 1 ORDER BY id",
        account,
        PASSKEY,
    )
    return [Passkey(bytes(row[0]), bytes(row[1]), row[2]) for row in rows]


async def take_totp(tx: Transaction, account: AccountId, keys: Keys, code: str, now_ms: int) -> bool:
    """Take a code of an authenticator app; whether it was right and of a step that was not used."""
    for number, sealed, counter in await tx.rows(
        "SELECT id, secret, counter FROM second_factors WHERE account = ?1 AND kind = ?2 AND confirmed = 1"
        " ORDER BY id",
        account,
        TOTP,
    ):
        secret = keys.unseal(bytes(sealed), f"totp {number}")
        step = totp.matching_step(secret, code, now_ms, counter)
        if step is not None:
            await tx.run(
                "UPDATE second_factors SET counter = ?2, last_used_ms = ?3 WHERE id = ?1",
                number,
                step,
                now_ms,
            )
            return True
    return False


async def take_recovery(tx: Transaction, account: AccountId, keys: Keys, code: str) -> bool:
    """Take a recovery code, which is gone then; whether it was right."""
    typed = recovery.bare(code)
    if typed is None:
        return False
    rows = await tx.rows(
        "SELECT id, secret FROM second_factors WHERE account = ?1 AND kind = ?2 ORDER BY id",
        account,
        RECOVERY,
    )
    digest = recovery.digest_of(keys, account, typed)
    number = recovery.matching([(row[0], bytes(row[1])) for row in rows], digest)
    if number is None:
        return False
    return await tx.run("DELETE FROM second_factors WHERE id = ?1", number) == 1


async def keep_codes(
    tx: Transaction, account: AccountId, keys: Keys, codes: list[tuple[int, str]], now_ms: int
) -> None:
    """Keep recovery codes (numbers of rows and texts) in place of all older ones."""
    await tx.run("DELETE FROM second_factors WHERE account = ?1 AND kind = ?2", account, RECOVERY)
    await tx.run_many(
        "INSERT INTO second_factors (id, account, kind, name, secret, confirmed, created_ms)"
        " VALUES (?1, ?2, ?3, '', ?4, 1, ?5)",
        [
            (number, account, RECOVERY, recovery.digest_of(keys, account, text.replace("-", "")), now_ms)
            for number, text in codes
        ],
    )


async def require_room(tx: Transaction, account: AccountId, most: int) -> None:
    """Make sure that an account may have one more app or passkey.

    Raises:
        OverLimit: it may not.
    """
    row = await tx.row(
        "SELECT count(*) FROM second_factors WHERE account = ?1 AND kind <> ?2", account, RECOVERY
    )
    if row is not None and row[0] >= most:
        raise OverLimit(f"there are {row[0]} second factors already")
