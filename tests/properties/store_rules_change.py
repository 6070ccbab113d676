r"""Rules that change what is there: STORE, COPY, MOVE, EXPUNGE, Email/set."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.properties.store_base import KEYWORDS, PICK, StoreBase
from tests.properties.store_model import Box

from pymailcore.base.ids import EmailId, MailboxId
from pymailcore.store.keywords import keyword_names, keywords_of
from pymailcore.store.types import Copied, EmailUpdate, FetchRow, FlagChange, Want

LOW: Final = st.integers(1, 6)
HIGH: Final = st.integers(1, 8)
HOW: Final = st.sampled_from(list(FlagChange))


class ChangeRules(StoreBase):
    """Changes of messages."""

    # --- a selected Mailbox -----------------------------------------------------------------------

    @rule(where=PICK, low=LOW, high=HIGH, how=HOW, keywords=KEYWORDS, deleted=st.booleans())
    def set_flags(
        self, where: int, low: int, high: int, how: FlagChange, keywords: set[str], deleted: bool
    ) -> None:
        r"""STORE, with `\Deleted` among the flags or not."""
        self.flags(where, low, high, how, keywords, deleted=deleted, since=None)

    @precondition(lambda self: self.history)
    @rule(where=PICK, low=LOW, high=HIGH, how=HOW, keywords=KEYWORDS, deleted=st.booleans(), back=PICK)
    def set_flags_unchanged(
        self, where: int, low: int, high: int, how: FlagChange, keywords: set[str], deleted: bool, back: int
    ) -> None:
        """STORE with UNCHANGEDSINCE some earlier moment (RFC 7162 section 3.1.3)."""
        since = self.history[-1 - back % min(6, len(self.history))].states.modseq
        self.flags(where, low, high, how, keywords, deleted=deleted, since=since)

    def flags(
        self,
        where: int,
        low: int,
        high: int,
        how: FlagChange,
        names: set[str],
        *,
        deleted: bool,
        since: int | None,
    ) -> None:
        """STORE."""
        box = self.pick_full(where)
        low, high = self.stretch(box, low, high)
        uids = box.uids(low, high)
        late = []
        if since is not None:
            late = [uid for uid in uids if self.history[-1].messages[box.id][uid].modseq > since]
        uids = [uid for uid in uids if uid not in late]
        rows, refused = self.run(
            lambda: self.store.set_flags(
                self.id, MailboxId(box.id), [(low, high)], how, keywords_of(names), deleted=deleted,
                unchanged_since=since,
            )
        )  # fmt: skip
        assert refused == late
        assert [row.uid for row in rows] == uids
        changed = self.account.store(box, uids, how, names, deleted)
        for row in rows:
            assert set(keyword_names(row.flags, row.extra)) == self.account.mails[row.email].keywords
            assert row.deleted == box.placed[row.uid].deleted
        wanted = [(uid, uid) for uid in uids]
        assert rows == self.thread.run(lambda: self.fetch(box, wanted))
        if not changed:
            states = self.thread.run(lambda: self.store.states(self.id))
            assert states == self.history[-1].states, "nothing changed, and a modseq was taken"

    async def fetch(self, box: Box, ranges: list[tuple[int, int]]) -> list[FetchRow]:
        """FETCH (FLAGS UID RFC822.SIZE INTERNALDATE)."""
        return await self.store.fetch(self.id, MailboxId(box.id), ranges, Want.FACTS)

    @rule(where=PICK, low=st.integers(1, 4), add=st.booleans())
    def mark(self, where: int, low: int, add: bool) -> None:
        r"""Set or clear `\Deleted` of one message."""
        how = FlagChange.ADD if add else FlagChange.REMOVE
        self.flags(where, low, low, how, set(), deleted=True, since=None)

    @rule(where=PICK, low=LOW, high=HIGH, keyword=st.sampled_from(["$seen", "$flagged"]), add=st.booleans())
    def see(self, where: int, low: int, high: int, keyword: str, add: bool) -> None:
        r"""What clients do most: `\Seen` and `\Flagged`."""
        how = FlagChange.ADD if add else FlagChange.REMOVE
        self.flags(where, low, high, how, {keyword}, deleted=False, since=None)

    @precondition(lambda self: self.history)
    @rule(where=PICK, uid=st.integers(1, 4), keyword=st.sampled_from(["$seen", "work"]))
    def race(self, where: int, uid: int, keyword: str) -> None:
        """Two clients: one changes a message; what the other one does unless it has changed is refused."""
        since = self.history[-1].states.modseq
        box = self.pick_full(where)
        there = [placed for number, placed in sorted(box.placed.items())][uid - 1 : uid]
        had = bool(there) and keyword in self.account.mails[there[0].email].keywords
        how = FlagChange.REMOVE if had else FlagChange.ADD
        self.flags(where, uid, uid, how, {keyword}, deleted=False, since=None)
        self.all_is_as_the_model_says()
        self.flags(where, 1, 9, FlagChange.ADD, {"later"}, deleted=False, since=since)

    @rule(where=PICK, low=LOW, high=HIGH)
    def hide_and_show(self, where: int, low: int, high: int) -> None:
        r"""`\Deleted`, and not."""
        self.flags(where, low, high, FlagChange.ADD, set(), deleted=True, since=None)
        self.all_is_as_the_model_says()
        self.flags(where, low, high, FlagChange.REMOVE, set(), deleted=True, since=None)

    @rule(where=PICK, uid=st.integers(1, 4))
    def copy_in_place(self, where: int, uid: int) -> None:
        """COPY to the same Mailbox: the Email is there twice."""
        box = self.pick_full(where)
        self.copy_or_move(box, box, uid, uid, False)

    @rule(where=PICK, low=LOW, high=HIGH, everything=st.booleans())
    def mark_and_expunge(self, where: int, low: int, high: int, everything: bool) -> None:
        r"""What most clients do to delete."""
        self.flags(where, low, high, FlagChange.ADD, set(), deleted=True, since=None)
        self.all_is_as_the_model_says()
        self.expunge(where, None if everything else (low, high))

    @rule(where=PICK, to=PICK, low=LOW, high=HIGH)
    def copy(self, where: int, to: int, low: int, high: int) -> None:
        """COPY."""
        self.copy_or_move(self.pick_full(where), self.pick(to), low, high, False)

    @rule(where=PICK, to=PICK, low=LOW, high=HIGH)
    def move(self, where: int, to: int, low: int, high: int) -> None:
        """MOVE."""
        self.copy_or_move(self.pick_full(where), self.pick(to), low, high, True)

    @rule(where=PICK, to=st.none() | PICK, few=st.booleans())
    def clear_out(self, where: int, to: int | None, few: bool) -> None:
        """MOVE all of a Mailbox, or the first of it: to another, or to the trash."""
        trash = [box for box in self.boxes() if box.role == "trash"]
        target = trash[0] if trash and to is None else self.pick(to or 0)
        self.copy_or_move(self.pick_full(where), target, 1, 1 if few else 100, True)

    def copy_or_move(self, source: Box, target: Box, low: int, high: int, move: bool) -> None:
        """COPY and MOVE."""
        low, high = self.stretch(source, low, high)
        uids = source.uids(low, high)

        async def place() -> Copied:
            call = self.store.move if move else self.store.copy
            return await call(self.id, MailboxId(source.id), [(low, high)], MailboxId(target.id))

        done = self.run(place)
        assert list(done.source) == uids
        assert list(done.destination) == [target.place(source.placed[uid].email) for uid in uids]
        if move:
            for uid in uids:
                del source.placed[uid]

    @rule(where=PICK, ranges=st.none() | st.tuples(LOW, HIGH))
    def expunge(self, where: int, ranges: tuple[int, int] | None) -> None:
        """EXPUNGE and UID EXPUNGE."""
        box = self.pick_full(where)
        ranges = ranges and self.stretch(box, *ranges)
        chosen = None if ranges is None else [ranges]
        gone = self.run(lambda: self.store.expunge(self.id, MailboxId(box.id), chosen))
        assert gone == [uid for uid in box.uids(*(ranges or (1, 10**9))) if box.placed[uid].deleted]
        for uid in gone:
            del box.placed[uid]
        self.account.drop_orphans()

    # --- Emails -----------------------------------------------------------------------------------

    @precondition(lambda self: self.account.mails)
    @rule(which=PICK, mailboxes=st.sets(PICK, max_size=3), keywords=KEYWORDS)
    def set_email(self, which: int, mailboxes: set[int], keywords: set[str]) -> None:
        """Email/set with whole new sets."""
        wanted = {self.pick(number).id for number in mailboxes}
        self.update(
            self.pick_email(which), wanted, set(keywords), keywords=keywords_of(keywords),
            mailboxes=frozenset(map(MailboxId, wanted)),
        )  # fmt: skip

    @precondition(lambda self: self.account.mails)
    @rule(
        which=PICK,
        add=st.sets(PICK, max_size=2),
        remove=st.sets(PICK, max_size=2),
        more=KEYWORDS,
        less=KEYWORDS,
    )
    def patch_email(
        self, which: int, add: set[int], remove: set[int], more: set[str], less: set[str]
    ) -> None:
        """Email/set with patches."""
        email = self.pick_email(which)
        added, removed = ({self.pick(number).id for number in numbers} for numbers in (add, remove))
        names = (self.account.mails[email].keywords | more) - less
        self.update(
            email, (self.account.places(email) | added) - removed, names, add=keywords_of(more),
            remove=keywords_of(less), add_mailboxes=frozenset(map(MailboxId, added)),
            remove_mailboxes=frozenset(map(MailboxId, removed)),
        )  # fmt: skip

    def update(self, email: int, wanted: set[int], names: set[str], **change: object) -> None:
        """Email/set of one Email."""
        update = EmailUpdate(EmailId(email), **change)  # type: ignore[arg-type]
        refused = self.run(lambda: self.store.update_emails(self.id, [update]))
        if not self.account.places(email) or not wanted:
            assert list(refused) == [email]
            return
        assert not refused
        self.account.mails[email].keywords = names
        self.account.set_mailboxes(email, wanted)

    @precondition(lambda self: self.account.mails)
    @rule(which=st.sets(PICK, min_size=1, max_size=3))
    def destroy(self, which: set[int]) -> None:
        """Email/set destroy."""
        emails = sorted({self.pick_email(number) for number in which})
        gone = self.run(lambda: self.store.destroy_emails(self.id, emails))
        assert gone == [email for email in emails if self.account.places(email)]
        for box in self.account.boxes.values():
            box.placed = {uid: placed for uid, placed in box.placed.items() if placed.email not in gone}
        self.account.drop_orphans()
