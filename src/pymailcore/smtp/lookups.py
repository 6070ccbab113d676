"""Replies to VRFY and EXPN of who may know.

Standards: RFC 5321 sections 3.5 and 7.3, RFC 6531 section 3.7.4.2, RFC 3463 section 3.1.
"""

from collections.abc import Sequence
from typing import Final

from pymailcore.base.address import Address
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply

NO_SUCH_ADDRESS: Final = Reply(550, "5.1.1", "No such address here")
NO_SUCH_GROUP: Final = Reply(550, "5.1.1", "No such group here, or you may not write to it")
NEEDS_SMTPUTF8: Final = Reply(252, "2.6.8", "The answer needs SMTPUTF8")
MOST_MEMBERS: Final = 1_000
"""So many members are told; a larger group is not expanded."""
TOO_MANY_MEMBERS: Final = Reply(252, "2.5.0", f"The group has more than {MOST_MEMBERS} members")


def exists(event: events.Verify, address: Address) -> Reply:
    """Say that an address exists."""
    return _told(event, [str(address)])


def consists_of(event: events.Verify, members: Sequence[str]) -> Reply:
    """Say who the members of a group are."""
    if len(members) > MOST_MEMBERS:
        return TOO_MANY_MEMBERS
    return _told(event, members) if members else NO_SUCH_GROUP


def _told(event: events.Verify, addresses: Sequence[str]) -> Reply:
    if not event.smtputf8 and not all(address.isascii() for address in addresses):
        return NEEDS_SMTPUTF8
    return Reply(250, "2.1.5", "\n".join(f"<{address}>" for address in addresses))
