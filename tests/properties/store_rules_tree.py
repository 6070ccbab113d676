"""Rules about Mailboxes, and about bringing back what they held."""

from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.properties.store_base import PICK, StoreBase
from tests.properties.store_model import Mail, Placed

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotEmpty, NotFound
from pymailcore.base.ids import EmailId, MailboxId
from pymailcore.store.keywords import keyword_names
from pymailcore.store.types import FetchRow, Mailbox, Quota, Want

PATHS: Final = st.sampled_from(["a", "b", "a/b", "b/c", "a/b/c", "A", "ä/b"])
ROLES: Final = st.sampled_from(["", "trash", "junk", "archive", "templates"])


class TreeRules(StoreBase):
    """Mailboxes and undelete."""

    # --- Mailboxes --------------------------------------------------------------------------------

    @rule(path=PATHS, role=st.just("") | ROLES, subscribed=st.booleans())
    def create_mailbox(self, path: str, role: str, subscribed: bool) -> None:
        """CREATE, with the parents that are missing."""
        account = self.account
        taken = account.by_path(path) or (role and any(box.role == role for box in account.boxes.values()))

        async def create() -> Mailbox:
            return await self.store.create_mailbox(self.id, path, role=role or None, subscribed=subscribed)

        if taken:
            with pytest.raises(AlreadyExists):
                self.run(create)
            return
        made = self.run(create)
        assert (made.path, made.role, made.subscribed) == (path, role or None, subscribed)
        self.take_new(account)
        assert made.id == account.boxes[made.id].id

    @rule(which=PICK, path=PATHS)
    def rename_mailbox(self, which: int, path: str) -> None:
        """RENAME with all below it."""
        account, box = self.account, self.pick(which)

        async def rename() -> None:
            await self.store.update_mailbox(self.id, MailboxId(box.id), path=path)

        if path == box.path:
            self.run(rename)
        elif box.role == "inbox":
            with pytest.raises(Forbidden):
                self.run(rename)
        elif account.by_path(path) or path.startswith(box.path + "/"):
            with pytest.raises((AlreadyExists, InvalidValue)):
                self.run(rename)
        else:
            self.run(rename)
            old = box.path
            for one in account.below(box):
                one.path = path + one.path[len(old) :]
            box.path = path
            self.take_new(account)

    @rule(
        which=PICK,
        role=st.none() | ROLES,
        sort_order=st.none() | st.integers(1, 3),
        subscribed=st.none() | st.booleans(),
    )
    def change_mailbox(
        self, which: int, role: str | None, sort_order: int | None, subscribed: bool | None
    ) -> None:
        """Mailbox/set of other properties; another trash changes what counts as unread."""
        account, box = self.account, self.pick(which)
        wanted = box.role if role is None else role or None

        async def change() -> None:
            await self.store.update_mailbox(
                self.id, MailboxId(box.id), role=role, sort_order=sort_order, subscribed=subscribed
            )

        if box.role == "inbox" and wanted != "inbox":
            with pytest.raises(Forbidden):
                self.run(change)
            return
        if wanted != box.role and wanted and any(one.role == wanted for one in account.boxes.values()):
            with pytest.raises(AlreadyExists):
                self.run(change)
            return
        self.run(change)
        box.role = wanted
        box.sort_order = box.sort_order if sort_order is None else sort_order
        box.subscribed = box.subscribed if subscribed is None else subscribed

    @rule(which=PICK, with_emails=st.booleans())
    def remove_mailbox(self, which: int, with_emails: bool) -> None:
        """DELETE."""
        account, box = self.account, self.pick(which)

        async def remove() -> None:
            await self.store.remove_mailbox(self.id, MailboxId(box.id), with_emails=with_emails)

        if box.role == "inbox":
            with pytest.raises(Forbidden):
                self.run(remove)
        elif account.below(box) or (box.placed and not with_emails):
            with pytest.raises(NotEmpty):
                self.run(remove)
        else:
            self.run(remove)
            del account.boxes[box.id]
            account.drop_orphans()

    # --- undelete ---------------------------------------------------------------------------------

    @precondition(lambda self: len(self.history) > 1)
    @rule(back=st.integers(1, 8), only=st.none() | PICK, moved=st.booleans())
    def restore(self, back: int, only: int | None, moved: bool) -> None:
        """Mailboxes hold again what they held at a moment; what came since stays."""
        account = self.account
        then = self.history[-min(back, len(self.history))]
        path = (
            None if only is None else then.mailboxes[sorted(then.mailboxes)[only % len(then.mailboxes)]].path
        )
        account.quota_octets = account.quota_emails = None
        self.run(lambda: self.store.quotas.set_account(self.id, Quota()))
        before = {id_: dict(box.placed) for id_, box in account.boxes.items()}
        was_alive = set(account.mails)
        try:
            self.run(lambda: self.store.undelete.restore(self.id, at_ms=then.at_ms, path=path, moved=moved))
        except NotFound:
            assert path is not None
            assert account.by_path(path) is None
            return
        made = self.take_new(account)
        self.thread.run(self.adopt)
        for id_, were in before.items():  # nothing was taken away
            assert were.items() <= account.boxes[id_].placed.items()
        held: dict[int, set[str]] = {}  # names that a Mailbox had then; 0: those that are gone
        for id_, messages in then.messages.items():
            names = held.setdefault(id_ if id_ in before else 0, set())
            names |= {self.names[one.email] for one in messages.values()}
            if path is not None and (id_ not in account.boxes or account.boxes[id_].path != path):
                continue
            if id_ in account.boxes:
                there = {account.mails[p.email].name for p in account.boxes[id_].placed.values()}
                alive = {account.mails[email].name for email in was_alive}
                missing = {self.names[one.email] for one in messages.values()} - there
                missing -= self.purged
                assert not (missing if moved else missing - alive), "not all came back"
        for box in account.boxes.values():
            for uid, placed in box.placed.items():
                if uid not in before.get(box.id, {}):
                    name = account.mails[placed.email].name
                    allowed = held.get(box.id, set()) | held.get(0, set())
                    assert name in allowed, "what was not there came back"
                    assert not placed.deleted
        assert path is None or all(path == box.path or path.startswith(box.path + "/") for box in made)

    def gone(self) -> set[str]:
        """Names of Emails that were there and are not."""
        alive = {mail.name for mail in self.account.mails.values()}
        return {self.names[email] for email in self.account.ever} - alive

    @precondition(lambda self: self.gone() - self.purged)
    @rule()
    def purge(self) -> None:
        """What is gone is gone for good."""
        self.run(lambda: self.store.undelete.purge(self.id, everything=True))
        self.purged = self.gone()
        assert self.thread.run(lambda: self.store.undelete.listed(self.id)) == []

    async def adopt(self) -> None:
        """Take over what came back: new placements and new Emails."""
        account = self.account
        fresh: dict[int, FetchRow] = {}
        for box in account.boxes.values():
            rows = await self.store.fetch(
                self.id, MailboxId(box.id), [(1, 2**32 - 1)], Want.FACTS, limit=10**6
            )
            for row in rows:
                if row.uid in box.placed:
                    continue
                assert row.uid >= box.uid_next, "a UID was given again"
                box.placed[row.uid] = Placed(row.email, row.deleted)
                if row.email not in account.mails:
                    fresh[row.email] = row
            box.uid_next = max([box.uid_next, *(uid + 1 for uid in box.placed)])
        for email in sorted(fresh):  # as they were made: what leads to which Thread depends on it
            await self.adopt_email(fresh[email])

    async def adopt_email(self, row: FetchRow) -> None:
        """Take over an Email that came back: its octets and keywords are those that it had."""
        account = self.account
        assert row.email not in account.ever, "an Email id was given again"
        octets = await self.store.message(self.id, EmailId(row.email))
        name = octets.partition(b"\r\n\r\n")[2].split()[0].decode()
        was = self.letters[name]
        assert octets == was.octets
        assert (row.size_octets, row.received_ms) == (len(octets), was.received_ms)
        names = set(keyword_names(row.flags, row.extra))
        assert names == was.keywords
        account.ever.add(row.email)
        self.names[row.email] = name
        account.mails[row.email] = Mail(
            row.email, name, was.subject, names, row.size_octets, row.thread, row.received_ms
        )
        account.join(was.keys, row.thread)
