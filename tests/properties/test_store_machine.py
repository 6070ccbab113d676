r"""The store against a simple model of it: what IMAP and JMAP see must be the same after every step.

RFC 9051 sections 2.3.1.1 and 6.4, RFC 7162 section 3.2 (a client that follows the deltas), RFC 8620
section 5.2 (a client that follows the changes), RFC 8621 section 2 (counters).
"""

import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
import trio.from_thread
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotEmpty
from pymailcore.base.ids import EmailId, MailboxId
from pymailcore.store.keywords import keyword_names, keywords_of
from pymailcore.store.query import And, Sort, SortKey
from pymailcore.store.types import EmailUpdate, FlagChange, Want

T = TypeVar("T")
ALL = ((1, 2**32 - 1),)
KEYWORDS = st.sets(st.sampled_from(["$seen", "$draft", "$flagged", "work", "later"]), max_size=3)
PICK = st.integers(min_value=0, max_value=1_000)


class StoreThread:
    """A store whose loop runs in a thread, so that a synchronous machine can drive it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self._ready = threading.Event()
        self._done: trio.Event | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self.opened: Opened | None = None
        self._thread = threading.Thread(target=trio.run, args=(self._main,))
        self._thread.start()
        assert self._ready.wait(20)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._done = trio.Event()
        try:
            async with opened_store(self.folder / "data") as self.opened:
                self._ready.set()
                await self._done.wait()
        finally:
            self._ready.set()

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        return trio.from_thread.run(work, trio_token=self._token)

    def close(self) -> None:
        assert self._done is not None
        trio.from_thread.run_sync(self._done.set, trio_token=self._token)
        self._thread.join()
        shutil.rmtree(self.folder)


@dataclass
class ModelMailbox:
    id: int
    uid_next: int = 1
    placements: dict[int, list[Any]] = field(default_factory=dict)  # uid -> [email, deleted]
    view: dict[int, tuple[tuple[str, ...], int]] = field(default_factory=dict)  # a client that follows deltas
    view_modseq: int = 0


@dataclass
class ModelEmail:
    keywords: set[str]
    size: int
    thread: int


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.thread = StoreThread()
        assert self.thread.opened is not None
        self.opened = self.thread.opened
        self.store = self.opened.store
        self.account = self.opened.account
        self.mailboxes: dict[str, ModelMailbox] = {}
        self.emails: dict[int, ModelEmail] = {}
        self.seen_emails: set[int] = set()
        self.seen_state = 0
        self.seen_threads: set[int] = set()
        self.seen_thread_state = 0
        self.modseq = 0
        self.number = 0

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        return self.thread.run(work)

    @initialize()
    def begin(self) -> None:
        for path in ("INBOX", "Archive", "Trash"):
            self.mailboxes[path] = ModelMailbox(self.opened.mailbox(path))
        for _ in range(4):  # a Thread that MOVE can part
            self.append(1, set(), True)

    def teardown(self) -> None:
        self.thread.close()

    # --- the model's own view -------------------------------------------------------------------

    def pick(self, number: int) -> tuple[str, ModelMailbox]:
        paths = sorted(self.mailboxes)
        path = paths[number % len(paths)]
        return path, self.mailboxes[path]

    def visible_in(self, email: int) -> set[int]:
        return {
            box.id
            for box in self.mailboxes.values()
            for there, deleted in box.placements.values()
            if there == email and not deleted
        }

    def visible(self) -> set[int]:
        return {
            email
            for box in self.mailboxes.values()
            for email, deleted in box.placements.values()
            if not deleted
        }

    def place(self, box: ModelMailbox, email: int) -> int:
        uid = box.uid_next
        box.uid_next += 1
        box.placements[uid] = [email, 0]
        return uid

    def drop_orphans(self) -> None:
        placed = {email for box in self.mailboxes.values() for email, _ in box.placements.values()}
        for email in set(self.emails) - placed:
            del self.emails[email]

    # --- rules ----------------------------------------------------------------------------------

    @rule(where=PICK, keywords=KEYWORDS, reply=st.booleans())
    def append(self, where: int, keywords: set[str], reply: bool) -> None:
        _, box = self.pick(where)
        self.number += 1
        octets = a_message(
            "subject" if reply else f"other {self.number}",
            message_id=f"<{self.number}@x>",
            in_reply_to="<root@x>" if reply else None,
        )
        filed = self.run(
            lambda: self.opened.deliver(octets, MailboxId(box.id), keywords=keywords_of(keywords))
        )
        assert filed.uid == self.place(box, filed.email)
        self.emails[filed.email] = ModelEmail(set(keywords), len(octets), filed.thread)
        if reply:
            assert len({email.thread for email in self.emails.values() if email.size == len(octets)}) >= 1

    @rule(
        where=PICK,
        low=st.integers(1, 6),
        high=st.integers(1, 6),
        how=st.sampled_from(list(FlagChange)),
        keywords=KEYWORDS,
        deleted=st.booleans(),
    )
    def set_flags(
        self, where: int, low: int, high: int, how: FlagChange, keywords: set[str], deleted: bool
    ) -> None:
        _, box = self.pick(where)
        low, high = min(low, high), max(low, high)
        rows, late = self.run(
            lambda: self.store.set_flags(
                self.account, MailboxId(box.id), [(low, high)], how, keywords_of(keywords), deleted=deleted
            )
        )
        assert not late
        assert [row.uid for row in rows] == [uid for uid in sorted(box.placements) if low <= uid <= high]
        for row in rows:
            email, mark = box.placements[row.uid]
            before = self.emails[email].keywords
            if how is FlagChange.ADD:
                before |= keywords
                mark = int(mark or deleted)
            elif how is FlagChange.REMOVE:
                before -= keywords
                mark = int(mark and not deleted)
            else:
                before.clear()
                before |= keywords
                mark = int(deleted)
            box.placements[row.uid][1] = mark
        for row in rows:
            email, mark = box.placements[row.uid]
            assert set(keyword_names(row.flags, row.extra)) == self.emails[email].keywords
            assert row.deleted == mark
        assert rows == self.run(
            lambda: self.store.fetch(self.account, MailboxId(box.id), [(low, high)], Want.FACTS)
        )

    @rule(where=PICK, low=st.integers(1, 4), add=st.booleans())
    def mark_deleted(self, where: int, low: int, add: bool) -> None:
        how = FlagChange.ADD if add else FlagChange.REMOVE
        self.set_flags(where, low, low, how, set(), True)

    @rule(where=PICK, uid=st.integers(1, 4))
    def copy_in_place(self, where: int, uid: int) -> None:
        self.copy_or_move(where, where, uid, uid, False)

    @rule(where=PICK, to=PICK, uid=st.integers(1, 6))
    def move_one(self, where: int, to: int, uid: int) -> None:
        self.copy_or_move(where, to, uid, uid, True)

    @rule(where=PICK, to=PICK, low=st.integers(1, 6), high=st.integers(1, 6), move=st.booleans())
    def copy_or_move(self, where: int, to: int, low: int, high: int, move: bool) -> None:
        _, source = self.pick(where)
        _, target = self.pick(to)
        low, high = min(low, high), max(low, high)
        operation = self.store.move if move else self.store.copy
        done = self.run(
            lambda: operation(self.account, MailboxId(source.id), [(low, high)], MailboxId(target.id))
        )
        uids = [uid for uid in sorted(source.placements) if low <= uid <= high]
        assert list(done.source) == uids
        expected = []
        for uid in uids:
            email, deleted = source.placements[uid]
            expected.append(self.place(target, email))
            if move:
                del source.placements[uid]
            del deleted
        assert list(done.destination) == expected

    @rule(where=PICK, ranges=st.none() | st.tuples(st.integers(1, 4), st.integers(4, 8)))
    def expunge(self, where: int, ranges: tuple[int, int] | None) -> None:
        _, box = self.pick(where)
        gone = self.run(
            lambda: self.store.expunge(self.account, MailboxId(box.id), None if ranges is None else [ranges])
        )
        low, high = ranges or ALL[0]
        expected = [uid for uid, (_, mark) in sorted(box.placements.items()) if mark and low <= uid <= high]
        assert gone == expected
        for uid in gone:
            del box.placements[uid]
        self.drop_orphans()

    @precondition(lambda self: self.emails)
    @rule(which=PICK, mailboxes=st.sets(PICK, max_size=3), keywords=KEYWORDS)
    def jmap_update(self, which: int, mailboxes: set[int], keywords: set[str]) -> None:
        email = sorted(self.emails)[which % len(self.emails)]
        wanted = {self.pick(number)[1].id for number in mailboxes}
        update = EmailUpdate(
            EmailId(email), keywords=keywords_of(keywords), mailboxes=frozenset(map(MailboxId, wanted))
        )
        refused = self.run(lambda: self.store.update_emails(self.account, [update]))
        now = self.visible_in(email)
        if not now or not wanted:
            assert list(refused) == [email]
            return
        assert not refused
        self.emails[email].keywords = set(keywords)
        for box in self.mailboxes.values():
            here = [uid for uid, (there, _) in sorted(box.placements.items()) if there == email]
            if box.id in wanted - now:
                if here:
                    box.placements[here[0]][1] = 0
                else:
                    self.place(box, email)
            elif box.id in now - wanted:
                for uid in here:
                    del box.placements[uid]

    @precondition(lambda self: self.emails)
    @rule(which=PICK)
    def jmap_destroy(self, which: int) -> None:
        email = sorted(self.emails)[which % len(self.emails)]
        gone = self.run(lambda: self.store.destroy_emails(self.account, [email]))
        assert gone == ([email] if self.visible_in(email) else [])
        if gone:
            for box in self.mailboxes.values():
                box.placements = {u: p for u, p in box.placements.items() if p[0] != email}
            self.drop_orphans()

    @rule(name=st.sampled_from(["a", "b", "a/b", "b/c", "a/b/c"]))
    def create_mailbox(self, name: str) -> None:
        if name in self.mailboxes:
            with pytest.raises(AlreadyExists):
                self.run(lambda: self.store.create_mailbox(self.account, name))
            return
        self.run(lambda: self.store.create_mailbox(self.account, name))
        self.add_missing()

    def add_missing(self) -> None:
        for mailbox in self.run(lambda: self.store.mailboxes(self.account)):
            if mailbox.path[0] in "ab" and mailbox.path not in self.mailboxes:
                self.mailboxes[mailbox.path] = ModelMailbox(mailbox.id)

    @rule(which=PICK, name=st.sampled_from(["a", "b", "a/b", "b/c", "a/z"]))
    def rename_mailbox(self, which: int, name: str) -> None:
        path, box = self.pick(which)
        if path[0] not in "ab" or path == name:
            return
        taken = name in self.mailboxes
        below = name.startswith(path + "/")
        call = lambda: self.store.update_mailbox(self.account, MailboxId(box.id), path=name)  # noqa: E731
        if taken or below:
            with pytest.raises((AlreadyExists, InvalidValue)):
                self.run(call)
            return
        self.run(call)
        self.mailboxes = {
            name + old[len(path) :] if old == path or old.startswith(path + "/") else old: there
            for old, there in self.mailboxes.items()
        }
        self.add_missing()

    @rule(which=PICK, with_emails=st.booleans())
    def remove_mailbox(self, which: int, with_emails: bool) -> None:
        path, box = self.pick(which)
        if path[0] not in "ab":
            return
        call = lambda: self.store.remove_mailbox(  # noqa: E731
            self.account, MailboxId(box.id), with_emails=with_emails
        )
        if any(other.startswith(path + "/") for other in self.mailboxes) or (
            box.placements and not with_emails
        ):
            with pytest.raises(NotEmpty):
                self.run(call)
            return
        self.run(call)
        del self.mailboxes[path]
        self.drop_orphans()

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def is_as_the_model_says(self) -> None:
        if self.mailboxes:
            self.run(self.compare)

    async def compare(self) -> None:
        await self.opened.check()
        states = await self.store.states(self.account)
        assert states.modseq >= self.modseq
        self.modseq = states.modseq
        there = {mailbox.path: mailbox for mailbox in await self.store.mailboxes(self.account)}
        assert self.mailboxes.keys() <= there.keys()
        for path, box in self.mailboxes.items():
            assert there[path].id == box.id
            assert there[path].uid_next == box.uid_next
            await self.compare_mailbox(box)
        visible = self.visible()
        ids, _, total, state = await self.store.query(
            self.account, And(()), [Sort(SortKey.RECEIVED)], limit=1000, total=True
        )
        assert (set(ids), total, state) == (visible, len(visible), states.email)
        for row in await self.store.emails(self.account, ids):
            assert set(row.mailboxes) == self.visible_in(row.id)
            assert set(keyword_names(row.flags, row.extra)) == self.emails[row.id].keywords
        await self.follow_changes(visible, states.email, states.thread)

    async def compare_mailbox(self, box: ModelMailbox) -> None:
        rows = await self.store.fetch(self.account, MailboxId(box.id), ALL, Want.NONE)
        seen = {row.uid: (keyword_names(row.flags, row.extra), row.deleted) for row in rows}
        assert {row.uid: [row.email, row.deleted] for row in rows} == box.placements
        for row in rows:
            assert set(keyword_names(row.flags, row.extra)) == self.emails[row.email].keywords
        delta = await self.store.delta(self.account, MailboxId(box.id), box.view_modseq)
        assert delta is not None
        assert delta.modseq >= box.view_modseq
        changed = {row.uid: (keyword_names(row.flags, row.extra), row.deleted) for row in delta.changed}
        assert set(delta.expunged) <= set(box.view)
        assert set(changed) <= set(box.view)
        view = {uid: what for uid, what in box.view.items() if uid not in delta.expunged} | changed
        assert not set(view) & set(delta.arrived)
        view |= {uid: seen[uid] for uid in delta.arrived}
        assert view == seen
        box.view, box.view_modseq = view, delta.modseq

    async def follow_changes(self, visible: set[int], state: int, thread_state: int) -> None:
        self.seen_emails, self.seen_state = await self.follow("email", self.seen_emails, self.seen_state)
        assert self.seen_emails == visible
        assert self.seen_state == state
        self.seen_threads, self.seen_thread_state = await self.follow(
            "thread", self.seen_threads, self.seen_thread_state
        )
        assert self.seen_threads == {self.emails[email].thread for email in visible}
        assert self.seen_thread_state == thread_state

    async def follow(self, kind: str, known: set[int], since: int) -> tuple[set[int], int]:
        more = True
        while more:
            changes = await self.store.changes(self.account, kind, since, 3)
            if changes is None:  # more than three in one revision
                changes = await self.store.changes(self.account, kind, since, 1000)
            assert changes is not None
            assert not set(changes.created) & known
            known = (known | set(changes.created)) - set(changes.destroyed)
            more, since = changes.more, changes.new_modseq
        return known, since


StoreMachine.TestCase.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)

TestStoreMachine = pytest.mark.slow(StoreMachine.TestCase)
