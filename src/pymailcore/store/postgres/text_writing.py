"""`documents.IndexWriting` on PostgreSQL.

Theory. Documents, the words that they bring to the account's vocabulary, and the account's place are one
transaction, which holds the account's row of the index: so two writers, which a lost lock may leave there
for a moment, add to each other, and no document comes twice. A transaction of a writer whose generation is
not current any more fails, and the writer takes up the one that is.

A word is new when it is not among those that are remembered of the account (`Remembered`), and, of an
account of which not all are, when no chunk has it. That is asked while the account's row is held, by a number
for each word (`text_unknown_words`), so that it takes as long for the millionth word as for the first. All
words of an account are remembered only where it has few, or was new when we met it.

Cutting texts into words and preparing the rows is a thread's work; the asyncio thread only sends them.
"""

import contextlib
import functools
from collections.abc import Sequence
from typing import Final

import orjson
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.runtime.logs import get_logger
from pymailcore.store.fulltext.documents import Part, Statistics
from pymailcore.store.fulltext.remembered import FIRST_CHUNKS, Remembered
from pymailcore.store.fulltext.vocabulary import CHUNK_WORDS, chunk, words_of
from pymailcore.store.postgres.text_index import FORMAT, grams
from pymailcore.store.postgres.text_rows import ROW, Ready, prepare
from pymailcore.store.types import Database, Row, Transaction

_SLICE: Final = 1_000
_MANY: Final = 200
"""So many documents are merged into the index while the next ones are prepared; searches look through what is
not. Fewer are merged when there is time."""

_ROOM: Final = (
    "SELECT set_config('gin_pending_list_limit', '32768', true), set_config('work_mem', '65536', true)"
)
"""KiB: what is new is sorted in large pieces; a few documents at a time would touch most pages each time."""

_CURRENT: Final = "SELECT id FROM text_generations WHERE current = 1 AND format = ?1 AND mark = text_mark()"
_NEW: Final = "INSERT INTO text_generations (format, mark, current) VALUES (?1, text_mark(), ?2) RETURNING id"
_NONE_COUNTS: Final = "UPDATE text_generations SET current = 0 WHERE current = 1"
_KEEP: Final = "SELECT id FROM text_generations WHERE id = ?1 /*share*/"
_NUMBERS: Final = (
    "SELECT account, no FROM text_accounts WHERE generation = ?1"
    " AND account IN (SELECT value FROM json_each(?2))"
)
_ADD_ACCOUNT: Final = "INSERT INTO text_accounts (generation, account) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
_UNKNOWN: Final = (
    "SELECT d.email FROM text_documents d JOIN text_accounts a ON a.no = d.no WHERE a.generation = ?1"
    " AND d.email IN (SELECT value FROM json_each(?2)) UNION ALL"
    " SELECT u.email FROM text_accounts a JOIN text_unread u ON u.no = a.no WHERE a.generation = ?1"
    " AND u.email IN (SELECT value FROM json_each(?2))"
)
_LOCK: Final = "SELECT next_chunk FROM text_accounts WHERE no = ?1 /*lock*/"
_HAS: Final = "SELECT email FROM text_documents WHERE no = ?1 AND email IN (SELECT value FROM json_each(?2))"
_ADD_UNREAD: Final = "INSERT INTO text_unread (email, no) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
_OPEN: Final = (
    "INSERT INTO text_terms (no, chunk, words, grams) VALUES (?1, 0, ?2, ARRAY[]::text[])"
    " ON CONFLICT (no, chunk) DO UPDATE SET words = excluded.words"
)
_OPEN_CHUNK: Final = "SELECT words FROM text_terms WHERE no = ?1 AND chunk = 0"
_CLOSE_CHUNK: Final = "DELETE FROM text_terms WHERE no = ?1 AND chunk = 0"
_PLACE: Final = (
    "UPDATE text_accounts SET modseq = greatest(modseq, ?2), next_chunk = ?3, documents = documents + ?4"
    " WHERE no = ?1"
)
_FIRST_CHUNKS: Final = "SELECT words FROM text_terms WHERE no = ?1 ORDER BY chunk LIMIT ?2"
_NEXT_CHUNK: Final = "SELECT next_chunk FROM text_accounts WHERE no = ?1"
_NEW_WORDS: Final = "SELECT word FROM text_unknown_words(?1, string_to_array(?2, ' ')) AS word"

log = get_logger()


class PostgresWriting:
    """The index of a store on PostgreSQL.

    Args:
        beside: build another one beside the one in use, which `take` lets count.
    """

    def __init__(self, database: Database, *, beside: bool = False) -> None:
        self._database = database
        self._beside = beside
        self._generation = 0
        self._remembered = Remembered()
        self._unmerged = 0

    async def open(self) -> bool:
        """Find the generation that counts, or begin one; True when it is another than before."""
        if self._beside and self._generation:
            return False

        async def work(tx: Transaction) -> int:
            await tx.lock("text_generations")
            row = None if self._beside else await tx.row(_CURRENT, FORMAT)
            if row is None:
                if not self._beside:
                    await tx.run(_NONE_COUNTS)
                row = await tx.row(_NEW, FORMAT, int(not self._beside))
            assert row is not None  # noqa: S101 - it was just made
            return int(row[0])

        found = None if self._beside else await self._database.read(lambda tx: tx.row(_CURRENT, FORMAT))
        generation = await self._database.write(work) if found is None else int(found[0])
        if generation == self._generation:
            return False
        self._generation = generation
        self._remembered.clear()
        if not self._beside:
            log.info("the text index is open", generation=generation, new=found is None)
            async with self._database.try_lock("reindex") as alone:
                if alone:  # nobody builds one: others are left over
                    await self._remove_others()
        return True

    async def places(self) -> dict[int, int]:
        """By account, up to which modseq it has all."""
        sql = "SELECT account, modseq FROM text_accounts WHERE generation = ?1"
        return {row[0]: row[1] for row in await self._rows(sql, self._generation)}

    async def unknown(self, emails: Sequence[int]) -> list[int]:
        """Those of some Emails that it lacks."""
        there = {row[0] for row in await self._rows(_UNKNOWN, self._generation, _json(emails))}
        return [email for email in emails if email not in there]

    async def write(self, parts: Sequence[Part]) -> None:
        """Take what is new; all of it, or nothing."""
        self._require_open()
        numbers = await self._numbers(sorted({part.account for part in parts}))
        for no in numbers.values():
            if self._remembered.of(no) is None:
                await self._load(no)
        prepared: list[Ready] = []
        async with trio.open_nursery() as nursery:
            if self._unmerged >= _MANY:
                nursery.start_soon(self._merge_if_it_can_be)
            work_out = functools.partial(prepare, parts, numbers, self._remembered)
            prepared = await trio.to_thread.run_sync(work_out)

        async def work(tx: Transaction) -> list[int]:
            if await tx.row(_KEEP, self._generation) is None:
                raise TemporaryFailure("another text index is in use")
            await tx.row(_ROOM)
            return [await self._add(tx, one) for one in prepared]

        try:
            next_chunks = await self._database.write(work)
        except BaseException:
            self._remembered.clear()
            raise
        for one, next_chunk in zip(prepared, next_chunks, strict=True):
            self._remembered.add(one.no, one.tokens, next_chunk)
        self._unmerged += sum(len(one.rows) for one in prepared)

    async def emails(self, after: int, count: int) -> list[tuple[int, int]]:
        """Some of the Emails that it has; an Email's document has the same number."""
        sql = "SELECT DISTINCT email FROM text_documents WHERE email > ?1 ORDER BY email LIMIT ?2"
        return [(row[0], row[0]) for row in await self._rows(sql, after, count)]

    async def unread(self) -> list[tuple[int, int]]:
        """Emails that could not be read, as (account, Email)."""
        sql = (
            "SELECT a.account, u.email FROM text_unread u JOIN text_accounts a ON a.no = u.no"
            " WHERE a.generation = ?1"
        )
        return [(row[0], row[1]) for row in await self._rows(sql, self._generation)]

    async def remove(self, emails: Sequence[int]) -> None:
        """Let go of Emails that are no more."""
        listed = _json(list(emails))

        async def work(tx: Transaction) -> None:
            rows = await tx.rows(
                "DELETE FROM text_documents WHERE email IN (SELECT value FROM json_each(?1))"
                " RETURNING no, piece",
                listed,
            )
            gone = [no for no, piece in rows if not piece]
            await tx.run_many(
                "UPDATE text_accounts SET gone = gone + ?2, documents = documents - ?2 WHERE no = ?1",
                [(no, gone.count(no)) for no in sorted(set(gone))],
            )
            await tx.run("DELETE FROM text_unread WHERE email IN (SELECT value FROM json_each(?1))", listed)

        await self._database.write(work)

    async def remove_account(self, account: int) -> None:
        """Let go of an account of which it has no Emails any more."""
        sql = "SELECT no FROM text_accounts WHERE account = ?1"
        for (no,) in await self._rows(sql, account):
            await self._remove_number(no)

    async def merge(self) -> bool:
        """Bring what was added last into the index proper, so that searches need not read it beside."""

        async def work(tx: Transaction) -> None:
            await tx.row(_ROOM)
            await tx.rows(
                "SELECT gin_clean_pending_list('text_documents_lexemes'),"
                " gin_clean_pending_list('text_terms_grams')"
            )

        unmerged, self._unmerged = self._unmerged, 0
        try:
            await self._database.write(work)
        except BaseException:
            self._unmerged += unmerged
            raise
        return False

    async def _merge_if_it_can_be(self) -> None:
        with contextlib.suppress(TemporaryFailure):  # what was written is there all the same
            await self.merge()

    async def statistics(self) -> Statistics:
        """What it holds."""
        sql = (
            "SELECT coalesce(sum(documents), 0)::bigint, coalesce(sum(gone), 0)::bigint,"
            " (SELECT count(*) FROM text_unread),"
            " pg_total_relation_size('text_documents') + pg_total_relation_size('text_terms')"
            " FROM text_accounts WHERE generation = ?1"
        )
        return Statistics(*(await self._rows(sql, self._generation))[0])

    async def fault(self) -> str:
        """Nothing: PostgreSQL says itself when it meets a damaged page."""
        return ""

    async def distrust(self) -> None:
        """Let the generation that counts do so no more."""

        async def work(tx: Transaction) -> None:
            await tx.lock("text_generations")
            await tx.run(_NONE_COUNTS)

        await self._database.write(work)
        self._generation = 0

    async def close(self) -> None:
        """End; one that is built beside and does not count is removed."""
        with trio.CancelScope(shield=True):
            generation, self._generation = self._generation, 0
            self._remembered.clear()
            if self._beside and generation:
                await self._remove_generation(generation)

    async def take(self) -> None:
        """Let the one count that was built beside; the one that did goes."""
        self._require_open()
        generation = self._generation
        await self.merge()

        async def work(tx: Transaction) -> None:
            await tx.lock("text_generations")
            await tx.run(_NONE_COUNTS)
            await tx.run("UPDATE text_generations SET current = 1 WHERE id = ?1", generation)

        await self._database.write(work)
        await self._remove_others()
        self._generation = 0

    def _require_open(self) -> None:
        if not self._generation:
            raise TemporaryFailure("the text index is not open")

    async def _rows(self, sql: str, *args: object) -> list[Row]:
        async def work(tx: Transaction) -> list[Row]:
            return await tx.rows(sql, *args)

        return await self._database.read(work)

    # --- accounts and their words -----------------------------------------------------------------

    async def _numbers(self, accounts: Sequence[int]) -> dict[int, int]:
        """The numbers of accounts; those that are new get one."""
        generation = self._generation
        listed = _json(accounts)
        found: dict[int, int] = dict(await self._rows(_NUMBERS, generation, listed))
        if len(found) == len(accounts):
            return found

        async def work(tx: Transaction) -> list[Row]:
            if await tx.row(_KEEP, generation) is None:
                raise TemporaryFailure("another text index is in use")
            fresh = [(generation, account) for account in accounts if account not in found]
            await tx.run_many(_ADD_ACCOUNT, fresh)
            return await tx.rows(_NUMBERS, generation, listed)

        return dict(await self._database.write(work))

    async def _load(self, no: int) -> None:
        """Remember the words of an account, the first ones where it has many."""

        async def work(tx: Transaction) -> tuple[Row | None, list[Row]]:
            return await tx.row(_NEXT_CHUNK, no), await tx.rows(_FIRST_CHUNKS, no, FIRST_CHUNKS + 1)

        account, chunks = await self._database.read(work)
        words = [word for (text,) in chunks for word in words_of(text)]
        all_of_it = account is not None and len(chunks) <= FIRST_CHUNKS
        self._remembered.begin(no, words, whole=account[0] if account and all_of_it else None)

    async def _add(self, tx: Transaction, one: Ready) -> int:
        """Add what is new of one account; gives the number of its next chunk."""
        row = await tx.row(_LOCK, one.no)
        if row is None:
            raise TemporaryFailure("the text index has let go of the account")
        next_chunk: int = row[0]
        emails = list(one.rows)
        there = {found[0] for found in await tx.rows(_HAS, one.no, _json(emails))} if emails else set()
        fresh = [email for email in emails if email not in there]
        await tx.load("text_documents", ROW, [row for email in fresh for row in one.rows[email]])
        await tx.run_many(_ADD_UNREAD, [(email, one.no) for email in one.unread])
        words = one.words
        if not self._remembered.is_whole(one.no, next_chunk):
            words = await _new_words(tx, one.no, words)
        if words:
            next_chunk = await add_words(tx, one.no, next_chunk, words)
        await tx.run(_PLACE, one.no, one.modseq, next_chunk, len(fresh))
        return next_chunk

    # --- what goes --------------------------------------------------------------------------------

    async def _remove_others(self) -> None:
        """Remove all generations that do not count."""
        for (generation,) in await self._rows("SELECT id FROM text_generations WHERE current = 0"):
            await self._remove_generation(generation)

    async def _remove_generation(self, generation: int) -> None:
        async def gone(tx: Transaction) -> int:
            return await tx.run("DELETE FROM text_generations WHERE id = ?1 AND current = 0", generation)

        if not await self._database.write(gone):
            return
        for (no,) in await self._rows("SELECT no FROM text_accounts WHERE generation = ?1", generation):
            await self._remove_number(no)

    async def _remove_number(self, no: int) -> None:
        """Remove what is of one account of one generation, some rows at a time; its row comes last."""

        async def some(tx: Transaction) -> int:
            return await tx.run(
                "DELETE FROM text_documents WHERE no = ?1 AND email IN"
                " (SELECT email FROM text_documents WHERE no = ?1 LIMIT ?2)", no, _SLICE,
            )  # fmt: skip

        async def rest(tx: Transaction) -> None:
            await tx.run("DELETE FROM text_terms WHERE no = ?1", no)
            await tx.run("DELETE FROM text_unread WHERE no = ?1", no)
            await tx.run("DELETE FROM text_accounts WHERE no = ?1", no)

        while await self._database.write(some):
            pass
        await self._database.write(rest)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


async def _new_words(tx: Transaction, no: int, words: Sequence[str]) -> list[str]:
    """Those of some words that no chunk of the account has."""
    new: list[str] = []
    for start in range(0, len(words), _SLICE):
        new += [row[0] for row in await tx.rows(_NEW_WORDS, no, " ".join(words[start : start + _SLICE]))]
    return new


async def add_words(tx: Transaction, no: int, next_chunk: int, words: list[str]) -> int:
    """Put new words into the open chunk; when it is full, into chunks that have grams."""
    row = await tx.row(_OPEN_CHUNK, no)
    there = [] if row is None else words_of(row[0])
    old = set(there)
    words = [word for word in words if word not in old]
    if len(there) + len(words) < CHUNK_WORDS:
        await tx.run(_OPEN, no, chunk([*there, *words]))
        return next_chunk
    together = [*there, *words]
    rows = []
    for number, start in enumerate(range(0, len(together), CHUNK_WORDS), next_chunk):
        some = together[start : start + CHUNK_WORDS]
        theirs = set().union(*(grams(no, word) for word in some))
        rows.append((no, number, chunk(some), list(theirs)))
    await tx.load("text_terms", ("no", "chunk", "words", "grams"), rows)
    if there:
        await tx.run(_CLOSE_CHUNK, no)
    return next_chunk + len(rows)
