"""The table from the product's outcomes to JMAP's errors.

Standards: RFC 8620 sections 3.6.2 and 5.3. A test walks all MailErrors and fails on one without an entry.

Texts for the peer are those of this table or of a value's own check; the cause goes to the log.
"""

from typing import Final

from pymailcore.base.errors import (
    AlreadyExists,
    Forbidden,
    InsufficientStorage,
    InvalidValue,
    MailError,
    NotEmpty,
    NotFound,
    OverQuota,
    PermanentFailure,
    StateMismatch,
    TemporaryFailure,
    TooLarge,
)
from pymailcore.jmap.protocol.errors import MethodError, SetError

METHOD: Final[dict[type[MailError], str]] = {
    TemporaryFailure: "serverUnavailable",
    InsufficientStorage: "serverUnavailable",
    NotFound: "notFound",
    AlreadyExists: "alreadyExists",
    Forbidden: "forbidden",
    OverQuota: "overQuota",
    TooLarge: "requestTooLarge",
    InvalidValue: "invalidArguments",
    StateMismatch: "stateMismatch",
    NotEmpty: "forbidden",
    PermanentFailure: "serverFail",
    MailError: "serverFail",
}
"""Outcome of a whole call to the type of its method error."""

SET: Final[dict[type[MailError], str]] = {
    TemporaryFailure: "serverUnavailable",
    InsufficientStorage: "serverUnavailable",
    NotFound: "notFound",
    AlreadyExists: "alreadyExists",
    Forbidden: "forbidden",
    OverQuota: "overQuota",
    TooLarge: "tooLarge",
    InvalidValue: "invalidProperties",
    StateMismatch: "stateMismatch",
    NotEmpty: "forbidden",
    PermanentFailure: "serverFail",
    MailError: "serverFail",
}
"""Outcome for one object to the type of its SetError."""


def _look_up(table: dict[type[MailError], str], error: MailError) -> str:
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind]
    return "serverFail"  # not reached: MailError is in both tables


def method_error(error: MailError) -> MethodError:
    """Give the method error for an outcome."""
    return MethodError(_look_up(METHOD, error))


def set_error(error: MailError) -> SetError:
    """Give the SetError for an outcome."""
    kind = _look_up(SET, error)
    if kind == "invalidProperties":
        return SetError(kind, properties=[])
    return SetError(kind)
