"""Outcomes of the directory and of what stands on it; leaves of `base.errors`."""

from pymailcore.base.errors import Forbidden, PermanentFailure, TemporaryFailure


class TooManyAttempts(TemporaryFailure):
    """Too many failed logins from this address or for this account; waiting helps."""


class Loop(PermanentFailure):
    """A message goes round: too many hops, or aliases that lead too deep (RFC 5321 section 6.3)."""


class OverLimit(PermanentFailure):
    """A tenant or domain has as many accounts, domains, aliases or groups as it may."""


class SendingBlocked(PermanentFailure):
    """No mail goes out in the name of this account."""


class RateExceeded(TemporaryFailure):
    """An account, its domain or its tenant has sent as much as it may for now; waiting helps.

    Attributes:
        scope: whose limit it is: "account", "domain" or "tenant".
    """

    def __init__(self, text: str = "", *, scope: str = "") -> None:
        super().__init__(text)
        self.scope = scope


class TooManyQuestions(TemporaryFailure):
    """A tenant has had the DNS asked for proofs as often as it may in a minute; waiting helps."""


class SecondFactorNeeded(Forbidden):
    """The password is right and the account has a second factor, which is asked for next, on the web pages.

    Attributes:
        ticket: what the browser brings back with it.
        kinds: of factors that the account has: "totp", "passkey", "recovery".
    """

    def __init__(self, ticket: str, kinds: frozenset[str] = frozenset()) -> None:
        super().__init__("a second factor is needed")
        self.ticket = ticket
        self.kinds = kinds
