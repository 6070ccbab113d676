
from pymailcore.store.keywords import keywords_of
from pymailcore.store.query import And, Contains, Field, InMailbox, Sort, SortKey
from pymailcore.store.types import EmailUpdate, FlagChange, Want
from tests.support.stores import Opened, a_message

ALL = ((1, 2**32 - 1),)


async def test_everything_once(opened: Opened) -> None:
    store, account = opened.store, opened.account
    octets = a_message("first", body="x" * 5000 + "\r\n", message_id="<1@x>")
    one = await opened.deliver(octets)
    assert (one.uid, one.size_octets) == (1, len(octets))
    assert await store.message(account, one.email) == octets
    assert await store.blob(account, one.blob) == octets
    two = await opened.deliver(a_message("Re: first", in_reply_to="<1@x>"))
    assert two.thread == one.thread
    await opened.check()
    inbox, trash = opened.mailbox("INBOX"), opened.mailbox("Trash")
    rows = await store.fetch(account, inbox, ALL, Want.ENVELOPE | Want.FACTS)
    assert [row.uid for row in rows] == [1, 2]
    done, late = await store.set_flags(account, inbox, ALL, FlagChange.ADD, keywords_of(["$seen"]))
    assert not late
    assert [row.flags for row in done] == [1, 1]
    await opened.check()
    copied = await store.copy(account, inbox, [(1, 1)], trash)
    assert (copied.source, copied.destination) == ((1,), (1,))
    await opened.check()
    moved = await store.move(account, inbox, [(2, 2)], trash)
    assert (moved.source, moved.destination) == ((2,), (2,))
    await opened.check()
    await store.set_flags(account, inbox, ALL, FlagChange.ADD, keywords_of([]), deleted=True)
    await opened.check()
    assert await store.expunge(account, inbox, None) == [1]
    await opened.check()
    found = await store.query(account, And(()), [Sort(SortKey.RECEIVED)], collapse_threads=True, total=True)
    assert found[0] == [one.email]
    assert await store.search(account, trash, Contains(Field.BODY, "XXXX")) == [1]
    assert await store.search(account, trash, Contains(Field.SUBJECT, "RE: F")) == [2]
    assert (await store.query(account, InMailbox(frozenset([inbox])), []))[0] == []
    refused = await store.update_emails(account, [EmailUpdate(one.email, add_mailboxes=frozenset([inbox]))])
    assert refused == {}
    await opened.check()
    assert await store.destroy_emails(account, [one.email, two.email]) == [one.email, two.email]
    await opened.check()
    made = await store.create_mailbox(account, "a/b/c")
    assert made.path == "a/b/c"
    parent = await store.mailbox_named(account, "a")
    assert parent is not None
    await store.update_mailbox(account, parent.id, path="z/y")
    assert await store.mailbox_named(account, "z/y/b/c") is not None
    await opened.check()
    blob = await store.upload(account, b"hello", now_ms=1)
    assert await store.blob(account, blob) == b"hello"
    changed = await store.changes(account, "email", 0, 100)
    assert changed is not None
