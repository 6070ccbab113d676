"""Outcomes of the directory and of what stands on it; leaves of `base.errors`."""

from pymailcore.base.errors import PermanentFailure, TemporaryFailure


class TooManyAttempts(TemporaryFailure):
    """Too many failed logins from this address or for this account; waiting helps."""


class Loop(PermanentFailure):
    """A message goes round: too many hops, or aliases that lead too deep (RFC 5321 section 6.3)."""
