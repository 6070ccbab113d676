"""The index's work in the back worker: indexing what comes, removing what went, merging when there is time.

One process of the family writes the index at a time; the others wait for the lock. Searches do not wait for
any of it: what is not indexed yet they look through.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import orjson
import trio

from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.extract.attachment_text import NO_ATTACHMENT_TEXT, AttachmentText
from pymailcore.runtime.hub import ChangeHub, Follower
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.engine import Engine
from pymailcore.store.fulltext.checking import Checked, check_index
from pymailcore.store.fulltext.documents import IndexWriting, Statistics
from pymailcore.store.fulltext.index_file import IndexFolder
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.writing import SqliteWriting
from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.housekeeping.house import House
from pymailcore.store.layout import Layout
from pymailcore.store.postgres.text_writing import PostgresWriting
from pymailcore.store.types import Row, Transaction

GATHER_SECONDS: Final = 0.15
"""So long is waited after a notice for more."""

MOST_GATHERED: Final = 5
"""So often; mail that goes on coming is indexed by then."""

LOOK_SECONDS: Final = 60.0
"""So often all accounts are compared with the index."""

RETRY_SECONDS: Final = 5.0
WATCH_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 3_600.0
CHECK_MS: Final = 86_400_000
"""So often it is looked whether the index says what it should (`checking`)."""

CHECKED: Final = "index-check"
"""The notes of the last look, among those of other jobs."""

BEHIND_SECONDS: Final = 300.0
"""From here on an alarm says that the index is behind."""

ANEW_DOCUMENTS: Final = 10_000
"""So many documents must be gone, and more than are there, before the index is built anew."""

_SWEPT: Final = 1_000
_THERE: Final = "SELECT id FROM emails WHERE id IN (SELECT value FROM json_each(?1))"
_ACCOUNTS_THERE: Final = "SELECT id FROM accounts WHERE id IN (SELECT value FROM json_each(?1))"

log = get_logger()


def index_folder(engine: Engine) -> IndexFolder:
    """Where a store on SQLite has its index."""
    return IndexFolder(Layout(engine.settings.data).index)


def index_writing(engine: Engine, *, beside: bool = False) -> IndexWriting:
    """The index of a store, to be written; `beside`: another one, to be built beside the one in use."""
    if engine.database.kind == "sqlite":
        return SqliteWriting(engine.database, index_folder(engine), beside=beside)
    return PostgresWriting(engine.database, beside=beside)


class IndexJob:
    """Keeps the index of one store.

    Args:
        hub: tells which accounts have moved.
    """

    def __init__(
        self,
        engine: Engine,
        hub: ChangeHub,
        metrics: Metrics,
        attachments: AttachmentText = NO_ATTACHMENT_TEXT,
    ) -> None:
        self._engine = engine
        self._hub = hub
        self._metrics = metrics
        self._house = House(engine, metrics)
        self._attachments = attachments
        self._index = index_writing(engine)
        self._indexer = Indexer(engine, self._index, attachments, indexed=metrics.index_added.inc)
        self._since: float | None = None
        self._open = False
        self._turn = trio.Lock()

    async def run(self) -> None:
        """Keep the index whenever no other process does; until cancelled."""
        while True:
            try:
                async with self._engine.database.try_lock("index") as alone:
                    if alone:
                        await self._keep()
            except* (TemporaryFailure, OSError) as faults:
                log.warning("the text index has to wait", fault=repr(faults.exceptions[0]))
            await trio.sleep(RETRY_SECONDS)

    async def _keep(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._index_what_comes)
                nursery.start_soon(self._watch)
                nursery.start_soon(self._tend)
        finally:
            await self._index.close()

    async def _index_what_comes(self) -> None:
        with self._hub.follow() as follower:
            waiting: set[int] = set()
            look_at = 0.0
            while True:
                try:
                    async with self._turn:
                        await self._indexer.open()
                        self._open = True
                        if trio.current_time() >= look_at:
                            waiting |= await self._indexer.behind()
                            look_at = trio.current_time() + LOOK_SECONDS
                        waiting |= follower.take()
                        if waiting and self._since is None:
                            self._since = trio.current_time()
                        waiting = await self._indexer.index(waiting, follower.take)
                    if not waiting:
                        self._since = None
                except (MailError, OSError) as fault:
                    self._open = False
                    log.warning("indexing has to wait", fault=repr(fault))
                    await trio.sleep(RETRY_SECONDS)
                    look_at = 0.0
                else:
                    if not waiting:
                        waiting = await _gather(follower, look_at)

    @property
    def lag_seconds(self) -> float:
        """For so long there was always something to be indexed."""
        return 0.0 if self._since is None else trio.current_time() - self._since

    async def _watch(self) -> None:
        """Set the metrics; raise and end the alarm."""
        while True:
            lag = self.lag_seconds
            self._metrics.index_lag.set(lag)
            try:
                if self._open:
                    self._show(await self._index.statistics())
                raised = [] if lag < BEHIND_SECONDS else [_alarm(lag)]
                await self._house.alarms(alarms.INDEX, raised, prefix="behind")
            except (MailError, OSError) as fault:
                log.warning("the state of the text index is not known", fault=repr(fault))
            await trio.sleep(WATCH_SECONDS)

    def _show(self, found: Statistics) -> None:
        self._metrics.index_documents.set(found.documents)
        self._metrics.index_gone.set(found.gone)
        self._metrics.index_unread.set(found.unread)
        self._metrics.index_octets.set(found.octets)

    async def _tend(self) -> None:
        """Let go of what is no more, and merge; when there is nothing to be indexed."""
        sweep_at = trio.current_time() + RETRY_SECONDS
        while True:
            try:
                if self._open and self._since is None:
                    if trio.current_time() >= sweep_at:
                        sweep_at = trio.current_time() + SWEEP_SECONDS
                        await sweep(self._house, self._index, self._turn)
                        await self._renew()
                        await self._check()
                    begun = trio.current_time()
                    async with self._turn:
                        more = await self._index.merge()
                    if more:
                        await self._house.rest(trio.current_time() - begun)
                        continue
            except (MailError, OSError) as fault:
                log.warning("the text index cannot be tidied up", fault=repr(fault))
            await trio.sleep(WATCH_SECONDS)

    async def _renew(self) -> None:
        """Build the index anew when most of it is dead; the old one answers meanwhile."""
        found = await self._index.statistics()
        if found.gone >= ANEW_DOCUMENTS and found.gone > found.documents:
            log.info("the text index is built anew", documents=found.documents, gone=found.gone)
            await reindex(self._engine, self._attachments)

    async def _check(self) -> None:
        """Once a day, look whether the index says what it should; one that does not is made anew at once.

        Meanwhile searches look through what the new one lacks, so that nothing is missed any more.
        """
        begun_ms = self._house.now_ms()
        last = await self._house.read(_last_check)
        if last.ended_ms and 0 <= begun_ms - last.ended_ms < CHECK_MS:
            return
        async with self._turn:
            fault = await self._index.fault()
        checked = await check_index(self._engine)
        if fault or checked.lost:
            await self._make_anew(fault, checked)
        found = await self._index.statistics()
        place = {**found._asdict(), "checked": checked.emails, "sampled": checked.sampled}
        chore = chores.Chore({**place, "lost": len(checked.lost)}, begun_ms, self._house.now_ms())
        await self._house.write(lambda tx: chores.save(tx, CHECKED, chore))

    async def _make_anew(self, fault: str, checked: Checked) -> None:
        """Do without a damaged index until there is another one."""
        self._metrics.index_lost.inc(len(checked.lost))
        for one in checked.lost[: alarms.MOST]:
            log.error("the text index does not find an Email", account=one.account, email=one.email)
        text = fault or f"{len(checked.lost)} Emails that it should have are not found by it"
        damaged = alarms.Alarm(alarms.INDEX, "damaged", f"the full-text index is made anew: {text}")
        await self._house.alarms(alarms.INDEX, [damaged], prefix="damaged")
        async with self._turn:
            self._since = trio.current_time()
            await self._index.distrust()
            await self._indexer.open()
            await self._indexer.index(await self._indexer.behind())
            self._since = None
        await self._house.alarms(alarms.INDEX, [], prefix="damaged")


async def _last_check(tx: Transaction) -> chores.Chore:
    return await chores.load(tx, CHECKED)


def _alarm(lag_seconds: float) -> alarms.Alarm:
    text = f"the full-text index is {lag_seconds:.0f} s behind: searches look through what it lacks"
    return alarms.Alarm(alarms.INDEX, "behind", text)


async def _gather(follower: Follower, until: float) -> set[int]:
    """Wait for notices, and for more as long as they come: in a fuller round each mail costs less."""
    found: set[int] = set()
    with trio.move_on_at(until):
        await follower.wait()
        for _ in range(MOST_GATHERED):
            came = follower.take()
            found |= came
            if not came:
                break
            await trio.sleep(GATHER_SECONDS)
    return found


async def sweep(house: House, index: IndexWriting, turn: trio.Lock) -> int:
    """Remove from the index what is no more in the store, some at a time; gives how much that was."""
    after, removed = 0, 0
    while rows := await index.emails(after, _SWEPT):
        removed += await _remove_gone(house, index, turn, [email for _, email in rows])
        after = rows[-1][0]
    unread = [email for _, email in await index.unread()]
    for start in range(0, len(unread), _SWEPT):
        removed += await _remove_gone(house, index, turn, unread[start : start + _SWEPT])
    there = list(await index.places())
    for start in range(0, len(there), _SWEPT):
        some = there[start : start + _SWEPT]
        for account in set(some) - await _found(house, _ACCOUNTS_THERE, some):
            async with turn:
                await index.remove_account(account)
    return removed


async def _remove_gone(house: House, index: IndexWriting, turn: trio.Lock, emails: list[int]) -> int:
    gone = set(emails) - await _found(house, _THERE, emails)
    if gone:
        async with turn:
            await index.remove(sorted(gone))
    return len(gone)


async def _found(house: House, sql: str, ids: Iterable[int]) -> set[int]:
    listed = orjson.dumps(list(ids)).decode()

    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows(sql, listed)

    return {row[0] for row in await house.read(work)}


async def _emails_of_all(tx: Transaction) -> int:
    row = await tx.row("SELECT coalesce(sum(used_emails), 0) FROM accounts")
    return 0 if row is None else int(row[0])


async def reindex(
    engine: Engine,
    attachments: AttachmentText = NO_ATTACHMENT_TEXT,
    tell: Callable[[float], object] = lambda _: None,
) -> Path | None:
    """Build the index anew beside the one in use, which answers until the new one is whole.

    Whoever writes the index goes on with the old one; it takes up the new one by itself, and what came in the
    meantime is indexed again.

    Args:
        tell: told the share that is done.

    Raises:
        TemporaryFailure: another process does it already, or the disk is full.
    """
    async with engine.database.try_lock("reindex") as alone:
        if not alone:
            raise TemporaryFailure("the text index is being built anew already")
        building = index_writing(engine, beside=True)
        try:
            total = await engine.database.read(_emails_of_all)
            done = 0

            def indexed(documents: int) -> None:
                nonlocal done
                done += documents
                tell(min(1.0, done / total) if total else 1.0)

            indexer = Indexer(engine, building, attachments, indexed=indexed)
            await indexer.open()
            while behind := await indexer.behind():
                await indexer.index(behind)
            await building.take()
        finally:
            await building.close()
    return index_folder(engine).current()
