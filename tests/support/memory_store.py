"""A store in memory that runs every operation on the loop, for tests with a virtual clock.

It keeps the promises that directory, delivery and queue rely on: an operation is atomic, awaits nothing but
its transaction, and may be made to fail before its commit (`fail_next`). Mail is a row, not a parsed Email.
"""

import functools
import itertools
import sqlite3
from array import array
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import AccountId, BlobId, EmailId, MailboxId, ModSeq, TenantId, ThreadId, Uid
from pymailcore.message.prepare import Prepared, prepare
from pymailcore.store.migrate import migrations
from pymailcore.store.ops.accounts import Foundation, new_foundation
from pymailcore.store.quotas import Quotas
from pymailcore.store.space import Space
from pymailcore.store.store import Store
from pymailcore.store.types import Appended, Database, Numbers, Row, StoredMessage, Target, Transaction

T = TypeVar("T")

_OWN: Final = """
ALTER TABLE accounts ADD COLUMN full INTEGER NOT NULL DEFAULT 0;
CREATE TABLE mails(id INTEGER PRIMARY KEY, account INTEGER NOT NULL, mailbox TEXT NOT NULL,
    octets BLOB NOT NULL);
CREATE TABLE held(owner INTEGER NOT NULL, recipe BLOB NOT NULL);
"""


@functools.cache
def _schema() -> bytes:
    """A database with all tables of the store, and what stands here for mail, as octets."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript("\n".join(sql for _, sql in migrations()) + _OWN)
    return connection.serialize()


class _MemoryTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def row(self, sql: str, *args: object) -> Row | None:
        rows = await self.rows(sql, *args)
        return rows[0] if rows else None

    async def rows(self, sql: str, *args: object) -> list[Row]:
        return cast(list[Row], self._connection.execute(sql, cast(Any, args)).fetchall())

    async def numbers(self, columns: int, sql: str, *args: object) -> Numbers:
        rows = await self.rows(sql, *args)
        assert all(len(row) == columns for row in rows)
        return array("q", [number for row in rows for number in row])

    async def run(self, sql: str, *args: object) -> int:
        return self._connection.execute(sql, cast(Any, args)).rowcount

    async def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(sql, rows)

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(columns))
        await self.run_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608

    async def lock(self, table: str, ids: Iterable[int] = ()) -> None:
        """One operation runs at a time."""

    def announce(self, account: AccountId, modseq: int) -> None:
        """Tells nobody."""


class MemoryDatabase:
    """`store.types.Database` over one SQLite connection in memory, as far as its users go."""

    kind: Final = "sqlite"

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(_schema())
        self.fail_next: Exception | None = None
        self.reads = 0

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run an operation in a transaction, at once."""
        self.connection.execute("BEGIN")
        try:
            result = _run(work, self.connection)
            if self.fail_next is not None:
                fault, self.fail_next = self.fail_next, None
                raise fault
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return result

    async def join(self, _name: str, first: Callable[[Transaction], Awaitable[T]]) -> T:
        """There is one process."""
        return await self.write(first)

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation, at once."""
        self.reads += 1
        return _run(work, self.connection)

    async def look(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """The same."""
        return await self.read(work)


def _run(work: Callable[[Transaction], Awaitable[T]], connection: sqlite3.Connection) -> T:
    coroutine = cast(Coroutine[Any, Any, T], work(_MemoryTransaction(connection)))
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    coroutine.close()
    raise AssertionError("an operation waited for something that is not its transaction")


class MemoryStore(Store):
    """What directory, delivery and queue ask of the store."""

    database: Database

    def __init__(self) -> None:
        self.memory = MemoryDatabase()
        self.database = cast(Database, self.memory)
        self._numbers = itertools.count(1)
        self.quotas = Quotas(self.database, lambda: 0)
        self.space = Space(Path("/"), Path("/no-reserve"), reserve_octets=0, watermark_octets=0)

    def new_account(self) -> Foundation:
        return new_foundation(lambda: next(self._numbers), 0)

    async def create_accounts(
        self, tx: Transaction, made: Sequence[tuple[AccountId, TenantId, Foundation]]
    ) -> None:
        for account, tenant, given in made:
            assert given.ids
            assert await tx.row("SELECT 1 FROM accounts WHERE id = ?1 AND tenant = ?2", account, tenant)

    async def remove_account(self, account: AccountId) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run("DELETE FROM mails WHERE account = ?1", account)

        await self.database.write(work)

    async def bump(self, tx: Transaction, account: AccountId, kind: str) -> int:  # noqa: ARG002 - all kinds alike
        row = await tx.row("UPDATE accounts SET modseq = modseq + 1 WHERE id = ?1 RETURNING modseq", account)
        if row is None:
            raise NotFound(f"account {account}")
        return cast(int, row[0])

    async def prepare(self, octets: bytes) -> Prepared:
        return prepare(octets)

    async def deliver(
        self,
        prepared: Prepared,
        targets: Sequence[Target],
        *,
        tenant: TenantId,
        received_ms: int,  # noqa: ARG002 - not kept
        also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None = None,
    ) -> list[Appended]:
        message = StoredMessage(tenant, b"", prepared.size_octets, prepared.octets, ())
        numbers = [next(self._numbers) for _ in targets]

        async def work(tx: Transaction) -> list[Appended]:
            for number, target in zip(numbers, targets, strict=True):
                row = await tx.row("SELECT full FROM accounts WHERE id = ?1", target.account)
                if row is None:
                    raise NotFound(f"account {target.account}")
                if row[0]:
                    raise OverQuota(f"account {target.account}")
                await tx.run("INSERT INTO mails VALUES (?1, ?2, ?3, ?4)", number, target.account,
                             str(target.mailbox), prepared.octets)  # fmt: skip
            if also is not None:
                await also(tx, message)
            return [_appended(n, t, prepared) for n, t in zip(numbers, targets, strict=True)]

        return await self.database.write(work)

    async def hold_blobs(self, tx: Transaction, message: StoredMessage, owner: int) -> None:
        await tx.run("INSERT INTO held VALUES (?1, ?2)", owner, message.recipe)

    async def release_blobs(self, tx: Transaction, owner: int) -> None:
        await tx.run("DELETE FROM held WHERE owner = ?1", owner)

    async def rebuild(self, tenant: TenantId, recipe: bytes) -> bytes:  # noqa: ARG002 - one tenant
        held = self.memory.connection.execute("SELECT 1 FROM held WHERE recipe = ?1", (recipe,)).fetchone()
        if held is None:
            raise NotFound("the blobs of this message are gone")
        return recipe

    def mail_of(self, account: AccountId) -> list[bytes]:
        """What was filed for an account, in order."""
        rows = self.memory.connection.execute(
            "SELECT octets FROM mails WHERE account = ?1 ORDER BY id", (account,)
        )
        return [row[0] for row in rows]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return cast(int, self.memory.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of this module


def _appended(number: int, target: Target, prepared: Prepared) -> Appended:
    return Appended(
        account=target.account,
        email=EmailId(number),
        thread=ThreadId(number),
        blob=BlobId(f"b{number}"),
        mailbox=MailboxId(1),
        uid_validity=1,
        uid=Uid(number),
        modseq=ModSeq(number),
        size_octets=prepared.size_octets,
    )
