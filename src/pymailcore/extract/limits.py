"""Every limit that a helper keeps, by name; the first six are the operator's (`settings`)."""

import json
from dataclasses import asdict, dataclass
from typing import Final, Self

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one attachment may cost.

    Attributes:
        input_octets: of the attachment.
        text_octets: of its text, in UTF-8.
        pages: of a PDF.
        seconds: until an orphaned helper ends itself; its parent kills it earlier.
        cpu_seconds: processor time, after which it gives what it has.
        memory_octets: address space of the process.
        inflated_octets: that all members of a package, or one stream of a PDF, become.
        members: in a package; none of them is opened as a package.
        directory_octets: the list of a package's members.
        ratio: inflated to packed octets of a member, once it has `ratio_free_octets`.
        xml_depth: elements in one another.
        xml_token_octets: of a tag, comment or the like.
        rtf_depth: groups in one another.
    """

    input_octets: int = 32 * MIB
    text_octets: int = MIB
    pages: int = 2_000
    seconds: float = 60.0
    cpu_seconds: float = 10.0
    memory_octets: int = 512 * MIB
    inflated_octets: int = 64 * MIB
    members: int = 10_000
    directory_octets: int = 2 * MIB
    ratio: int = 250
    ratio_free_octets: int = 4 * MIB
    xml_depth: int = 256
    xml_token_octets: int = MIB
    rtf_depth: int = 1_000

    def dump(self) -> str:
        """Write them as one argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` wrote."""
        return cls(**json.loads(text))
