"""How much a client may make the server hold while it reads one command."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLimits:
    """Budgets of one command.

    Attributes:
        line_octets: all lines of a command together, and its literals that are no message.
        literal_octets: one literal that is no message.
        literals: literals in one command.
        message_octets: one literal of an APPEND or REPLACE that belongs to a message.
        append_octets: all of them in one command together.
        discard_octets: a literal that comes unasked and is too large is read and dropped up to this size;
            beyond, the connection ends (RFC 7888 section 4 leaves the choice).
    """

    line_octets: int
    literal_octets: int
    literals: int
    message_octets: int
    append_octets: int
    discard_octets: int


BEFORE_LOGIN: Final = CommandLimits(
    line_octets=8_192,
    literal_octets=4_096,
    literals=3,
    message_octets=0,
    append_octets=0,
    discard_octets=0,
)


APPEND_OCTETS: Final = 67_108_864
"""Octets that messages of one APPEND may have together, where a single one may not have more anyhow."""


def after_login(message_octets: int, annotation_octets: int) -> CommandLimits:
    """Budgets for somebody who is known; an annotation of the largest size always fits."""
    return CommandLimits(
        line_octets=max(1_048_576, 2 * annotation_octets),
        literal_octets=max(131_072, annotation_octets),
        literals=1_024,
        message_octets=message_octets,
        append_octets=max(message_octets, APPEND_OCTETS),
        discard_octets=4 * message_octets,
    )
