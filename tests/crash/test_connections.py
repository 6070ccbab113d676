"""PostgreSQL and S3 that go away in the middle of work: nothing acknowledged is lost, nothing is there twice.

Issue 4, DESIGN 4.1 (settling a COMMIT whose answer was lost) and 4.3 (S3 outage). PYMAILCORE_CONNECTION_CUTS
sets the count of the long run.
"""

import os
import random
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.support.crash.check import Clients, check, prepare
from tests.support.crash.child import BOXES, fresh_ids
from tests.support.crash.ledger import Ledger
from tests.support.crash.load import Worker, boxes_of
from tests.support.objects import FaultProxy, make_bucket, moto_server, object_settings
from tests.support.postgres import Cluster
from tests.support.postgres_proxy import CUT_AND_SEND_LATER, DROP, PASS, SEND_AND_CUT, proxying
from tests.support.said import Say
from tests.support.stores import EnginePlace, Opened, engine_settings, opened_store
from tests.support.waiting import until_taken

from pymailcore.base.errors import TemporaryFailure

CUTS = int(os.environ.get("PYMAILCORE_CONNECTION_CUTS", "300"))
TASKS = 5
SERVICE_SECONDS = 5.0


class Cutter:
    """Decides about what clients send to PostgreSQL: passes most of it on."""

    def __init__(self, seed: int, *, at_commit: float, elsewhere: float) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._at_commit = at_commit
        self._elsewhere = elsewhere
        self.cuts: dict[str, int] = {}

    def watch(self, octets: bytes) -> str:
        """Cut now and then, most of all at a COMMIT."""
        commit = b"COMMIT" in octets
        if self._chance.random() >= (self._at_commit if commit else self._elsewhere):
            return PASS
        verdict = self._chance.choice(
            [DROP, SEND_AND_CUT, CUT_AND_SEND_LATER] if commit else [DROP, SEND_AND_CUT]
        )
        name = f"{verdict}{' at COMMIT' if commit else ''}"
        self.cuts[name] = self.cuts.get(name, 0) + 1
        return verdict

    @property
    def count(self) -> int:
        """Cuts so far."""
        return sum(self.cuts.values())


async def work(opened: Opened, ledger: Ledger, seed: int, enough: Any, refused: list[str]) -> None:  # noqa: ANN401
    """Mixed work until there is enough; what is refused was not done."""
    boxes = await boxes_of(opened.store, BOXES)

    async def task(number: int) -> None:
        source = random.Random(f"{seed} {number}")  # noqa: S311
        worker = Worker(opened.store, f"p0t{number}", ledger, boxes, lambda _: None, source)
        while not enough():
            try:
                await worker.once()
            except TemporaryFailure as failure:
                ledger.refuse(f"p0t{number}")
                refused.append(str(failure))

    async with trio.open_nursery() as nursery:
        for number in range(TASKS):
            nursery.start_soon(task, number)


@pytest.fixture
def postgresql() -> Iterator[EnginePlace]:
    """Settings of a store on PostgreSQL."""
    with engine_settings("postgresql") as settings:
        yield settings


async def cut_and_look(
    folder: Path, settings: EnginePlace, cuts: int, *, seed: int
) -> tuple[int, dict[str, int]]:
    """Cut connections to PostgreSQL so often under load; the operations acknowledged, and the cuts."""
    ledger = Ledger()
    refused: list[str] = []
    await prepare(folder, **settings)
    async with proxying(settings["metadata"]) as proxy:
        proxy.later.set()
        cutter = Cutter(seed, at_commit=0.08, elsewhere=0.002)
        async with opened_store(folder, ids=fresh_ids(), metadata=proxy.url) as opened:
            proxy.watch = cutter.watch
            await work(opened, ledger, seed, lambda: cutter.count >= cuts, refused)
            proxy.watch = lambda _: PASS
    async with opened_store(folder, ids=fresh_ids(), **settings) as opened:
        await check(opened, ledger, Clients(), sample=None)
    assert not refused, refused  # each was carried through
    return ledger.acknowledged, cutter.cuts


def cuts_line(acknowledged: int, cuts: dict[str, int]) -> str:
    """What was seen, in one line."""
    ways = ", ".join(f"{number} {way}" for way, number in sorted(cuts.items()))
    return (
        f"connections to PostgreSQL cut: {sum(cuts.values())} ({ways}), {acknowledged} acknowledged,"
        " 0 lost, 0 twice, 0 refused"
    )


@pytest.mark.slow
async def test_cut_connections_to_postgresql_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, postgresql: EnginePlace, say: Say
) -> None:
    acknowledged, cuts = await cut_and_look(tmp_path / "data", postgresql, 25, seed=6)
    assert acknowledged > 20
    assert any("COMMIT" in where for where in cuts)
    say(cuts_line(acknowledged, cuts))


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_nothing_is_lost_by_three_hundred_cuts(
    tmp_path: Path, postgresql: EnginePlace, say: Say
) -> None:
    """The stated count."""
    begun = time.monotonic()
    acknowledged, cuts = await cut_and_look(tmp_path / "data", postgresql, CUTS, seed=7)
    say(f"{cuts_line(acknowledged, cuts)}; {time.monotonic() - begun:.0f} s")


@pytest.fixture
def s3(tmp_path: Path, postgresql: EnginePlace) -> Iterator[tuple[FaultProxy, dict[str, Any]]]:
    """A store's settings with a bucket behind a proxy."""
    with moto_server() as port:
        make_bucket(port, "crash")
        proxy = FaultProxy(port)
        objects = object_settings(proxy.port, "crash", tmp_path)
        try:
            yield (
                proxy,
                {
                    **postgresql,
                    "blobs": "s3://crash/mail",
                    "s3_endpoint": objects.endpoint,
                    "s3_credentials_file": objects.credentials_file,
                    "s3_timeout_seconds": 1.0,
                    "s3_waiting_octets": 2_000_000,
                },
            )
        finally:
            proxy.close()


async def check_soon(opened: Opened, ledger: Ledger, clients: Clients) -> None:
    """Compare; S3 may be called away for some seconds after it has come back."""
    await until_taken(
        lambda: check(opened, ledger, clients, sample=10), TemporaryFailure, seconds=SERVICE_SECONDS
    )


async def outages(
    folder: Path, proxy: FaultProxy, settings: dict[str, Any], times: int
) -> tuple[int, list[str]]:
    """Let S3 break in each way in turn under load; the operations acknowledged, and the refusals."""
    ledger = Ledger()
    clients = Clients()
    refused: list[str] = []
    await prepare(folder, **settings)
    async with opened_store(folder, ids=fresh_ids(), **settings) as opened:
        for turn in range(times):
            until = ledger.acknowledged + 60
            kind = turn % 4
            proxy.refuse = kind == 0
            proxy.cut_after = 10_000 if kind == 1 else None
            proxy.cut_answer_after = 40 if kind == 2 else None
            proxy.failures = 3 if kind == 3 else 0
            proxy.cut()
            await work(opened, ledger, turn, lambda until=until: ledger.acknowledged >= until, refused)
            proxy.heal()
            await work(
                opened, ledger, 100 + turn, lambda until=until: ledger.acknowledged >= until + 20, refused
            )
            await check_soon(opened, ledger, clients)
    async with opened_store(folder, ids=fresh_ids(), **settings) as opened:
        await check(opened, ledger, clients, sample=None)
    return ledger.acknowledged, refused


@pytest.mark.slow
async def test_an_outage_of_s3_loses_nothing(tmp_path: Path, s3: tuple[FaultProxy, dict[str, Any]]) -> None:
    acknowledged, _ = await outages(tmp_path / "data", *s3, 4)
    assert acknowledged >= 300


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_nothing_is_lost_by_forty_outages_of_s3(
    tmp_path: Path, s3: tuple[FaultProxy, dict[str, Any]], say: Say
) -> None:
    """The stated count."""
    begun = time.monotonic()
    acknowledged, refused = await outages(tmp_path / "data", *s3, 40)
    say(
        f"outages of S3: 40, {acknowledged} acknowledged, {len(refused)} refused, 0 lost, 0 twice,"
        f" in service again within {SERVICE_SECONDS:.0f} s; {time.monotonic() - begun:.0f} s"
    )


class MortalCluster(Cluster):
    """A PostgreSQL that can be killed, and started again on what it has left."""

    def __init__(self) -> None:
        super().__init__()
        self._before = [self._server]

    def kill(self) -> None:
        """End it at once, without a checkpoint."""
        process = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        end = os.pidfd_open(process)
        try:
            os.kill(process, signal.SIGQUIT)
            assert select.select([end], [], [], 30)[0], "it did not end"
        finally:
            os.close(end)
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self.folder / name).unlink(missing_ok=True)

    def start_again(self) -> None:
        """Start it; it recovers by itself."""
        self._server = self._start()
        self._before.append(self._server)

    def close(self) -> None:
        """End it and remove its files."""
        super().close()
        for server in self._before[:-1]:
            server.communicate()


class Back:
    """How long after the end of a fault the first operation is acknowledged."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._since: tuple[float, int] | None = None
        self.slowest_seconds = 0.0

    def begin(self) -> None:
        """The fault has ended."""
        self._since = time.monotonic(), self._ledger.acknowledged

    def look(self) -> None:
        """Called again and again."""
        if self._since is not None and self._ledger.acknowledged > self._since[1]:
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - self._since[0])
            self._since = None


@pytest.fixture
def mortal() -> Iterator[MortalCluster]:
    """A cluster of this test's own."""
    cluster = MortalCluster()
    yield cluster
    cluster.close()


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_postgresql_that_is_killed_loses_nothing(
    tmp_path: Path, mortal: MortalCluster, say: Say
) -> None:
    """Twenty times; the store is not opened anew, and nothing is refused meanwhile."""
    ledger = Ledger()
    back = Back(ledger)
    begun = time.monotonic()
    refused: list[str] = []
    settings: EnginePlace = {"metadata": mortal.url(mortal.new_database())}
    await prepare(tmp_path / "data", **settings)
    async with opened_store(tmp_path / "data", ids=fresh_ids(), **settings) as opened:
        for turn in range(20):
            first = ledger.acknowledged
            warm = trio.Event()

            def enough(first: int = first, warm: trio.Event = warm) -> bool:
                back.look()
                if ledger.acknowledged >= first + 30:
                    warm.set()
                return ledger.acknowledged >= first + 100

            async def kill(warm: trio.Event = warm) -> None:
                await warm.wait()
                await trio.to_thread.run_sync(mortal.kill)
                await trio.to_thread.run_sync(mortal.start_again)
                back.begin()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(kill)
                await work(opened, ledger, turn, enough, refused)
            await check(opened, ledger, Clients(), sample=5)
        await check(opened, ledger, Clients(), sample=None)
    assert not refused, refused
    assert back.slowest_seconds < SERVICE_SECONDS
    say(
        f"PostgreSQL itself killed 20 times: {ledger.acknowledged} acknowledged, 0 lost, 0 twice, 0 refused,"
        f" in service again after at most {back.slowest_seconds:.2f} s; {time.monotonic() - begun:.0f} s"
    )
