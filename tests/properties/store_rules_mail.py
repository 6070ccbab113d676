"""Rules that put mail in, and find it."""

import random
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.properties.store_base import KEYWORDS, PICK, Letter, StoreBase
from tests.properties.store_filters import (
    COMMON,
    PLACED,
    SORTS,
    TEXTS_SOUGHT,
    Resolver,
    ordered,
    specs,
    text_of,
)
from tests.properties.store_model import Account, Box, Mail
from tests.support.stores import a_message

from pymailcore.base.errors import OverQuota
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, BlobId, MailboxId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.query import Sort, SortKey
from pymailcore.store.types import Appended, Incoming, Quota, StoredMessage, Target, Transaction

SUBJECTS: Final = ("Plan", "Re: Plan", "Ärger", "plan b")
BASE: Final = {"Plan": "plan", "Re: Plan": "plan", "Ärger": "ärger", "plan b": "planb"}


class Broken(Exception):
    """Why an operation has failed."""


class MailRules(StoreBase):
    """Appends, uploads, quotas, queries."""

    # --- putting mail in --------------------------------------------------------------------------

    def compose(self, root: int, subject: int, padding: int) -> tuple[bytes, str, list[tuple[str, str]]]:
        """A new message, its name, and what its Thread goes by."""
        self.number += 1
        roots = [f"root{n}@x" for n in (1, 2) if root & n]  # with both it links two Threads
        name = f"n{self.number}"
        octets = a_message(
            SUBJECTS[subject],
            message_id=f"<{self.number}@x>",
            in_reply_to=" ".join(f"<{one}>" for one in roots) or None,
            body=f"{name} {text_of(name)}\r\n",
            extra=f"X-Padding: {'x' * padding}",
        )
        base = BASE[SUBJECTS[subject]]
        keys = [(one, base) for one in (f"{self.number}@x", *roots)]
        self.letters[name] = Letter(octets, keys, SUBJECTS[subject])
        return octets, name, keys

    def filed(
        self, account: Account, keys: list[tuple[str, str]], appended: list[Appended], boxes: list[Box],
        names: set[str], size: int, name: str, subject: int, received_ms: int,
    ) -> None:  # fmt: skip
        """Take a new Email into the model."""
        first = appended[0]
        assert len({one.email for one in appended}) == 1
        assert first.email not in account.ever
        expected = account.thread_of(keys)
        if expected is None:
            assert first.thread not in {mail.thread for mail in account.mails.values()}
        else:
            assert first.thread == expected
        account.join(keys, first.thread)
        account.ever.add(first.email)
        account.mails[first.email] = Mail(
            first.email, name, SUBJECTS[subject], set(names), size, first.thread, received_ms
        )
        self.names[first.email] = name
        for one, box in zip(appended, boxes, strict=True):
            assert (one.mailbox, one.account, one.size_octets) == (box.id, account.id, size)
            assert one.uid == box.place(first.email)

    @rule(
        where=PICK,
        keywords=KEYWORDS,
        root=st.integers(0, 3),
        subject=st.integers(0, 3),
        padding=st.integers(0, 900),
    )
    def append(self, where: int, keywords: set[str], root: int, subject: int, padding: int) -> None:
        """One message into one Mailbox."""
        self.append_to([where], [], keywords, root, subject, padding)

    @rule(
        where=st.lists(PICK, min_size=1, max_size=3), also=st.lists(PICK, max_size=2), keywords=KEYWORDS,
        root=st.integers(0, 3), subject=st.integers(0, 3), padding=st.integers(0, 900),
    )  # fmt: skip
    def append_to(
        self, where: list[int], also: list[int], keywords: set[str], root: int, subject: int, padding: int
    ) -> None:
        """One message into several Mailboxes of one or both accounts: all, or none."""
        octets, name, keys = self.compose(root, subject, padding)
        targets = [(self.account, self.pick(number)) for number in where]
        targets += [(self.other, self.pick(number, self.other)) for number in also]
        received_ms = 1_700_000_000_000 + self.number % 7 * 1000

        async def deliver() -> list[Appended]:
            return await self.store.deliver(
                await self.store.prepare(octets),
                [Target(AccountId(a.id), MailboxId(box.id), keywords_of(keywords)) for a, box in targets],
                tenant=DEFAULT_TENANT,
                received_ms=received_ms,
            )

        if not self.account.fits(len(octets)):
            with pytest.raises(OverQuota):
                self.run(deliver)
            return
        appended = self.run(deliver)
        for account in (self.account, self.other):
            mine = [one for one in appended if one.account == account.id]
            boxes = [box for owner, box in targets if owner is account]
            if boxes:
                self.filed(account, keys, mine, boxes, keywords, len(octets), name, subject, received_ms)

    @rule(where=PICK, also=st.lists(PICK, max_size=1), root=st.integers(0, 3))
    def append_that_fails(self, where: int, also: list[int], root: int) -> None:
        """What has failed in the end has left nothing."""
        octets, _, _ = self.compose(root, 0, 0)
        targets = [Target(self.id, MailboxId(self.pick(where).id))]
        targets += [Target(AccountId(self.other.id), MailboxId(self.pick(n, self.other).id)) for n in also]

        async def fail(tx: Transaction, message: StoredMessage) -> None:
            raise Broken

        async def deliver() -> None:
            prepared = await self.store.prepare(octets)
            await self.store.deliver(prepared, targets, tenant=DEFAULT_TENANT, received_ms=1, also=fail)

        with pytest.raises((Broken, OverQuota)):
            self.run(deliver)

    @precondition(lambda self: self.account.mails)
    @rule(where=PICK, which=PICK, keywords=KEYWORDS, root=st.integers(0, 3), padding=st.integers(0, 900))
    def replace(self, where: int, which: int, keywords: set[str], root: int, padding: int) -> None:
        """REPLACE (RFC 8508): one comes, another goes from its Mailbox, both or neither."""
        account, box, source = self.account, self.pick(where), self.pick_full(which)
        uid = sorted(source.placed)[which % len(source.placed)]
        octets, name, keys = self.compose(root, which % 4, padding)

        async def replace() -> list[Appended]:
            target = Target(self.id, MailboxId(box.id), keywords_of(keywords))
            incoming = Incoming(await self.store.prepare(octets), [target], 1_700_000_000_000)
            return await self.store.replace(
                self.id, MailboxId(source.id), uid, incoming, tenant=DEFAULT_TENANT
            )

        email = source.placed[uid].email
        last = sum(p.email == email for one in account.boxes.values() for p in one.placed.values()) == 1
        freed = account.mails[email].size if last else 0
        if not account.fits(len(octets) - freed, 0 if last else 1):
            with pytest.raises(OverQuota):
                self.run(replace)
            return
        appended = self.run(replace)
        self.filed(account, keys, appended, [box], keywords, len(octets), name, which % 4, 1_700_000_000_000)
        del source.placed[uid]
        account.drop_orphans()

    @rule(where=st.lists(PICK, min_size=1, max_size=3), keywords=KEYWORDS, root=st.integers(0, 3))
    def append_many(self, where: list[int], keywords: set[str], root: int) -> None:
        """MULTIAPPEND: several messages in one operation."""
        made = [self.compose(root, n % 4, n) for n in range(len(where))]
        boxes = [self.pick(number) for number in where]

        async def file() -> list[list[Appended]]:
            return await self.store.append_many(
                [
                    Incoming(
                        await self.store.prepare(octets),
                        [Target(self.id, MailboxId(box.id), keywords_of(keywords))],
                        1_700_000_000_000,
                    )
                    for (octets, _, _), box in zip(made, boxes, strict=True)
                ],
                tenant=DEFAULT_TENANT,
            )

        account = self.account
        octets_in_all = sum(len(octets) for octets, _, _ in made)
        too_much = account.quota_octets is not None and account.used + octets_in_all > account.quota_octets
        too_many = account.quota_emails is not None and len(account.mails) + len(made) > account.quota_emails
        if too_much or too_many:
            with pytest.raises(OverQuota):
                self.run(file)
            return
        for number, (one, box) in enumerate(zip(self.run(file), boxes, strict=True)):
            octets, name, keys = made[number]
            self.filed(account, keys, one, [box], keywords, len(octets), name, number % 4, 1_700_000_000_000)

    @rule(seed=st.integers(0, 3))
    def upload(self, seed: int) -> None:
        """An upload can be read again, by its owner only."""
        octets = random.Random(seed).randbytes(100 * seed + 1)  # noqa: S311
        blob = self.run(lambda: self.store.upload(self.id, octets, now_ms=self.thread.now_ms))
        assert self.run(lambda: self.store.blob(self.id, BlobId(blob))) == octets

    @rule(octets=st.none() | st.integers(0, 3000), emails=st.none() | st.integers(0, 3))
    def set_quota(self, octets: int | None, emails: int | None) -> None:
        """So much more than there is now may come; mostly no limit."""
        account = self.account
        account.quota_octets = None if octets is None else account.used + octets
        account.quota_emails = None if emails is None else len(account.mails) + emails
        quota = Quota(account.quota_octets, account.quota_emails)
        self.run(lambda: self.store.quotas.set_account(self.id, quota))

    @precondition(lambda self: (self.account.quota_octets, self.account.quota_emails) != (None, None))
    @rule()
    def lift_quota(self) -> None:
        """No limit."""
        self.set_quota(None, None)

    # --- finding ----------------------------------------------------------------------------------

    @precondition(lambda self: self.history)
    @rule(
        spec=specs(COMMON), sort=SORTS, collapse=st.booleans(), position=st.integers(-3, 4),
        limit=st.integers(0, 8),
    )  # fmt: skip
    def query(
        self, spec: tuple[object, ...], sort: list[Sort], collapse: bool, position: int, limit: int
    ) -> None:
        """Email/query."""
        account = self.account
        filter_, test = Resolver(account, self.history).make(spec)
        ids, first, total, state = self.run(
            lambda: self.store.query(
                self.id, filter_, sort, collapse_threads=collapse, position=position, limit=limit, total=True
            )
        )
        wanted = ordered(
            [account.mails[email] for email in account.visible() if test(account.mails[email], 0)], sort
        )
        if collapse:
            threads: dict[int, int] = {}
            for email in wanted:
                threads.setdefault(account.mails[email].thread, email)
            wanted = list(threads.values())
        place = position if position >= 0 else max(0, len(wanted) + position)
        assert (ids, first, total) == (wanted[place : place + limit], place, len(wanted))
        assert state == self.history[-1].states.email
        self.only_looked = True

    @precondition(lambda self: self.history)
    @rule(where=PICK, spec=specs(COMMON | PLACED))
    def search(self, where: int, spec: tuple[object, ...]) -> None:
        """SEARCH in a Mailbox."""
        account, box = self.account, self.pick(where)
        filter_, test = Resolver(account, self.history, box.id).make(spec)
        found = self.run(lambda: self.store.search(self.id, MailboxId(box.id), filter_))
        assert found == [
            uid for uid, placed in sorted(box.placed.items()) if test(account.mails[placed.email], uid)
        ]
        self.only_looked = True

    @precondition(lambda self: self.history)
    @rule(where=PICK, texts=TEXTS_SOUGHT)
    def look_for(self, where: int, texts: list[tuple[object, ...]]) -> None:
        """What is said in mail is looked for, in a Mailbox and everywhere."""
        for spec in texts:
            self.search(where, spec)
            self.query(spec, [Sort(SortKey.RECEIVED)], False, 0, 1_000)
            self.thread.tally["texts looked for"] += 1
