"""`documents.IndexWriting` on SQLite: which file is written, and a thread for it."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import apsw
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.runtime.logs import get_logger
from pymailcore.store.fulltext.documents import Part, Statistics
from pymailcore.store.fulltext.index_file import MARK, STATE, IndexFolder, is_fit, make_file
from pymailcore.store.fulltext.reader import DAMAGED, is_damage
from pymailcore.store.fulltext.writer import IndexWriter
from pymailcore.store.types import Database, Row

T = TypeVar("T")

log = get_logger()


class SqliteWriting:
    """The index of a store in SQLite.

    Args:
        beside: build another file beside the one in use, which `take` lets count.
    """

    def __init__(self, database: Database, folder: IndexFolder, *, beside: bool = False) -> None:
        self._database = database
        self._folder = folder
        self._beside = beside
        self._writer: IndexWriter | None = None
        self._limiter = trio.CapacityLimiter(1)

    async def open(self) -> bool:
        """Open the file that counts, a new one where none is fit; True when it is another than before."""
        secrets = await self._database.read(lambda tx: tx.rows(MARK))
        return await self._run(functools.partial(self._open, secrets))

    async def places(self) -> dict[int, int]:
        """By account, up to which modseq it has all."""
        return await self._with(lambda writer: writer.places())

    async def unknown(self, emails: Sequence[int]) -> list[int]:
        """Those of some Emails that it lacks."""
        return await self._with(lambda writer: writer.unknown(emails))

    async def write(self, parts: Sequence[Part]) -> None:
        """Take what is new."""
        await self._with(lambda writer: writer.write(parts))

    async def emails(self, after: int, count: int) -> list[tuple[int, int]]:
        """Some of the Emails that it has, as (document, Email)."""
        return await self._with(lambda writer: writer.emails(after, count))

    async def unread(self) -> list[tuple[int, int]]:
        """Emails that could not be read, as (account, Email)."""
        return await self._with(lambda writer: writer.unread())

    async def remove(self, emails: Sequence[int]) -> None:
        """Let go of Emails that are no more."""
        await self._with(lambda writer: writer.remove(emails))

    async def remove_account(self, account: int) -> None:
        """Let go of an account of which it has no Emails any more."""
        await self._with(lambda writer: writer.remove_account(account))

    async def merge(self) -> bool:
        """Merge a little."""
        return await self._with(lambda writer: writer.merge())

    async def statistics(self) -> Statistics:
        """What it holds."""
        return await self._with(lambda writer: writer.statistics())

    async def fault(self) -> str:
        """Let SQLite look through the file."""
        return await self._with(lambda writer: writer.fault())

    async def distrust(self) -> None:
        """Leave the note that readers and `open` go by."""
        await self._run(self._distrust)

    async def close(self) -> None:
        """Close the file; one that is built beside and does not count is removed."""
        with trio.CancelScope(shield=True):
            await self._run(self._close)

    async def take(self) -> None:
        """Let the file count that was built beside; the one that did goes."""
        await self._run(self._take)

    async def _run(self, call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call, limiter=self._limiter)

    async def _with(self, call: Callable[[IndexWriter], T]) -> T:
        """Run something on the open file.

        Raises:
            TemporaryFailure: it cannot be done now; the file is closed when it is damaged.
        """

        def run() -> T:
            if self._writer is None:
                raise TemporaryFailure("the text index is not open")
            try:
                return call(self._writer)
            except apsw.Error as error:
                if is_damage(error):
                    log.error("the text index is damaged", file=str(self._writer.path), fault=str(error))
                    with contextlib.suppress(OSError):
                        self._distrust()
                raise TemporaryFailure(f"the text index cannot be used now: {error}") from error

        return await self._run(run)

    def _open(self, secrets: list[Row]) -> bool:
        """Blocks. Open what counts, if that is not open already."""
        try:
            if self._beside:
                if self._writer is not None:
                    return False
                self._writer = self._new(secrets, beside=True)
                return True
            current = self._folder.current()
            if self._writer is not None and current == self._writer.path and not _note(current).exists():
                return False
            self._drop()
            if current is None or not self._fit(current, secrets):
                self._writer = self._new(secrets, beside=False)
                self._folder.remove_others(self._writer.path)
            return True
        except (apsw.Error, OSError) as error:
            raise TemporaryFailure(f"the text index cannot be opened now: {error}") from error

    def _new(self, secrets: list[Row], *, beside: bool) -> IndexWriter:
        path = self._folder.fresh(beside=True)
        make_file(path, secrets)
        if not beside:
            path = self._folder.take(path)
            log.info("a new text index is made", file=str(path))
        return IndexWriter(path)

    def _fit(self, path: Path, secrets: list[Row]) -> bool:
        """Open a file if it is fit for use."""
        if _note(path).exists():
            return False
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                if not is_fit(connection.execute(STATE.format("")), secrets):
                    return False
            finally:
                connection.close()
            self._writer = IndexWriter(path)
        except apsw.Error as error:
            if isinstance(error, apsw.BusyError | apsw.LockedError | apsw.CantOpenError | apsw.FullError):
                raise
            return False
        return True

    def _drop(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            with contextlib.suppress(apsw.Error):
                writer.close()

    def _distrust(self) -> None:
        """Note that the file is damaged, and do without it."""
        current = self._folder.current() if self._writer is None else self._writer.path
        self._drop()
        if current is not None:
            _note(current).touch()

    def _close(self) -> None:
        built = self._writer.path if self._writer is not None and self._beside else None
        self._drop()
        if built is not None:
            self._folder.remove_others(self._folder.current(), built=True)

    def _take(self) -> None:
        if self._writer is None:
            raise TemporaryFailure("the text index is not open")
        writer, self._writer = self._writer, None
        try:
            writer.close(whole=True)
            self._folder.remove_others(self._folder.take(writer.path))
        except (apsw.Error, OSError) as error:
            raise TemporaryFailure(f"the text index cannot be taken into use now: {error}") from error


def _note(path: Path) -> Path:
    """What readers leave where they find damage."""
    return path.with_name(path.name + DAMAGED)
