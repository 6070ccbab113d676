"""Who signed in from where: lines in the log, and the table `sign_ins`, written now and then.

Each sign-in leaves one line in the log, right or wrong (docs/operate/sign-in.md has its form, and
conf/fail2ban has a filter that reads it):

    login failed … peer=192.0.2.1 protocol=imap reason=… user=anna@example.org
    login … peer=192.0.2.1 protocol=imap user=anna@example.org

In the table there is one row for each account, protocol, kind of secret and address. What happened is
gathered in memory and written by `flush`, every `FLUSH_SECONDS` and at the end; a process that is killed
loses up to a minute of it. Times of last use of app passwords, keys and certificates are to the hour.
"""

from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory.ground import Ground
from pymailcore.directory.types import Principal
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.prefixes import prefixes
from pymailcore.store.types import Transaction

FLUSH_SECONDS: Final = 60.0
_HOUR_MS: Final = 3_600_000
_MOST_PENDING: Final = 20_000
_PEER_CHARACTERS: Final = 64

log = get_logger()


class Way(NamedTuple):
    """A way of signing in."""

    account: AccountId
    protocol: str
    mechanism: str
    peer: str


class SignIn(NamedTuple):
    """What is kept of one way of signing in to an account."""

    protocol: str
    mechanism: str
    peer: str
    first_ms: int
    last_ms: int
    times: int


class SignIns:
    """Sign-ins that this process has seen."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._pending: dict[Way, tuple[int, int, int]] = {}
        self._used: dict[tuple[str, object], tuple[int, str]] = {}

    def note(self, principal: Principal, *, protocol: str, peer: str) -> None:
        """Somebody has signed in."""
        now_ms, place = self._ground.now_ms(), place_of(peer)
        log.info("login", peer=peer, protocol=protocol, mechanism=principal.mechanism, user=principal.name)
        way = Way(principal.account, protocol, principal.mechanism, place)
        first_ms, _, count = self._pending.get(way, (now_ms, 0, 0))
        if way in self._pending or len(self._pending) < _MOST_PENDING:
            self._pending[way] = (first_ms, now_ms, count + 1)
        if principal.secret:
            self.used("app_passwords", principal.secret, peer)

    def used(self, table: str, key: object, peer: str) -> None:
        """A secret was used: row `key` of "app_passwords", "api_keys" or "client_certificates"."""
        if len(self._used) < _MOST_PENDING:
            self._used[table, key] = (self._ground.now_ms() // _HOUR_MS * _HOUR_MS, place_of(peer))

    def failed(self, *, name: str, protocol: str, peer: str, reason: str) -> None:
        """Somebody has failed; the reason is for the log, the peer gets none."""
        log.info("login failed", peer=peer, protocol=protocol, reason=reason, user=name)

    async def of(self, account: AccountId) -> list[SignIn]:
        """How an account was signed in to, the last time first."""

        async def work(tx: Transaction) -> list[SignIn]:
            rows = await tx.rows(
                "SELECT protocol, mechanism, peer, first_ms, last_ms, count FROM sign_ins WHERE account = ?1"
                " ORDER BY last_ms DESC, protocol, mechanism, peer",
                account,
            )
            return [SignIn(*row) for row in rows]

        return await self._ground.database.read(work)

    async def flush(self) -> None:
        """Write what was gathered; keeps it for the next time while nothing can be written."""
        pending, self._pending = self._pending, {}
        used, self._used = self._used, {}
        if not pending and not used:
            return
        most = self._ground.settings.sign_ins_per_account_count

        async def work(tx: Transaction) -> None:
            accounts = sorted({way.account for way in pending})
            if accounts:
                await tx.lock("accounts", accounts)
            await _add(tx, pending)
            for account in accounts:
                await _trim(tx, account, most)
            await _touch(tx, used)

        try:
            await self._ground.database.write(work)
        except TemporaryFailure:
            self._pending, self._used = pending | self._pending, used | self._used


def place_of(peer: str) -> str:
    """The address under which a sign-in is kept: IPv4 in full, of IPv6 the net of a household."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer[:_PEER_CHARACTERS]
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


async def nets_of(tx: Transaction, account: AccountId) -> frozenset[str]:
    """The narrow nets from which an account has signed in before."""
    rows = await tx.rows(
        "SELECT peer FROM sign_ins WHERE account = ?1 ORDER BY last_ms DESC, peer LIMIT 50", account
    )
    return frozenset(prefixes(row[0].partition("/")[0])[0] for row in rows)


async def _add(tx: Transaction, pending: dict[Way, tuple[int, int, int]]) -> None:
    await tx.run_many(
        "INSERT INTO sign_ins (account, protocol, mechanism, peer, first_ms, last_ms, count)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM accounts WHERE id = ?1)"
        " ON CONFLICT (account, protocol, mechanism, peer) DO UPDATE SET last_ms = excluded.last_ms,"
        " count = sign_ins.count + excluded.count",
        [(*way, *numbers) for way, numbers in sorted(pending.items())],
    )


async def _trim(tx: Transaction, account: AccountId, most: int) -> None:
    """Remove the ways of an account that were used longest ago."""
    row = await tx.row(
        "SELECT last_ms FROM sign_ins WHERE account = ?1 ORDER BY last_ms DESC LIMIT 1 OFFSET ?2",
        account,
        most,
    )
    if row is not None:
        await tx.run("DELETE FROM sign_ins WHERE account = ?1 AND last_ms <= ?2", account, row[0])


async def _touch(tx: Transaction, used: dict[tuple[str, object], tuple[int, str]]) -> None:
    for (table, key), (used_ms, place) in used.items():
        if table == "client_certificates":
            await tx.run("UPDATE client_certificates SET last_used_ms = ?2 WHERE digest = ?1", key, used_ms)
        elif table == "app_passwords":
            await tx.run(
                "UPDATE app_passwords SET last_used_ms = ?2, last_peer = ?3 WHERE id = ?1",
                key,
                used_ms,
                place,
            )
        else:
            await tx.run(
                "UPDATE api_keys SET last_used_ms = ?2, last_peer = ?3 WHERE id = ?1", key, used_ms, place
            )
