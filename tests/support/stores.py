"""A real store in a folder of a test, with an account and messages to put into it."""

import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint, MailboxId, TenantId
from pymailcore.store.files import Files
from pymailcore.store.keywords import Keywords
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.types import Appended, Mailbox, Target, Transaction
from pymailcore.store.verify import verify_counts

RECEIVED_MS = 1_700_000_000_000


def counted_ids(seed: int) -> IdMint:
    """A mint that counts milliseconds by itself."""
    clock = itertools.count(1_710_000_000_000)
    return IdMint(lambda: next(clock), random.Random(seed).getrandbits)  # noqa: S311


def small_settings(data: Path, **changes: float) -> StoreSettings:
    """Settings that spend little."""
    settings = StoreSettings(data=data, reserve_octets=0, watermark_octets=0, cache_octets=4 * 1024 * 1024)
    return replace(settings, **changes)  # type: ignore[arg-type]


def a_message(
    subject: str = "hello",
    *,
    body: str = "hello\r\n",
    message_id: str | None = None,
    in_reply_to: str | None = None,
    sender: str = "Ada <ada@example.org>",
    extra: str = "",
) -> bytes:
    """A small message."""
    lines = [f"From: {sender}", "To: Bob <bob@example.org>", f"Subject: {subject}"]
    lines += [f"Message-ID: {message_id}"] if message_id else []
    lines += [f"In-Reply-To: {in_reply_to}"] if in_reply_to else []
    lines += [extra] if extra else []
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@dataclass
class Opened:
    """An open store and its first account."""

    store: Store
    account: AccountId
    told: list[tuple[AccountId, int]] = field(default_factory=list)
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)

    def mailbox(self, path: str) -> MailboxId:
        """The id of one of the first Mailboxes."""
        return self.mailboxes[path].id

    async def deliver(
        self,
        octets: bytes | None = None,
        mailbox: MailboxId | str = "inbox",
        *,
        keywords: Keywords = Keywords(),  # noqa: B008
        received_ms: int = RECEIVED_MS,
    ) -> Appended:
        """File one message."""
        store = self.store
        prepared = await store.prepare(a_message() if octets is None else octets)
        filed = await store.deliver(
            prepared,
            [Target(self.account, mailbox, keywords)],
            tenant=DEFAULT_TENANT,
            received_ms=received_ms,
        )
        return filed[0]

    async def check(self) -> None:
        """Count everything anew."""
        assert await self.store.database.read(verify_counts) == []

    async def counters(self, path: str) -> Mailbox:
        """One Mailbox as it is now."""
        found = await self.store.mailbox_named(self.account, path)
        assert found is not None
        return found


async def add_account(store: Store, account: AccountId, name: str, tenant: TenantId = DEFAULT_TENANT) -> None:
    """Make an account as the directory does."""

    async def work(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO accounts (id, tenant, name, created_ms) VALUES (?1, ?2, ?3, 0)",
            account,
            tenant,
            name,
        )
        await store.create_account(tx, account, tenant)

    await store.database.write(work)


@asynccontextmanager
async def opened_store(
    data: Path,
    *,
    files: Files | None = None,
    maintain: bool = False,
    ids: IdMint | None = None,
    **changes: float,
) -> AsyncIterator[Opened]:
    """Open a store; the account is made when the store is new."""
    told: list[tuple[AccountId, int]] = []
    async with open_store(
        small_settings(data, **changes),
        notify=lambda account, modseq: told.append((account, modseq)),
        ids=ids or counted_ids(1),
        maintain=maintain,
        files=files,
    ) as store:
        account = AccountId(1)
        if not await store.mailboxes(account):
            await add_account(store, account, "bob@example.org")
        there = {mailbox.path: mailbox for mailbox in await store.mailboxes(account)}
        yield Opened(store, account, told, there)
