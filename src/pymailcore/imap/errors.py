"""The one table that turns outcomes into IMAP responses.

Standards: RFC 5530 section 3, RFC 3501 section 7.1, RFC 9051 section 7.1, RFC 9586 (UIDREQUIRED).

The text is generic; the cause goes to the log. What may not be seen and what is not there are both
`NotFound` and look the same.
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
from pymailcore.imap.protocol.responses import Status, bad, no

UNAVAILABLE: Final = no("Not possible now, please try again later", b"UNAVAILABLE")
NONEXISTENT: Final = no("No such mailbox", b"NONEXISTENT")
TRYCREATE: Final = no("No such mailbox", b"TRYCREATE")
NOPERM: Final = no("Not permitted", b"NOPERM")
UID_REQUIRED: Final = bad("Numbers of messages are not used any more", b"UIDREQUIRED")
CANNOT: Final = no("That can never be done", b"CANNOT")

TABLE: Final[dict[type[MailError], Status]] = {
    MailError: no("Not possible", b"SERVERBUG"),
    TemporaryFailure: UNAVAILABLE,
    InsufficientStorage: no("No room to store that now, please try again later", b"UNAVAILABLE"),
    PermanentFailure: no("Not possible", b"CANNOT"),
    NotFound: NONEXISTENT,
    AlreadyExists: no("There is one of that name", b"ALREADYEXISTS"),
    Forbidden: NOPERM,
    OverQuota: no("Over quota", b"OVERQUOTA"),
    TooLarge: no("Too large", b"TOOBIG"),
    InvalidValue: CANNOT,
    StateMismatch: no("It has changed meanwhile", b"EXPUNGEISSUED"),
    NotEmpty: no("It has mailboxes inside", b"HASCHILDREN"),
}


def refusal(error: MailError) -> Status:
    """Give the response for an outcome: its own, or that of its nearest ancestor."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
