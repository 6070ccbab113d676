"""A process that files, reads and lets go of mail, while this one collects, rewrites and removes packs."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio
from tests.support.house import all_readable, blobs, hasty, rows
from tests.support.house_child import message
from tests.support.stores import counted_ids, opened_store

from pymailcore.base.ids import EmailId
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.audit import audit_blobs, audit_references
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.rewriter import rewrite
from pymailcore.store.housekeeping.scrub import scrub
from pymailcore.store.housekeeping.sweeper import sweep

ROOT = Path(__file__).parents[3]
JOBS = (collect, census, rewrite, sweep, scrub, audit_references, audit_blobs)


@pytest.mark.parametrize(
    ("seconds", "seed"), [(1.5, 1), pytest.param(60.0, 2, marks=[pytest.mark.long, pytest.mark.timeout(300)])]
)
@pytest.mark.slow
async def test_nothing_is_lost_while_everything_is_moved(tmp_path: Path, seconds: float, seed: int) -> None:
    async with opened_store(tmp_path / "data", ids=counted_ids(1000 + seed), pack_octets=16_384) as opened:
        child = await trio.lowlevel.open_process(
            [sys.executable, "-m", "tests.support.house_child", str(tmp_path / "data"), str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        assert (await child.stdout.receive_some()).startswith(b"ready")
        house: House = hasty(opened, rewrite_percent=95.0, pack_gone_minutes=0.005)
        until = time.monotonic() + seconds
        rounds = 0
        while time.monotonic() < until or rounds < 3:
            for job in JOBS:
                await job(house)
            rounds += 1
        await child.stdin.aclose()
        told = json.loads(b"".join([piece async for piece in child.stdout]))
        assert await child.wait() == 0
        assert told["filed"] > 10
        metrics = house.metrics
        assert metrics.store_collected._value.get() > 0
        assert metrics.store_rewritten_octets._value.get() > 0
        assert metrics.store_packs_removed._value.get() > 0
        assert await all_readable(opened) == len(told["there"])
        for email, number in told["there"].items():
            assert await opened.store.message(opened.account, EmailId(int(email))) == message(number)
        assert await opened.store.database.read(alarms.read) == []
        assert metrics.store_audit_findings.labels("reference")._value.get() == 0
        await collect(house)
        refs = {row[0] for row in await rows(opened, "SELECT DISTINCT blob FROM blob_refs")}
        assert set(await blobs(opened)) == refs
