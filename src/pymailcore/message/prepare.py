"""All that a message is asked for later, made once when it arrives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One part that is stored as a blob of its own.

    Attributes:
        octets: decoded when `decoded`, else as they stand in the message.
    """

    octets: bytes
    decoded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A message, parsed and split.

    Attributes:
        size_octets: of the whole message.
        octets: the whole message.
        skeleton: what is not a leaf.
        leaves: parts of 1 KiB or more, in the order of the message.
        recipe: msgpack; with skeleton and leaves it rebuilds the message (message.split.join). Names leaves
            by their place, 0 to n-1; the store keeps the blob addresses beside it.
        envelope, body, bodystructure: IMAP wire forms (RFC 9051 section 7.5.2), without the item's name.
        parts: packed part tree (message.structure.pack), all positions relative to the whole message.
        facts: packed header values and preview (message.facts.pack).
        message_ids: of the Message-ID field, for Threads; may be empty.
        references: ids of In-Reply-To and References, at most 100.
        base_subject: RFC 5256 section 2.1, for Threads and sorting.
        sent_ms: the Date field, None when there is none that can be read.
        has_attachment: RFC 8621 section 4.1.4.
    """

    size_octets: int
    octets: bytes
    skeleton: bytes
    leaves: tuple[Leaf, ...]
    recipe: bytes
    envelope: bytes
    body: bytes
    bodystructure: bytes
    parts: bytes
    facts: bytes
    message_ids: tuple[str, ...]
    references: tuple[str, ...]
    base_subject: str
    sent_ms: int | None
    has_attachment: bool


def prepare(octets: bytes) -> Prepared:
    """Parse and split one message; never raises, whatever the octets are."""
    raise NotImplementedError
