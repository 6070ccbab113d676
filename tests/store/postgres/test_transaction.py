"""transaction: statements and arguments of both engines on PostgreSQL."""

import asyncio

import pytest
import trio
from tests.support.stores import Opened

from pymailcore.base.errors import AlreadyExists, TemporaryFailure
from pymailcore.store.types import Row, Transaction


async def insert(tx: Transaction, number: int, name: str) -> None:
    await tx.run("INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, ?2, ?3, 0)", number, 1, name)


@pytest.mark.parametrize(
    ("sql", "args", "row"),
    [
        ("SELECT ?1, ?2, ?3, ?4, ?5", (2**62, "ä", b"\0\xff", 0.5, None), (2**62, "ä", b"\0\xff", 0.5, None)),
        ("SELECT max(?1, ?2), min(?1, ?2), max(?1, ?3)", (3, 9, None), (9, 3, None)),
        ("SELECT instr(?1, ?2), instr(?1, ?3)", ("abcä", "cä", "x"), (3, 0)),
        ("SELECT substr(?1, ?2), substr(?1, 1, ?2)", ("abcd", 2), ("bcd", "ab")),
        ("SELECT hex(?1), hex(x'0aFF')", (b"\x0a",), ("0A", "0AFF")),
        ("SELECT octet_length(?1), length(?1)", ("ä",), (2, 1)),
        ("SELECT sum(n), total(n) FROM (SELECT 2 AS n UNION ALL SELECT 3) x", (), (5, 5)),
        ("SELECT 1 FROM json_each(?1) r WHERE json_extract(r.value, '$[1]') > 2", ("[[1,2],[1,3]]",), (1,)),
        ("SELECT json_group_array(id) FROM (SELECT id FROM domains) x", (), ("[]",)),
        ("SELECT 1 WHERE 2 IN (SELECT value FROM json_each(?1))", ("[]",), None),
        ("SELECT 1 WHERE 'a' NOT IN (SELECT value FROM json_each(?1 /*text*/))", ('["b"]',), (1,)),
        ("SELECT 'tenant:' || ?1", (7,), ("tenant:7",)),
        ("SELECT CASE WHEN ?1 <> 0 THEN 1 ELSE 2 END", (True,), (1,)),
    ],
)  # fmt: skip
async def test_values_go_in_and_come_out_as_on_sqlite(
    opened: Opened, sql: str, args: tuple[object, ...], row: Row | None
) -> None:
    assert await opened.store.database.read(lambda tx: tx.row(sql, *args)) == row


async def test_text_is_ordered_octet_by_octet(opened: Opened) -> None:
    async def work(tx: Transaction) -> list[Row]:
        await tx.run_many(
            "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)",
            [(number, name) for number, name in enumerate(["b", "a", "B", "ä", "a-", "aa"], 1)],
        )
        return await tx.rows("SELECT name FROM domains ORDER BY name")

    rows = await opened.store.database.write(work)
    assert [row[0] for row in rows] == ["B", "a", "a-", "aa", "b", "ä"]


async def test_a_broken_constraint_is_the_same_error_as_on_sqlite(opened: Opened) -> None:
    async def twice(tx: Transaction) -> None:
        await insert(tx, 1, "a")
        await insert(tx, 1, "b")

    async def many(tx: Transaction) -> None:
        await tx.run_many(
            "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)", [(1, "a"), (2, "a")]
        )

    async def returning(tx: Transaction) -> None:
        await insert(tx, 1, "a")
        await tx.row("INSERT INTO domains (id, tenant, name, created_ms) VALUES (1, 1, 'b', 0) RETURNING id")

    for work in (twice, many, returning):
        with pytest.raises(AlreadyExists):
            await opened.store.database.write(work)
    assert await opened.store.database.read(lambda tx: tx.rows("SELECT 1 FROM domains")) == []


async def test_a_statement_says_how_many_rows_it_changed(opened: Opened) -> None:
    async def work(tx: Transaction) -> list[int]:
        for number in range(1, 4):
            await insert(tx, number, f"{number}")
        return [
            await tx.run("UPDATE domains SET tenant = 2 WHERE id > ?1", 1),
            await tx.run("DELETE FROM domains"),
            await tx.run("DELETE FROM domains WHERE id = ?1", 7),
        ]

    assert await opened.store.database.write(work) == [2, 3, 0]


async def test_rows_that_are_locked_in_ascending_order_never_deadlock(opened: Opened) -> None:
    async def setup(tx: Transaction) -> None:
        for number in (1, 2):
            await insert(tx, number, f"{number}")

    await opened.store.database.write(setup)
    runs: list[int] = []
    both = asyncio.Event()

    async def work(tx: Transaction, ids: list[int]) -> None:
        runs.append(1)
        if len(runs) == 2:
            both.set()
        await both.wait()
        await tx.lock("domains", ids)
        await tx.lock("domains", ids)
        for id_ in ids:
            await tx.run("UPDATE domains SET tenant = tenant + 1 WHERE id = ?1", id_)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened.store.database.write, lambda tx: work(tx, [1, 2]))
        nursery.start_soon(opened.store.database.write, lambda tx: work(tx, [2, 1]))
    assert len(runs) == 2
    assert await opened.store.database.read(lambda tx: tx.rows("SELECT tenant FROM domains")) == [(3,), (3,)]


async def test_a_lock_without_ids_is_its_name(opened: Opened) -> None:
    """One of them at a time reads and then writes."""

    async def count_up(tx: Transaction) -> None:
        await tx.lock("directory")
        row = await tx.row("SELECT coalesce(max(id), 0) FROM domains")
        assert row is not None
        await insert(tx, row[0] + 1, f"{row[0] + 1}")

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(opened.store.database.write, count_up)
    row = await opened.store.database.read(lambda tx: tx.row("SELECT count(*), max(id) FROM domains"))
    assert row == (12, 12)


async def test_statements_of_run_many_wait_and_come_before_what_depends_on_them(opened: Opened) -> None:
    many = "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, ?2, ?3, 0)"
    odd = "it's \\ ?1 $1::text; -- x"

    async def work(tx: Transaction) -> tuple[list[Row], list[Row], int]:
        await tx.run_many(many, [(1, -5, odd), (2, 0, "")])
        assert await tx.rows("SELECT count(*) FROM addresses") == [(0,)]
        seen = await tx.rows("SELECT tenant, name FROM domains ORDER BY id")
        await tx.run_many(many, [(3, 1, "z"), (4, 1, "y" * 20_000)])
        changed = await tx.run("UPDATE domains SET tenant = 9 WHERE id > 2")
        await tx.run_many("DELETE FROM domains WHERE id = ?1", [(1,)])
        return seen, await tx.rows("SELECT id FROM domains ORDER BY id"), changed

    seen, left, changed = await opened.store.database.write(work)
    assert seen == [(-5, odd), (0, "")]
    assert (left, changed) == ([(2,), (3,), (4,)], 2)


async def test_what_waits_and_breaks_a_constraint_undoes_all(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        await insert(tx, 1, "a")
        await tx.run_many(
            "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)", [(2, "a")]
        )

    with pytest.raises(AlreadyExists):
        await opened.store.database.write(work)
    assert await opened.store.database.read(lambda tx: tx.rows("SELECT 1 FROM domains")) == []


async def test_text_with_a_nul_is_refused(opened: Opened) -> None:
    """PostgreSQL cannot keep one."""

    async def work(tx: Transaction) -> None:
        await tx.run_many(
            "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)", [(1, "a\0b")]
        )

    with pytest.raises(ValueError, match="NUL"):
        await opened.store.database.write(work)


async def test_a_read_of_one_statement_needs_no_transaction_and_a_longer_one_gets_it(opened: Opened) -> None:
    database = opened.store.database
    isolation = "SELECT current_setting('transaction_isolation')"
    most = 1

    async def work(tx: Transaction) -> list[Row | None]:
        return [await tx.row(isolation) for _ in range(most)]

    assert await database.read(work) == [("read committed",)]
    most = 2
    assert await database.read(work) == [("repeatable read",)] * 2
    most = 1
    assert await database.read(work) == [("repeatable read",)]  # the next one may be long, too


async def test_a_read_that_writes_is_refused_even_as_its_only_statement(opened: Opened) -> None:
    for work in (
        lambda tx: tx.run("DELETE FROM mailboxes"),
        lambda tx: tx.rows("DELETE FROM mailboxes RETURNING id"),
        lambda tx: tx.run_many("DELETE FROM mailboxes WHERE account = ?1", [(1,)]),
    ):
        with pytest.raises(TemporaryFailure):
            await opened.store.database.read(work)
    assert len(await opened.store.mailboxes(opened.account)) == 6
