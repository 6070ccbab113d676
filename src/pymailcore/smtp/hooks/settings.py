"""What every plug-in has in its table of the configuration."""

from dataclasses import dataclass, field
from typing import Final, Literal

LISTENERS: Final = ("smtp", "submission", "lmtp")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """Keys that the table of every plug-in may have, beside its own."""

    enabled: bool = field(default=True, metadata={"doc": "Whether the plug-in is loaded."})
    listeners: tuple[str, ...] = field(
        default=("smtp",),
        metadata={"doc": "Protocols of the listeners where it is asked: `smtp`, `submission`, `lmtp`."},
    )
    on_fault: Literal["continue", "put-off"] = field(
        default="continue",
        metadata={
            "doc": "What holds when the plug-in fails or takes too long: `continue` as if it had said "
            "nothing, or `put-off`: the client is told to come again (451 4.3.0)."
        },
    )
    timeout_seconds: float = field(
        default=5.0, metadata={"doc": "Longest time that the plug-in may take at one hook."}
    )

    def __post_init__(self) -> None:
        """Refuse a listener that there is not, and a time that is none."""
        for listener in self.listeners:
            if listener not in LISTENERS:
                raise ValueError(f"listeners: {listener!r} is none of {', '.join(LISTENERS)}")
        if not 0 < self.timeout_seconds <= 60:
            raise ValueError("timeout_seconds: must be above 0 and at most 60")
