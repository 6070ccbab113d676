"""All methods by name. A new data type is a new module and one line here."""

from collections.abc import Mapping
from typing import Final

from pymailcore.jmap.methods import (
    blob,
    core,
    email,
    email_submission,
    identity,
    mailbox,
    push_subscription,
    search_snippet,
    thread,
)
from pymailcore.jmap.methods.context import DataType, Handler

DATA_TYPES: Final[tuple[DataType, ...]] = (
    core.DATA_TYPE,
    blob.DATA_TYPE,
    push_subscription.DATA_TYPE,
    mailbox.DATA_TYPE,
    thread.DATA_TYPE,
    email.DATA_TYPE,
    search_snippet.DATA_TYPE,
    identity.DATA_TYPE,
    email_submission.DATA_TYPE,
)


def methods(using: frozenset[str], data_types: tuple[DataType, ...] = DATA_TYPES) -> Mapping[str, Handler]:
    """Give the methods that a request with these capabilities may call (RFC 8620 section 3.3)."""
    return {
        name: handler
        for data_type in data_types
        if data_type.capability in using
        for name, handler in data_type.methods.items()
    }
