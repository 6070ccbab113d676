"""Settings of the resolver."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings:
    """Where names are resolved and for how long the answers are kept."""

    nameservers: tuple[str, ...] = field(
        default=(), metadata={"doc": "Addresses of resolvers; empty for those of the system."}
    )
    port: int = field(default=53, metadata={"doc": "Port of these resolvers."})
    timeout_seconds: float = field(default=3.0, metadata={"doc": "Time that one resolver has to answer."})
    lifetime_seconds: float = field(
        default=10.0, metadata={"doc": "Time that one question may take in all, repetitions included."}
    )
    cache_entries_count: int = field(
        default=10_000, metadata={"doc": "Answers that a process keeps; the least used makes room."}
    )
    cache_max_seconds: float = field(
        default=3_600.0, metadata={"doc": "Longest time that an answer is kept, whatever its TTL."}
    )
    cache_negative_seconds: float = field(
        default=300.0, metadata={"doc": "Longest time that the absence of a name is kept."}
    )
    cache_failure_seconds: float = field(
        default=5.0, metadata={"doc": "Time for which a question that failed is not asked again."}
    )
