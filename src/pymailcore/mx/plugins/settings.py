"""Settings of the plug-ins that come with the server."""

import ipaddress
from dataclasses import dataclass, field
from typing import Literal

from pymailcore.base.address import normalise_domain


@dataclass(frozen=True, slots=True, kw_only=True)
class RatelimitSettings:
    """Plug-in `ratelimit`: how much one network may bring in a minute, counted over all front workers.

    Each number holds for one IPv4 address or IPv6 /64; three times as much for the /26 or /56 around it,
    nine times for the /21 or /48. Networks in `connections.trusted_networks` and who has logged in are not
    counted.
    """

    connections_per_minute: int = field(
        default=300,
        metadata={
            "doc": "Connections; further ones get 421 in place of the greeting. 0: as many as it likes."
        },
    )
    messages_per_minute: int = field(
        default=600, metadata={"doc": "MAIL commands; further ones get 451. 0: as many as it likes."}
    )
    recipients_per_minute: int = field(
        default=3_000, metadata={"doc": "Recipients; further ones get 451. 0: as many as it likes."}
    )

    def __post_init__(self) -> None:
        """Refuse numbers below zero."""
        for name in ("connections_per_minute", "messages_per_minute", "recipients_per_minute"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must not be less than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockList:
    """A list in the DNS; each is one `[[plugins.dnsbl.list]]` table."""

    zone: str = field(metadata={"doc": "Name of the list in the DNS.", "example": "bl.example.org"})
    of: Literal["address", "domain"] = field(
        default="address",
        metadata={
            "doc": "What it lists: the client's `address`, or a `domain`, that of the reverse-path and that "
            "in EHLO."
        },
    )
    weight: int = field(
        default=1,
        metadata={"doc": "What a hit adds to the client's score; below 0 for lists of the good."},
    )
    answers: tuple[str, ...] = field(
        default=("127.0.0.0/8",),
        metadata={
            "doc": "Addresses or networks; an answer within one of them is a hit. 127.0.0.1, "
            "127.255.255.0/24 and all that is not in 127.0.0.0/8 never is: so lists say that they do not "
            "answer you, and so answer resolvers that bend the truth."
        },
    )

    def __post_init__(self) -> None:
        """Refuse a zone or an answer that is none."""
        if normalise_domain(self.zone) is None or "[" in self.zone:
            raise ValueError(f"zone: {self.zone!r} is no name")
        for answer in self.answers:
            try:
                network = ipaddress.ip_network(answer)
            except ValueError as fault:
                raise ValueError(f"answers: {fault}") from None
            if network.version != 4 or not network.subnet_of(ipaddress.IPv4Network("127.0.0.0/8")):
                raise ValueError(f"answers: {answer} is not in 127.0.0.0/8")


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsblSettings:
    """Plug-in `dnsbl`: asks lists in the DNS about clients and domains. Off until you choose the lists.

    Networks in `connections.trusted_networks` and who has logged in are never looked up.
    """

    lists: tuple[BlockList, ...] = field(
        default=(),
        metadata={
            "key": "list",
            "doc": "The lists, each a `[[plugins.dnsbl.list]]` table with `zone`, `of` (`address` or "
            "`domain`), `weight` and `answers`. Read the terms of each list before you use it.",
        },
    )
    refuse_score: int = field(
        default=1, metadata={"doc": "From this score on recipients are refused with 550, but for postmaster."}
    )
    lookup_seconds: float = field(
        default=3.0,
        metadata={"doc": "Longest time for all lists together; who has not answered then lists nothing."},
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.refuse_score < 1:
            raise ValueError("refuse_score: must be at least 1")
        if not 0 < self.lookup_seconds <= 30:
            raise ValueError("lookup_seconds: must be above 0 and at most 30")


@dataclass(frozen=True, slots=True, kw_only=True)
class GreylistSettings:
    """Plug-in `greylist`: who is not known is told to come again in some minutes, which spam programs do not.

    A sender is known by its network (IPv4 /24, IPv6 /64) and the domain of its reverse-path. Networks in
    `connections.trusted_networks` and who has logged in are never put off.
    """

    whom: Literal["suspicious", "everybody"] = field(
        default="suspicious",
        metadata={
            "doc": "Who is put off: `suspicious` clients only (no or no fitting host name, a strange name in "
            "EHLO, a domain that does not let them send for it, listed by `dnsbl` below its "
            "`refuse_score`), or `everybody` who is not known."
        },
    )
    delay_seconds: int = field(
        default=300, metadata={"doc": "How long after its first attempt a message is taken."}
    )
    retry_seconds: int = field(default=172_800, metadata={"doc": "How long a first attempt is remembered."})
    known_seconds: int = field(
        default=3_110_400,
        metadata={"doc": "How long a sender that came again is known, after its last message."},
    )
    entries_count: int = field(
        default=1_000_000,
        metadata={"doc": "Most entries that are kept; of more, those that end first are forgotten."},
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.entries_count < 1_000:
            raise ValueError("entries_count: must be at least 1000")
        if not 0 < self.delay_seconds < self.retry_seconds:
            raise ValueError("delay_seconds: must be above 0 and below retry_seconds")
        if self.known_seconds < 1:
            raise ValueError("known_seconds: must be above 0")
