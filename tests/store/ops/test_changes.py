"""What changed since a state."""

from tests.support.stores import Opened

from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import FlagChange

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])


async def test_changes_page_between_modseqs_only(opened: Opened) -> None:
    """RFC 8620 section 5.2: maxChanges is never passed."""
    store, account = opened.store, opened.account
    start = (await store.states(account)).email
    ids = [(await opened.deliver()).email for _ in range(3)]
    page = await store.changes(account, "email", start, 2)
    assert page is not None
    assert (page.created, page.more) == (tuple(ids[:2]), True)
    rest = await store.changes(account, "email", page.new_modseq, 2)
    assert rest is not None
    assert (rest.created, rest.more, rest.new_modseq) == (
        (ids[2],), False, (await store.states(account)).email,
    )  # fmt: skip
    await store.set_flags(account, opened.mailbox("INBOX"), ALL, FlagChange.ADD, SEEN)
    assert await store.changes(account, "email", rest.new_modseq, 2) is None
    assert await store.changes(account, "email", 10**9, 2) is None
