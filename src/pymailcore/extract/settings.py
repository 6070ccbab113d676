"""Settings of the text of attachments."""

from dataclasses import dataclass, field

from pymailcore.extract.limits import MIB, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentSettings:
    """Text of attachments (PDF, Office, OpenDocument, RTF) for the search index."""

    enabled: bool = field(
        default=True,
        metadata={"doc": "Whether text of attachments is read. Their file names are found either way."},
    )
    helpers: int = field(
        default=1,
        metadata={"doc": "Helper processes that read attachments at a time; started when one is needed."},
    )
    input_octets: int = field(
        default=32 * MIB, metadata={"doc": "A larger attachment is not read; at most 256 MiB."}
    )
    text_octets: int = field(
        default=MIB,
        metadata={"doc": "So much text of an attachment is taken, in UTF-8; the rest cannot be found."},
    )
    pages: int = field(default=2_000, metadata={"doc": "Pages of a PDF that are read."})
    seconds: float = field(
        default=60.0,
        metadata={"doc": "A helper that takes longer for one attachment is killed; there is no text then."},
    )
    cpu_seconds: float = field(
        default=10.0,
        metadata={"doc": "Processor time for one attachment; what was read by then is taken."},
    )
    memory_octets: int = field(
        default=512 * MIB, metadata={"doc": "Address space of a helper; at least 128 MiB."}
    )
    parts_per_helper: int = field(
        default=100,
        metadata={
            "doc": "A helper is replaced after so many attachments. 1: each one has a process of its own."
        },
    )
    idle_seconds: float = field(
        default=60.0, metadata={"doc": "A helper that had nothing to do for this long is ended."}
    )

    def __post_init__(self) -> None:
        """Refuse numbers that leave a helper no room to work in."""
        for name in ("helpers", "input_octets", "text_octets", "pages", "parts_per_helper"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1")
        for name in ("seconds", "cpu_seconds", "idle_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: must be more than 0")
        if self.input_octets > 256 * MIB:
            raise ValueError("input_octets: must be at most 256 MiB")
        if self.text_octets > 64 * MIB:
            raise ValueError("text_octets: must be at most 64 MiB")
        if self.memory_octets < 128 * MIB:
            raise ValueError("memory_octets: must be at least 128 MiB")

    @property
    def limits(self) -> Limits:
        """What a helper is told."""
        return Limits(
            input_octets=self.input_octets,
            text_octets=self.text_octets,
            pages=self.pages,
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
            memory_octets=self.memory_octets,
        )
