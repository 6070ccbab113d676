"""transaction: two processes change the same accounts at a time, and every counter is right in the end."""

import random
from pathlib import Path

import pytest
import trio
from tests.support.stores import EnginePlace, Opened, a_message, add_account, opened_store

from pymailcore.base.errors import AlreadyExists, InvalidValue, MailError, NotEmpty, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, EmailId, MailboxId
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.types import EmailUpdate, FlagChange, Mailbox, Target, Want

OTHER = AccountId(2)
SEEN = keywords_of(["$seen"])
EXPECTED = (NotFound, AlreadyExists, NotEmpty, InvalidValue)


class Worker:
    """A client that does this and that."""

    def __init__(self, opened: Opened, seed: int) -> None:
        self._store = opened.store
        self._random = random.Random(seed)  # noqa: S311 - a test
        self._number = seed * 1_000

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            account = self._random.choice([AccountId(1), OTHER])
            boxes = await self._store.mailboxes(account)
            actions = [self.deliver, self.flag, self.copy, self.move, self.expunge, self.update, self.box]
            action = self._random.choice([self.deliver, *actions])
            try:
                await action(account, boxes)
            except MailError as error:
                if not isinstance(error, EXPECTED):
                    raise

    def _one(self, boxes: list[Mailbox]) -> MailboxId:
        return self._random.choice(boxes).id

    async def deliver(self, account: AccountId, boxes: list[Mailbox]) -> None:
        self._number += 1
        octets = a_message(f"s{self._random.randrange(4)}", message_id=f"<{self._number}@x>")
        prepared = await self._store.prepare(octets)
        targets = [Target(account, self._one(boxes)), Target(AccountId(3 - account), "inbox", SEEN)]
        await self._store.deliver(prepared, targets, tenant=DEFAULT_TENANT, received_ms=1_700_000_000_000)

    async def flag(self, account: AccountId, boxes: list[Mailbox]) -> None:
        how = self._random.choice([FlagChange.ADD, FlagChange.REMOVE])
        keywords = self._random.choice([SEEN, keywords_of(["a"])])
        deleted = self._random.random() < 0.4
        await self._store.set_flags(
            account, self._one(boxes), [(1, 2**32 - 1)], how, keywords, deleted=deleted
        )

    async def copy(self, account: AccountId, boxes: list[Mailbox]) -> None:
        await self._store.copy(account, self._one(boxes), [(1, 5)], self._one(boxes))

    async def move(self, account: AccountId, boxes: list[Mailbox]) -> None:
        await self._store.move(account, self._one(boxes), [(1, 9)], self._one(boxes))

    async def expunge(self, account: AccountId, boxes: list[Mailbox]) -> None:
        await self._store.expunge(account, self._one(boxes), None)

    async def update(self, account: AccountId, boxes: list[Mailbox]) -> None:
        rows = await self._store.fetch(account, self._one(boxes), [(1, 2**32 - 1)], Want.NONE, limit=3)
        updates = [
            EmailUpdate(
                EmailId(row.email),
                add=self._random.choice([SEEN, Keywords()]),
                mailboxes=frozenset([self._one(boxes), self._one(boxes)]),
            )
            for row in rows
        ]
        await self._store.update_emails(account, updates)

    async def box(self, account: AccountId, boxes: list[Mailbox]) -> None:
        own = [box for box in boxes if box.role is None]
        name = f"b{self._random.randrange(3)}"
        if not own or self._random.random() < 0.5:
            await self._store.create_mailbox(account, name)
        elif self._random.random() < 0.5:
            await self._store.update_mailbox(account, self._one(own), path=f"{name}/c")
        else:
            await self._store.remove_mailbox(account, self._one(own), with_emails=True)


@pytest.mark.parametrize("seed", [1, 2])
async def test_counters_hold_while_two_processes_change_the_same_accounts(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace, seed: int
) -> None:
    await add_account(opened.store, OTHER, "carol@example.org")
    async with opened_store(tmp_path / "other", **store_settings) as other:
        async with trio.open_nursery() as nursery:
            for number in range(6):
                worker = Worker(other if number % 2 else opened, seed * 100 + number)
                nursery.start_soon(worker.run, 15)
        await other.check()
    await opened.check()
