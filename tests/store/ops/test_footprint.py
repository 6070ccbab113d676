import pytest

from pymailcore.store.keywords import DRAFT, SEEN
from pymailcore.store.ops.footprint import NOTHING, Message, Placement, Share, footprint

TRASH = 9


def message(flags: int, *placements: tuple[int, int]) -> Message:
    """An Email of 10 octets with placements of (Mailbox, deleted)."""
    made = [Placement(mailbox, n, deleted, 1, 1) for n, (mailbox, deleted) in enumerate(placements, 1)]
    return Message(1, 1, 10, 0, flags, "", 1, 1, 1, made)


@pytest.mark.parametrize(
    ("flags", "placements", "shares", "rest"),
    [
        (0, [(1, 0)], [Share(1, 1, 1, 0, 10, 1, 1)], (1, 1, 0)),
        (SEEN, [(1, 0)], [Share(1, 1, 0, 0, 10, 1, 0)], (1, 0, 0)),
        (DRAFT, [(1, 0)], [Share(1, 1, 1, 0, 10, 1, 0)], (1, 0, 0)),
        (0, [(1, 1)], [Share(1, 1, 1, 1, 10, 0, 0)], (0, 0, 0)),
        (0, [(TRASH, 0)], [Share(TRASH, 1, 1, 0, 10, 1, 1)], (1, 0, 1)),
        (0, [(1, 0), (1, 1)], [Share(1, 2, 2, 1, 20, 1, 1)], (1, 1, 0)),
        (0, [(1, 1), (TRASH, 0)], [Share(1, 1, 1, 1, 10, 0, 0), Share(TRASH, 1, 1, 0, 10, 1, 1)], (1, 0, 1)),
        (0, [(1, 0), (TRASH, 0)], [Share(1, 1, 1, 0, 10, 1, 1), Share(TRASH, 1, 1, 0, 10, 1, 1)], (1, 1, 1)),
    ],
)
def test_what_an_email_adds_to_the_counters(
    flags: int, placements: list[tuple[int, int]], shares: list[Share], rest: tuple[int, int, int]
) -> None:
    r"""RFC 8621 section 2: once for an Email, not with \Deleted; no draft is unread; the trash is apart."""
    found = footprint(message(flags, *placements), TRASH)
    assert list(found.mailboxes) == shares
    assert (found.visible, found.unread, found.unread_trash) == rest


def test_an_email_without_placements_adds_nothing() -> None:
    assert footprint(message(0), TRASH) == NOTHING
