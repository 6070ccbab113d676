"""Clients that fell behind: what they knew once and what changed since must make up what is there now.

RFC 7162 section 3.2 for IMAP; RFC 8620 section 5.2, RFC 8621 sections 2.2, 3.2 and 4.3 for JMAP.
"""

from typing import Any, Final, NamedTuple

from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.keywords import keyword_names
from pymailcore.store.query import And, Sort, SortKey
from pymailcore.store.store import Store
from pymailcore.store.types import Mailbox, States, Want

ALL: Final = ((1, 2**32 - 1),)
_MANY: Final = 10**6


class Message(NamedTuple):
    """A message of a selected Mailbox."""

    email: int
    keywords: frozenset[str]
    deleted: int
    modseq: int

    @property
    def flags(self) -> tuple[frozenset[str], int]:
        """What FETCH FLAGS shows."""
        return self.keywords, self.deleted


class Seen(NamedTuple):
    """All that clients of one account see at one moment."""

    at_ms: int
    states: States
    mailboxes: dict[int, Mailbox]
    messages: dict[int, dict[int, Message]]  # by Mailbox and UID
    emails: dict[int, tuple[frozenset[str], frozenset[int]]]  # keywords, Mailboxes
    threads: dict[int, tuple[int, ...]]


async def see(store: Store, account: AccountId, at_ms: int) -> Seen:
    """Look at everything."""
    mailboxes = {int(mailbox.id): mailbox for mailbox in await store.mailboxes(account)}
    messages = {}
    for mailbox in mailboxes:
        rows = await store.fetch(account, MailboxId(mailbox), ALL, Want.NONE, limit=_MANY)
        messages[mailbox] = {
            row.uid: Message(
                row.email, frozenset(keyword_names(row.flags, row.extra)), row.deleted, row.modseq
            )
            for row in rows
        }
    ids, _, total, state = await store.query(
        account, And(()), [Sort(SortKey.RECEIVED)], limit=_MANY, total=True
    )
    states = await store.states(account)
    assert (total, state) == (len(ids), states.email)
    rows_ = await store.emails(account, ids, facts=False)
    assert [row.id for row in rows_] == ids
    emails = {
        row.id: (frozenset(keyword_names(row.flags, row.extra)), frozenset(row.mailboxes)) for row in rows_
    }
    threads = dict(await store.threads(account, sorted({row.thread for row in rows_})))
    assert {email: thread for thread, there in threads.items() for email in there} == {
        row.id: row.thread for row in rows_
    }
    return Seen(
        at_ms, states, mailboxes, messages, emails, {int(id_): there for id_, there in threads.items()}
    )


async def catch_up(store: Store, account: AccountId, before: Seen, now: Seen, *, page: int) -> None:
    """Bring clients from an earlier moment to now by what the store tells them."""
    for mailbox in now.mailboxes:
        await _resynchronise(store, account, mailbox, before, now)
    for mailbox in before.mailboxes.keys() - now.mailboxes.keys():
        assert await store.delta(account, MailboxId(mailbox), before.states.modseq) is None
    emails = await _follow(store, account, "email", before.emails, now.emails, before.states.email, page)
    assert emails == now.emails
    threads = await _follow(store, account, "thread", before.threads, now.threads, before.states.thread, page)
    assert threads == now.threads
    was, is_ = _shown(before), _shown(now)
    assert await _follow(store, account, "mailbox", was, is_, before.states.mailbox, page) == is_


async def _resynchronise(store: Store, account: AccountId, mailbox: int, before: Seen, now: Seen) -> None:
    """An IMAP client with QRESYNC."""
    there = now.messages[mailbox]
    view: dict[int, Any] = {uid: one.flags for uid, one in before.messages.get(mailbox, {}).items()}
    known = before.mailboxes.get(mailbox)
    since = before.states.modseq if known is None else known.highest_modseq
    delta = await store.delta(account, MailboxId(mailbox), since)
    assert delta is not None
    assert delta.modseq == now.mailboxes[mailbox].highest_modseq
    assert set(delta.expunged) <= view.keys(), "told of the end of what it never knew"
    for uid in delta.expunged:
        del view[uid]
    for row in delta.changed:
        assert row.uid in view
        assert row.modseq > since
        view[row.uid] = frozenset(keyword_names(row.flags, row.extra)), row.deleted
    assert list(delta.arrived) == sorted(there.keys() - view.keys())
    for uid in delta.arrived:
        view[uid] = there[uid].flags
    assert view == {uid: one.flags for uid, one in there.items()}


def _shown(seen: Seen) -> dict[int, tuple[object, ...]]:
    """What JMAP shows of Mailboxes."""
    return {
        id_: (
            box.name, box.parent, box.role, box.sort_order, box.subscribed, box.total_emails,
            box.unread_emails, box.total_threads, box.unread_threads,
        )
        for id_, box in seen.mailboxes.items()
    }  # fmt: skip


async def _follow(
    store: Store,
    account: AccountId,
    kind: str,
    known: dict[int, Any],
    now: dict[int, Any],
    start: int,
    page: int,
) -> dict[int, Any]:
    """A JMAP client that reads the changes page by page and fetches what they name."""
    view = dict(known)
    since = start
    more = True
    while more:
        changes = await store.changes(account, kind, since, page)
        if changes is None:  # more things in one revision than a page takes
            changes = await store.changes(account, kind, since, _MANY)
        assert changes is not None
        assert changes.old_modseq == since
        assert changes.new_modseq >= since
        if since == start:  # a page may end between two changes of a thing: RFC 8620 section 5.2 allows that
            assert not set(changes.created) & view.keys(), "told anew of what it knows"
            assert set(changes.destroyed) <= view.keys(), "told of the end of what it never knew"
        assert set(changes.updated) <= view.keys(), "told of a change of what it never knew"
        for id_ in changes.destroyed:
            view.pop(id_, None)
        for id_ in (*changes.created, *changes.updated):
            if id_ in now:  # else a later page tells of its end
                if changes.counters_only and not changes.more:
                    assert view[id_][:5] == now[id_][:5]
                view[id_] = now[id_]
            elif id_ in changes.created:
                view[id_] = None
        more, since = changes.more, changes.new_modseq
    return view
