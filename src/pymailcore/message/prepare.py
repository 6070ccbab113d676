"""All that a message is asked for later, made once when it arrives."""

from dataclasses import dataclass

from pymailcore.message import facts as message_facts
from pymailcore.message import structure
from pymailcore.message.base_subject import base_subject
from pymailcore.message.bodies import bodies, has_attachment
from pymailcore.message.limits import MAX_REFERENCES
from pymailcore.message.parse import parse
from pymailcore.message.preview import preview
from pymailcore.message.split import split
from pymailcore.message.wire import body_forms, envelope, envelope_values


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
    root, fields = parse(octets)
    values = envelope_values(fields)
    body, bodystructure = body_forms(root)
    sorted_parts = bodies(root)
    attachment = has_attachment(sorted_parts)
    facts, sent_ms = message_facts.read_facts(
        fields, values, preview=preview(octets, sorted_parts), has_attachment=attachment
    )
    skeleton, leaves, recipe = split(octets, root)
    return Prepared(
        size_octets=len(octets),
        octets=octets,
        skeleton=skeleton,
        leaves=tuple([Leaf(octets=leaf.octets, decoded=leaf.decoded) for leaf in leaves]),
        recipe=recipe,
        envelope=envelope(values),
        body=body,
        bodystructure=bodystructure,
        parts=structure.pack(root),
        facts=message_facts.pack(facts),
        message_ids=tuple(facts.message_id or ()),
        references=_references(facts),
        base_subject=base_subject(facts.subject or ""),
        sent_ms=sent_ms,
        has_attachment=attachment,
    )


def _references(facts: message_facts.Facts) -> tuple[str, ...]:
    """Give the newest ids of References and In-Reply-To, each once, In-Reply-To at the end."""
    newest = [*(facts.references or ())[-MAX_REFERENCES:], *(facts.in_reply_to or ())[:MAX_REFERENCES]]
    return tuple(dict.fromkeys(newest))[-MAX_REFERENCES:]
