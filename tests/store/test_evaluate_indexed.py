"""Answers with the text index are those of a plain scan (RFC 9051 section 6.4.4; RFC 8621 section 4.4.1)."""

import random
from collections.abc import Sequence

import pytest
from tests.support.searching import index_all, needles, scanned, some_message, some_text
from tests.support.stores import Opened, a_message

from pymailcore.store import compiling, evaluate, texts
from pymailcore.store import query as q
from pymailcore.store.fulltext import sqlite_lookup, sqlite_phrases
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.postgres import text_index
from pymailcore.store.types import FlagChange

MAILS = 80


def some_filter(source: random.Random, found: list[str], depth: int = 2) -> q.Filter:
    """A filter about texts."""
    choice = source.random()
    if depth and choice < 0.35:
        parts = tuple(some_filter(source, found, depth - 1) for _ in range(source.randint(1, 3)))
        return q.Or(parts) if source.random() < 0.4 else q.And(parts)
    if depth and choice < 0.5:
        return q.Not(some_filter(source, found, depth - 1))
    needle = source.choice(found)
    if choice < 0.75:
        fields = [field for field in q.Field if field is not q.Field.ATTACHMENT]
        return q.Contains(source.choice(fields), needle)
    if choice < 0.9:
        return q.Matches(source.choice(list(q.Field)), needle, source.choice(list(q.How)))
    if choice < 0.95:
        return q.HeaderContains(source.choice(["X-Tag", "subject", "x", "DKIM-Signature"]), needle[:3])
    return q.HasKeywords(keywords_of(["$seen"])) if source.random() < 0.5 else q.Size(least=900)


async def fill(opened: Opened, first: int, count: int) -> None:
    for number in range(first, first + count):
        keywords = keywords_of(["$seen"]) if number % 3 == 0 else Keywords()
        await opened.deliver(some_message(number), keywords=keywords)


@pytest.mark.parametrize(
    "state",
    [
        "indexed",
        "with a tail",
        "with a long tail",
        "each by itself",
        "short",
        "words one by one",
        "too many words",
        "places joined",
        "beginnings together",
    ],
)
async def test_the_index_answers_as_a_scan_does(
    opened: Opened, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "SHORT", 10_000 if state == "short" else 0)
    monkeypatch.setattr(compiling, "FEW", 10_000 if state == "each by itself" else 0)
    if state == "words one by one":
        for module in (sqlite_lookup, sqlite_phrases, text_index):
            monkeypatch.setattr(module, "TOGETHER", 1)
    if state == "too many words":
        for module in (sqlite_lookup, sqlite_phrases, text_index):
            monkeypatch.setattr(module, "MOST_WORDS", 2)
        monkeypatch.setattr(sqlite_phrases, "MOST_PHRASES", 2)
        monkeypatch.setattr(sqlite_phrases, "MOST_PLACES", 0)
        monkeypatch.setattr(text_index, "MOST_IN_PHRASE", 2)
    if state == "places joined":
        monkeypatch.setattr(sqlite_phrases, "MOST_PHRASES", 0)
    if state == "beginnings together":
        monkeypatch.setattr(sqlite_phrases, "AT_ONCE", 0)
        monkeypatch.setattr(sqlite_phrases, "PER_PREFIX", 10**9)
    await fill(opened, 0, MAILS)
    if "tail" in state:
        await index_all(opened)
        await fill(opened, MAILS, 12)
    else:
        await index_all(opened)
    if state == "with a long tail":
        monkeypatch.setattr(compiling, "MOST_TAIL", 3)
    source = random.Random(7)  # noqa: S311
    written = [some_text(source) for _ in range(40)] + ["example.org", "x-tag: ", "ada <a", "subject"]
    inbox = opened.mailbox("INBOX")
    hits = 0
    for _ in range(100):
        node = some_filter(source, needles(source, written, 3))
        found = await opened.store.search(opened.account, inbox, node)
        hits += 0 < len(found) < MAILS
        assert found == await scanned(opened.store, opened, inbox, node), node
        ids, *_ = await opened.store.query(opened.account, node, [], limit=1_000)
        assert len(ids) == len(found), node
    assert hits > 25


async def test_what_is_indexed_is_not_opened(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A needle that the plan is exact for costs no look at any message."""
    monkeypatch.setattr(compiling, "SHORT", 0)
    await fill(opened, 0, 20)
    await index_all(opened)
    inbox = opened.mailbox("INBOX")

    async def looked_at(needle: str) -> int:
        node = q.Contains(q.Field.TEXT, needle)
        plan = evaluate.candidates_in(opened.store.engine.text_index, opened.account, inbox, node)
        return (await opened.store.engine.reading(lambda _: plan)).total

    for needle in ("lan", "cafe\u0301", "plan", "größe, ", "会議", "re-port", "ada <a"):
        assert await looked_at(needle) == 0
    await opened.deliver(some_message(99))
    assert await looked_at("lan") == 1


async def test_marks_do_not_make_a_tail(opened: Opened) -> None:
    """What changes about an indexed Email is not looked at again."""
    await fill(opened, 0, 8)
    await index_all(opened)
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    await store.set_flags(account, inbox, [(1, 4)], FlagChange.ADD, keywords_of(["$flagged"]), deleted=True)
    await store.set_flags(account, inbox, [(1, 2)], FlagChange.REMOVE, Keywords(), deleted=True)
    node = q.Contains(q.Field.BODY, "an")
    plan = evaluate.candidates_in(store.engine.text_index, account, inbox, node)
    assert (await store.engine.reading(lambda _: plan)).total == 0


async def test_a_long_scan_tells_how_far_it_is(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(texts, "MOST_MESSAGES", 3)
    await fill(opened, 0, 8)
    told: list[tuple[int, int]] = []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    node = q.Contains(q.Field.BODY, "a")
    found = await opened.store.search(opened.account, opened.mailbox("INBOX"), node, progress)
    assert told == [(3, 8), (6, 8)]
    assert found == await opened.store.search(opened.account, opened.mailbox("INBOX"), node)


class Readable:
    """Takes attachments as they are for texts."""

    def wants(self, media_type: str, file_name: str, size_octets: int) -> bool:  # noqa: ARG002 - the interface
        """Everything."""
        return True

    async def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:  # noqa: ARG002
        """All of it."""
        return octets.decode()


async def test_words_and_phrases_in_attachments(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 8621 section 4.4.1: `text` and `body` look into attachments where the server can."""
    monkeypatch.setattr(compiling, "SHORT", 0)
    for text in ("The yearly Büdget: report", "report of the budget", "nothing"):
        await opened.deliver(
            a_message(
                "with a file", extra="MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b",
                body="--b\r\n\r\nsee there\r\n--b\r\nContent-Type: application/pdf; charset=utf-8\r\n"
                "Content-Transfer-Encoding: 8bit\r\n"
                f"Content-Disposition: attachment; filename=numbers.pdf\r\n\r\n{text}\r\n--b--\r\n",
            )
        )  # fmt: skip
    await index_all(opened, attachments=Readable())

    async def found(field: q.Field, needle: str, how: q.How = q.How.WHOLE) -> Sequence[int]:
        return await opened.store.search(
            opened.account, opened.mailbox("INBOX"), q.Matches(field, needle, how)
        )

    assert await found(q.Field.ATTACHMENT, "budget") == [1, 2]
    assert await found(q.Field.ATTACHMENT, "budget: report") == [1]
    assert await found(q.Field.ATTACHMENT, "of the bud", q.How.PREFIX) == [2]
    assert await found(q.Field.TEXT, "report of") == await found(q.Field.BODY, "report of") == [2]
    assert (
        await found(q.Field.BODY, "see there") == await found(q.Field.ATTACHMENT, "numbers.pdf") == [1, 2, 3]
    )
    assert await found(q.Field.ATTACHMENT, "see there") == []
    node = q.Contains(q.Field.TEXT, "report of")
    assert await opened.store.search(opened.account, opened.mailbox("INBOX"), node) == []


@pytest.mark.parametrize("short", [0, 10_000])
async def test_blanks_at_the_ends_of_a_needle_count(
    opened: Opened, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9051 section 6.4.4: a substring."""
    monkeypatch.setattr(compiling, "SHORT", short)
    for subject in ("single", "the le mans", "the", "le, mans", "(le mans)", "ile mans le"):
        await opened.deliver(a_message(subject, body=f"{subject}\r\n", extra=f"X-Tag: {subject}"))

    async def found(needle: str) -> Sequence[int]:
        """The same in the row's text, in the body, and in a field of the header."""
        nodes: list[q.Filter] = [q.Contains(q.Field.SUBJECT, needle), q.Contains(q.Field.BODY, needle)]
        nodes.append(q.HeaderContains("X-Tag", needle))
        inbox = opened.mailbox("INBOX")
        each = [await opened.store.search(opened.account, inbox, node) for node in nodes]
        assert each[0] == each[1] == each[2], needle
        return each[0]

    for _ in ("looked through", "indexed"):
        assert await found("le ") == [2, 5, 6]
        assert await found(" le") == [2, 6]
        assert await found(" le ") == [2]
        assert await found("le") == [1, 2, 4, 5, 6]
        assert await found(" mans ") == [6]
        assert await found(" mans l") == [6]
        assert await found("le\t mans") == [2, 5, 6]
        assert await found(", ") == [4]
        assert await found(" (") == []
        assert await found(" \t") == [2, 4, 5, 6]
        assert await found("") == [1, 2, 3, 4, 5, 6]
        await index_all(opened)


async def test_needles_of_any_characters(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a needle is taken for a part of the index's own language."""
    monkeypatch.setattr(compiling, "SHORT", 0)
    source = random.Random(23)  # noqa: S311
    alphabet = "aaabbbä  ''\\\\\"\":*&|!()<>-.%_{}$?;,\x01\x7f\u200b会あ😀"
    written = ["".join(source.choices(alphabet, k=60)) for _ in range(20)]
    for text in written:
        await opened.deliver(
            a_message("x", body=f"{text}\r\n", extra="Content-Type: text/plain; charset=utf-8")
        )
    await index_all(opened)
    inbox = opened.mailbox("INBOX")
    hits = 0
    for _ in range(80):
        text = source.choice(written)
        start = source.randrange(len(text))
        needle = text[start : start + source.randint(1, 5)]
        for node in (
            q.Contains(q.Field.TEXT, needle),
            q.Matches(q.Field.BODY, needle, source.choice(list(q.How))),
        ):
            found = await opened.store.search(opened.account, inbox, node)
            hits += 0 < len(found) < len(written)
            assert found == await scanned(opened.store, opened, inbox, node), node
    assert hits > 50


async def test_words_beside_one_that_is_cut_into_pieces_are_found(opened: Opened) -> None:
    """Found by reading: a row of words with one of more than 128 characters was missed by the index."""
    long = "".join(chr(97 + place % 26) for place in range(200))
    await opened.deliver(a_message("s", body=f"alpha {long} beta\r\n"))
    await index_all(opened)
    inbox = opened.mailbox("INBOX")
    for how in q.How:
        for needle in (f"alpha {long}", f"{long} beta", f"alpha {long} beta", long):
            node = q.Matches(q.Field.BODY, needle, how)
            assert await opened.store.search(opened.account, inbox, node) == [1], (how, needle[:8])
