"""A store whose trio loop runs in a thread, so that a synchronous state machine can drive it."""

import itertools
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import trio
import trio.from_thread
from tests.support.stores import EnginePlace, Opened, add_account, opened_store

from pymailcore.base.ids import AccountId
from pymailcore.store.engine import Engine
from pymailcore.store.fulltext.documents import Part
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_writing

T = TypeVar("T")


class CutOff(Exception):
    """The process that indexes is no more."""


class KeptIndex:
    """A full-text index, and what keeps it."""

    def __init__(self, engine: Engine, *, beside: bool = False) -> None:
        self._engine = engine
        self.writing = index_writing(engine, beside=beside)
        self._write, self._writes = self.writing.write, 0
        self.writing.write = self._write_some  # type: ignore[method-assign]  # may be cut off
        self._indexer = Indexer(engine, self.writing)

    async def open(self) -> None:
        """Open it; only here, since whoever indexes must know when it is another one."""
        await self._indexer.open()

    async def take(self, accounts: Iterable[int], writes: int = 1_000) -> None:
        """Take what is new of some accounts, as of now; it is cut off after so many transactions."""
        self._writes = writes
        try:
            await self._indexer.open()
            await self._indexer.index(accounts)
        except CutOff:
            await self.writing.close()
            self._indexer = Indexer(self._engine, self.writing)

    async def _write_some(self, parts: Sequence[Part]) -> None:
        self._writes -= 1
        if self._writes < 0:
            raise CutOff
        await self._write(parts)


class BuiltIndex(KeptIndex):
    """Another one beside it, under the lock of `job.reindex`: without, others take it for left over."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, beside=True)
        self._lock = engine.database.try_lock("reindex")
        self._done, self._free = trio.Event(), trio.Event()

    async def hold(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the lock until one of the methods below is called."""
        async with self._lock as alone:
            assert alone
            task_status.started()
            await self._done.wait()
        self._free.set()

    async def come_into_use(self) -> None:
        """It is the one in use from now on."""
        await self.writing.take()
        await self._let_go()

    async def give_up(self) -> None:
        """Nobody goes on with it."""
        await self.writing.close()
        await self._let_go()

    async def _let_go(self) -> None:
        self._done.set()
        await self._free.wait()


class StoreThread:
    """An open store; entered: it is there, left: it is closed.

    Attributes:
        index: the full-text index, which the machines keep.
        now_ms: the store's clock, which the machine moves.
        tally: what was done and compared how often.
    """

    def __init__(self, data: Path, settings: EnginePlace) -> None:
        self._data = data
        self._settings = settings
        self._ready = threading.Event()
        self._done: trio.Event | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._accounts = itertools.count(2)
        self._thread = threading.Thread(target=trio.run, args=(self._main,))
        self._opened: Opened | None = None
        self._index: KeptIndex | None = None
        self._nursery: trio.Nursery | None = None
        self.now_ms = 1_720_000_000_000
        self.tally: Counter[str] = Counter()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._done = trio.Event()
        try:
            async with opened_store(self._data, **self._settings) as opened:
                opened.store.engine.now_ms = lambda: self.now_ms
                self._opened = opened
                self._index = KeptIndex(opened.store.engine)
                async with trio.open_nursery() as self._nursery:
                    self._ready.set()
                    await self._done.wait()
                    await self._index.writing.close()
                    self._nursery.cancel_scope.cancel()
        finally:
            self._ready.set()

    @property
    def opened(self) -> Opened:
        """The store."""
        assert self._opened is not None
        return self._opened

    @property
    def index(self) -> KeptIndex:
        """The index in use."""
        assert self._index is not None
        return self._index

    def build_beside(self) -> BuiltIndex:
        """Begin an index beside the one in use."""
        assert self._nursery is not None
        built = BuiltIndex(self.opened.store.engine)
        nursery = self._nursery
        self.run(lambda: nursery.start(built.hold))
        return built

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run something in the store's loop."""
        return trio.from_thread.run(work, trio_token=self._token)

    def new_account(self) -> AccountId:
        """An account that nobody has used."""
        account = AccountId(next(self._accounts))
        self.run(lambda: add_account(self.opened.store, account, f"user{account}@example.org"))
        return account

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._done is not None:
            trio.from_thread.run_sync(self._done.set, trio_token=self._token)
        self._thread.join()
