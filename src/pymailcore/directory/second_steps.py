"""The second step of signing in on the web pages, and signing in with a passkey alone.

Theory. Who has shown the right password of an account with a second factor gets a ticket in place of a
session (`SecondFactorNeeded`), and brings it back with a code or with what a passkey has signed. Failures
count for a name of their own, without the exception for known nets: six digits are few.
"""

from collections.abc import Mapping
from typing import Final

from pymailcore.base.errors import Forbidden
from pymailcore.base.ids import AccountId
from pymailcore.directory.attempts import WRONG, Attempts
from pymailcore.directory.cache import Lookup
from pymailcore.directory.credential_rows import owner_of
from pymailcore.directory.errors import SecondFactorNeeded
from pymailcore.directory.ground import Ground
from pymailcore.directory.passkeys import RelyingParty
from pymailcore.directory.second_factors import SecondFactors
from pymailcore.directory.sign_in_rows import Known
from pymailcore.directory.types import Principal
from pymailcore.runtime.prefixes import prefixes

WEB: Final = "web"
"""The protocol for which a password may be followed by a second factor."""

_STEP: Final = "second step"


class SecondSteps:
    """Second steps of one process.

    Args:
        known: finds accounts by their names.
    """

    def __init__(
        self,
        ground: Ground,
        attempts: Attempts,
        known: Lookup[str, Known | None],
        factors: SecondFactors,
    ) -> None:
        self._ground = ground
        self._attempts = attempts
        self._known = known
        self._factors = factors

    async def ask(self, known: Known) -> SecondFactorNeeded:
        """What is to be raised on the web pages when the password before a second factor was right."""
        ticket = await self._factors.tickets.issue(_STEP, known.account, generation=known.generation)
        return SecondFactorNeeded(ticket, known.factors)

    async def kinds(self, ticket: str) -> frozenset[str]:
        """Kinds of factors that can follow: "totp", "passkey", "recovery".

        Raises:
            Forbidden: the ticket is no longer good.
        """
        return (await self._of_ticket(ticket)).factors

    async def begin_passkey(self, ticket: str, party: RelyingParty) -> tuple[Mapping[str, object], str]:
        """What the browser is given to ask for a passkey of the account, and the ticket to come back with.

        Raises:
            Forbidden: the ticket is no longer good.
        """
        known = await self._of_ticket(ticket)
        return await self._factors.begin_assertion(party, known.account)

    async def code(self, ticket: str, code: str, *, peer: str) -> Principal:
        """Sign in with a code of an authenticator app, or a recovery code, after the password.

        Raises:
            Forbidden: the code is wrong, or the ticket is no longer good.
            TooManyAttempts: too many wrong codes.
        """
        known = await self._of_ticket(ticket)
        attempt = await self._attempts.begin(peer, f"factor {known.name}", WEB)
        kind = None
        try:
            kind = await self._factors.take_code(known.account, code)
        finally:
            self._attempts.end(attempt, kind is not None and not known.refusal)
        if kind is None:
            raise self._attempts.refused(known.name, peer, WEB, "wrong code")
        self._factors.tickets.take(ticket)
        return self._attempts.admit(known, peer, WEB, f"password+{kind}")

    async def passkey_after_password(
        self, ticket: str, party: RelyingParty, asked: str, answer: Mapping[str, object], *, peer: str
    ) -> Principal:
        """Sign in with a passkey after the password.

        Args:
            asked: the ticket of `SecondFactors.begin_assertion`.

        Raises:
            Forbidden: the answer is wrong, or a ticket is no longer good.
            TooManyAttempts: too many failures.
        """
        known = await self._of_ticket(ticket)
        shown = await self._asserted(party, asked, answer, f"factor {known.name}", peer)
        if shown.account != known.account:
            raise self._attempts.refused(known.name, peer, WEB, "the passkey of somebody else")
        self._factors.tickets.take(ticket)
        return self._attempts.admit(known, peer, WEB, "password+passkey")

    async def passkey(
        self, party: RelyingParty, asked: str, answer: Mapping[str, object], *, peer: str
    ) -> Principal:
        """Sign in with a passkey alone: it has verified its user.

        Raises:
            Forbidden: the answer is wrong, or the ticket is no longer good.
            TooManyAttempts: too many failures.
        """
        known = await self._asserted(party, asked, answer, f"passkey {prefixes(peer)[0]}", peer)
        return self._attempts.admit(known, peer, WEB, "passkey")

    async def _asserted(
        self, party: RelyingParty, asked: str, answer: Mapping[str, object], name: str, peer: str
    ) -> Known:
        attempt = await self._attempts.begin(peer, name, WEB)
        right: bool | None = None
        try:
            known = await self._of_account(await self._factors.finish_assertion(party, asked, answer))
            right = not known.refusal
        except Forbidden:
            right = False
            raise self._attempts.refused("", peer, WEB, "the passkey is not right") from None
        finally:
            self._attempts.end(attempt, right)
        return known

    async def _of_ticket(self, ticket: str) -> Known:
        taken = await self._factors.tickets.read(_STEP, ticket)
        known = await self._of_account(AccountId(taken.account))
        if known.generation != taken.generation:
            raise Forbidden("begin again")
        return known

    async def _of_account(self, account: AccountId) -> Known:
        owner = await self._ground.database.read(lambda tx: owner_of(tx, account))
        known = await self._known.get(owner.name)
        if known is None:
            raise Forbidden(WRONG)
        return known
