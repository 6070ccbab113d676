"""PostgreSQL and S3 that go away in the middle of work: nothing acknowledged is lost, nothing is there twice.

Issue 4, DESIGN 4.1 (settling a COMMIT whose answer was lost) and 4.3 (S3 outage). PYMAILCORE_CONNECTION_CUTS
sets the count of the long run.
"""

import os
import random
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
from tests.support.stores import EnginePlace, Opened, engine_settings, opened_store

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


@pytest.mark.slow
async def test_cut_connections_to_postgresql_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, postgresql: EnginePlace
) -> None:
    acknowledged, cuts = await cut_and_look(tmp_path / "data", postgresql, 25, seed=6)
    assert acknowledged > 20
    assert any("COMMIT" in where for where in cuts)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_nothing_is_lost_by_three_hundred_cuts(
    tmp_path: Path, postgresql: EnginePlace, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stated count; it prints what it saw."""
    acknowledged, cuts = await cut_and_look(tmp_path / "data", postgresql, CUTS, seed=7)
    with capsys.disabled():
        print(f"\nPostgreSQL: {cuts}, {acknowledged} operations acknowledged, 0 lost, 0 twice")  # noqa: T201


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
    deadline = time.monotonic() + SERVICE_SECONDS
    while True:
        try:
            await check(opened, ledger, clients, sample=10)
        except TemporaryFailure:
            assert time.monotonic() < deadline
            await trio.sleep(0.05)
        else:
            return


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
    tmp_path: Path, s3: tuple[FaultProxy, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The stated count; it prints what it saw."""
    acknowledged, refused = await outages(tmp_path / "data", *s3, 40)
    with capsys.disabled():
        print(f"\nS3: 40 outages, {acknowledged} acknowledged, {len(refused)} refused, 0 lost, 0 twice")  # noqa: T201


class MortalCluster(Cluster):
    """A PostgreSQL that can be killed, and started again on what it has left."""

    def __init__(self) -> None:
        super().__init__()
        self._before = [self._server]

    def kill(self) -> None:
        """End it at once, without a checkpoint."""
        process = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(process, signal.SIGQUIT)
        while Path(f"/proc/{process}").exists() and _lives(process):
            time.sleep(0.005)
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


def _lives(process: int) -> bool:
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state not in "ZX"


@pytest.fixture
def mortal() -> Iterator[MortalCluster]:
    """A cluster of this test's own."""
    cluster = MortalCluster()
    yield cluster
    cluster.close()


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_postgresql_that_is_killed_loses_nothing(
    tmp_path: Path, mortal: MortalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty times; the store is not opened anew, and nothing is refused meanwhile."""
    ledger = Ledger()
    refused: list[str] = []
    settings: EnginePlace = {"metadata": mortal.url(mortal.new_database())}
    await prepare(tmp_path / "data", **settings)
    async with opened_store(tmp_path / "data", ids=fresh_ids(), **settings) as opened:
        for turn in range(20):
            until = ledger.acknowledged + 100

            async def kill(until: int = until) -> None:
                while ledger.acknowledged < until - 70:  # noqa: ASYNC110 - the work knows nothing of us
                    await trio.sleep(0.001)
                await trio.to_thread.run_sync(mortal.kill)
                await trio.to_thread.run_sync(mortal.start_again)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(kill)
                await work(opened, ledger, turn, lambda until=until: ledger.acknowledged >= until, refused)
            await check(opened, ledger, Clients(), sample=5)
        await check(opened, ledger, Clients(), sample=None)
    assert not refused, refused
    with capsys.disabled():
        print(f"\nPostgreSQL killed 20 times: {ledger.acknowledged} acknowledged, 0 lost, 0 twice")  # noqa: T201
