"""Mixed work on a store by several tasks, each of which says what it begins and what it was answered."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.support.crash.ledger import Intent, Ledger, keys_of
from tests.support.crash.messages import message_of, upload_of
from tests.support.stores import RECEIVED_MS

from pymailcore.base.errors import OverQuota
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, EmailId, MailboxId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.store import Store
from pymailcore.store.types import EmailUpdate, FlagChange, Target

ACCOUNTS: Final = (AccountId(1), AccountId(2))
_NAMES: Final = ("$seen", "$flagged", "$draft", "work", "later")
_WORK: Final = {
    "append": 36, "keywords": 16, "mark": 10, "expunge": 8, "move": 14, "copy": 5, "destroy": 3, "update": 5,
    "upload": 3,
}  # fmt: skip

Report = Callable[[dict[str, Any]], None]


class Worker:
    """One task: an owner of messages.

    Args:
        owner: its name; its messages' names begin with it and a dot.
        boxes: for each account the Mailboxes that it files into.
        report: takes what it begins and what it was answered.
    """

    def __init__(
        self,
        store: Store,
        owner: str,
        ledger: Ledger,
        boxes: dict[int, list[int]],
        report: Report,
        source: random.Random,
    ) -> None:
        self._store = store
        self._owner = owner
        self._ledger = ledger
        self._boxes = boxes
        self._report = report
        self._source = source

    async def work(self, times: int | None = None) -> None:
        """Do one operation after another, until one fails in a way that leaves its outcome open."""
        done = 0
        while times is None or done < times:
            await self.once()
            done += 1

    async def once(self) -> bool:
        """Do one operation; False when the store refused it."""
        intent = self._choose()
        owner = self._owner
        self._ledger.begin(owner, intent)
        self._report({"owner": owner, "begin": intent})
        try:
            result = await perform(self._store, intent)
        except OverQuota:
            self._ledger.refuse(owner)
            self._report({"owner": owner, "refused": "quota"})
            return False
        self._ledger.ack(owner, result)
        self._report({"owner": owner, "ack": result})
        account = AccountId(intent["account"])
        states = await self._store.states(account)
        self._report({"account": account, "modseq": states.modseq})
        return True

    def _choose(self) -> Intent:
        source = self._source
        what = source.choices(list(_WORK), list(_WORK.values()))[0]
        account = source.choice(ACCOUNTS)
        mine = self._ledger.owned(self._owner, account)
        if what == "upload":
            return {"do": "upload", "account": account, "seed": source.getrandbits(40)}
        if what == "append" or not mine:
            number = self._ledger.numbers.get(self._owner, 0)
            accounts = [account] if source.random() < 0.8 else [*ACCOUNTS]
            return {
                "do": "append",
                "account": account,
                "token": f"{self._owner}.{number}",
                "accounts": accounts,
                "mailboxes": [source.choice(self._boxes[one]) for one in accounts],
                "keywords": source.sample(_NAMES, source.randrange(3)),
            }
        _, mail = source.choice(mine)
        mailbox, _ = source.choice(list(mail.places))
        there = [(key, mail) for key, mail in mine if mail.uid_in(mailbox) is not None]
        there = source.sample(there, min(len(there), source.choice((1, 1, 2, 5))))
        there.sort(key=lambda one: one[1].uid_in(mailbox) or 0)
        intent: Intent = {
            "do": what,
            "account": account,
            "keys": [key for key, _ in there],
            "mailbox": mailbox,
            "uids": [mail.uid_in(mailbox) for _, mail in there],
        }
        if what in ("move", "copy"):
            intent["to"] = source.choice(self._boxes[account])
        if what in ("keywords", "update"):
            intent["names"] = sorted(source.sample(_NAMES, source.randrange(1, 4)))
        if what == "keywords":
            intent["how"] = source.choice("+-=")
            if intent["how"] == "=" and any(
                mail.places[mailbox, mail.uid_in(mailbox) or 0] for _, mail in there
            ):
                intent["how"] = "+"  # a whole new set of flags would clear \Deleted, too
        if what in ("destroy", "update"):
            there = [(key, mail) for key, mail in there if not all(mail.places.values())]  # visible for JMAP
            intent["keys"] = [key for key, _ in there]
            intent["emails"] = [mail.email for _, mail in there]
        return intent


async def perform(store: Store, intent: Intent) -> Any:  # noqa: ANN401
    """Do what an intent says; gives what `Ledger.ack` takes."""
    what = intent["do"]
    account = AccountId(intent["account"])
    if what == "append":
        return await _append(store, intent)
    if what == "upload":
        return await store.upload(account, upload_of(intent["seed"]), now_ms=RECEIVED_MS)
    if what == "destroy":
        gone = await store.destroy_emails(account, intent["emails"])
        assert gone == intent["emails"], (gone, intent)
        return None
    if what == "update":
        names = keywords_of(intent["names"])
        refused = await store.update_emails(
            account, [EmailUpdate(EmailId(email), keywords=names) for email in intent["emails"]]
        )
        assert not refused, (refused, intent)
        return None
    mailbox = MailboxId(intent["mailbox"])
    ranges = [(uid, uid) for uid in intent["uids"]]
    if what in ("move", "copy"):
        call = store.move if what == "move" else store.copy
        copied = await call(account, mailbox, ranges, MailboxId(intent["to"]))
        assert list(copied.source) == intent["uids"], (copied, intent)
        return list(copied.destination)
    if what == "expunge":
        await store.expunge(account, mailbox, ranges)
        return None
    names = keywords_of(intent.get("names", ()))
    how = FlagChange(intent.get("how", "+"))
    await store.set_flags(account, mailbox, ranges, how, names, deleted=what == "mark")
    return None


async def _append(store: Store, intent: Intent) -> list[list[int]]:
    prepared = await store.prepare(message_of(intent["token"]))
    keywords = keywords_of(intent["keywords"])
    filed = await store.deliver(
        prepared,
        [
            Target(AccountId(account), MailboxId(mailbox), keywords)
            for (_, account), mailbox in zip(keys_of(intent), intent["mailboxes"], strict=True)
        ],
        tenant=DEFAULT_TENANT,
        received_ms=RECEIVED_MS,
    )
    return [[one.account, one.email, one.mailbox, one.uid, one.modseq] for one in filed]


async def boxes_of(store: Store, paths: Sequence[str]) -> dict[int, list[int]]:
    """The Mailboxes of these paths in each account."""
    out: dict[int, list[int]] = {}
    for account in ACCOUNTS:
        there = {mailbox.path: int(mailbox.id) for mailbox in await store.mailboxes(account)}
        out[account] = [there[path] for path in paths]
    return out
