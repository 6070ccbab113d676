"""Rules that bring the full-text index up to date, build it anew, and lose it, at any moment.

Searches must not notice: what they find is what the model finds that looks through everything
(`store_rules_mail.MailRules.query`, `search`).
"""

from collections.abc import Awaitable, Callable

import trio
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.properties.store_base import PICK, StoreBase
from tests.properties.store_filters import TEXTS_SOUGHT
from tests.properties.store_thread import BuiltIndex, KeptIndex, StoreThread

from pymailcore.runtime.metrics import Metrics
from pymailcore.store.engine import Engine
from pymailcore.store.fulltext.job import index_folder, sweep
from pymailcore.store.fulltext.reader import DAMAGED
from pymailcore.store.housekeeping.house import House


class IndexRules(StoreBase):
    """The writer of the index is one for all machines; each of them indexes its own accounts."""

    def __init__(self, thread: StoreThread) -> None:
        super().__init__(thread)
        self.built: BuiltIndex | None = None  # beside the one in use

    def tend(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that no client sees."""
        self.thread.run(work)
        self.thread.tally["times the index was tended"] += 1
        self.only_looked = True

    def look_for(self, where: int, texts: list[tuple[object, ...]]) -> None:
        """Look for what is said in mail, in a Mailbox and everywhere."""
        raise NotImplementedError

    @precondition(lambda self: self.history)
    @rule(other=st.booleans(), where=PICK, texts=TEXTS_SOUGHT)
    def index(self, other: bool, where: int, texts: list[tuple[object, ...]]) -> None:
        """The back worker has its turn."""
        accounts = [self.account.id, self.other.id] if other else [self.account.id]
        self.tend(lambda: self.thread.index.take(accounts))
        self.look_for(where, texts)

    @precondition(lambda self: self.history)
    @rule(writes=st.integers(0, 6), where=PICK, texts=TEXTS_SOUGHT)
    def index_until_killed(self, writes: int, where: int, texts: list[tuple[object, ...]]) -> None:
        """The back worker begins, and is killed after some transactions."""
        self.tend(lambda: self.thread.index.take([self.account.id], writes))
        self.look_for(where, texts)

    @rule()
    def build_beside(self) -> None:
        """`pymailcore reindex` begins, or goes on."""
        if self.built is None:
            self.built = self.thread.build_beside()
        built = self.built
        self.tend(lambda: built.take([self.account.id]))

    @precondition(lambda self: self.built is not None and self.history)
    @rule(where=PICK, texts=TEXTS_SOUGHT)
    def take_built(self, where: int, texts: list[tuple[object, ...]]) -> None:
        """The one that was built some time ago is in use from now on."""
        assert self.built is not None
        built, self.built = self.built, None
        self.tend(built.come_into_use)
        self.look_for(where, texts)

    @precondition(lambda self: self.built is not None)
    @rule()
    def give_up_built(self) -> None:
        """`pymailcore reindex` is stopped."""
        assert self.built is not None
        built, self.built = self.built, None
        self.tend(built.give_up)

    @precondition(lambda self: self.history)
    @rule(noted=st.booleans(), where=PICK, texts=TEXTS_SOUGHT)
    def lose_index(self, noted: bool, where: int, texts: list[tuple[object, ...]]) -> None:
        """The index is no more, or is not fit for use."""
        if self.built is not None:
            self.give_up_built()
        self.tend(lambda: _lose(self.store.engine, noted))
        self.look_for(where, texts)

    @precondition(lambda self: self.history)
    @rule(where=PICK, texts=TEXTS_SOUGHT)
    def sweep_index(self, where: int, texts: list[tuple[object, ...]]) -> None:
        """The index lets go of what is no more, and merges."""
        self.tend(lambda: _sweep(self.store.engine, self.thread.index))
        self.look_for(where, texts)

    def teardown(self) -> None:
        """Nothing is left half built."""
        if self.built is not None:
            self.thread.run(self.built.give_up)
        super().teardown()


async def _lose(engine: Engine, noted: bool) -> None:
    if engine.database.kind != "sqlite":
        await engine.database.write(lambda tx: tx.run("UPDATE text_generations SET format = 'another'"))
        return
    folder = index_folder(engine)
    file = folder.current()
    if noted and file is not None:
        file.with_name(file.name + DAMAGED).touch()
    else:
        folder.remove_others(None)


async def _sweep(engine: Engine, index: KeptIndex) -> None:
    await index.open()
    await sweep(House(engine, Metrics()), index.writing, trio.Lock())
    await index.writing.merge()
