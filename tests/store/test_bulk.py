"""Long changes go in slices, each a transaction with a modseq of its own."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import Forbidden, NotEmpty, StateMismatch
from pymailcore.base.ids import MailboxId
from pymailcore.store import bulk
from pymailcore.store.bulk import SLICE_DESTROY
from pymailcore.store.types import Transaction


async def test_many_emails_are_destroyed_in_slices(opened: Opened) -> None:
    store, account = opened.store, opened.account
    ids = [(await opened.deliver()).email for _ in range(SLICE_DESTROY + 1)]
    before = (await store.states(account)).email
    assert await store.destroy_emails(account, [*ids, ids[0]], if_modseq=before) == ids
    assert (await store.states(account)).email == before + 2
    await opened.check()


async def test_none_is_destroyed_when_the_state_is_another(opened: Opened) -> None:
    store, account = opened.store, opened.account
    ids = [(await opened.deliver()).email for _ in range(SLICE_DESTROY + 1)]
    before = (await store.states(account)).email
    with pytest.raises(StateMismatch):
        await store.destroy_emails(account, ids, if_modseq=before - 1)
    assert (await opened.counters("INBOX")).messages == len(ids)


async def tree(opened: Opened, *paths: str) -> MailboxId:
    """Mailboxes with an Email each; gives the first of them."""
    made = [await opened.store.create_mailbox(opened.account, path) for path in paths]
    for number, mailbox in enumerate(made):
        await opened.deliver(a_message(f"in {mailbox.path}", message_id=f"<{number}@tree>"), mailbox.id)
    return made[0].id


async def there(opened: Opened) -> dict[str, int]:
    boxes = await opened.store.mailboxes(opened.account)
    return {box.path: box.messages for box in boxes if box.role is None}


async def test_a_tree_of_mailboxes_goes_and_comes_back(opened: Opened) -> None:
    """Those beside it, of which one has a name that begins alike, stay; undelete makes all of it again."""
    store, account = opened.store, opened.account
    root = await tree(opened, "a", "a/b", "a/b/Ü", "a/c", "ab", "ab/a", "A")
    before = await there(opened)
    moment = store.engine.now_ms()
    state = (await store.states(account)).mailbox
    store.engine.now_ms = lambda: moment + 1_000
    with pytest.raises(NotEmpty):
        await store.remove_mailbox(account, root, with_emails=True)
    with pytest.raises(NotEmpty):
        await store.remove_mailbox(account, root, with_emails=False, with_children=True)
    assert await there(opened) == before
    await store.remove_mailbox(account, root, with_emails=True, with_children=True)
    assert await there(opened) == {"ab": 1, "ab/a": 1, "A": 1}
    changes = await store.changes(account, "mailbox", state, 100)
    assert changes is not None
    assert len(changes.destroyed) == 4
    await opened.check()
    assert (await store.undelete.restore(account, at_ms=moment)).emails == 4
    assert await there(opened) == before
    await opened.check()


async def test_a_tree_of_several_slices_goes_while_others_write_there(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mailbox that is made, and mail that comes, between two slices goes, too."""
    monkeypatch.setattr(bulk, "SLICE_TREE", 2)
    store, account = opened.store, opened.account
    root = await tree(opened, "a", "a/b", "a/b/c", "a/d")
    database, real, calls = store.database, store.database.write, 0

    async def write(work: Callable[[Transaction], Awaitable[Any]]) -> Any:  # noqa: ANN401 - as it is
        nonlocal calls
        calls += 1
        result = await real(work)
        if calls == 1:
            monkeypatch.setattr(database, "write", real)
            late = await store.create_mailbox(account, "a/late/x")
            await opened.deliver(a_message("late"), late.id)
            monkeypatch.setattr(database, "write", write)
        return result

    monkeypatch.setattr(database, "write", write)
    await store.remove_mailbox(account, root, with_emails=True, with_children=True)
    monkeypatch.undo()
    assert calls > 2
    assert await there(opened) == {}
    await opened.check()


async def test_the_inbox_stays_with_all_below_it(opened: Opened) -> None:
    await tree(opened, "INBOX/x")
    with pytest.raises(Forbidden):
        await opened.store.remove_mailbox(
            opened.account, opened.mailbox("INBOX"), with_emails=True, with_children=True
        )
    assert await there(opened) == {"INBOX/x": 1}
