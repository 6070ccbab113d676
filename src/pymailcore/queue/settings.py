"""Settings of the outbound queue."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where mail for a domain goes instead of to its MX hosts."""

    domain: str = field(
        metadata={"doc": 'Domain in lower case; ".example.org" for all below it, "*" for all others.'}
    )
    host: str = field(
        metadata={"doc": 'Name or address of the host that takes it, or "unix:" and the path of a socket.'}
    )
    port: int = field(default=25, metadata={"doc": "Its port; of no use with a socket's path."})
    protocol: Literal["smtp", "lmtp"] = field(
        default="smtp",
        metadata={"doc": "What it speaks: smtp, or lmtp for handing mail over to another store (RFC 2033)."},
    )

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if self.protocol not in ("smtp", "lmtp"):
            raise ValueError("protocol: smtp or lmtp")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How mail for other domains is relayed and tried again."""

    retry_minutes: tuple[float, ...] = field(
        default=(5, 10, 20, 40, 60, 120, 240),
        metadata={"doc": "Minutes to wait after the first, second, … failed try; the last one repeats."},
    )
    give_up_hours: float = field(
        default=120.0, metadata={"doc": "Age at which a message that still waits is returned to its sender."}
    )
    delay_report_hours: float = field(
        default=4.0,
        metadata={"doc": "Age at which a sender who asked for it is told that a message still waits."},
    )
    returned_octets: int = field(
        default=65_536,
        metadata={
            "doc": "Largest message, in octets, that comes back whole in a report of its failure; of larger "
            "ones only the header does."
        },
    )
    concurrent_count: int = field(default=50, metadata={"doc": "Messages that are relayed at the same time."})
    concurrent_per_domain_count: int = field(
        default=5, metadata={"doc": "Messages that are relayed to one domain at the same time."}
    )
    recipients_per_transaction_count: int = field(
        default=100, metadata={"doc": "Recipients of one domain that share a mail transaction."}
    )
    hosts_count: int = field(default=10, metadata={"doc": "Hosts that one try goes through, the best first."})
    attempt_seconds: float = field(
        default=1_200.0, metadata={"doc": "Longest time of one try, over all hosts."}
    )
    lease_seconds: float = field(
        default=1_800.0,
        metadata={
            "doc": "Time after which entries are tried again that a process took and never brought back."
        },
    )
    poll_seconds: float = field(
        default=60.0, metadata={"doc": "Longest time between two looks at the queue, whatever was announced."}
    )
    allow_private_addresses: bool = field(
        default=False,
        metadata={"doc": "Relay also to hosts whose address the DNS gives as loopback or private."},
    )

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not self.retry_minutes or min(self.retry_minutes) <= 0:
            raise ValueError("retry_minutes needs at least one time above 0")
        if self.returned_octets < 0:
            raise ValueError("returned_octets must not be less than 0")
        if self.lease_seconds <= self.attempt_seconds:
            raise ValueError("lease_seconds must be more than attempt_seconds")
