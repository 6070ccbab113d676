"""Writes the index on SQLite; synchronous, for one thread at a time.

Theory. Documents, the words that they bring to the account's vocabulary, and the account's place are one
transaction: after a crash the index has all of a batch or nothing of it, and its place says so. A word is new
when it is not among those that are remembered of the account (`Remembered`) and, where those are not all,
when no document of the account has it. Many documents in one transaction are cheap: FTS5 sorts them in memory
and writes one segment; a few at a time make many small segments, which are merged when there is time. What is
let go of stays in FTS5, where nothing leads to it any more, until the index is built anew.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import orjson

from pymailcore.store.fulltext.documents import Document, Part, Statistics
from pymailcore.store.fulltext.index_file import BITS, COLUMNS, mark_of_account, rows_of
from pymailcore.store.fulltext.remembered import FIRST_CHUNKS, Remembered
from pymailcore.store.fulltext.vocabulary import CHUNK_WORDS, chunk, words_of
from pymailcore.store.fulltext.words import is_word, tokens

_CACHE_OCTETS: Final = 32 * 1024 * 1024
_HASH_OCTETS: Final = 16 * 1024 * 1024
_CHECKPOINT_PAGES: Final = 4_000
_LOG_OCTETS: Final = 16 * 1024 * 1024
_MERGE_PAGES: Final = 200
_MERGED: Final = 2  # changes that a merge which had nothing to do may make
_BUSY_MS: Final = 10_000

_INSERT: Final = (
    f"INSERT INTO words (rowid, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608
)
_HAS_WORD: Final = "SELECT 1 FROM words WHERE words MATCH ?1 LIMIT 1"
_ACCOUNT: Final = "SELECT no, next_doc, next_chunk FROM accounts WHERE account = ?1"
_NEW_ACCOUNT: Final = "INSERT INTO accounts (account) VALUES (?1) RETURNING no, next_doc, next_chunk"


class IndexWriter:
    """One index file, open for writing.

    Raises:
        apsw.Error: by all methods: the file is damaged, the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._remembered = Remembered()
        self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=50)
        self._connection.set_busy_timeout(_BUSY_MS)
        self._connection.pragma("synchronous", "normal")
        self._connection.pragma("cache_size", -(_CACHE_OCTETS // 1024))
        self._connection.pragma("temp_store", "memory")
        self._connection.wal_autocheckpoint(_CHECKPOINT_PAGES)
        self._connection.pragma("journal_size_limit", _LOG_OCTETS)
        self._execute = self._connection.execute
        for table in ("words", "grams"):
            self._configure(table, "hashsize", _HASH_OCTETS)

    def close(self, *, whole: bool = False) -> None:
        """Close the file; `whole`: bring everything into the file itself first."""
        if whole:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.close()

    def places(self) -> dict[int, int]:
        """By account, up to which modseq it has all."""
        return {row[0]: row[1] for row in self._execute("SELECT account, modseq FROM accounts")}

    def unknown(self, emails: Sequence[int]) -> list[int]:
        """Those of some Emails that it lacks."""
        listed = orjson.dumps(list(emails)).decode()
        there = {
            row[0]
            for row in self._execute(
                "SELECT email FROM docs WHERE email IN (SELECT value FROM json_each(?1)) UNION ALL"
                " SELECT email FROM unread WHERE email IN (SELECT value FROM json_each(?1))",
                (listed,),
            )
        }
        return [email for email in emails if email not in there]

    def write(self, parts: Sequence[Part]) -> None:
        """Take what is new; all of it, or nothing."""
        self._execute("BEGIN IMMEDIATE")
        try:
            for part in parts:
                self._write_part(part)
            self._execute("COMMIT")
        except BaseException:
            self._remembered.clear()
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            raise

    def emails(self, after: int, count: int) -> list[tuple[int, int]]:
        """Some of the Emails that it has, by document."""
        sql = "SELECT doc, email FROM docs WHERE doc > ?1 ORDER BY doc LIMIT ?2"
        return [(row[0], row[1]) for row in self._execute(sql, (after, count))]

    def unread(self) -> list[tuple[int, int]]:
        """Emails that could not be read, as (account, Email)."""
        sql = "SELECT a.account, u.email FROM unread u JOIN accounts a ON a.no = u.no"
        return [(row[0], row[1]) for row in self._execute(sql)]

    def remove(self, emails: Sequence[int]) -> None:
        """Let go of Emails."""
        listed = orjson.dumps(list(emails)).decode()
        with self._connection:
            docs = self._execute(
                "DELETE FROM docs WHERE email IN (SELECT value FROM json_each(?1)) RETURNING doc", (listed,)
            ).fetchall()
            self._connection.executemany("UPDATE accounts SET gone = gone + 1 WHERE no = ? >> 32", docs)
            self._execute("DELETE FROM unread WHERE email IN (SELECT value FROM json_each(?1))", (listed,))

    def remove_account(self, account: int) -> None:
        """Let go of an account without Emails."""
        with self._connection:
            row = self._execute("DELETE FROM accounts WHERE account = ? RETURNING no", (account,)).fetchone()
            if row is not None:
                self._execute("DELETE FROM terms WHERE id BETWEEN ? AND ?", rows_of(row[0]))

    def merge(self) -> bool:
        """Merge some segments; False when there are none to merge."""
        more = [self._merge(table) for table in ("words", "grams")]
        return any(more)

    def optimize(self) -> None:
        """Merge all segments; takes long."""
        for table in ("words", "grams"):
            self._execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608 - of two names

    def statistics(self) -> Statistics:
        """What it holds."""
        row = self._execute("SELECT coalesce(sum(next_doc - 1), 0), coalesce(sum(gone), 0) FROM accounts").get
        unread = self._execute("SELECT count(*) FROM unread").get
        documents, gone = row
        octets = self._execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").get
        return Statistics(documents - gone, gone, unread, octets)

    def fault(self) -> str:
        """What SQLite finds wrong in the file, and FTS5 in its tables; nothing when all is well."""
        try:
            found = self._connection.pragma("quick_check")
            for table in ("words", "grams"):
                self._execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")  # noqa: S608
        except apsw.CorruptError as error:
            return str(error)
        return "" if found == "ok" else str(found)

    def _configure(self, table: str, name: str, value: int) -> None:
        self._execute(f"INSERT INTO {table} ({table}, rank) VALUES (?, ?)", (name, value))  # noqa: S608

    def _merge(self, table: str) -> bool:
        before = self._connection.total_changes()
        self._configure(table, "merge", _MERGE_PAGES)
        return self._connection.total_changes() - before >= _MERGED

    def _write_part(self, part: Part) -> None:
        row = self._execute(_ACCOUNT, (part.account,)).fetchone()
        if row is None:
            row = self._execute(_NEW_ACCOUNT, (part.account,)).fetchone()
        assert row is not None  # noqa: S101 - there is one now
        no, next_doc, next_chunk = row
        given = {document.email: document for document in part.documents}
        documents = [given[email] for email in self.unknown(list(given))]
        if documents:
            next_chunk = self._add(no, next_doc, next_chunk, documents)
        for email in part.unread:
            self._execute("INSERT OR IGNORE INTO unread VALUES (?, ?)", (email, no))
        self._execute(
            "UPDATE accounts SET modseq = max(modseq, ?2), next_doc = ?3, next_chunk = ?4 WHERE no = ?1",
            (no, part.modseq, next_doc + len(documents), next_chunk),
        )

    def _add(self, no: int, next_doc: int, next_chunk: int, documents: Sequence[Document]) -> int:
        known = self._remembered.of(no)
        if known is None:
            known = self._meet(no, next_chunk)
        all_known = self._remembered.is_whole(no, next_chunk)
        fresh: set[str] = set()
        rows: list[tuple[Any, ...]] = []
        first = no << BITS
        mark = mark_of_account(no)
        between = f" {mark}"
        for number, document in enumerate(documents, next_doc):
            streams = []
            for text in document.texts:
                cut = tokens(text)
                streams.append(mark + between.join(cut) if cut else "")
                fresh.update(cut)
            rows.append((first | number, *streams))
        fresh = fresh - known
        words = [token for token in fresh if is_word(token) and (all_known or not self._has_word(no, token))]
        self._connection.executemany(_INSERT, rows)
        self._connection.executemany(
            "INSERT INTO docs VALUES (?, ?)",
            [(first | number, document.email) for number, document in enumerate(documents, next_doc)],
        )
        if words:
            next_chunk = self._add_words(no, next_chunk, sorted(words))
        self._remembered.add(no, fresh, next_chunk)
        return next_chunk

    def _meet(self, no: int, next_chunk: int) -> set[str]:
        """Remember the words of an account, the first ones where it has many."""
        sql = "SELECT text FROM terms WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
        chunks = self._execute(sql, (*rows_of(no), FIRST_CHUNKS + 1)).fetchall()
        words = [word for (text,) in chunks for word in words_of(str(text))]
        self._remembered.begin(no, words, whole=next_chunk if len(chunks) <= FIRST_CHUNKS else None)
        return self._remembered.of(no) or set()

    def _has_word(self, no: int, word: str) -> bool:
        return self._execute(_HAS_WORD, (f'"{mark_of_account(no)}{word}"',)).fetchone() is not None

    def _add_words(self, no: int, next_chunk: int, words: list[str]) -> int:
        """Put new words into the open chunk; when it is full, into chunks that are in `grams`."""
        first = no << BITS
        row = self._execute("SELECT text FROM terms WHERE id = ?", (first,)).fetchone()
        there = "" if row is None else row[0]
        if there.count("\n") + len(words) < CHUNK_WORDS:
            self._execute("INSERT OR REPLACE INTO terms VALUES (?, ?)", (first, there + chunk(words)))
            return next_chunk
        texts: Iterable[str] = (
            chunk(words[start : start + CHUNK_WORDS]) for start in range(0, len(words), CHUNK_WORDS)
        )
        rows = [
            (first | number, text)
            for number, text in enumerate([there, *texts] if there else texts, next_chunk)
        ]
        self._connection.executemany("INSERT INTO terms VALUES (?, ?)", rows)
        self._connection.executemany("INSERT INTO grams (rowid, text) VALUES (?, ?)", rows)
        self._execute("DELETE FROM terms WHERE id = ?", (first,))
        return next_chunk + len(rows)
