"""Settings of submission."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSettings:
    """How much one account may send."""

    messages_per_hour: int = field(
        default=2_000,
        metadata={"doc": "Messages that an account may send in an hour, counted in each process."},
    )
    recipients_per_hour: int = field(
        default=10_000, metadata={"doc": "Recipients that these may have in all, counted in each process."}
    )
    accounts_count: int = field(
        default=100_000, metadata={"doc": "Accounts whose sending a process keeps count of."}
    )
