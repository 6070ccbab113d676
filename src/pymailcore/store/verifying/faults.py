"""What can be wrong in a store: each kind of damage with its name, what it means, and what a repair does."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

MOST_LISTED: Final = 1_000
"""Faults of one kind that a report lists; further ones are counted."""


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: a key of `KINDS`.
        account: whose it is; 0 when it is nobody's, or nobody knows.
        subject: id of the row that is wrong (an Email, a Mailbox, a blob …), by the kind.
        detail: what is there and what should be.
    """

    kind: str
    account: int
    subject: int
    detail: str = ""

    @property
    def text(self) -> str:
        """One line for people."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{KINDS[self.kind].name}: {self.subject}{detail}"


class Kind(NamedTuple):
    """A kind of damage."""

    name: str
    remedy: str


KINDS: Final = {
    # rows
    "email-visible": Kind("Email whose `visible` is wrong", "set anew"),
    "email-without-placement": Kind("Email without a placement", "put into the Mailbox `Recovered`"),
    "email-without-data": Kind("Email without data", "marked as damaged; its list entry is kept"),
    "email-without-headers": Kind("Email without header text", "made anew from its octets"),
    "email-without-blobs": Kind("Email without blobs", "its references are made anew from its recipe"),
    "email-without-thread": Kind("Email without a Thread", "the Thread is made again"),
    "email-without-account": Kind("Email of no account", "removed"),
    "email-modseq": Kind("modseq of an Email above its account's clock, or going back", "set anew"),
    "placement-without-email": Kind("placement without an Email", "expunged"),
    "placement-without-mailbox": Kind("placement without a Mailbox", "removed"),
    "placement-elsewhere": Kind("placement in another account's Mailbox", "expunged"),
    "placement-modseq": Kind("modseq of a placement above its account's clock, or going back", "set anew"),
    "data-without-email": Kind("data without an Email", "removed"),
    "headers-without-email": Kind("header text without an Email", "removed"),
    "kept-without-data": Kind("expunged Email that is kept without data", "no longer kept"),
    "kept-and-there": Kind("Email that is kept as expunged and there all the same", "no longer kept"),
    "reference-without-blob": Kind("reference to no blob", "the blob's row is made again from its pack"),
    "reference-of-nobody": Kind("reference of nobody", "removed"),
    "octets-without-blob": Kind("octets in a row of no blob", "removed"),
    "upload-without-blob": Kind("upload without its blob", "removed"),
    # Threads
    "thread-without-email": Kind("Thread without an Email", "removed"),
    "thread-counts": Kind("Thread with wrong counts", "counted anew"),
    "thread-modseq": Kind("modseq of a Thread above its account's clock, or going back", "set anew"),
    "thread-mailboxes": Kind("Thread with wrong Mailboxes", "counted anew"),
    # Mailboxes
    "mailbox-without-account": Kind("Mailbox of no account", "removed once it is empty"),
    "mailbox-parent": Kind("Mailbox with the wrong parent", "set anew by its path; missing parents are made"),
    "mailbox-role": Kind("two Mailboxes with one role", "the oldest keeps it"),
    "mailbox-uid-next": Kind("Mailbox that would give a UID again", "raised"),
    "mailbox-modseq": Kind("modseq of a Mailbox above its account's clock, or going back", "set anew"),
    "mailbox-counts": Kind("Mailbox with wrong counts", "counted anew"),
    "expunged-modseq": Kind("row of the change log newer than the clock (UIDs)", "the clock is raised"),
    # accounts
    "account-without-inbox": Kind("account without an Inbox", "made"),
    "account-counts": Kind("account with wrong sums", "summed anew"),
    "account-modseq": Kind("state of an account above its clock, or behind its Emails", "raised"),
    "account-uid-validity": Kind("account that would give a UIDVALIDITY again", "raised"),
    "removed-modseq": Kind("row of the change log newer than the clock", "the clock is raised"),
    # blobs
    "pack-missing": Kind("blob in a pack that is missing", "found in another pack, or its Emails are marked"),
    "blob-truncated": Kind("blob beyond the end of its pack", "found in another pack, or its Emails marked"),
    "blob-damaged": Kind("blob whose octets are damaged", "found in another pack, or its Emails are marked"),
    "record-head": Kind("damaged head of a record", "the blob is written anew"),
    "blob-unreachable": Kind("blob that cannot be read", "found in another pack, or its Emails are marked"),
    "blob-unreferenced": Kind("blob that nothing needs and no collector knows", "left to the collector"),
    # messages
    "message-lost": Kind("Email whose octets cannot be rebuilt", "marked with the keyword $damaged"),
    "message-digest": Kind("Email that does not come out as it went in", "marked with the keyword $damaged"),
    "message-recovered": Kind("Email marked as damaged that can be read again", "the mark is taken off"),
    "message-prepared": Kind("Email whose prepared forms differ from a fresh parse", "made anew"),
    "index-lost": Kind("Email that the text index does not find", "the server makes another index"),
    "kept-lost": Kind("expunged Email that is kept and cannot be rebuilt", "no longer kept"),
}  # fmt: skip
"""All kinds, with what `--repair` does about each."""

DAMAGED: Final = "$damaged"
"""The keyword of an Email whose octets are lost: it stays listed, with its envelope, flags and UID."""


@dataclass(slots=True)
class Report:
    """What a look at the store found.

    Attributes:
        faults: at most `MOST_LISTED` of each kind.
        counts: how many of each kind there are in all.
        lost: Emails that an earlier repair has marked as damaged: known, and no fault; at most as many.
        notes: what could not be looked at, in words.
        looked: how many things of each sort were looked at.
    """

    faults: list[Fault] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    lost: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looked: dict[str, int] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Take a fault that was seen twice."""
        number = self.counts.get(fault.kind, 0) + 1
        self.counts[fault.kind] = number
        if number <= MOST_LISTED:
            self.faults.append(fault)

    def saw(self, what: str, number: int = 1) -> None:
        """Count what was looked at."""
        self.looked[what] = self.looked.get(what, 0) + number

    def add_lost(self, fault: Fault) -> None:
        """Take an Email that is known to be damaged."""
        self.saw("Emails marked as damaged")
        if len(self.lost) < MOST_LISTED:
            self.lost.append(fault)

    @property
    def total(self) -> int:
        """How many faults there are."""
        return sum(self.counts.values())
