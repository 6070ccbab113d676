"""Every row of every table comes out and goes in, on both engines, a page at a time."""

from collections.abc import Sequence

import pytest
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.backup import dump as dumping
from pymailcore.store.backup.dump import clear, dump, load
from pymailcore.store.backup.tables import Table, schema_tables
from pymailcore.store.keywords import Keywords
from pymailcore.store.types import FlagChange, Row, Transaction

_ALIAS = (
    "INSERT INTO addresses (address, target_account, target_address, kind, display, created_ms)"
    " VALUES ('a', ?1, ?2, 'alias', 'A', 0)"
)


class Rows:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {}
        self.pages: list[int] = []

    def begin(self, table: Table, rows: int) -> None:
        self._rows = self.tables[table.name] = []
        self._number = rows

    def rows(self, rows: Sequence[Row]) -> None:
        self._rows += [tuple(row) for row in rows]
        self.pages.append(len(rows))

    def end(self) -> None:
        assert len(self._rows) == self._number


async def some_mail(opened: Opened) -> None:
    for number in range(7):
        await opened.deliver(a_message(f"number {number}"))
    inbox = opened.mailbox("INBOX")
    await opened.store.set_flags(opened.account, inbox, [(2, 4)], FlagChange.ADD, Keywords(), deleted=True)
    await opened.store.expunge(opened.account, inbox, None)

    async def addresses(tx: Transaction) -> None:
        for account, address in ((1, None), (None, "x@example.org"), (2, None)):
            await tx.run(_ALIAS, account, address)

    await opened.store.database.write(addresses)


async def test_all_rows_come_out_in_small_pages(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    await some_mail(opened)
    whole = Rows()
    await opened.store.database.read_long(lambda tx: dump(tx, whole))
    monkeypatch.setattr(dumping, "_FIRST_PAGE", 1)
    monkeypatch.setattr(dumping, "_MOST_ROWS", 2)
    small = Rows()
    await opened.store.database.read_long(lambda tx: dump(tx, small))
    assert max(small.pages) == 2
    assert small.tables == whole.tables
    assert len(whole.tables["emails"]) == 4
    assert len(whole.tables["kept_emails"]) == len(whole.tables["expunged"]) == 3
    assert len(whole.tables["addresses"]) == 3
    assert len(whole.tables["removed"]) > 2


async def test_what_came_out_goes_in_again(opened: Opened) -> None:
    await some_mail(opened)
    first = Rows()
    await opened.store.database.read_long(lambda tx: dump(tx, first))

    async def again(tx: Transaction) -> None:
        for table in schema_tables():
            await clear(tx, table)
            await load(tx, table, first.tables[table.name])

    await opened.store.database.write(again)
    second = Rows()
    await opened.store.database.read_long(lambda tx: dump(tx, second))
    assert second.tables == first.tables
    await opened.check()


async def test_a_key_that_does_not_tell_rows_apart_is_noticed(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_mail(opened)
    monkeypatch.setattr(dumping, "_FIRST_PAGE", 1)
    monkeypatch.setattr(dumping, "_MOST_ROWS", 1)
    table = Table("placements", ("mailbox", "uid"), ("mailbox",))
    with pytest.raises(TemporaryFailure, match="has 4 rows and gave 1"):
        await opened.store.database.read_long(lambda tx: dump(tx, Rows(), [table]))


def test_every_table_has_a_key() -> None:
    for table in schema_tables():
        assert table.key, table.name
        assert "schema_versions" not in table.name
    old = {table.name: table for table in schema_tables(1)}
    assert "kept_emails" not in old
    assert len(old["accounts"].columns) < len(schema_tables()[0].columns)
