"""Needles that FTS5 cannot say by itself: joined places, fields of the header (RFC 9051 section 6.4.4)."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.searching import index_all
from tests.support.stores import Opened, add_account, opened_store

from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.store import compiling, evaluate
from pymailcore.store import query as q
from pymailcore.store.fulltext import sqlite_lookup, sqlite_phrases
from pymailcore.store.types import Target


def message(body: str, *fields: str) -> bytes:
    return ("\r\n".join([*fields, "Content-Type: text/plain", "", body]) + "\r\n").encode()


PARTS = (
    b"X-Tag: red rose\r\nX-Other: blue\r\nX-Empty:\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Tag: green\r\n\r\nlist-id: gray\r\n--b--\r\n"
)


@pytest.fixture(autouse=True)
def asks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "SHORT", 0)
    monkeypatch.setattr(compiling, "FEW", 0)


async def searched(opened: Opened, node: q.Filter) -> tuple[Sequence[int], int]:
    """What is found, and how many messages were looked at for it."""
    inbox = opened.mailbox("INBOX")
    plan = evaluate.candidates_in(opened.store.engine.text_index, opened.account, inbox, node)
    found = await opened.store.engine.reading(lambda _: plan)
    return await opened.store.search(opened.account, inbox, node), found.total


@pytest.mark.parametrize("together", [1, 48])
async def test_what_is_in_one_field_is_told_without_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(sqlite_lookup, "TOGETHER", together)
    monkeypatch.setattr(sqlite_phrases, "TOGETHER", together)
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(PARTS)
        await opened.deliver(message("x-tag: red", "X-Tag-More: red", "Subject: x-tag: red"))
        await index_all(opened)
        for name, needle, uids in [
            ("X-Tag", "red", [1]),
            ("x-tag", "RED  rose", [1]),
            ("X-Tag", "e", [1]),
            ("X-Tag", "tag", []),
            ("X-Tag", ": red", []),
            ("X-Tag", "blue", []),
            ("X-Tag", "rose x-other", []),
            ("X-Tag", "green", []),
            ("Tag", "red", []),
            ("Content-Type", "mixed", [1]),
            ("Content-Type", "green", []),
            ("X-Tag-More", "red", [2]),
            ("Subject", ": r", [2]),
            ("X-Empty", "", [1]),
            ("X-Empty", "mime", []),
            ("X-Tag", "", [1]),
            ("List-Id", "", []),
        ]:
            assert await searched(opened, q.HeaderContains(name, needle)) == (uids, 0), (name, needle)


@pytest.mark.parametrize("last", ["3", "30"])
async def test_the_last_word_in_a_field_may_be_any_of_very_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """They have one beginning; none of their messages is opened."""
    monkeypatch.setattr(sqlite_lookup, "MOST_IN_FIELD", 2)
    monkeypatch.setattr(sqlite_phrases, "AT_ONCE", 0)
    async with opened_store(tmp_path / "data") as opened:
        for number in (300, 301, 302, 303, 4):
            await opened.deliver(message("x", f"X-Tag: red {number}", f"X-Other: red {number + 1}"))
        await opened.deliver(message("x", "X-Tag: red", "X-Other: red 305"))
        await index_all(opened)
        assert await searched(opened, q.HeaderContains("X-Tag", f"d {last}")) == ([1, 2, 3, 4], 0)
        assert await searched(opened, q.HeaderContains("X-Tag", "d 302")) == ([3], 0)


@pytest.mark.parametrize("way", ["rows", "a prefix", "places"])
async def test_words_of_two_slots_stand_one_behind_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """In a row, and in one text, in whatever way that is looked for."""
    monkeypatch.setattr(sqlite_phrases, "AT_ONCE", 0)
    monkeypatch.setattr(sqlite_phrases, "PER_QUERY", 1)
    monkeypatch.setattr(sqlite_phrases, "PER_PREFIX", 1 if way == "rows" else 1_000)
    if way == "places":
        monkeypatch.setattr(sqlite_phrases, "MOST_PHRASES", 0)
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(message("going to rest, singing", "Subject: sing"))
        await opened.deliver(message("to going too", "Subject: bring it to"))
        await opened.deliver(message("x too", "Subject: ring"))
        await opened.deliver(message("to ring, bring, sing", "Subject: x"))
        await index_all(opened)
        body = q.Contains(q.Field.BODY, "ing to")
        assert await searched(opened, body) == ([1, 2], 0)
        assert await searched(opened, q.Not(body)) == ([3, 4], 0)
        assert await searched(opened, q.Contains(q.Field.BCC, "ing to")) == ([], 0)
        row = q.Matches(q.Field.TEXT, "ing to", q.How.SUBSTRING)
        assert await searched(opened, row) == ([1, 2], 0)
        assert await searched(opened, q.Contains(q.Field.TEXT, "ng to r")) == ([1], 0)
        assert await searched(opened, q.Contains(q.Field.TEXT, "g it t")) == ([2], 0)


async def test_a_join_does_not_meet_other_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_phrases, "MOST_PHRASES", 0)
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(message("to going"))
        other = AccountId(opened.account + 1)
        await add_account(opened.store, other, "other@example.org")
        target = [Target(other, "inbox")]
        prepared = await opened.store.prepare(message("going to"))
        await opened.store.deliver(prepared, target, tenant=DEFAULT_TENANT, received_ms=0)
        await index_all(opened)
        needle = q.Contains(q.Field.BODY, "ing to")
        assert await searched(opened, needle) == ([], 0)
        assert (await opened.store.query(other, needle, [], limit=9, total=True))[2] == 1


async def test_too_many_places_are_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_phrases, "MOST_PHRASES", 0)
    monkeypatch.setattr(sqlite_phrases, "MOST_PLACES", 3)
    async with opened_store(tmp_path / "data") as opened:
        for _ in range(3):
            await opened.deliver(message("going to"))
        await index_all(opened)
        assert await searched(opened, q.Contains(q.Field.BODY, "ing to")) == ([1, 2, 3], 3)
