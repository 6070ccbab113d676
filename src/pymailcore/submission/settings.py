"""Settings of submission."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSettings:
    """How much an account may send that has no limit of its own (`pymailcore limit`); 0 for no limit."""

    messages_per_hour: int = field(default=2_000, metadata={"doc": "Messages in an hour."})
    recipients_per_hour: int = field(default=10_000, metadata={"doc": "Recipients of these together."})
    messages_per_day: int = field(default=10_000, metadata={"doc": "Messages in a day."})
    recipients_per_day: int = field(default=50_000, metadata={"doc": "Recipients of these together."})

    first_recipients_per_hour: int = field(
        default=1_000,
        metadata={"doc": "Recipients elsewhere to whom the account has not written before, nor they to it."},
    )
    first_recipients_per_day: int = field(default=2_000, metadata={"doc": "The same in a day."})
    hold_after_refusals: int = field(
        default=20,
        metadata={
            "doc": "Messages beyond an account's own limits within an hour that block its sending and hold"
            " its mail in the queue; 0 for never."
        },
    )

    copy_to_sent: bool = field(
        default=False,
        metadata={
            "doc": "Whether what a program sends by `submission` is also filed in the account's Sent "
            "Mailbox; for programs that do not do so by themselves. The copy has no Bcc, and must fit the "
            "quota."
        },
    )

    def limits(self) -> Mapping[str, int]:
        """The limits by the names that the directory has for them."""
        return {
            "messages_per_hour": self.messages_per_hour,
            "recipients_per_hour": self.recipients_per_hour,
            "messages_per_day": self.messages_per_day,
            "recipients_per_day": self.recipients_per_day,
            "first_recipients_per_hour": self.first_recipients_per_hour,
            "first_recipients_per_day": self.first_recipients_per_day,
        }
