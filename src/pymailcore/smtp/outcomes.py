"""The one table that turns outcomes into SMTP replies.

Standards: RFC 5321 section 4.2, RFC 3463 section 3, RFC 5248 section 2.
"""

from collections.abc import Mapping
from types import MappingProxyType
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
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.recipients import MAILBOX_FULL

REPLIES: Final[Mapping[type[MailError], Reply]] = MappingProxyType(
    {
        TemporaryFailure: Reply(451, "4.3.0", "Temporary failure, try again later"),
        InsufficientStorage: Reply(452, "4.3.1", "Insufficient system storage, try again later"),
        PermanentFailure: Reply(554, "5.0.0", "Refused"),
        NotFound: Reply(550, "5.1.1", "No such recipient here"),
        AlreadyExists: Reply(554, "5.0.0", "Refused"),
        Forbidden: Reply(550, "5.7.1", "Not allowed"),
        OverQuota: MAILBOX_FULL,
        TooLarge: reply.TOO_LARGE,
        InvalidValue: Reply(550, "5.6.0", "Message not acceptable"),
        StateMismatch: Reply(451, "4.3.0", "Temporary failure, try again later"),
        NotEmpty: Reply(554, "5.0.0", "Refused"),
    }
)
"""A full mailbox is temporary: its owner can make room before the sender gives up."""


def reply_for(outcome: MailError) -> Reply:
    """Give the reply for an outcome: that of its class or of the nearest class above it."""
    for kind in type(outcome).__mro__:
        found = REPLIES.get(kind)
        if found is not None:
            return found
    return reply.CLOSING_FAULT
