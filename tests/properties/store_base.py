r"""The ground of the state machine: accounts, the model, and what is compared after every step."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from tests.properties.store_clients import Seen, catch_up, see
from tests.properties.store_model import Account, Box, Counters
from tests.properties.store_thread import StoreThread

from pymailcore.base.ids import AccountId, EmailId
from pymailcore.store.verifying.counts import verify_account

T = TypeVar("T")

KEYWORDS: Final = st.sets(st.sampled_from(["$seen", "$draft", "$flagged", "work", "later"]), max_size=3)
PICK: Final = st.integers(min_value=0, max_value=1_000)


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
        self.history: list[Seen] = []
        self.names: dict[int, str] = {}  # of all Emails that ever were
        self.letters: dict[str, Letter] = {}  # by name
        self.chance = random.Random(0)  # noqa: S311
        self.sound = False  # the last comparison found no fault

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something in the store, a second after what was done before."""
        self.thread.now_ms += 1000
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
        boxes = sorted((account or self.account).boxes.values(), key=lambda box: box.path)
        return boxes[number % len(boxes)]

    def pick_email(self, number: int) -> int:
        """One of the Emails."""
        emails = sorted(self.account.mails)
        return emails[number % len(emails)]

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        """Compare everything, and let clients of earlier moments catch up."""
        if self.account.boxes:
            self.thread.run(self.compare)

    async def compare(self) -> None:
        """Compare the account."""
        self.sound = False
        if self.store.database.kind == "sqlite" or len(self.history) % 6 == 0:  # 0.1 s on PostgreSQL
            assert await self.store.database.read(lambda tx: verify_account(tx, self.id)) == []
        now = await see(self.store, self.id, self.thread.now_ms + 500)
        compare_with_model(self.account, now)
        for mail in self.account.mails.values():
            letter = self.letters[mail.name]
            letter.keywords, letter.received_ms = set(mail.keywords), mail.received_ms
        if self.history:
            modseqs_rise(self.history[-1], now)
            chosen = [self.history[-1], *self.chance.sample(self.history, min(1, len(self.history)))]
            for before in chosen:
                await catch_up(self.store, self.id, before, now, page=3)
        self.history.append(now)
        self.sound = True

    def teardown(self) -> None:
        """At the end clients of all moments catch up; the second account is as it should be."""
        if self.sound:
            self.thread.run(self.compare_at_the_end)

    async def compare_at_the_end(self) -> None:
        """Compare what was not compared after every step."""
        for before in self.history:
            await catch_up(self.store, self.id, before, self.history[-1], page=2)
        other = AccountId(self.other.id)
        assert await self.store.database.read(lambda tx: verify_account(tx, other)) == []
        compare_with_model(self.other, await see(self.store, other, 0))
        for email, mail in self.account.mails.items():
            octets = await self.store.message(self.id, EmailId(email))
            assert f"\r\n\r\n{mail.name} ".encode() in octets
            assert len(octets) == mail.size


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
