r"""The ground of the state machine: accounts, the model, and what is compared after every step."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from tests.properties.store_clients import Seen, catch_up, see
from tests.properties.store_model import Account, Box, Counters
from tests.properties.store_moment import at_one_moment
from tests.properties.store_thread import StoreThread

from pymailcore.base.ids import AccountId, EmailId
from pymailcore.store.store import Store
from pymailcore.store.types import Transaction
from pymailcore.store.verifying.counts import verify_account

T = TypeVar("T")

KEYWORDS: Final = st.sets(st.sampled_from(["$seen", "$draft", "$flagged", "work", "later"]), max_size=3)
PICK: Final = st.integers(min_value=0, max_value=1_000)
EARLIER: Final = 0.25
"""After so many steps a client of some earlier moment catches up besides the one of the last."""
VERIFY_STEPS: Final = 10
"""After so many steps, and at the end, all rows of the account are checked against each other."""


@dataclass
class Letter:
    """What was sent under a name, and what its Email was like when it was seen last."""

    octets: bytes
    keys: list[tuple[str, str]]
    subject: str
    keywords: set[str] = field(default_factory=set)
    received_ms: int = 0


class StoreBase(RuleBasedStateMachine):
    """One account, and a second one that some messages go to, too.

    Args:
        thread: an open store; each machine has accounts of its own in it.
    """

    def __init__(self, thread: StoreThread) -> None:
        super().__init__()
        self.thread = thread
        self.store = thread.opened.store
        self.account = Account(thread.new_account())
        self.other = Account(thread.new_account())
        self.number = 0
        self.purged: set[str] = set()  # names of Emails that no undelete brings back
        self.history: list[Seen] = []
        self.names: dict[int, str] = {}  # of all Emails that ever were
        self.letters: dict[str, Letter] = {}  # by name
        self.chance = random.Random(0)  # noqa: S311
        self.sound = False  # the last comparison found no fault
        self.only_looked = False  # the last rule changed nothing that could be compared

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something in the store, a second after what was done before."""
        self.thread.now_ms += 1000
        self.thread.tally["operations"] += 1
        return self.thread.run(work)

    @property
    def id(self) -> AccountId:
        """The account."""
        return AccountId(self.account.id)

    @initialize()
    def begin(self) -> None:
        """Take over the first Mailboxes; a Thread that MOVE can part."""
        for account in (self.account, self.other):
            self.take_new(account)
        self.fill()

    def fill(self) -> None:
        """Put the first messages in."""
        raise NotImplementedError

    def take_new(self, account: Account) -> list[Box]:
        """Take Mailboxes into the model that it does not have."""
        there = self.thread.run(lambda: self.store.mailboxes(AccountId(account.id)))
        new = [mailbox for mailbox in there if mailbox.id not in account.boxes]
        for mailbox in new:
            account.boxes[mailbox.id] = Box(
                mailbox.id, mailbox.path, mailbox.role, mailbox.sort_order, mailbox.subscribed
            )
        return [account.boxes[mailbox.id] for mailbox in new]

    def pick(self, number: int, account: Account | None = None) -> Box:
        """One of the Mailboxes."""
        boxes = self.boxes(account)
        return boxes[number % len(boxes)]

    def boxes(self, account: Account | None = None) -> list[Box]:
        """All Mailboxes in one order."""
        return sorted((account or self.account).boxes.values(), key=lambda box: box.path)

    def pick_full(self, number: int) -> Box:
        """One of the Mailboxes that hold something, if any does."""
        boxes = self.boxes()
        full = [box for box in boxes if box.placed] or boxes
        return full[number % len(full)]

    def stretch(self, box: Box, low: int, high: int) -> tuple[int, int]:
        """UIDs from and to: the messages with these numbers, from 1, as far as there are so many."""
        uids = sorted(box.placed)
        low, high = min(low, high), max(low, high)
        if low > len(uids):
            return box.uid_next, box.uid_next
        return uids[low - 1], uids[min(high, len(uids)) - 1]

    def pick_email(self, number: int) -> int:
        """One of the Emails."""
        emails = sorted(self.account.mails)
        return emails[number % len(emails)]

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        """Compare everything, and let clients of earlier moments catch up."""
        if self.account.boxes and not self.only_looked:
            self.sound = False
            self.thread.run(lambda: at_one_moment(self.store, self.compare))
            self.sound = True
        self.only_looked = False

    async def compare(self, store: Store, tx: Transaction) -> None:
        """Compare the account; now and then also what no client sees."""
        now = await see(store, self.id, self.thread.now_ms + 500)
        compare_with_model(self.account, now)
        for mail in self.account.mails.values():
            letter = self.letters[mail.name]
            letter.keywords, letter.received_ms = set(mail.keywords), mail.received_ms
        if self.history:
            modseqs_rise(self.history[-1], now)
            if now.states != self.history[-1].states:
                await self.catch_up(store, self.history[-1], now, page=3)
            if self.chance.random() < EARLIER:
                await self.catch_up(store, self.chance.choice(self.history), now, page=3)
        if len(self.history) % VERIFY_STEPS == VERIFY_STEPS - 1:
            assert await verify_account(tx, self.id) == []
        self.history.append(now)
        self.thread.tally["moments compared"] += 1

    async def catch_up(self, store: Store, before: Seen, now: Seen, *, page: int) -> None:
        """Let clients of an earlier moment catch up."""
        await catch_up(store, self.id, before, now, page=page)
        self.thread.tally["clients caught up"] += 1

    def teardown(self) -> None:
        """At the end clients of all moments catch up; the second account is as it should be."""
        self.thread.tally["examples"] += 1
        if self.sound:
            self.thread.run(lambda: at_one_moment(self.store, self.compare_at_the_end))
            self.thread.run(self.compare_octets)

    async def compare_at_the_end(self, store: Store, tx: Transaction) -> None:
        """Compare what was not compared after every step."""
        moments = {before.states: before for before in self.history}
        for before in moments.values():
            await self.catch_up(store, before, self.history[-1], page=2)
        other = AccountId(self.other.id)
        for account in (self.id, other):
            assert await verify_account(tx, account) == []
        compare_with_model(self.other, await see(store, other, 0))

    async def compare_octets(self) -> None:
        """Every Email is rebuilt as it came."""
        for email, mail in self.account.mails.items():
            assert await self.store.message(self.id, EmailId(email)) == self.letters[mail.name].octets


def compare_with_model(account: Account, now: Seen) -> None:
    """What clients see is what the model says."""
    assert now.mailboxes.keys() == account.boxes.keys()
    for id_, box in account.boxes.items():
        there = now.mailboxes[id_]
        assert (there.path, there.role, there.sort_order, there.subscribed, there.uid_next) == (
            box.path, box.role, box.sort_order, box.subscribed, box.uid_next,
        )  # fmt: skip
        parent = account.by_path(box.path.rpartition("/")[0])
        assert there.parent == (parent.id if parent else None)
        assert Counters(*there[-8:]) == account.counters(box), box.path
        assert {uid: (one.email, one.deleted) for uid, one in now.messages[id_].items()} == {
            uid: (placed.email, placed.deleted) for uid, placed in box.placed.items()
        }
        for one in now.messages[id_].values():
            assert one.keywords == account.mails[one.email].keywords
            assert one.modseq <= there.highest_modseq <= now.states.modseq
    assert now.emails == {
        email: (frozenset(account.mails[email].keywords), frozenset(account.places(email)))
        for email in account.visible()
    }
    assert now.threads == account.threads()


def modseqs_rise(before: Seen, now: Seen) -> None:
    """The clock and what hangs on it never go back, and every change has a modseq of its own."""
    if before.states == now.states:
        assert before[2:] == now[2:], "something has changed, and no state"
        return
    assert all(was <= is_ for was, is_ in zip(before.states, now.states, strict=True))
    for mailbox, messages in now.messages.items():
        if mailbox not in before.messages:
            continue
        known = before.messages[mailbox]
        highest = before.mailboxes[mailbox].highest_modseq
        assert now.mailboxes[mailbox].highest_modseq >= highest
        assert now.mailboxes[mailbox].uid_validity == before.mailboxes[mailbox].uid_validity
        if {uid: one.flags for uid, one in known.items()} != {
            uid: one.flags for uid, one in messages.items()
        }:
            assert now.mailboxes[mailbox].highest_modseq > highest
        for uid, one in messages.items():
            if uid not in known or known[uid].flags != one.flags:
                assert one.modseq > before.states.modseq
            else:
                assert one.modseq == known[uid].modseq
