r"""The full-text index on PostgreSQL, as searches ask it: tables of the same database (`text_index.sql`).

Theory. The texts of an Email are kept as streams of tokens (`fulltext.words`). A GIN index has their lexemes:
the number of the account in the index, a letter for the text that the token is of, and the token. So an
account's words are its own: no query meets those of another, and numbers begin anew with each generation of
the index.

- A needle of one token is an OR of lexemes: the words of the account's vocabulary that have it. What is
  found has the needle, as on SQLite.
- A phrase is the AND of its tokens within one text; in what has them the database looks for the phrase
  itself, a stretch of the stream (`text_phrases`). As a stream says all that its text says, what is found has
  the needle. So it is with the value of a field.

A question to the index is the number of the account and its parts, all of which an Email must have: a query
for lexemes, stretches, and where they are to be (`text_says` of the SQL).

Rows of the index and of the mail are of one snapshot. What is not indexed yet is the `tail`, as on SQLite.

Lexemes stay below what tsvector takes (2 KiB): a token has at most `words.LONGEST` characters and two marks,
of four octets each.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.fulltext import index_file
from pymailcore.store.fulltext.index_file import COLUMNS
from pymailcore.store.fulltext.lookup import Expression, Spot
from pymailcore.store.fulltext.vocabulary import filling
from pymailcore.store.fulltext.words import Place, Plan, Words, plain
from pymailcore.store.postgres.text_phrases import stretches, text_of
from pymailcore.store.types import Transaction

FORMAT: Final = f"2 {index_file.FORMAT}"
"""Of what is in the tables; that of the tables themselves is in `text_index.sql`."""

MOST_WORDS: Final = 2_000
"""Words that a part of a word may come to; with more of them the messages are looked through."""

MOST_IN_PHRASE: Final = 500
"""Words that a token of a phrase may come to; where none comes to less, the texts are looked through in the
database."""

MOST_SLOTS: Final = 128
"""Tokens of a phrase that are looked for. Rows of an Email that has several overlap by so many."""

TOGETHER: Final = 64
"""Up to so many lexemes are asked for at once, if there are any."""

PHRASE_COST: Final = 64
"""As so many queries counts a phrase, because of the texts that are looked through for it."""

TEXTS_COST: Final = 1_000
"""The same where all texts are."""

EDGE: Final = "\n"
"""Stands before and behind a word where three of its characters are taken."""

BEGINNING: Final = "\n"
"""Ends what any lexeme may begin with."""

LEAST_BEGINNING: Final = 2
"""Letters of the last word of a phrase by which it is looked for in texts: one is in nearly all of them."""

_GRAM: Final = 3
_MOST_GRAMS: Final = 12
_LETTER: Final = dict(zip(COLUMNS, "bsftczha", strict=True))
_NOTHING: Final = "'-'"  # no lexeme: each begins with a number
_OF_TEXTS: Final = {"body": 1, "header": 2}
_OF_NAMED: Final = {"subject": 1, "from_": 2, "to_": 3, "cc": 4, "bcc": 5}
_ANY_OF_TEXTS: Final = 3
_ANY_OF_NAMED: Final = 6

_Part = tuple[str, Sequence[str], int, int, bool, str | None]
"""Query for lexemes, stretches, where in `texts`, where in `named`, whether in `attached`; a field."""

_SPOT: Final = (
    "SELECT a.no, a.modseq FROM text_generations g JOIN text_accounts a ON a.generation = g.id"
    " WHERE g.current = 1 AND a.account = ?1 AND g.format = ?2 AND g.mark = text_mark()"
)
_TAIL: Final = "SELECT id FROM text_tail(?1, ?2, ?3, ?4) AS id"
_CHUNKS: Final = "SELECT words FROM text_chunks(?1, string_to_array(?2, ' '), ?3, ?4) AS words"
_ATTACHED: Final = (
    "SELECT d.email, d.attached, d.whole FROM text_generations g JOIN text_accounts a ON a.generation = g.id"
    " JOIN text_documents d ON d.no = a.no WHERE g.current = 1 AND d.piece = 0 AND d.attached IS NOT NULL"
    " AND d.email IN (SELECT value FROM json_each(?1))"
)


def lexeme(no: int, column: str, token: str) -> str:
    """What stands for a token of one text of an account."""
    return f"{no}{_LETTER[column]}{token}"


def grams(no: int, word: str) -> set[str]:
    """What a word is found by: its characters by threes, edges among them, with and without its accents."""
    found = {f"{no}/{gram}" for gram in _threes(f"{EDGE}{word}{EDGE}")}
    if not word.isascii() and (bare := plain(word)) != word:
        found |= {f"{no}/{gram}" for gram in _threes(f"{EDGE}{bare}{EDGE}")}
    return found


def _threes(text: str) -> Iterable[str]:
    return [text[start : start + _GRAM] for start in range(len(text) - _GRAM + 1)]


class PostgresIndex:
    """The index of a store on PostgreSQL; see `lookup.TextIndex`."""

    unindexed: Final = (
        "NOT EXISTS (SELECT 1 FROM text_documents d JOIN text_accounts a ON a.no = d.no"
        " JOIN text_generations g ON g.id = a.generation WHERE d.email = e.id AND g.current = 1)"
    )
    keeps_attached: Final = True

    async def spot(self, tx: Transaction, account: AccountId) -> Spot | None:
        """Where the index is with an account."""
        row = await tx.row(_SPOT, account, FORMAT)
        return Spot(0, 0) if row is None else Spot(*row)

    async def tail(self, tx: Transaction, account: AccountId, spot: Spot, most: int) -> list[int] | None:
        """Emails that the index does not say anything about."""
        rows = await tx.rows(_TAIL, account, spot.modseq, spot.no, most + 1)
        return None if len(rows) > most else list(dict.fromkeys(row[0] for row in rows))

    async def expression(
        self, tx: Transaction, spot: Spot, columns: Sequence[str], plan: Plan
    ) -> Expression | None:
        """A query for tsvectors, and its clauses one by one."""
        slots = await self._fillings(tx, spot, plan)
        known = [slot for slot in slots if slot is not None]
        if any(not slot for slot in known):
            return Expression((_question(spot.no, [_lexemes_only(_NOTHING)]),), exact=True)
        if len(slots) == 1:
            texts = tuple(_questions(spot.no, columns, known[0])) if known else ()
            return Expression(texts, plan.exact, cost=len(texts)) if texts else None
        found = stretches(plan.slots[:MOST_SLOTS], slots)
        few = [*_few(known), *_begun(plan, slots, LEAST_BEGINNING)]
        if not few and not found:
            return None
        query = "|".join(_all(spot.no, column, few) for column in columns if few)
        exact = plan.exact and bool(found) and len(plan.slots) <= MOST_SLOTS
        question = _question(spot.no, [(query, found, *_places(columns), None)])
        return Expression((question,), exact, cost=PHRASE_COST if few else TEXTS_COST)

    async def field(self, tx: Transaction, spot: Spot, name: Plan, needle: Plan | None) -> Expression | None:
        """What to ask for a field of the header, and for what is in its value."""
        if needle is None:
            return await self.expression(tx, spot, ("header",), name)
        slots = await self._fillings(tx, spot, needle)
        if any(slot is not None and not slot for slot in slots):
            return Expression((_question(spot.no, [_lexemes_only(_NOTHING)]),), exact=True)
        names = [slot for slot in name.slots if not isinstance(slot, Words)]
        few = [*names, *_few([slot for slot in slots if slot is not None]), *_begun(needle, slots, 1)]
        found = stretches(needle.slots[:MOST_SLOTS], slots)
        exact = needle.exact and bool(found) and len(needle.slots) <= MOST_SLOTS
        before = " " + " ".join(slot[0] for slot in names[1:])  # behind the mark
        part = (_all(spot.no, "header", few), found, 0, 0, False, before)
        return Expression((_question(spot.no, [part]),), exact, cost=PHRASE_COST)

    def both(self, texts: Sequence[str]) -> str:
        """What has all of these."""
        questions = [orjson.loads(text) for text in texts]
        return _question(questions[0][0], [part for _, parts in questions for part in parts])

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:  # noqa: ARG002 - they have it
        """A SELECT of Emails."""
        return _having(texts)

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A condition on one Email: for this, too, the index is quicker than the Email's row."""
        select, given = _having(texts)
        return f"e.id IN ({select})", given

    async def attached(self, tx: Transaction, emails: Sequence[int]) -> dict[int, str]:
        """The text of attachments of some Emails."""
        rows = await tx.rows(_ATTACHED, _json(emails))
        return {
            email: text_of(stream.strip(" ").split(" ")) if whole is None else whole
            for email, stream, whole in rows
        }

    async def _fillings(self, tx: Transaction, spot: Spot, plan: Plan) -> list[Sequence[str] | None]:
        """What may stand in each slot."""
        return [
            await self._filling(tx, spot, slot, begins=_begins(plan, number))
            if isinstance(slot, Words)
            else slot
            for number, slot in enumerate(plan.slots[:MOST_SLOTS])
        ]

    async def _filling(
        self, tx: Transaction, spot: Spot, slot: Words, *, begins: bool
    ) -> Sequence[str] | None:
        """The words that may stand in a slot; None: too many, or asked for by their beginning."""
        wanted = wanted_grams(spot.no, slot)
        if wanted is None and begins:
            return None
        rows = await tx.rows(_CHUNKS, spot.no, wanted, slot.part, MOST_WORDS + 1)
        if wanted is None and len(rows) > MOST_WORDS:
            return None
        found = filling((row[0] for row in rows), slot, MOST_WORDS)
        return None if found is None else sorted(found)


def wanted_grams(no: int, slot: Words) -> str | None:
    """The grams that a chunk must have for a slot; None: it is too short to have any."""
    before = EDGE if slot.place in {Place.WHOLE, Place.BEGINNING} else ""
    behind = EDGE if slot.place in {Place.WHOLE, Place.END} else ""
    found = [f"{no}/{gram}" for gram in dict.fromkeys(_threes(f"{before}{slot.part}{behind}"))]
    if len(found) > _MOST_GRAMS:
        found = [*found[: _MOST_GRAMS // 2], *found[-_MOST_GRAMS // 2 :]]
    return " ".join(found) or None


def _begins(plan: Plan, number: int) -> bool:
    """Whether a slot takes any word with a beginning, as the last of a phrase may."""
    slot = plan.slots[number]
    last = 0 < number == len(plan.slots) - 1
    return last and isinstance(slot, Words) and slot.accents and slot.place is Place.BEGINNING


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _question(no: int, parts: Sequence[_Part]) -> str:
    return _json([no, parts])


def _lexemes_only(query: str) -> _Part:
    return query, (), 0, 0, False, None


def _questions(no: int, columns: Sequence[str], tokens: Sequence[str]) -> Iterable[str]:
    """Questions for any of some tokens, not too many in one."""
    size = max(1, TOGETHER // len(columns))
    for start in range(0, len(tokens), size):
        some = tokens[start : start + size]
        query = _any(lexeme(no, column, token) for token in some for column in columns)
        yield _question(no, [_lexemes_only(query)])


def _having(texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
    if len(texts) == 1:
        no, parts = orjson.loads(texts[0])
        return "SELECT id FROM text_found({}, {}) AS id", (no, _json(parts))
    queries = [orjson.loads(text)[1][0][0] for text in texts]
    return "SELECT DISTINCT id FROM text_found_any({}) AS id", (_json(queries),)


def _places(columns: Sequence[str]) -> tuple[int, int, bool]:
    """Where `text_says` looks."""
    of_texts = sum(_OF_TEXTS[column] for column in columns if column in _OF_TEXTS)
    named = [_OF_NAMED[column] for column in columns if column in _OF_NAMED]
    of_named = (named[0] if len(named) == 1 else _ANY_OF_NAMED) if named else 0
    return of_texts, of_named, "attachment" in columns


def _few(slots: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Those slots of a phrase by which it is looked for: each word costs for all that is found by others."""
    few = [slot for slot in slots if len(slot) <= TOGETHER]
    if few:
        return few
    least = min(slots, key=len, default=())
    return [least] if 0 < len(least) <= MOST_IN_PHRASE else []


def _begun(plan: Plan, slots: Sequence[Sequence[str] | None], least: int) -> list[Sequence[str]]:
    """The last slot by its beginning, where that has so many letters and its words are not few."""
    number = len(slots) - 1
    found = slots[number]
    if not _begins(plan, number) or (found is not None and len(found) <= TOGETHER):
        return []
    part = plan.slots[number][0]
    return [(part + BEGINNING,)] if len(part) >= least else []


def _all(no: int, column: str, slots: Sequence[Sequence[str]]) -> str:
    """The language of tsquery for a lexeme of each slot, in one text."""
    return "(" + "&".join(_any(lexeme(no, column, token) for token in slot) for slot in slots) + ")"


def _any(lexemes: Iterable[str]) -> str:
    """The language of tsquery for any of some lexemes."""
    quoted = [_quoted(one) for one in lexemes]
    return "(" + "|".join(quoted) + ")" if len(quoted) > 1 else quoted[0]


def _quoted(one: str) -> str:
    star = ":*" if one[-1] == BEGINNING else ""
    text = one.removesuffix(BEGINNING).replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'{star}"
