"""What a transaction that works for a tenant gets of tables in which another tenant has rows, too.

The statements here say nothing about whose rows they mean: that is what row-level security is for (T7). The
server's role in these tests is a plain one that owns its database, as operators are told to have it.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import NamedTuple

import asyncpg
import pytest
import trio
from tests.support.stores import EnginePlace, Opened, add_account

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.base.reach import acting_for, unbounded
from pymailcore.store.postgres.connection import connect
from pymailcore.store.types import Row, Transaction

OTHER: TenantId = TenantId(2)
KIN, STRANGER = AccountId(201), AccountId(301)

_POLICED = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relrowsecurity AND c.relforcerowsecurity ORDER BY 1"
)
_COLUMNS = (
    "SELECT column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = ?1 ORDER BY ordinal_position"
)


class Whose(NamedTuple):
    """Somebody's rows."""

    tenant: TenantId
    account: AccountId


class Filled(NamedTuple):
    """A store in which each table with a policy has rows of three accounts."""

    opened: Opened
    tables: dict[str, str]
    """By their names the column that says whose a row is."""

    def rows_of(self, table: str, who: Whose) -> set[int]:
        """What that column has where a row is somebody's."""
        return {who.tenant} if self.tables[table] == "tenant" else {who.account}

    async def owners(self, table: str, *, steps: int) -> set[int]:
        """Whose rows a reading without any condition gets; of one statement, or of several."""
        sql = f"SELECT {self.tables[table]} FROM {table}"  # noqa: S608 - names out of the catalogue

        async def alone(tx: Transaction) -> list[Row]:
            return await tx.rows(sql)

        async def after_another(tx: Transaction) -> list[Row]:
            await tx.rows("SELECT 1")
            return await tx.rows(sql)

        work = alone if steps == 1 else after_another
        return {row[0] for row in await self.opened.store.database.read(work)}


def a_value(type_: str, number: int) -> object:
    """A value for a column, unlike all others."""
    return {"bytea": b"%d" % number, "text": f"{number}"}.get(type_, number)


async def fill(tx: Transaction, table: str, who: Whose, numbers: Iterator[int]) -> str:
    """Put a row of somebody into a table; gives the column that says whose it is."""
    columns = await tx.rows(_COLUMNS, table)
    values = {name: a_value(type_, next(numbers)) for name, type_ in columns}
    values |= {name: getattr(who, name) for name in ("tenant", "account") if name in values}
    marks = ", ".join(f"?{place}" for place in range(1, len(values) + 1))
    await tx.run(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())  # noqa: S608
    return "tenant" if "tenant" in values else "account"


@pytest.fixture
async def filled(opened: Opened) -> Filled:
    database = opened.store.database
    await add_account(opened.store, KIN, "kin@example.org")
    await add_account(opened.store, STRANGER, "stranger@example.net", tenant=OTHER)
    tables = [row[0] for row in await database.read(lambda tx: tx.rows(_POLICED))]
    people = (Whose(DEFAULT_TENANT, opened.account), Whose(DEFAULT_TENANT, KIN), Whose(OTHER, STRANGER))

    async def work(tx: Transaction) -> dict[str, str]:
        numbers = count(10**12)
        found: dict[str, str] = {}
        for table in tables:
            for who in people[:1] + people[2:] if table == "tenant_octets" else people:
                found[table] = await fill(tx, table, who, numbers)
        return found

    return Filled(opened, await database.write(work))


async def test_a_reading_that_forgets_its_account_gets_the_tenants_rows_only(filled: Filled) -> None:
    assert len(filled.tables) > 25
    mine, kin, strange = (
        Whose(DEFAULT_TENANT, filled.opened.account), Whose(DEFAULT_TENANT, KIN), Whose(OTHER, STRANGER)
    )  # fmt: skip
    for table in filled.tables:
        both = filled.rows_of(table, mine) | filled.rows_of(table, kin)
        for steps in (1, 2):
            with acting_for(*mine):
                assert await filled.owners(table, steps=steps) == both, table
            with acting_for(*strange):
                assert await filled.owners(table, steps=steps) == filled.rows_of(table, strange), table
            assert await filled.owners(table, steps=steps) == both | filled.rows_of(table, strange), table


async def test_a_change_that_forgets_its_account_touches_the_tenants_rows_only(filled: Filled) -> None:
    strange = Whose(OTHER, STRANGER)
    mine = Whose(DEFAULT_TENANT, filled.opened.account)
    database = filled.opened.store.database
    for table, column in filled.tables.items():

        async def change(tx: Transaction, table: str = table, column: str = column) -> None:
            await tx.run(f"UPDATE {table} SET {column} = {column}")  # noqa: S608
            await tx.run_many(f"DELETE FROM {table} WHERE {column} <> ?1", [(0,)])  # noqa: S608

        with acting_for(*mine):
            await database.write(change)
        assert await filled.owners(table, steps=1) == filled.rows_of(table, strange), table


async def test_no_row_is_made_for_another_tenant(filled: Filled) -> None:
    mine = Whose(DEFAULT_TENANT, filled.opened.account)
    numbers = count(2 * 10**12)
    database = filled.opened.store.database
    with acting_for(*mine):
        for table in filled.tables:
            work = partial(fill, table=table, who=Whose(OTHER, STRANGER), numbers=numbers)
            with pytest.raises(TemporaryFailure, match="row-level security"):
                await database.write(work)
        with unbounded():
            await database.write(lambda tx: fill(tx, "imports", Whose(OTHER, STRANGER), numbers))


async def test_rows_come_in_by_arrays_where_copy_may_not(filled: Filled) -> None:
    """What restores and moves stores fills each table by `load`."""
    rows = [(1, STRANGER, "a", "b", None), (2, STRANGER, "c", "d", None)]
    columns = ("id", "account", "path", "role", "became")
    more = [(*row, 0, 0) for row in rows]
    database = filled.opened.store.database
    await database.write(lambda tx: tx.load("kept_mailboxes", (*columns, "subscribed", "gone_ms"), more))
    found = await database.read(
        lambda tx: tx.rows(
            "SELECT id, account, path, role, became FROM kept_mailboxes WHERE id < 10 ORDER BY id"
        )
    )
    assert found == rows


async def test_a_connection_that_says_nothing_gets_nothing(
    filled: Filled, store_settings: EnginePlace
) -> None:
    url = store_settings["metadata"]

    async def counts(settings: dict[str, str]) -> set[int]:
        ours = not settings
        connection = (
            await connect(url, statement_seconds=5, lock_seconds=5, scratch=False)
            if ours
            else await asyncpg.connect(url, server_settings=settings)
        )
        try:
            return {await connection.fetchval(f"SELECT count(*) FROM {table}") for table in filled.tables}  # noqa: S608
        finally:
            await connection.close()

    assert await trio.to_thread.run_sync(lambda: asyncio.run(counts({}))) == {0}
    older = {"application_name": "a node of schema 7"}
    assert 0 not in await trio.to_thread.run_sync(lambda: asyncio.run(counts(older)))
