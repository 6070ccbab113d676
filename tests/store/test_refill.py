"""Columns that a migration has added are filled from what is there."""

from tests.support.stores import Opened, a_message

from pymailcore.store.folding import HEADER_COLUMNS
from pymailcore.store.refill import FILLS, refill_headers
from pymailcore.store.types import Row, Transaction

COLUMNS = ", ".join(HEADER_COLUMNS)
EMPTY = ", ".join(f"{column} = ''" for column in HEADER_COLUMNS[:-1])


async def all_headers(tx: Transaction) -> list[Row]:
    return await tx.rows(f"SELECT email, {COLUMNS} FROM email_headers ORDER BY email")  # noqa: S608


async def test_older_rows_become_what_new_ones_are(opened: Opened) -> None:
    groups = "Cc: friends: a@x, b@x;\r\nReferences: <a@x> <b@x>\r\nDate: Tue, 14 Nov 2023 05:00:00 +0000"
    for octets in (a_message("Re: Größe", extra=groups), a_message("x"), b"\r\n"):
        await opened.deliver(octets)
    database = opened.store.database
    fresh = await database.read(all_headers)

    async def forget(tx: Transaction) -> None:
        await tx.run(f"UPDATE email_headers SET {EMPTY}, threading = x''")  # noqa: S608

    await database.write(forget)
    assert await database.read(all_headers) != fresh
    assert await database.write(refill_headers) == 3
    assert await database.read(all_headers) == fresh


async def test_what_cannot_be_read_stays_as_it_is(opened: Opened) -> None:
    first, _ = await opened.deliver(), await opened.deliver()

    async def spoil(tx: Transaction) -> None:
        await tx.run("UPDATE email_data SET facts = x'c1' WHERE email = ?1", first.email)

    await opened.store.database.write(spoil)
    assert await opened.store.database.write(refill_headers) == 1


def test_the_fill_belongs_to_its_migration() -> None:
    assert FILLS[3] is refill_headers
