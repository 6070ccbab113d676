r"""A simple model of one account: what a client may see follows from Mailboxes with placements, and Emails.

Nothing is counted as it goes: every counter is made anew from the placements each time it is asked for
(RFC 8621 section 2, RFC 9051 section 6.3.11).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pymailcore.store.types import FlagChange


@dataclass
class Placed:
    r"""A placement: its Email, and whether it has `\Deleted`."""

    email: int
    deleted: int = 0


@dataclass
class Box:
    """A Mailbox."""

    id: int
    path: str
    role: str | None = None
    sort_order: int = 10
    subscribed: bool = True
    uid_next: int = 1
    placed: dict[int, Placed] = field(default_factory=dict)

    def place(self, email: int) -> int:
        """Place an Email; its UID."""
        uid = self.uid_next
        self.uid_next += 1
        self.placed[uid] = Placed(email)
        return uid

    def uids(self, low: int, high: int) -> list[int]:
        """UIDs in a range, ascending."""
        return [uid for uid in sorted(self.placed) if low <= uid <= high]


@dataclass
class Mail:
    """An Email; `name` is in its subject and never changes, whatever id it has."""

    id: int
    name: str
    subject: str
    keywords: set[str]
    size: int
    thread: int
    received_ms: int

    @property
    def unread(self) -> bool:
        """As JMAP counts it."""
        return not self.keywords & {"$seen", "$draft"}


class Counters(NamedTuple):
    """What a Mailbox tells."""

    messages: int
    unseen: int
    deleted: int
    size_octets: int
    total_emails: int
    unread_emails: int
    total_threads: int
    unread_threads: int


class Account:
    """Mailboxes and Emails of one account."""

    def __init__(self, id_: int) -> None:
        self.id = id_
        self.boxes: dict[int, Box] = {}
        self.mails: dict[int, Mail] = {}
        self.keys: dict[tuple[str, str], int] = {}  # (message id, subject) -> Thread
        self.ever: set[int] = set()  # Emails that were there at any time
        self.quota_octets: int | None = None
        self.quota_emails: int | None = None

    def by_path(self, path: str) -> Box | None:
        """The Mailbox with a path."""
        return next((box for box in self.boxes.values() if box.path == path), None)

    def below(self, box: Box) -> list[Box]:
        """The Mailboxes below one."""
        return [one for one in self.boxes.values() if one.path.startswith(box.path + "/")]

    @property
    def used(self) -> int:
        """Octets of all Emails."""
        return sum(mail.size for mail in self.mails.values())

    def fits(self, size: int, emails: int = 1) -> bool:
        """Whether one more Email fits the quota."""
        return (self.quota_octets is None or self.used + size <= self.quota_octets) and (
            self.quota_emails is None or len(self.mails) + emails <= self.quota_emails
        )

    def places(self, email: int, *, hidden: bool = False) -> set[int]:
        r"""Mailboxes where an Email is to be seen; with `hidden` also where it has `\Deleted`."""
        return {
            box.id
            for box in self.boxes.values()
            for placed in box.placed.values()
            if placed.email == email and (hidden or not placed.deleted)
        }

    def visible(self) -> set[int]:
        """Emails that exist for JMAP."""
        return {p.email for box in self.boxes.values() for p in box.placed.values() if not p.deleted}

    def drop_orphans(self) -> None:
        """Emails without a placement are gone."""
        placed = {p.email for box in self.boxes.values() for p in box.placed.values()}
        self.mails = {id_: mail for id_, mail in self.mails.items() if id_ in placed}

    def thread_of(self, keys: Iterable[tuple[str, str]]) -> int | None:
        """The oldest living Thread that a new Email joins."""
        alive = {mail.thread for mail in self.mails.values()}
        return min((self.keys[key] for key in keys if self.keys.get(key) in alive), default=None)

    def join(self, keys: Iterable[tuple[str, str]], thread: int) -> None:
        """Keys that led nowhere lead to this Thread now."""
        alive = {mail.thread for mail in self.mails.values()}
        for key in keys:
            if self.keys.get(key) not in alive:
                self.keys[key] = thread

    def threads(self) -> dict[int, tuple[int, ...]]:
        """Threads with their visible Emails, oldest first."""
        out: dict[int, list[Mail]] = {}
        for email in self.visible():
            mail = self.mails[email]
            out.setdefault(mail.thread, []).append(mail)
        return {
            thread: tuple(m.id for m in sorted(mails, key=lambda m: (m.received_ms, m.id)))
            for thread, mails in out.items()
        }

    def counters(self, box: Box) -> Counters:
        """All counters of a Mailbox."""
        placed = list(box.placed.values())
        shown = {p.email for p in placed if not p.deleted}
        threads = {self.mails[email].thread for email in shown}
        trash = box.role == "trash"
        unread = {
            self.mails[p.email].thread
            for other in self.boxes.values()
            if (other.role == "trash") == trash
            for p in other.placed.values()
            if not p.deleted and self.mails[p.email].unread
        }
        return Counters(
            len(placed),
            sum("$seen" not in self.mails[p.email].keywords for p in placed),
            sum(p.deleted for p in placed),
            sum(self.mails[p.email].size for p in placed),
            len(shown),
            sum(self.mails[email].unread for email in shown),
            len(threads),
            len(threads & unread),
        )

    def store(self, box: Box, uids: Iterable[int], how: FlagChange, names: set[str], deleted: bool) -> bool:
        """What STORE does; tells whether anything changed."""
        changed = False
        for uid in uids:
            placed = box.placed[uid]
            mail = self.mails[placed.email]
            if how is FlagChange.ADD:
                keywords, mark = mail.keywords | names, placed.deleted | deleted
            elif how is FlagChange.REMOVE:
                keywords, mark = mail.keywords - names, int(placed.deleted and not deleted)
            else:
                keywords, mark = set(names), int(deleted)
            changed |= (keywords, mark) != (mail.keywords, placed.deleted)
            mail.keywords, placed.deleted = keywords, int(mark)
        return changed

    def set_mailboxes(self, email: int, wanted: set[int]) -> None:
        r"""What Email/set does to the Mailboxes of a visible Email; `wanted` is the whole new set."""
        now = self.places(email)
        for box in sorted(self.boxes.values(), key=lambda box: box.id):
            here = [uid for uid in sorted(box.placed) if box.placed[uid].email == email]
            if box.id in wanted - now:
                if here:
                    box.placed[here[0]].deleted = 0
                else:
                    box.place(email)
            elif box.id in now - wanted:
                for uid in here:
                    del box.placed[uid]
