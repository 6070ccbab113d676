"""What tests of the full-text index share."""

from collections.abc import Sequence

from pymailcore.store.fulltext.words import Plan, Slot, Words, is_word, plain


def has_plan(stream: Sequence[str], plan: Plan) -> bool:
    """Whether a stream of tokens has a plan's phrase; every word of the stream is in the vocabulary."""
    slots = plan.slots
    return any(
        all(_fills(token, slot) for token, slot in zip(stream[start:], slots, strict=False))
        for start in range(len(stream) - len(slots) + 1)
    )


def _fills(token: str, slot: Slot) -> bool:
    if not isinstance(slot, Words):
        return token in slot
    return is_word(token) and slot.takes(token if slot.accents else plain(token))
