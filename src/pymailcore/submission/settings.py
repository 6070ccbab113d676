"""Settings of submission."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSettings:
    """How much an account may send that has no limit of its own (`pymailcore limit`); 0 for no limit."""

    messages_per_hour: int = field(default=2_000, metadata={"doc": "Messages in an hour."})
    recipients_per_hour: int = field(default=10_000, metadata={"doc": "Recipients of these together."})
    messages_per_day: int = field(default=10_000, metadata={"doc": "Messages in a day."})
    recipients_per_day: int = field(default=50_000, metadata={"doc": "Recipients of these together."})

    def limits(self) -> Mapping[str, int]:
        """The same by the names of the directory's limits."""
        return asdict(self)
