"""Columns that a migration has added are filled from what is there."""

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.postgres import cluster
from tests.support.searching import index_all
from tests.support.stores import EnginePlace, Opened, a_message, opened_store

from pymailcore.store import migrate
from pymailcore.store import query as q
from pymailcore.store.folding import HEADER_COLUMNS
from pymailcore.store.refill import FILLS, refill_folded, refill_headers
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


RARE = ("\u0130\u0327stanbul", "of\ufb01\u0301ce", "A\ufb02\u0323\u0307at")
"""Texts of which a form was kept once that no needle has: U+0130, ligatures with marks behind them."""


def as_once(text: str) -> str:
    """How texts were folded before schema 7."""
    return unicodedata.normalize("NFC", text).casefold()


@pytest.fixture
def place(engine: str) -> Iterator[EnginePlace]:
    """An engine without tables."""
    if engine == "sqlite":
        yield {}
    else:
        with cluster().database() as url:
            yield {"metadata": url}


async def test_rare_texts_in_their_old_form_are_found_after_an_upgrade(
    tmp_path: Path, place: EnginePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older rows are brought to the form of needles by the migration to schema 7; the others stay."""
    older = migrate.migrations()[:6]
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "migrations", lambda: older)
        async with opened_store(tmp_path / "data", **place) as opened:
            filed = [await opened.deliver(a_message(f"=?utf-8?q?{encoded(text)}?= plan")) for text in RARE]
            rows = [(one.email, f"{as_once(text)} plan") for one, text in zip(filed, RARE, strict=True)]
            update = "UPDATE email_headers SET subject_text = ?2 WHERE email = ?1"
            await opened.store.database.write(lambda tx: tx.run_many(update, rows))
            await opened.deliver(a_message("Plan"))
            assert await found(opened) == [[], [], []]
    async with opened_store(tmp_path / "data", **place) as opened:
        assert await found(opened) == [[1], [2], [3]]
        await index_all(opened)
        assert await found(opened) == [[1], [2], [3]]
        assert await opened.store.database.write(refill_folded) == len(RARE)


def encoded(text: str) -> str:
    return "".join(f"={octet:02X}" for octet in text.encode())


async def found(opened: Opened) -> list[Sequence[int]]:
    inbox = opened.mailbox("INBOX")
    nodes = [q.Contains(q.Field.SUBJECT, text) for text in RARE]
    return [await opened.store.search(opened.account, inbox, node) for node in nodes]


def test_the_fills_belong_to_their_migrations() -> None:
    assert dict(FILLS) == {3: refill_headers, 7: refill_folded}
