"""Whom an account corresponds with: so that mail to people it never had to do with can be counted.

Theory: somebody is known to an account when it has written to him, or has had mail from him. Each of them is
a row with 64 bits of a hash of the address; all is done in the transaction that keeps the message. Those
written to and those only heard of are kept apart, each kind up to a number, the newest stay: so nobody who
writes to an account from many addresses makes it forget whom it writes to. Now and then, by the last digits
of the clock, the rest is removed. People of the same tenant are no correspondents, they are always known.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.ids import AccountId
from pymailcore.store.types import Transaction

KEPT: Final = 10_000
"""So many of each kind are kept of an account."""

_PRUNED_EVERY: Final = 256
_REFRESHED_MS: Final = 30 * 86_400_000


def digest(address: Address) -> int:
    """What an address is known by: a whole number of 64 bits with a sign."""
    octets = hashlib.blake2b(address.key.encode(), digest_size=8).digest()
    return int.from_bytes(octets, "big", signed=True)


async def mailed(
    tx: Transaction, account: AccountId, digests: Iterable[int], now_ms: int, *, kept: int = KEPT
) -> int:
    """Note whom an account writes to; gives how many of them were not known before."""
    listed = sorted(set(digests))  # in one order, so that two who do so do not wait for each other
    new = await tx.run(
        "INSERT INTO correspondents (account, digest, seen_ms, mailed)"
        " SELECT ?1, json_extract(r.value, '$[0]'), ?3, 1 FROM json_each(?2) r WHERE TRUE"
        " ON CONFLICT (account, digest) DO NOTHING",
        account,
        json.dumps([[one] for one in listed]),
        now_ms,
    )
    await tx.run_many(
        "UPDATE correspondents SET seen_ms = ?3, mailed = 1 WHERE account = ?1"
        " AND digest IN (SELECT value FROM json_each(?2)) AND (mailed = 0 OR seen_ms < ?4)",
        [(account, json.dumps(listed), now_ms, now_ms - _REFRESHED_MS)],
    )
    await _prune(tx, [account], 1, now_ms, kept)
    return new


async def heard_of(
    tx: Transaction, accounts: Sequence[AccountId], sender: int, now_ms: int, *, kept: int = KEPT
) -> None:
    """Note that accounts have got mail from somebody."""
    await tx.run_many(
        "INSERT INTO correspondents (account, digest, seen_ms, mailed) VALUES (?1, ?2, ?3, 0)"
        " ON CONFLICT (account, digest) DO UPDATE SET seen_ms = excluded.seen_ms"
        " WHERE correspondents.seen_ms < ?4",
        [(account, sender, now_ms, now_ms - _REFRESHED_MS) for account in sorted(accounts)],
    )
    await _prune(tx, accounts, 0, now_ms, kept)


async def _prune(tx: Transaction, accounts: Sequence[AccountId], kind: int, now_ms: int, kept: int) -> None:
    if now_ms % _PRUNED_EVERY:
        return
    await tx.run_many(
        "DELETE FROM correspondents WHERE account = ?1 AND mailed = ?2 AND seen_ms <"
        " (SELECT min(newest.seen_ms) FROM (SELECT c.seen_ms AS seen_ms FROM correspondents c"
        " WHERE c.account = ?1 AND c.mailed = ?2 ORDER BY c.seen_ms DESC LIMIT ?3) newest)",
        [(account, kind, kept) for account in sorted(accounts)],
    )
