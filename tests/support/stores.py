"""A real store in a folder of a test, with an account and messages to put into it."""

import contextlib
import functools
import itertools
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypedDict

import trio
from tests.support.postgres import cluster

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint, MailboxId, TenantId
from pymailcore.runtime.clock import now_ms
from pymailcore.store.files import Files
from pymailcore.store.keywords import Keywords
from pymailcore.store.opening import open_store
from pymailcore.store.ops.accounts import new_foundation
from pymailcore.store.settings import StoreSettings
from pymailcore.store.store import Store
from pymailcore.store.types import Appended, Mailbox, Target, Transaction
from pymailcore.store.verifying.counts import verify_counts

RECEIVED_MS = 1_700_000_000_000


_FIRST_IDS: Final = IdMint(now_ms, random.getrandbits)


def counted_ids(seed: int) -> IdMint:
    """A mint that counts milliseconds by itself."""
    clock = itertools.count(1_710_000_000_000)
    return IdMint(lambda: next(clock), random.Random(seed).getrandbits)  # noqa: S311


def small_settings(data: Path, **changes: float | str | Path | None) -> StoreSettings:
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
    # ids of another mint than the store's, which counts from the same number whenever a test opens it again
    given = new_foundation(_FIRST_IDS.new, store.engine.now_ms())

    async def work(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO accounts (id, tenant, name, created_ms) VALUES (?1, ?2, ?3, 0)",
            account,
            tenant,
            name,
        )
        await store.create_accounts(tx, [(account, tenant, given)])

    await store.database.write(work)


@asynccontextmanager
async def opened_store(
    data: Path,
    *,
    files: Files | None = None,
    maintain: bool = False,
    ids: IdMint | None = None,
    **changes: float | str | Path | None,
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


_EMPTY: Final = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'schema_versions' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
END $$
"""
_KEEP: Final = """
DO $$
DECLARE name text;
BEGIN
    CREATE SCHEMA kept;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', name, name);
    END LOOP;
END $$
"""
_BRING_BACK: Final = """
INSERT INTO tenants TABLE kept.tenants;
INSERT INTO accounts TABLE kept.accounts;
INSERT INTO secrets TABLE kept.secrets;
INSERT INTO mailboxes TABLE kept.mailboxes
"""


@functools.cache
def template() -> str:
    """The name of a database with tables and the first account, made once; some tests get copies of it."""
    server = cluster()
    name = server.new_database()

    async def fill(data: Path) -> None:
        async with opened_store(data, metadata=server.url(name)):
            pass

    with tempfile.TemporaryDirectory() as folder:
        trio.run(fill, Path(folder) / "data")
    return name


class EnginePlace(TypedDict, total=False):
    """What `opened_store` is given for an engine."""

    metadata: str


@contextlib.contextmanager
def engine_settings(engine: str) -> Iterator[EnginePlace]:
    """What `opened_store` is to be given for an engine: on PostgreSQL a database of its own."""
    if engine == "sqlite":
        yield {}
    else:
        name = shared()
        cluster().ask(_EMPTY, name)
        cluster().ask(_BRING_BACK, name)
        yield {"metadata": cluster().url(name)}


@functools.cache
def shared() -> str:
    """The name of a copy that tests share one after the other, each finding it as it was at first."""
    name = cluster().new_database(template())
    cluster().ask(_KEEP, name)
    return name
