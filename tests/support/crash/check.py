"""Compares a store with a ledger after a crash: the acknowledged is there, the rest is whole or not there."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.crash.child import ALL, BOXES, fresh_ids
from tests.support.crash.ledger import Intent, Key, Ledger, Mail, after, alike, keys_of
from tests.support.crash.load import ACCOUNTS
from tests.support.crash.messages import message_of, token_of, upload_of
from tests.support.stores import Opened, add_account, opened_store

from pymailcore.base.ids import AccountId, BlobId, EmailId
from pymailcore.store.keywords import keyword_names
from pymailcore.store.store import Store
from pymailcore.store.types import FetchRow, Want


async def prepare(folder: Path, **settings: Any) -> None:  # noqa: ANN401
    """Make a store with two accounts."""
    async with opened_store(folder, ids=fresh_ids(), **settings) as opened:
        await add_account(opened.store, ACCOUNTS[1], "two@example.org")


class Clients:
    """IMAP clients of all Mailboxes: they know what was last seen, and follow the deltas."""

    def __init__(self) -> None:
        self._views: dict[int, dict[int, tuple[int, str, int]]] = {}
        self._modseqs: dict[int, int] = {}

    async def follow(self, store: Store, account: AccountId, mailbox: int, rows: Sequence[FetchRow]) -> None:
        """What a client knew and the delta since then make up what is there now."""
        now = {row.uid: (row.flags, row.extra, row.deleted) for row in rows}
        if mailbox in self._views:
            delta = await store.delta(account, mailbox, self._modseqs[mailbox])  # type: ignore[arg-type]
            assert delta is not None
            assert delta.modseq >= self._modseqs[mailbox]
            view = {uid: seen for uid, seen in self._views[mailbox].items() if uid not in delta.expunged}
            for row in delta.changed:
                assert row.uid in view
                view[row.uid] = row.flags, row.extra, row.deleted
            assert not view.keys() & set(delta.arrived)
            view |= {uid: now[uid] for uid in delta.arrived}
            assert view == now
            self._modseqs[mailbox] = delta.modseq
        else:
            self._modseqs[mailbox] = max((row.modseq for row in rows), default=0)
        self._views[mailbox] = now


async def check(opened: Opened, ledger: Ledger, clients: Clients, *, sample: int | None) -> None:
    """Compare everything; what pending operations left is then taken for acknowledged.

    Args:
        sample: of how many messages the octets are read beside the new ones; None for all.
    """
    store = opened.store
    await opened.check()
    fresh: dict[Key, Mail] = {}
    touched: set[Key] = set()
    for account in ACCOUNTS:
        touched |= await _check_account(store, account, ledger, clients, fresh)
    for intent in ledger.pending.values():
        if intent["do"] == "append":
            _check_append(intent, fresh)
    for key, mail in fresh.items():
        ledger.adopt(key, mail)
    touched |= fresh.keys()
    ledger.pending.clear()
    rest = sorted(set(ledger.mails) - touched)
    if sample is not None:
        rest = random.Random(len(rest)).sample(rest, min(sample, len(rest)))  # noqa: S311
    for key in [*touched, *rest]:
        octets = await store.message(AccountId(key[1]), EmailId(ledger.mails[key].email))
        assert octets == message_of(key[0]), key
    blobs = list(ledger.uploads.items())
    for blob, (owner, seed) in blobs if sample is None else blobs[-sample:]:
        assert await store.blob(AccountId(owner), BlobId(blob)) == upload_of(seed)


async def _check_account(
    store: Store, account: AccountId, ledger: Ledger, clients: Clients, fresh: dict[Key, Mail]
) -> set[Key]:
    """Compare one account; gives the messages that unanswered operations concern and that are there.

    Args:
        fresh: takes what nobody was told of.
    """
    states = await store.states(account)
    heard = ledger.modseqs.get(account, 0)
    assert states.modseq >= heard, f"the account's clock has gone back from {heard} to {states.modseq}"
    ledger.heard(account, states.modseq)
    found = await _found(store, account, ledger, clients)
    assert not ledger.gone & found.keys(), "what was gone is there again"
    mine = {key: mail for key, mail in ledger.mails.items() if key[1] == account}
    concerned = {key for intent in ledger.pending.values() for key in keys_of(intent) if key[1] == account}
    for email in found.keys() - {mail.email for mail in mine.values()}:
        key = token_of(await store.message(account, EmailId(email))), int(account)
        assert key in concerned, f"{key} is there and nobody put it there"
        assert key not in fresh, f"{key} is there twice"
        fresh[key] = found[email]
    for key, mail in mine.items():
        if key not in concerned:
            assert mail.email in found, f"{key} was acknowledged and is not there"
            assert alike(found[mail.email], mail, ledger.uids), (key, found[mail.email], mail)
    for intent in ledger.pending.values():
        if intent["do"] != "append":
            _check_pending(intent, account, ledger, found)
    return {key for key in concerned if key in ledger.mails}


async def _found(store: Store, account: AccountId, ledger: Ledger, clients: Clients) -> dict[int, Mail]:
    """All Emails that the account's Mailboxes hold."""
    found: dict[int, Mail] = {}
    last: dict[int, int] = {}
    for box, uid in ledger.uids:
        last[box] = max(uid, last.get(box, 0))
    for mailbox in await store.mailboxes(account):
        assert mailbox.uid_next > last.get(mailbox.id, 0), "a UID could be given again"
        rows = await store.fetch(account, mailbox.id, ALL, Want.NONE, limit=10**6)
        assert mailbox.path in BOXES or not rows
        for row in rows:
            names = frozenset(keyword_names(row.flags, row.extra))
            mail = found.setdefault(row.email, Mail(row.email, {}, names))
            assert mail.keywords == names
            mail.places[int(mailbox.id), row.uid] = row.deleted
            known = ledger.uids.get((mailbox.id, row.uid))
            assert known in (None, row.email), "a UID names another message now"
        await clients.follow(store, account, mailbox.id, rows)
    return found


def _check_append(intent: Intent, fresh: dict[Key, Mail]) -> None:
    """A message that was filed for several accounts is there for all of them, or for none."""
    keys = keys_of(intent)
    there = [fresh[key] for key in keys if key in fresh]
    assert len(there) in (0, len(keys)), (intent, there)
    for mail, mailbox in zip(there, intent["mailboxes"], strict=False):
        assert mail.keywords == frozenset(intent["keywords"])
        assert [box for box, _ in mail.places] == [mailbox]


def _check_pending(intent: Intent, account: int, ledger: Ledger, found: dict[int, Mail]) -> None:
    """An operation that was not answered has happened to all of its messages, or to none."""
    keys = [key for key in keys_of(intent) if key[1] == account]
    before = [ledger.mails[key] for key in keys]
    wanted = [after(mail, intent) for mail in before]
    now = [found.get(mail.email, Mail(mail.email, {}, mail.keywords)) for mail in before]
    undone = all(alike(there, mail, ledger.uids) for there, mail in zip(now, before, strict=True))
    done = all(alike(there, mail, ledger.uids) for there, mail in zip(now, wanted, strict=True))
    assert undone or done, (intent, before, now)
    for key, there in zip(keys, now, strict=True):
        ledger.adopt(key, there)
