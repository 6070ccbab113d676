"""The properties of a Mailbox.

Standards: RFC 8621 section 2.
"""

from collections.abc import Callable
from typing import Final

from pymailcore.base import ids
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.store.types import Mailbox

COUNTERS: Final = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")

RIGHTS: Final = (
    "mayReadItems",
    "mayAddItems",
    "mayRemoveItems",
    "maySetSeen",
    "maySetKeywords",
    "mayCreateChild",
    "mayRename",
    "mayDelete",
    "maySubmit",
)


def rights(mailbox: Mailbox) -> JsonObject:
    """`myRights`: the owner may do all, but the Inbox stays what it is (RFC 8621 section 2)."""
    allowed: JsonObject = dict.fromkeys(RIGHTS, True)
    if mailbox.role == "inbox":
        allowed["mayRename"] = allowed["mayDelete"] = False
    return allowed


PROPERTIES: Final[dict[str, Callable[[Mailbox], object]]] = {
    "id": lambda mailbox: ids.encode_id(ids.MAILBOX, mailbox.id),
    "name": lambda mailbox: mailbox.name,
    "parentId": lambda mailbox: (
        None if mailbox.parent is None else ids.encode_id(ids.MAILBOX, mailbox.parent)
    ),
    "role": lambda mailbox: mailbox.role,
    "sortOrder": lambda mailbox: mailbox.sort_order,
    "totalEmails": lambda mailbox: mailbox.total_emails,
    "unreadEmails": lambda mailbox: mailbox.unread_emails,
    "totalThreads": lambda mailbox: mailbox.total_threads,
    "unreadThreads": lambda mailbox: mailbox.unread_threads,
    "myRights": rights,
    "isSubscribed": lambda mailbox: mailbox.subscribed,
}
