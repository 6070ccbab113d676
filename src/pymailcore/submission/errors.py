"""Outcomes of submission; leaves of `base.errors`."""

from pymailcore.base.errors import TemporaryFailure


class RateExceeded(TemporaryFailure):
    """The account has sent as much as it may in an hour; waiting helps."""
