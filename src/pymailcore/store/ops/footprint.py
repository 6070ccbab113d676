"""An Email with its placements in memory, and what it adds to the counters of Mailboxes and Threads.

Standards: RFC 8621 section 2 (counters; for unreadThreads the trash is apart), RFC 9051 section 6.3.11.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pymailcore.store.keywords import DRAFT, SEEN, Keywords


@dataclass(slots=True, eq=False)
class Placement:
    r"""(Mailbox, UID) of an Email; `deleted` is 1 with `\Deleted`."""

    mailbox: int
    uid: int
    deleted: int
    arrived: int
    modseq: int
    saved_ms: int = 0


class Share(NamedTuple):
    """What an Email adds to the counters of one Mailbox; `emails` and `unread` are 0 or 1."""

    mailbox: int
    messages: int
    unseen: int
    deleted: int
    octets: int
    emails: int
    unread: int


class Footprint(NamedTuple):
    """What an Email adds to the counters of Mailboxes and of its Thread.

    Attributes:
        mailboxes: its share of each Mailbox.
        visible: 1 when it exists for JMAP.
        unread, unread_trash: 1 when it is unread outside, inside of the trash.
    """

    mailboxes: tuple[Share, ...]
    visible: int
    unread: int
    unread_trash: int


@dataclass(slots=True, eq=False)
class Message:
    """An Email in a revision."""

    id: int
    thread: int
    size_octets: int
    received_ms: int
    flags: int
    extra: str
    visible: int
    flags_modseq: int
    created: int
    placements: list[Placement] = field(default_factory=list)
    before: Footprint | None = None
    keywords_changed: bool = False

    @property
    def keywords(self) -> Keywords:
        """Its keywords."""
        return Keywords(self.flags, self.extra)


def footprint(message: Message, trash: int | None) -> Footprint:
    """Give the footprint of an Email as it is in memory."""
    unseen = 0 if message.flags & SEEN else 1
    unread = 0 if message.flags & (SEEN | DRAFT) else 1
    octets = message.size_octets
    if len(message.placements) == 1:
        placement = message.placements[0]
        mailbox, deleted = placement.mailbox, placement.deleted
        if deleted:
            return Footprint((Share(mailbox, 1, unseen, 1, octets, 0, 0),), 0, 0, 0)
        entry = (Share(mailbox, 1, unseen, 0, octets, 1, unread),)
        return Footprint(entry, 1, 0, unread) if mailbox == trash else Footprint(entry, 1, unread, 0)
    sums: dict[int, list[int]] = {}
    outside = inside = 0
    for placement in message.placements:
        counts = sums.setdefault(placement.mailbox, [0, 0, 0])
        counts[0] += 1
        counts[1] += placement.deleted
        if not placement.deleted:
            counts[2] = 1
            if placement.mailbox == trash:
                inside = 1
            else:
                outside = 1
    return Footprint(
        tuple(
            [
                Share(mailbox, number, unseen * number, deleted, octets * number, shown, unread * shown)
                for mailbox, (number, deleted, shown) in sums.items()
            ]
        ),
        outside | inside,
        outside & unread,
        inside & unread,
    )


NOTHING: Final = Footprint((), 0, 0, 0)
"""What an Email adds that is not there."""
