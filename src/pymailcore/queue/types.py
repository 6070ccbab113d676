"""Values of the outbound queue."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.envelope import NOTHING_SAID, PLAIN, ReportTerms, Terms
from pymailcore.base.ids import TenantId
from pymailcore.queue.turns import Group


class Verdict(enum.Enum):
    """What became of one recipient in one try."""

    SENT = "sent"
    LATER = "later"
    FAILED = "failed"


class Result(NamedTuple):
    """The verdict for one recipient and why: a reply of a host as `host: 550 5.1.1 text`, or our own words.

    Our own words begin with an enhanced status code (RFC 3463). `report` is what the sender is to be told of
    a success: "relayed" or "delivered"; "" for nothing.
    """

    address: str
    verdict: Verdict
    reply: str
    report: str = ""


_NONE: Final[Mapping[str, ReportTerms]] = MappingProxyType({})


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
    terms: Terms = PLAIN
    binary: bool = False

    @property
    def begin_ms(self) -> int:
        """When it might first be sent."""
        return max(self.created_ms, self.terms.hold_until_ms or 0)


class Lease(NamedTuple):
    """Recipients of one message in one domain that one process may relay to until a moment."""

    message: Message
    domain: str
    recipients: tuple[str, ...]
    until_ms: int
    flow: int = 0
    report_terms: Mapping[str, ReportTerms] = _NONE

    def notify(self, recipient: str) -> frozenset[str]:
        """When the sender wants reports; empty when he did not say (RFC 3461 section 4.1)."""
        return self.report_terms.get(recipient, NOTHING_SAID).notify

    def wants(self, recipient: str, occasion: str) -> bool:
        """Whether the sender wants a report; of failures he does unless he said otherwise."""
        notify = self.notify(recipient)
        return occasion in notify if notify else occasion == "FAILURE"

    @property
    def group(self) -> Group:
        """What has a place while it is being relayed."""
        return Group(self.message.id, self.domain, self.flow, self.message.tenant)


class Failure(NamedTuple):
    """A recipient of whom the sender is to be told.

    Attributes:
        action: what became of the message: "failed", "delayed", "relayed", "delivered", "expanded".
        orcpt: the original recipient, with its type; "" when it is not known.
    """

    address: str
    tries: int
    reply: str
    action: str = "failed"
    orcpt: str = ""


class Bounce(NamedTuple):
    """Recipients of one message, of whom its sender is to be told."""

    message: Message
    failures: tuple[Failure, ...]
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recipient in the queue, for operators.

    Attributes:
        id: of the message; its recipients share it.
        sender: the reverse-path; "" when it is null.
        state: `waiting`, `sending`, `held` (its account may not send), or what the report is about that
            is due to the sender: `failed` …
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
