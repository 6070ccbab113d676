"""Threads on a real store."""

from tests.support.stores import Opened, a_message

from pymailcore.store.keywords import keywords_of

SEEN = keywords_of(["$seen"])


async def test_threads_need_a_shared_id_and_the_same_base_subject(opened: Opened) -> None:
    """RFC 8621 section 3."""
    first = await opened.deliver(a_message("Plan", message_id="<1@x>"))
    reply = await opened.deliver(a_message("Re: plan", message_id="<2@x>", in_reply_to="<1@x>"))
    other = await opened.deliver(a_message("Something else", message_id="<3@x>", in_reply_to="<1@x>"))
    alone = await opened.deliver(a_message("Plan"))
    assert reply.thread == first.thread
    assert len({first.thread, other.thread, alone.thread}) == 3
    threads = await opened.store.threads(opened.account, [alone.thread, 5, first.thread])
    assert threads == [(alone.thread, (alone.email,)), (first.thread, (first.email, reply.email))]


async def test_a_mail_that_links_two_threads_joins_the_older_and_they_stay_two(opened: Opened) -> None:
    """RFC 8621 section 3; RFC 8474 section 5.2."""
    old = await opened.deliver(a_message("s", message_id="<1@x>"))
    new = await opened.deliver(a_message("s", message_id="<2@x>"))
    link = await opened.deliver(a_message("s", message_id="<3@x>", in_reply_to="<2@x> <1@x>"))
    later = await opened.deliver(a_message("s", in_reply_to="<2@x>"))
    assert old.thread == link.thread
    assert later.thread == new.thread != old.thread
    await opened.check()


async def test_a_thread_whose_emails_are_gone_does_not_come_back(opened: Opened) -> None:
    first = await opened.deliver(a_message("s", message_id="<1@x>"))
    await opened.store.destroy_emails(opened.account, [first.email])
    again = await opened.deliver(a_message("s", message_id="<1@x>"))
    assert again.thread != first.thread
    changes = await opened.store.changes(opened.account, "thread", 0, 10)
    assert changes is not None
    assert changes.created == (again.thread,)
    reply = await opened.deliver(a_message("s", in_reply_to="<1@x>"))
    assert reply.thread == again.thread


async def test_unread_threads_treat_the_trash_as_apart(opened: Opened) -> None:
    """RFC 8621 section 2, the example of unreadThreads."""
    trash = opened.mailbox("Trash")
    await opened.deliver(a_message("s", message_id="<1@x>"), keywords=SEEN)
    await opened.deliver(a_message("s", in_reply_to="<1@x>"), trash)
    assert (await opened.counters("INBOX")).unread_threads == 0
    assert (await opened.counters("Trash")).unread_threads == 1
    await opened.store.update_mailbox(opened.account, trash, role="")
    assert (await opened.counters("INBOX")).unread_threads == 1
    await opened.check()
    await opened.store.update_mailbox(opened.account, trash, role="trash")
    assert (await opened.counters("INBOX")).unread_threads == 0
    await opened.check()
