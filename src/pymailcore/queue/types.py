"""Values of the outbound queue."""

import enum
from dataclasses import dataclass
from typing import NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.ids import TenantId
from pymailcore.queue.turns import Group


class Verdict(enum.Enum):
    """What became of one recipient in one try."""

    SENT = "sent"
    LATER = "later"
    FAILED = "failed"


class Result(NamedTuple):
    """The verdict for one recipient and why: a reply of a host as `host: 550 5.1.1 text`, or our own words.

    Our own words begin with an enhanced status code (RFC 3463).
    """

    address: str
    verdict: Verdict
    reply: str


class Message(NamedTuple):
    """A message of the queue; `account` is who sent it, 0 where nobody signed in to do so."""

    id: int
    tenant: TenantId
    reverse_path: Address | None
    size_octets: int
    recipe: bytes
    smtputf8: bool
    eight_bit: bool
    created_ms: int
    account: int = 0


class Lease(NamedTuple):
    """Recipients of one message in one domain that one process may relay to until a moment."""

    message: Message
    domain: str
    recipients: tuple[str, ...]
    until_ms: int
    flow: int = 0

    @property
    def group(self) -> Group:
        """What has a place while it is being relayed."""
        return Group(self.message.id, self.domain, self.flow, self.message.tenant)


class Failure(NamedTuple):
    """A recipient for whom a message failed for good."""

    address: str
    tries: int
    reply: str


class Bounce(NamedTuple):
    """Failed recipients of one message, of whom its sender is to be told."""

    message: Message
    failures: tuple[Failure, ...]
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recipient in the queue, for operators.

    Attributes:
        id: of the message; its recipients share it.
        sender: the reverse-path; "" when it is null.
        state: `waiting`, `sending`, `held` (its account may not send), or `failed` (the report to the sender
            is due).
    """

    id: int
    recipient: str
    sender: str
    size_octets: int
    created_ms: int
    tries: int
    next_try_ms: int
    state: str
    last_reply: str
