"""Capabilities that a session announces, and the limits they carry.

Standards: RFC 8620 section 2 (core), RFC 8621 section 1.3 (mail, submission).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pymailcore.jmap.protocol.values import JsonObject

CORE: Final = "urn:ietf:params:jmap:core"
MAIL: Final = "urn:ietf:params:jmap:mail"
SUBMISSION: Final = "urn:ietf:params:jmap:submission"
KNOWN: Final = frozenset({CORE, MAIL, SUBMISSION})

COLLATIONS: Final = ("i;unicode-casemap",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one request, each announced under its RFC 8620 section 2 name and enforced."""

    max_size_upload: int
    max_concurrent_upload: int
    max_size_request: int
    max_concurrent_requests: int
    max_calls_in_request: int
    max_objects_in_get: int
    max_objects_in_set: int


def core_capability(limits: Limits) -> JsonObject:
    """The value of urn:ietf:params:jmap:core (RFC 8620 section 2)."""
    return {
        "maxSizeUpload": limits.max_size_upload,
        "maxConcurrentUpload": limits.max_concurrent_upload,
        "maxSizeRequest": limits.max_size_request,
        "maxConcurrentRequests": limits.max_concurrent_requests,
        "maxCallsInRequest": limits.max_calls_in_request,
        "maxObjectsInGet": limits.max_objects_in_get,
        "maxObjectsInSet": limits.max_objects_in_set,
        "collationAlgorithms": list(COLLATIONS),
    }


def mail_capability(*, max_mailbox_depth: int, max_mailbox_name: int, max_attachments: int) -> JsonObject:
    """The account's value of urn:ietf:params:jmap:mail (RFC 8621 section 1.3.1).

    Args:
        max_mailbox_name: octets of one level.
        max_attachments: octets of all attachments of one Email.
    """
    return {
        "maxMailboxesPerEmail": None,
        "maxMailboxDepth": max_mailbox_depth,
        "maxSizeMailboxName": max_mailbox_name,
        "maxSizeAttachmentsPerEmail": max_attachments,
        "emailQuerySortOptions": [
            "receivedAt",
            "sentAt",
            "size",
            "subject",
            "from",
            "to",
            "hasKeyword",
            "allInThreadHaveKeyword",
            "someInThreadHaveKeyword",
        ],
        "mayCreateTopLevelMailbox": True,
    }


def submission_capability(
    *, max_delayed_send: int, submission_extensions: Mapping[str, Sequence[str]]
) -> JsonObject:
    """The account's value of urn:ietf:params:jmap:submission (RFC 8621 section 1.3.2).

    Args:
        max_delayed_send: seconds; 0 for no such thing.
        submission_extensions: keywords of EHLO with their arguments, of which parameters can be given.
    """
    return {
        "maxDelayedSend": max_delayed_send,
        "submissionExtensions": {name: list(words) for name, words in submission_extensions.items()},
    }
