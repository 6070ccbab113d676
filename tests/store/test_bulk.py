"""Long changes go in slices, each a transaction with a modseq of its own."""

import pytest
from tests.support.stores import Opened

from pymailcore.base.errors import StateMismatch
from pymailcore.store.bulk import SLICE_DESTROY


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
