"""The text index on PostgreSQL, as it is asked (RFC 9051 section 6.4.4; RFC 8621 section 4.4.1)."""

import random
from pathlib import Path

import pytest
from tests.support.searching import index_all, needles, scanned, some_message, some_text
from tests.support.stores import EnginePlace, Opened, a_message, add_account, opened_store

from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.store import compiling, evaluate
from pymailcore.store import query as q
from pymailcore.store.fulltext.words import Place, Words, plain
from pymailcore.store.postgres import text_index, text_phrases, text_rows, text_writing
from pymailcore.store.postgres.text_index import EDGE, grams, wanted_grams
from pymailcore.store.types import Row, Target, Transaction

_SCANS = "SELECT relname::text, seq_scan FROM pg_stat_xact_user_tables"


@pytest.fixture(autouse=True)
def asks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "SHORT", 0)
    monkeypatch.setattr(compiling, "FEW", 0)


def found_in(word: str, slot: Words) -> bool:
    wanted = wanted_grams(7, slot)
    return wanted is None or set(wanted.split(" ")) <= grams(7, word)


def test_a_word_is_found_by_its_threes_wherever_a_part_of_it_stands() -> None:
    source = random.Random(3)  # noqa: S311
    for _ in range(500):
        word = "".join(source.choices("aäöé한국λό", k=source.randint(1, 40)))
        for accents in (True, False):
            form = word if accents else plain(word)
            start = source.randrange(len(form))
            end = source.randint(start + 1, len(form))
            assert found_in(word, Words(form, Place.WHOLE, accents))
            assert found_in(word, Words(form[:end], Place.BEGINNING, accents))
            assert found_in(word, Words(form[start:], Place.END, accents))
            assert found_in(word, Words(form[start:end], Place.INSIDE, accents))
    assert not found_in("plan", Words("lan", Place.BEGINNING))
    assert not found_in("plan", Words("pla", Place.END))
    assert not found_in("planet", Words("plan", Place.WHOLE))
    assert grams(7, "a") == {f"7/{EDGE}a{EDGE}"}


async def test_words_of_one_mail_may_be_in_different_rows(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_rows, "MOST_VECTOR_OCTETS", 200)
    for number in range(12):
        await opened.deliver(some_message(number))
    await index_all(opened)
    rows = await opened.store.database.read(lambda tx: tx.rows("SELECT email, cut FROM text_documents"))
    assert len({row[0] for row in rows}) == 12
    assert len(rows) > 40
    source = random.Random(5)  # noqa: S311
    texts = [some_text(random.Random(number)) for number in range(12)]  # noqa: S311
    inbox = opened.mailbox("INBOX")
    hits = 0
    for few in (0, 100):
        monkeypatch.setattr(compiling, "FEW", few)
        for _ in range(15):
            one, other, third = (q.Contains(q.Field.TEXT, needle) for needle in needles(source, texts, 2)[:3])
            for node in (q.And((one, other)), q.Or((q.Not(one), q.And((other, third))))):
                found = await opened.store.search(opened.account, inbox, node)
                hits += 0 < len(found) < 12
                assert found == await scanned(opened.store, opened, inbox, node), node
    assert hits > 10


@pytest.mark.parametrize("by", ["words", "the rarest word", "all texts"])
async def test_phrases_of_short_and_frequent_words(
    opened: Opened, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database finds them, and no message is looked at, however many have their words."""
    if by != "words":
        monkeypatch.setattr(text_index, "TOGETHER", 0)
    if by == "all texts":
        monkeypatch.setattr(text_index, "MOST_IN_PHRASE", 0)
    source = random.Random(31)  # noqa: S311
    words = (
        "a",
        "an",
        "in",
        "inn",
        "the",
        "then",
        "of",
        "á",
        "àn",
        "thé",
        "ín",
        "I'm",
        "x@y.z",
        "会議",
        "(",
        ".",
    )

    def some(most: int) -> str:
        return " ".join(source.choices(words, k=source.randint(1, most)))

    for _ in range(40):
        body = "Content-Type: text/plain; charset=utf-8"
        await opened.deliver(
            a_message(some(4), body=f"{some(12)}\r\n{some(5)}\r\n", extra=f"X-Tag: {some(3)}\r\n{body}")
        )
    await index_all(opened)
    inbox = opened.mailbox("INBOX")
    index = opened.store.engine.text_index
    hits = 0
    for _ in range(60):
        needle = f"{source.choice(words)} {some(2)}"
        needle = needle[source.randint(0, 2) : len(needle) - source.randint(0, 2)]
        nodes: list[q.Filter] = [
            q.Contains(source.choice([q.Field.TEXT, q.Field.BODY, q.Field.SUBJECT]), needle),
            q.And((q.Contains(q.Field.BODY, needle), q.Contains(q.Field.TEXT, some(2)))),
            q.Matches(source.choice([q.Field.TEXT, q.Field.SUBJECT]), needle, source.choice([*q.How])),
            q.HeaderContains("X-Tag", source.choice([needle, needle[:2]])),
        ]
        node = source.choice(nodes)
        found = await opened.store.search(opened.account, inbox, node)
        assert found == await scanned(opened.store, opened, inbox, node), node
        hits += 0 < len(found) < 40
        if needle.strip() != needle or ("X-Tag" in str(node) and needle[:2].strip() != needle[:2]):
            continue  # what stands at the very end of a text is confirmed
        plan = evaluate.candidates_in(index, opened.account, inbox, node)
        candidates = await opened.store.engine.reading(lambda _, plan=plan: plan)  # type: ignore[misc]  # its default is not seen
        assert candidates.total == 0, node
    assert hits > 20


async def test_what_a_phrase_cannot_be_told_from_is_looked_at(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words too long to be told whole, in attachments too, of which the text is kept for this."""
    name = "y" * 150
    for end in ("a", "b"):
        for file in (f"{name}{end} of it", "some of it", "it"):
            await opened.deliver(
                a_message(
                    body=f"{'x' * 130}{end} and\r\n",
                    extra=f'MIME-Version: 1.0\r\nContent-Type: text/plain; name="{file}"',
                )
            )
    await index_all(opened)
    inbox = opened.mailbox("INBOX")
    for needle, expected in ((f"{'x' * 130}a and", [1, 2, 3]), (f"{'x' * 130} and", [])):
        node: q.Filter = q.Contains(q.Field.BODY, needle)
        assert await opened.store.search(opened.account, inbox, node) == expected
    monkeypatch.setattr(text_phrases, "MOST_STRETCHES", 0)
    for needle, expected in ((f"{name}a of", [1]), ("some of", [2, 5]), ("of it", [1, 2, 4, 5])):
        node = q.Matches(q.Field.ATTACHMENT, needle, q.How.WHOLE)
        assert await opened.store.search(opened.account, inbox, node) == expected


async def test_words_of_one_account_are_none_of_another(opened: Opened) -> None:
    store, other = opened.store, AccountId(2)
    await add_account(store, other, "carl@example.org")
    await opened.deliver(a_message(body="elephant shared\r\n"))
    filed = await store.deliver(
        await store.prepare(a_message(body="giraffe shared\r\n")),
        [Target(other, "inbox")], tenant=DEFAULT_TENANT, received_ms=0,
    )  # fmt: skip
    await index_all(opened)

    async def found(account: AccountId, needle: str) -> list[int]:
        node = q.Contains(q.Field.BODY, needle)
        plan = evaluate.candidates_of(store.engine.text_index, account, node, [])
        candidates, _ = await store.engine.reading(lambda _: plan)
        assert isinstance(candidates, evaluate.Candidates)
        assert candidates.total == 0
        return candidates.found().emails.tolist()

    assert await found(other, "giraffe") == await found(other, "shared") == [filed[0].email]
    assert await found(other, "elephant") == await found(opened.account, "giraffe") == []
    assert len(await found(opened.account, "shared")) == 1


@pytest.mark.slow
async def test_no_table_is_read_from_end_to_end(opened: Opened) -> None:
    """Whatever the planner thinks of how frequent words are, and however many they are."""
    await opened.deliver(a_message(body="plan plane planet planets\r\n"))
    await index_all(opened)
    await opened.store.database.write(_multiply)
    inbox = opened.mailbox("INBOX")
    index = opened.store.engine.text_index
    for node in (
        q.Contains(q.Field.TEXT, "w1"),  # 1,111 words
        q.Contains(q.Field.TEXT, "plan"),
        q.And((q.Contains(q.Field.TEXT, "w77"), q.Contains(q.Field.BODY, "plan"))),
        q.Contains(q.Field.BODY, "plane w7"),
        q.Not(q.Not(q.Contains(q.Field.BODY, "w777"))),
    ):
        for plan in (
            evaluate.candidates_in(index, opened.account, inbox, node),
            evaluate.candidates_of(index, opened.account, node, [q.Sort(q.SortKey.RECEIVED)]),
        ):
            work = next(plan)

            async def watched(tx: Transaction) -> tuple[list[Row], list[Row]]:
                before = await tx.rows(_SCANS)  # by what ran on the connection lately, too
                await work(tx)  # noqa: B023 - it is run in this turn
                return before, await tx.rows(_SCANS)

            before, after = await opened.store.database.read(watched)
            known: dict[str, int] = dict(before)
            scans = {name: count - known.get(name, 0) for name, count in after}
            assert scans["text_documents"] == scans["text_terms"] == 0
            if not isinstance(node, q.Not):
                assert scans["emails"] == scans["placements"] == 0, node


async def _multiply(tx: Transaction) -> None:
    """20,000 times the same Email, and words that so many have."""
    email = "(SELECT min(id) FROM emails)"
    await tx.run(
        "INSERT INTO emails SELECT (jsonb_populate_record(e, jsonb_build_object('id', e.id + n))).*"
        " FROM emails e, generate_series(1, 20000) n"
    )
    await tx.run(
        "INSERT INTO placements SELECT (jsonb_populate_record(p, jsonb_build_object('uid', p.uid + n,"
        " 'email', p.email + n))).* FROM placements p, generate_series(1, 20000) n"
    )
    await tx.run(
        "INSERT INTO text_documents (email, no, piece, cut, texts, named) SELECT d.email + n, d.no, 0, 0,"  # noqa: S608
        " ' plan w' || n % 10000 || E' \\n plan ', E' \\n \\n \\n \\n '"
        f" FROM text_documents d, generate_series(1, 20000) n WHERE d.email = {email}"
    )
    no = (await tx.rows("SELECT no FROM text_accounts"))[0][0]
    words = [f"w{number}" for number in range(10_000)]
    await text_writing.add_words(tx, no, 1, words)
    await tx.run("UPDATE text_accounts SET next_chunk = 1000")
    await tx.run("ANALYZE emails, placements, text_documents, text_terms")


async def test_nodes_find_what_other_nodes_took(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with (
        opened_store(tmp_path / "one", **store_settings) as one,
        opened_store(tmp_path / "two", **store_settings) as two,
    ):
        inbox = one.mailbox("INBOX")
        node = q.Contains(q.Field.BODY, "elephant")
        for number in range(1, 4):
            await one.deliver(a_message(body="an elephant\r\n", message_id=f"<{number}@example.org>"))
            assert await two.store.search(two.account, inbox, node) == list(range(1, number + 1))
            await index_all(two if number == 2 else one)
            for place in (one, two):
                index = place.store.engine.text_index
                plan = evaluate.candidates_in(index, place.account, inbox, node)
                found = await place.store.engine.reading(lambda _, plan=plan: plan)  # type: ignore[misc]
                assert isinstance(found, evaluate.Uids)  # nothing is to be looked at
                assert found.uids == list(range(1, number + 1))
