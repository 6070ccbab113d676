"""Second factors of accounts: authenticator apps, passkeys, recovery codes.

Standards: RFC 6238 section 5.2 (a code is good once).

Theory. As soon as an account has a confirmed app or passkey, its password alone opens nothing: for the web
pages a factor is asked for after it, and mail programs need app passwords or tokens. Ten recovery codes are
made with the first factor and go with the last one. Each code and each time step is taken in a transaction
that no other can run beside, so that none is good twice, whichever processes are asked.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory import factor_rows as rows
from pymailcore.directory import recovery, totp
from pymailcore.directory.actors import Actor
from pymailcore.directory.app_passwords import read_name
from pymailcore.directory.changes import Change
from pymailcore.directory.credential_rows import Owner, owner_of, raise_generation
from pymailcore.directory.digests import Digests, Keys
from pymailcore.directory.factor_rows import PASSKEY, RECOVERY, TOTP
from pymailcore.directory.ground import Ground
from pymailcore.directory.passkeys import CHALLENGE_OCTETS, Passkey, RelyingParty, handle_of, is_user
from pymailcore.directory.throttle import Throttle
from pymailcore.directory.tickets import Tickets
from pymailcore.store.types import Transaction

_REGISTER: Final = "register"
_ASSERT: Final = "assert"
_USER_OCTETS: Final = 32


class Factor(NamedTuple):
    """An authenticator app or a passkey."""

    id: int
    kind: str
    name: str
    created_ms: int
    last_used_ms: int | None


class Factors(NamedTuple):
    """The second factors of an account, and how many recovery codes are left."""

    factors: tuple[Factor, ...]
    recovery_codes: int


class NewApp(NamedTuple):
    """An authenticator app that waits for its first code: the secret as text, and as what a QR code says."""

    id: int
    secret: str
    uri: str


class SecondFactors:
    """Second factors of all accounts.

    Attributes:
        tickets: what browsers carry between two steps.
    """

    def __init__(self, ground: Ground, digests: Digests, throttle: Throttle) -> None:
        self._ground = ground
        self._digests = digests
        self.tickets = Tickets(ground, digests, throttle)

    async def of(self, account: AccountId) -> Factors:
        """The second factors of an account, the oldest first."""

        async def work(tx: Transaction) -> Factors:
            found = await tx.rows(
                "SELECT id, kind, name, created_ms, last_used_ms FROM second_factors"
                " WHERE account = ?1 AND confirmed = 1 ORDER BY created_ms, id",
                account,
            )
            factors = tuple([Factor(*row) for row in found if row[1] != RECOVERY])
            return Factors(factors, len(found) - len(factors))

        return await self._ground.database.read(work)

    # --- authenticator apps ----------------------------------------------------------------------

    async def begin_totp(self, actor: Actor, account: AccountId, name: str, *, issuer: str) -> NewApp:
        """Draw the secret of an authenticator app; it counts when `confirm_totp` has seen a code of it.

        Args:
            issuer: what the app shows beside the account: the name of this server.

        Raises:
            NotFound: no such account.
            InvalidValue: the name is none, or nobody signs in to the account.
            OverLimit: the account has as many factors as it may.
        """
        number, now_ms, called = self._ground.ids.new(), self._ground.now_ms(), read_name(name)
        secret = self._ground.random_bytes(totp.SECRET_OCTETS)
        sealed = (await self._digests.keys()).seal(secret, f"totp {number}", self._digests.nonce())

        async def work(tx: Transaction, change: Change) -> Owner:  # noqa: ARG001 - nothing counts yet
            owner = await owner_of(tx, account)
            owner.require_person()
            await tx.run("DELETE FROM second_factors WHERE account = ?1 AND confirmed = 0", account)
            await rows.require_room(tx, account, self._ground.settings.second_factors_count)
            await tx.run(
                "INSERT INTO second_factors (id, account, kind, name, secret, created_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                number, account, TOTP, called, sealed, now_ms,
            )  # fmt: skip
            return owner

        owner = await self._ground.changes.run(actor, work)
        return NewApp(number, totp.text_of(secret), totp.key_uri(secret, owner.name, issuer))

    async def confirm_totp(self, actor: Actor, account: AccountId, number: int, code: str) -> list[str]:
        """Put an authenticator app in force; gives recovery codes when it is the account's first factor.

        Raises:
            NotFound: nothing was begun.
            Forbidden: the code is wrong.
        """
        now_ms, keys, codes = self._ground.now_ms(), await self._digests.keys(), self._new_codes()

        async def work(tx: Transaction, change: Change) -> list[str]:
            owner = await owner_of(tx, account)
            row = await tx.row(
                "SELECT secret, name FROM second_factors WHERE id = ?1 AND account = ?2 AND kind = ?3"
                " AND confirmed = 0",
                number, account, TOTP,
            )  # fmt: skip
            if row is None:
                raise NotFound("no app was begun")
            step = totp.matching_step(keys.unseal(bytes(row[0]), f"totp {number}"), code, now_ms, -1)
            if step is None:
                raise Forbidden("the code is wrong")
            first = await rows.is_first(tx, account)
            await tx.run(
                "UPDATE second_factors SET confirmed = 1, counter = ?2, last_used_ms = ?3 WHERE id = ?1",
                number, step, now_ms,
            )  # fmt: skip
            change.record("factor.add", f"{owner.name} / {row[1]}", tenant=owner.tenant, new={"kind": TOTP})
            return await _begun(tx, change, account, keys, codes, now_ms) if first else []

        return await self._ground.changes.run(actor, work)

    # --- passkeys --------------------------------------------------------------------------------

    async def begin_passkey(
        self, account: AccountId, name: str, party: RelyingParty
    ) -> tuple[Mapping[str, object], str]:
        """What the browser is given to make a passkey, and the ticket to come back with.

        Args:
            name: of the account, which the device shows.
        """
        existing = await self._ground.database.read(lambda tx: rows.passkeys(tx, account))
        options, state = party.registration(
            await self._user(account), name, existing, self._ground.random_bytes(CHALLENGE_OCTETS)
        )
        return options, await self.tickets.issue(_REGISTER, account, state=state)

    async def finish_passkey(
        self,
        actor: Actor,
        account: AccountId,
        name: str,
        party: RelyingParty,
        *,
        ticket: str,
        answer: Mapping[str, object],
    ) -> list[str]:
        """Keep a passkey that the browser has made; gives recovery codes when it is the first factor.

        Raises:
            Forbidden: the ticket is not good.
            InvalidValue: the answer or the name is not right.
            OverLimit: the account has as many factors as it may.
            AlreadyExists: the passkey is known.
        """
        taken = await self.tickets.read(_REGISTER, ticket)
        if taken.account != account:
            raise Forbidden("begin again")
        made, called = party.registered(taken.state, answer), read_name(name)
        self.tickets.take(ticket)
        number, now_ms = self._ground.ids.new(), self._ground.now_ms()
        keys, codes = await self._digests.keys(), self._new_codes()

        async def work(tx: Transaction, change: Change) -> list[str]:
            owner = await owner_of(tx, account)
            owner.require_person()
            await rows.require_room(tx, account, self._ground.settings.second_factors_count)
            first = await rows.is_first(tx, account)
            await tx.run(
                "INSERT INTO second_factors (id, account, kind, name, handle, secret, counter, confirmed,"
                " created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)",
                number, account, PASSKEY, called, made.handle, made.data, made.counter, now_ms,
            )  # fmt: skip
            change.record(
                "factor.add", f"{owner.name} / {called}", tenant=owner.tenant, new={"kind": PASSKEY}
            )
            return await _begun(tx, change, account, keys, codes, now_ms) if first else []

        return await self._ground.changes.run(actor, work)

    async def begin_assertion(
        self, party: RelyingParty, account: AccountId | None = None
    ) -> tuple[Mapping[str, object], str]:
        """What the browser is given to ask for a passkey, and the ticket to come back with.

        Args:
            account: whose passkeys may answer; None when the passkey is to say who signs in.
        """
        known = (
            [] if account is None else await self._ground.database.read(lambda tx: rows.passkeys(tx, account))
        )
        options, state = party.assertion(known, self._ground.random_bytes(CHALLENGE_OCTETS))
        return options, await self.tickets.issue(_ASSERT, account or AccountId(0), state=state)

    async def finish_assertion(
        self, party: RelyingParty, ticket: str, answer: Mapping[str, object]
    ) -> AccountId:
        """Say whose passkey has answered; the caller counts failures.

        Raises:
            Forbidden: the ticket or the answer is not right.
        """
        taken = await self.tickets.read(_ASSERT, ticket)
        handle, user = handle_of(answer)
        now_ms = self._ground.now_ms()
        self.tickets.take(ticket)

        async def work(tx: Transaction) -> AccountId:
            row = await tx.row(
                "SELECT id, account, handle, secret, counter FROM second_factors WHERE handle = ?1"
                " AND kind = ?2 AND confirmed = 1 /*lock*/",
                handle, PASSKEY,
            )  # fmt: skip
            if row is None or (taken.account and taken.account != row[1]):
                raise Forbidden("the passkey is not right")
            counter = party.asserted(taken.state, Passkey(bytes(row[2]), bytes(row[3]), row[4]), answer)
            await tx.run(
                "UPDATE second_factors SET counter = ?2, last_used_ms = ?3 WHERE id = ?1",
                row[0],
                counter,
                now_ms,
            )
            return AccountId(row[1])

        account = await self._ground.database.write(work)
        if not is_user(user, await self._user(account)):
            raise Forbidden("the passkey is not right")
        return account

    # --- codes -----------------------------------------------------------------------------------

    async def take_code(self, account: AccountId, code: str) -> str | None:
        """Take a code that was typed; gives the kind of factor that it is of, or None when it is wrong.

        It is good once. The caller counts failures.
        """
        keys, now_ms = await self._digests.keys(), self._ground.now_ms()

        async def work(tx: Transaction) -> str | None:
            await tx.lock("accounts", (account,))
            if await rows.take_totp(tx, account, keys, code, now_ms):
                return TOTP
            return RECOVERY if await rows.take_recovery(tx, account, keys, code) else None

        return await self._ground.database.write(work)

    async def new_recovery_codes(self, actor: Actor, account: AccountId) -> list[str]:
        """Make ten new codes; the older ones are worthless.

        Raises:
            InvalidValue: the account has no second factor.
        """
        keys, codes, now_ms = await self._digests.keys(), self._new_codes(), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            if await rows.is_first(tx, account):
                raise InvalidValue(f"{owner.name} has no second factor")
            await rows.keep_codes(tx, account, keys, codes, now_ms)
            change.record("factor.codes", owner.name, tenant=owner.tenant, new={"codes": True})

        await self._ground.changes.run(actor, work)
        return [text for _, text in codes]

    # --- removing --------------------------------------------------------------------------------

    async def remove(self, actor: Actor, account: AccountId, number: int) -> None:
        """Take one factor away; with the last one the recovery codes go.

        Raises:
            NotFound: the account has no such factor.
        """

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            removed = await tx.rows(
                "DELETE FROM second_factors WHERE account = ?1 AND id = ?2 AND kind <> ?3"
                " RETURNING name, kind",
                account, number, RECOVERY,
            )  # fmt: skip
            if not removed:
                raise NotFound("no such factor")
            if await rows.is_first(tx, account):
                await tx.run("DELETE FROM second_factors WHERE account = ?1 AND kind = ?2", account, RECOVERY)
            await raise_generation(tx, change, account)
            name, kind = removed[0]
            change.record("factor.remove", f"{owner.name} / {name}", tenant=owner.tenant, old={"kind": kind})

        await self._ground.changes.run(actor, work)

    async def remove_all(self, actor: Actor, account: AccountId) -> None:
        """Take all factors away, for one who has lost them.

        Raises:
            NotFound: no such account.
        """

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            removed = await tx.run("DELETE FROM second_factors WHERE account = ?1", account)
            await raise_generation(tx, change, account)
            change.record("factor.remove", owner.name, tenant=owner.tenant, old={"rows": removed})

        await self._ground.changes.run(actor, work)

    def _new_codes(self) -> list[tuple[int, str]]:
        texts = recovery.new_codes(self._ground.random_bytes)
        return [(self._ground.ids.new(), text) for text in texts]

    async def _user(self, account: AccountId) -> bytes:
        """What stands for an account in passkeys."""
        return (await self._digests.keys()).digest("passkey user", str(account))[:_USER_OCTETS]


async def _begun(
    tx: Transaction,
    change: Change,
    account: AccountId,
    keys: Keys,
    codes: list[tuple[int, str]],
    now_ms: int,
) -> list[str]:
    """What comes with the first factor: recovery codes, and the password alone opens nothing any more."""
    await rows.keep_codes(tx, account, keys, codes, now_ms)
    await raise_generation(tx, change, account)
    return [text for _, text in codes]
