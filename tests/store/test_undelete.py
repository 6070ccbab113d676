"""Bringing expunged mail back: by message, Mailbox, whole account, as of a moment."""

import itertools

import pytest
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import DEFAULT_TENANT, EmailId, MailboxId
from pymailcore.message import facts
from pymailcore.store.keywords import keyword_names, keywords_of
from pymailcore.store.query import And
from pymailcore.store.types import FlagChange, Quota, RestoredMailbox, Transaction, Want

ALL = ((1, 2**32 - 1),)
START = 1_800_000_000_000
DAY = 86_400_000


class Clock:
    """Time that goes on by a millisecond with each look, and by days when told."""

    def __init__(self) -> None:
        self._ticks = itertools.count(START)
        self._ahead = 0

    def __call__(self) -> int:
        return next(self._ticks) + self._ahead

    def days(self, number: float) -> None:
        self._ahead += int(number * DAY)


@pytest.fixture(autouse=True)
async def clock(opened: Opened) -> Clock:
    """The store's own time."""
    opened.store.engine.now_ms = clock = Clock()
    return clock


async def expunge_all(opened: Opened, path: str) -> None:
    box = (await opened.counters(path)).id
    await opened.store.set_flags(opened.account, box, ALL, FlagChange.ADD, keywords_of([]), deleted=True)
    await opened.store.expunge(opened.account, box, None)


async def bodies(opened: Opened, path: str) -> list[bytes]:
    """The messages of a Mailbox by UID."""
    box = await opened.counters(path)
    rows = await opened.store.fetch(opened.account, box.id, ALL, Want.NONE)
    return [await opened.store.message(opened.account, EmailId(row.email)) for row in rows]


async def test_a_mailbox_holds_again_what_it_held_at_a_moment(opened: Opened, clock: Clock) -> None:
    """DESIGN 4.4: new ids and UIDs (RFC 8474 section 5.1), the same octets and keywords."""
    store, account = opened.store, opened.account
    sent = [a_message(f"s{n}", message_id=f"<{n}@x>", in_reply_to="<root@x>") for n in range(3)]
    old = [await opened.deliver(octets, keywords=keywords_of(["$flagged", "x"])) for octets in sent]
    moment = clock()
    await expunge_all(opened, "INBOX")
    await opened.deliver(a_message("later"))
    await opened.check()
    assert await store.undelete.restore(account, at_ms=moment, path="inbox", dry_run=True) == (
        3, sum(map(len, sent)), (RestoredMailbox("INBOX", 3, made=False),),
    )  # fmt: skip
    assert len(await bodies(opened, "INBOX")) == 1
    done = await store.undelete.restore(account, at_ms=moment, path="inbox")
    assert done.emails == 3
    await opened.check()
    assert await bodies(opened, "INBOX") == [a_message("later"), *sent]
    rows = await store.fetch(account, opened.mailbox("INBOX"), ALL, Want.FACTS)
    assert not {row.email for row in rows} & {one.email for one in old}
    assert [row.uid for row in rows] == [4, 5, 6, 7]
    assert {keyword_names(row.flags, row.extra) for row in rows[1:]} == {("$flagged", "x")}
    changes = await store.changes(account, "email", old[-1].modseq, 100)
    assert changes is not None
    assert set(changes.created) == {row.email for row in rows}
    assert set(changes.destroyed) == {one.email for one in old}


async def test_the_same_undelete_twice_is_as_good_as_once(opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    archive = opened.mailbox("Archive")
    for n in range(3):
        await opened.deliver(a_message(f"s{n}"))
    await store.copy(account, opened.mailbox("INBOX"), [(1, 2)], archive)
    moment = clock()
    await expunge_all(opened, "INBOX")
    await expunge_all(opened, "Archive")
    # One Mailbox first: what it shares with the other comes back as one Email.
    await store.undelete.restore(account, at_ms=moment, path="Archive")
    assert [(await opened.counters(p)).messages for p in ("INBOX", "Archive")] == [0, 2]
    for _ in range(2):
        await store.undelete.restore(account, at_ms=moment)
        await opened.check()
        assert [(await opened.counters(p)).messages for p in ("INBOX", "Archive")] == [3, 2]
    ids, *_ = await store.query(account, And(()), [])
    assert len(ids) == 3
    # Gone once more, and back once more, and again: the history still names them.
    for _ in range(3):
        await expunge_all(opened, "INBOX")
        await expunge_all(opened, "Archive")
        assert (await store.undelete.restore(account, at_ms=moment)).emails == 3
        assert [(await opened.counters(p)).messages for p in ("INBOX", "Archive")] == [3, 2]
        await opened.check()


async def test_what_moved_comes_back_beside_where_it_is(opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    inbox, trash = opened.mailbox("INBOX"), opened.mailbox("Trash")
    for n in range(2):
        await opened.deliver(a_message(f"s{n}"))
    moment = clock()
    await store.move(account, inbox, [(1, 2)], trash)
    await store.set_flags(account, trash, [(1, 1)], FlagChange.ADD, keywords_of([]), deleted=True)
    await store.expunge(account, trash, None)
    only_gone = await store.undelete.restore(account, at_ms=moment, moved=False, dry_run=True)
    assert only_gone.mailboxes == (RestoredMailbox("INBOX", 1, made=False),)
    done = await store.undelete.restore(account, at_ms=moment)
    assert (done.emails, done.mailboxes) == (1, (RestoredMailbox("INBOX", 2, made=False),))
    assert [(await opened.counters(p)).messages for p in ("INBOX", "Trash")] == [2, 1]
    await opened.check()


async def test_only_what_was_there_at_the_moment_comes_back(opened: Opened, clock: Clock) -> None:
    early = clock()
    await opened.deliver(a_message("first"))
    moment = clock()
    await opened.deliver(a_message("second"))
    await expunge_all(opened, "INBOX")
    late = clock()
    restore = opened.store.undelete.restore
    for at_ms in (early, late):
        assert (await restore(opened.account, at_ms=at_ms)).mailboxes == ()
    await restore(opened.account, at_ms=moment)
    assert await bodies(opened, "INBOX") == [a_message("first")]


async def test_a_removed_mailbox_is_made_again(opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    made = await store.create_mailbox(account, "Work/Old", role="memos", subscribed=False)
    await opened.deliver(a_message("kept"), made.id)
    moment = clock()
    await store.remove_mailbox(account, made.id, with_emails=True)
    await store.remove_mailbox(account, (await opened.counters("Work")).id, with_emails=True)
    await opened.check()
    done = await store.undelete.restore(account, at_ms=moment, path="Work/Old")
    assert done.mailboxes == (RestoredMailbox("Work/Old", 1, made=True),)
    again = await opened.counters("Work/Old")
    assert (again.messages, again.role, again.subscribed) == (1, "memos", False)
    assert again.id != made.id
    # It has another name now; what came back is still known to be there.
    await store.update_mailbox(account, again.id, path="Work/New")
    assert (await store.undelete.restore(account, at_ms=moment, path="Work/Old")).mailboxes == ()
    await expunge_all(opened, "Work/New")
    await store.undelete.restore(account, at_ms=moment)
    assert (await opened.counters("Work/New")).messages == 1
    await opened.check()


async def test_threads_stay_together(opened: Opened, clock: Clock) -> None:
    """RFC 8621 section 3: a Thread that is gone comes back as one; one still there takes its Emails."""
    store, account = opened.store, opened.account
    for n in range(3):
        await opened.deliver(a_message("a", message_id=f"<{n}@x>", in_reply_to="<root@x>"))
    await opened.deliver(a_message("b", message_id="<5@x>"))
    stays = await opened.deliver(
        a_message("b", message_id="<6@x>", in_reply_to="<5@x>"), opened.mailbox("Archive")
    )
    moment = clock()
    await expunge_all(opened, "INBOX")
    await store.undelete.restore(account, at_ms=moment)
    rows = await store.fetch(account, opened.mailbox("INBOX"), ALL, Want.FACTS)
    assert len({row.thread for row in rows[:3]}) == 1
    assert rows[3].thread == stays.thread != rows[0].thread
    late = await opened.deliver(a_message("a", message_id="<9@x>", in_reply_to="<1@x>"))
    assert late.thread == rows[0].thread
    await opened.check()


async def test_messages_come_back_by_their_old_ids(opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    filed = [await opened.deliver(a_message(f"s{n}")) for n in range(3)]
    moment = clock()
    await store.move(account, opened.mailbox("INBOX"), ALL, opened.mailbox("Trash"))
    await expunge_all(opened, "Trash")
    first, second, third = (one.email for one in filed)
    await store.undelete.restore_emails(account, [first])
    assert await bodies(opened, "Trash") == [a_message("s0")]
    await store.undelete.restore_emails(account, [second], to=opened.mailbox("Archive"))
    assert await bodies(opened, "Archive") == [a_message("s1")]
    await store.undelete.restore(account, at_ms=moment, emails=[third, first])
    assert await bodies(opened, "INBOX") == [a_message("s0"), a_message("s2")]
    assert (await store.undelete.restore_emails(account, [first, EmailId(77)])).emails == 0
    with pytest.raises(NotFound):
        await store.undelete.restore_emails(account, [third], to=MailboxId(77))
    await opened.check()


async def test_the_list_tells_what_can_come_back(opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    filed = [await opened.deliver(a_message(f"s{n}")) for n in range(5)]
    await store.destroy_emails(account, [filed[0].email, filed[1].email])
    moment = clock()
    await store.destroy_emails(account, [one.email for one in filed[2:]])
    rows = await store.undelete.listed(account, limit=2)
    assert [facts.unpack(row.facts).subject for row in rows] == ["s4", "s3"]
    last = (rows[-1].gone_ms, rows[-1].email)
    rest = await store.undelete.listed(account, before=last, limit=9)
    assert [facts.unpack(row.facts).subject for row in rest] == ["s2", "s1", "s0"]
    assert {row.path for row in rest} == {"INBOX"}
    assert len(await store.undelete.listed(account, since_ms=moment)) == 3


@pytest.mark.parametrize("room", [-1, 0, 1])
async def test_what_comes_back_must_fit(room: int, opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    size = len(a_message("s0"))
    await store.quotas.set_account(account, Quota(octets=size * 2 + 100 + room))
    filed = [await opened.deliver(a_message(f"s{n}")) for n in range(2)]
    moment = clock()
    await expunge_all(opened, "INBOX")
    await opened.deliver(b"x" * 100)
    if room < 0:
        with pytest.raises(OverQuota, match=f"octets: {2 * size} are to come back, {2 * size - 1} fit"):
            await store.undelete.restore(account, at_ms=moment)
        assert len(await store.undelete.listed(account)) == 2
    else:
        assert (await store.undelete.restore(account, at_ms=moment)).emails == len(filed)
    await opened.check()


async def test_what_comes_back_must_fit_the_tenant_too(opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    for n in range(3):
        await opened.deliver(a_message(f"s{n}"))
    moment = clock()
    await expunge_all(opened, "INBOX")
    for limit in (2, 3):
        await store.quotas.set_shared("tenant", DEFAULT_TENANT, Quota(emails=limit))
        if limit == 2:
            with pytest.raises(OverQuota, match="the tenant's quota of Emails"):
                await store.undelete.restore(account, at_ms=moment)
            assert (await opened.counters("INBOX")).messages == 0
    assert (await store.undelete.restore(account, at_ms=moment)).emails == 3
    await opened.check()


async def test_kept_mail_goes_after_its_time(opened: Opened, clock: Clock) -> None:
    store, account = opened.store, opened.account
    made = await store.create_mailbox(account, "gone")
    await opened.deliver(a_message("old"), made.id)
    moment = clock()
    await store.remove_mailbox(account, made.id, with_emails=True)
    clock.days(13.9)
    for n in range(2):
        await opened.deliver(a_message(f"young {n}"))
    await expunge_all(opened, "INBOX")
    assert await store.undelete.purge() == 0
    clock.days(0.2)
    assert await store.undelete.purge() == 1
    await opened.check()
    assert [facts.unpack(row.facts).subject for row in await store.undelete.listed(account)] == [
        "young 1",
        "young 0",
    ]
    with pytest.raises(NotFound):
        await store.undelete.restore(account, at_ms=moment, path="gone")
    assert await store.undelete.purge(everything=True) == 2
    assert await store.undelete.listed(account) == []
    await opened.check()

    async def rest(tx: Transaction) -> list[int]:
        tables = ("kept_emails", "kept_mailboxes", "email_data", "email_headers", "blob_refs")
        return [(await tx.row(f"SELECT count(*) FROM {table}") or (-1,))[0] for table in tables]  # noqa: S608

    assert await store.database.read(rest) == [0] * 5


async def test_what_is_kept_is_held_to_the_quota_and_the_oldest_goes_first(opened: Opened) -> None:
    store, account = opened.store, opened.account
    size = len(a_message("s0"))
    for n in range(4):
        await opened.deliver(a_message(f"s{n}"))
        await expunge_all(opened, "INBOX")
    await store.quotas.set_account(account, Quota(octets=size * 2))
    assert await store.undelete.purge(account) == 2
    assert [facts.unpack(row.facts).subject for row in await store.undelete.listed(account)] == ["s3", "s2"]
    await opened.check()


async def test_what_comes_back_into_a_living_thread_leads_replies_there(opened: Opened) -> None:
    """A mail linked two Threads; the second one went, and a reply to it has only the first to join."""
    first = await opened.deliver(a_message("plan", message_id="<a@x>"))
    await opened.deliver(a_message("plan", message_id="<b@x>"))
    both = await opened.deliver(a_message("plan", message_id="<c@x>", in_reply_to="<a@x> <b@x>"))
    assert both.thread == first.thread
    box = opened.mailbox("INBOX")
    await opened.store.set_flags(
        opened.account, box, ((2, 3),), FlagChange.ADD, keywords_of([]), deleted=True
    )
    await opened.store.expunge(opened.account, box, None)
    await opened.store.undelete.restore_emails(opened.account, [both.email])
    reply = await opened.deliver(a_message("Re: plan", message_id="<d@x>", in_reply_to="<b@x>"))
    assert reply.thread == first.thread
    await opened.check()
